import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { useState } from "react";
import { Provider } from "react-redux";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Answers, Event } from "../../api";
import { makeStore } from "../../app/store";
import type { Draft } from "../../checkout/answers";
import { AnswersForm } from "./AnswersForm";

const event = {
  id: "eu_e",
  starts_at: "2999-01-01T00:00:00Z",
  ticket_types: [{ id: "eu_t", name: "Standing" }],
} as Event;
const asked: Answers = {
  booking_id: "eu_b",
  event_id: "eu_e",
  questions: [
    {
      id: "heard",
      label: "How did you hear of us?",
      help: "A word is enough",
      kind: "text",
      per: "order",
      required: false,
    },
    { id: "terms", label: "I have read the house rules", kind: "consent", per: "order", required: true },
    { id: "meal", label: "Which meal?", kind: "choice", choices: ["Fish", "Rice"], per: "ticket", required: true },
    {
      id: "days",
      label: "Which days?",
      kind: "choices",
      choices: ["Friday", "Saturday"],
      per: "ticket",
      required: false,
    },
  ],
  order: {},
  tickets: [
    { number: 1, ticket_type_id: "eu_t", answers: {} },
    { number: 2, ticket_type_id: "eu_t", answers: { meal: "Fish" } },
  ],
  complete: false,
};

const path = new URL("/api/bookings/eu_b/answers", document.baseURI).href;
const server = setupServer();
beforeAll(() => server.listen());
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

function Shown({ refused, onSaved }: { refused: unknown; onSaved: () => void }) {
  const [draft, setDraft] = useState<Draft>({});
  return (
    <AnswersForm
      booking={{ id: "eu_b" }}
      event={event}
      draft={draft}
      onDraft={setDraft}
      refused={refused}
      save="Save"
      onSaved={onSaved}
    />
  );
}

async function show(refused?: unknown, answers = asked) {
  const [sent, onSaved]: [unknown[], () => void] = [[], vi.fn()];
  server.use(
    http.get(path, () => HttpResponse.json(answers)),
    http.put(path, async ({ request }) => {
      sent.push(await request.json());
      return HttpResponse.json({ ...answers, complete: true });
    }),
  );
  render(
    <I18nProvider i18n={i18n}>
      <Provider store={makeStore()}>
        <Shown refused={refused} onSaved={onSaved} />
      </Provider>
    </I18nProvider>,
  );
  await screen.findByRole("button", { name: "Save" });
  return { sent, onSaved };
}

const save = () => fireEvent.click(screen.getByRole("button", { name: "Save" }));
const ticket = (number: number) => screen.getByRole("group", { name: new RegExp(`^Ticket ${number} · Standing`) });
const choice = (number: number, name: string) =>
  [...ticket(number).querySelectorAll("label")].find((label) => label.textContent === name)?.querySelector("input") ??
  expect.fail(`no ${name} of ticket ${number}`);

test("what is required is marked, and nothing is sent without it", async () => {
  const { sent, onSaved } = await show();
  save();
  const consent = screen.getByLabelText("I have read the house rules (required)");
  expect(document.activeElement).toBe(consent);
  expect(consent).toHaveProperty("ariaInvalid", "true");
  screen.getByText("Without this there are no tickets");
  screen.getByText("An answer is needed here");
  fireEvent.click(consent);
  expect(screen.queryByText("Without this there are no tickets")).toBeNull();
  save();
  expect(document.activeElement).toBe(choice(1, "Fish"));
  expect(sent).toEqual([]);
  expect(onSaved).not.toHaveBeenCalled();
});

test("everything that is answered is saved at once", async () => {
  const { sent, onSaved } = await show();
  const heard = screen.getByLabelText("How did you hear of us?");
  expect(document.getElementById(heard.getAttribute("aria-describedby") ?? "")?.textContent).toBe("A word is enough");
  fireEvent.change(heard, { target: { value: "From Ada" } });
  fireEvent.click(screen.getByLabelText("I have read the house rules (required)"));
  fireEvent.click(choice(1, "Rice"));
  fireEvent.click(choice(2, "Saturday"));
  fireEvent.click(choice(2, "Friday"));
  fireEvent.click(choice(2, "Saturday"));
  save();
  await waitFor(() => expect(onSaved).toHaveBeenCalledOnce());
  expect(sent).toEqual([
    {
      order: { heard: "From Ada", terms: true },
      tickets: [
        { number: 1, answers: { meal: "Rice" } },
        { number: 2, answers: { meal: "Fish", days: ["Friday"] } },
      ],
    },
  ]);
});

test("what the server finds stands at its field, and what was typed stays", async () => {
  const { onSaved } = await show();
  const errors = [
    { pointer: "/tickets/1/answers/meal", detail: "must be one of: Soup" },
    { pointer: "", detail: "this would be more answers than a booking may have" },
  ];
  server.use(http.put(path, () => HttpResponse.json({ type: "/problems/invalid-request", errors }, { status: 400 })));
  fireEvent.click(screen.getByLabelText("I have read the house rules (required)"));
  fireEvent.click(choice(1, "Rice"));
  save();
  const fault = await screen.findByText("must be one of: Soup");
  expect(ticket(2).contains(fault)).toBe(true);
  expect(document.activeElement).toBe(choice(2, "Fish"));
  expect(screen.getByRole("alert").textContent).toContain("this would be more answers than a booking may have");
  expect(screen.getByRole("alert").textContent).not.toContain("Soup");
  expect(choice(1, "Rice").checked).toBe(true);
  expect(onSaved).not.toHaveBeenCalled();
});

const refusal = { kind: "problem", type: "/problems/answers-missing", status: 409 };

test("whoever is led back sees at once what is missing", async () => {
  await show(refusal);
  screen.getByText("The organiser asks something first");
  screen.getByText("Without this there are no tickets");
  expect(ticket(1).textContent).toContain("An answer is needed here");
  expect(ticket(2).textContent).not.toContain("An answer is needed here");
});

test("whoever comes back once everything is answered sees no refusal", async () => {
  const tickets = asked.tickets.map((each) => ({ ...each, answers: { meal: "Rice" } }));
  await show(refusal, { ...asked, order: { terms: true }, tickets, complete: true });
  expect(screen.queryByText("The organiser asks something first")).toBeNull();
  expect(screen.queryByText("An answer is needed here")).toBeNull();
});
