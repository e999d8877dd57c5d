import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { Provider } from "react-redux";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Order } from "../../api/organise";
import { makeStore } from "../../app/store";
import { refundable } from "./Order";
import { useProof } from "./parts";

const server = setupServer();
beforeAll(() => {
  server.listen();
  // jsdom has none of a dialog's methods.
  HTMLDialogElement.prototype.showModal = function show(this: HTMLDialogElement) {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function close(this: HTMLDialogElement) {
    this.open = false;
    this.dispatchEvent(new Event("close"));
  };
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const problem = (type: string, status: number) =>
  HttpResponse.json({ type: `/problems/${type}`, status, detail: "", request_id: "r" }, { status });
const AGAIN = { kind: "problem", type: "/problems/reauthentication-required" };

function Asking({ write, told }: { write: () => Promise<{ error?: unknown }>; told: (answer: unknown) => void }) {
  const { proved, dialog } = useProof();
  return (
    <>
      <button type="button" onClick={() => void proved(write).then(told)}>
        Write
      </button>
      {dialog}
    </>
  );
}

function show(write: () => Promise<{ error?: unknown }>) {
  const answers: unknown[] = [];
  render(
    <I18nProvider i18n={i18n}>
      <Provider store={makeStore()}>
        <Asking write={write} told={(answer) => answers.push(answer)} />
      </Provider>
    </I18nProvider>,
  );
  fireEvent.click(screen.getByText("Write"));
  return answers;
}

test("what asks for the password once more is done when it was shown, with a code where there is one", async () => {
  const sent: unknown[] = [];
  server.use(
    http.post(new URL("/api/auth/reauthenticate", document.baseURI).href, async ({ request }) => {
      const body = (await request.json()) as { code?: string };
      sent.push(body);
      return body.code ? new HttpResponse(null, { status: 204 }) : problem("second-factor-required", 401);
    }),
  );
  let writes = 0;
  const answers = show(async () => (++writes === 1 ? { error: AGAIN } : {}));
  fireEvent.change(await screen.findByLabelText("Password"), { target: { value: "secret" } });
  fireEvent.click(screen.getByText("Go on"));
  fireEvent.change(await screen.findByLabelText("Code of your app, or a recovery code"), {
    target: { value: "123 456" },
  });
  fireEvent.click(screen.getByText("Go on"));
  await waitFor(() => expect(answers).toEqual([{}]));
  expect(writes).toBe(2);
  expect(sent).toEqual([{ password: "secret" }, { password: "secret", code: "123 456" }]);
});

test("who does not show it leaves everything as it is", async () => {
  let writes = 0;
  const answers = show(async () => {
    writes += 1;
    return { error: AGAIN };
  });
  fireEvent.click(await screen.findByLabelText("Close"));
  await waitFor(() => expect(answers).toEqual([{ error: AGAIN }]));
  expect(writes).toBe(1);
});

test("what can go back of an order is what was paid and has not gone back", () => {
  const payment = (status: string, amount: number, refunded: number, provider = "sandbox") =>
    ({
      id: `${status}${amount}`,
      status,
      provider,
      amount: { amount, currency: "EUR" },
      refunded: { amount: refunded, currency: "EUR" },
      created_at: "",
    }) as Order["payments"][number];
  expect(refundable({ payments: [] })).toBeNull();
  expect(refundable({ payments: [payment("failed", 900, 0), payment("completed", 900, 900)] })).toBeNull();
  expect(refundable({ payments: [payment("failed", 900, 0), payment("completed", 900, 200, "counter")] })).toEqual({
    id: "completed900",
    left: 700,
    byHand: true,
  });
});
