import { expect, test } from "vitest";
import { changesOf, faultsOf, unitsOf } from "../checkout/answers";
import { answersOf, isTheirs } from "./answers";

const text = { kind: "text", required: true } as const;
const event = {
  id: "eu_e",
  questions: [
    { id: "heard", label: "How did you hear of us?", per: "order" as const, ...text },
    { id: "meal", label: "Which meal?", per: "ticket" as const, ticket_types: ["eu_seat"], ...text },
    { id: "vip", label: "Which lounge?", per: "ticket" as const, ticket_types: ["eu_vip"], ...text },
  ],
};
const answer = { label: "", kind: "text" as const, answered_at: "2026-11-30T12:00:00Z" };
const price = { amount: 0, currency: "EUR" };
const order = {
  id: "eu_b",
  items: [
    { ticket_type_id: "eu_stand", name: "Standing", quantity: 2, unit_price: price },
    { ticket_type_id: "eu_seat", name: "Seat", quantity: 1, unit_price: price },
  ],
  answers: [
    { question_id: "meal", value: "Rice", number: 3, ...answer },
    { question_id: "heard", value: "Radio", ...answer },
    { question_id: "gone", value: "What is asked no more", ...answer },
  ],
};

test("a team sees what is asked of an order by its tickets' numbers, and may leave everything out", () => {
  const units = unitsOf(answersOf(order, event));
  expect(units.map(({ number, saved }) => [number, saved.meal ?? saved.heard])).toEqual([
    [null, "Radio"],
    [3, "Rice"],
  ]);
  expect(units.flatMap((unit) => unit.questions.map((question) => question.id))).toEqual(["heard", "meal"]);
  const draft = { "order/heard": "", "3/meal": "Fish" };
  expect(faultsOf(units, draft)).toEqual({});
  expect(changesOf(units, draft)).toEqual([{ order: {}, tickets: [{ number: 3, answers: { meal: "Fish" } }] }]);
});

test("nobody consents for others", () => {
  const consent = { id: "news", kind: "consent" } as const;
  expect(isTheirs({ saved: {} }, consent)).toBe(true);
  expect(isTheirs({ saved: { news: true } }, consent)).toBe(false);
  expect(isTheirs({ saved: {} }, { id: "meal", kind: "text" })).toBe(false);
});
