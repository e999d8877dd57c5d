import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { render, screen } from "@testing-library/react";
import { Provider } from "react-redux";
import { MemoryRouter } from "react-router";
import { expect, test } from "vitest";
import type { Booking, Event, Question } from "../../api";
import { makeStore } from "../../app/store";
import { Done } from "./Done";

const free = { amount: 0, currency: "EUR" };
const booking = {
  id: "eu_b",
  status: "confirmed",
  items: [{ ticket_type_id: "eu_t", quantity: 1, unit_price: free }],
  total: free,
} as Booking;
const asked: Question = { id: "eu_q", label: "Which meal?", kind: "text", per: "order", required: false };

test.each([
  ["nothing was asked before free tickets", free, [asked], true],
  ["what is required was, and the rest with it", free, [asked, { ...asked, id: "eu_r", required: true }], false],
  ["it was asked before the payment", { amount: 4500, currency: "EUR" }, [asked], false],
  ["it is for other tickets", free, [{ ...asked, ticket_types: ["eu_other"] }], false],
  ["nothing is asked", free, undefined, false],
])("where %s, it says so or not", (_why, total, questions, said) => {
  const event = { id: "eu_e", questions } as Event;
  render(
    <I18nProvider i18n={i18n}>
      <Provider store={makeStore()}>
        <MemoryRouter>
          <Done event={event} booking={{ ...booking, total }} />
        </MemoryRouter>
      </Provider>
    </I18nProvider>,
  );
  screen.getByText("1 ticket is yours");
  expect(screen.queryByRole("link", { name: "answer with your order" }) !== null).toBe(said);
});
