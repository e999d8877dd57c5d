import { expect, test } from "vitest";
import type { Answers, Question } from "../api";
import { answerIn, asks, changesOf, faultsOf, isSettled, placed, unitsOf } from "./answers";

const question = (id: string, more: Partial<Question>): Question => ({
  id,
  label: id,
  kind: "text",
  per: "ticket",
  required: true,
  ...more,
});
const heard = question("heard", { per: "order", kind: "paragraph", required: false });
const terms = question("terms", { per: "order", kind: "consent" });
const name = question("name", {});
const meal = question("meal", { kind: "choice", choices: ["Fish", "Rice"], ticket_types: ["vip"] });
const days = question("days", { kind: "choices", choices: ["Friday", "Saturday"], required: false });
const answers: Answers = {
  booking_id: "b",
  event_id: "e",
  questions: [heard, name, meal, days, terms],
  order: {},
  tickets: [
    { number: 1, ticket_type_id: "standard", answers: { name: "Ada", days: ["Saturday"] } },
    { number: 3, ticket_type_id: "vip", answers: {} },
  ],
  complete: false,
};

test("each ticket is asked what is for its type, and the order what is asked once", () => {
  const asked = unitsOf(answers).map((unit) => [unit.number, unit.questions.map(({ id }) => id).join(" ")]);
  expect(asked).toEqual([
    [null, "heard terms"],
    [1, "name days"],
    [3, "name meal days"],
  ]);
  expect(unitsOf({ ...answers, questions: [meal] }).map((unit) => unit.number)).toEqual([3]);
  const { order: _of_somebody_else, ...transferred } = answers;
  expect(unitsOf(transferred).map((unit) => unit.number)).toEqual([1, 3]);
});

test("who buys nothing that a question is for is asked nothing", () => {
  expect(asks([meal], [{ ticket_type_id: "standard" }])).toBe(false);
  expect(asks([meal], [{ ticket_type_id: "standard" }, { ticket_type_id: "vip" }])).toBe(true);
  expect(asks([heard], [{ ticket_type_id: "standard" }])).toBe(true);
  expect(asks(undefined, [{ ticket_type_id: "standard" }])).toBe(false);
});

test("what is required and missing or too long is found, in the order in which it is shown", () => {
  const draft = { "order/heard": "é".repeat(2001), "1/name": "  ", "3/name": "😀".repeat(200), "3/meal": "Chips" };
  expect(Object.entries(faultsOf(unitsOf(answers), draft))).toEqual([
    ["order/heard", { is: "long", most: 2000 }],
    ["order/terms", { is: "missing" }],
    ["1/name", { is: "missing" }],
    ["3/meal", { is: "missing" }],
  ]);
});

test("a draft counts before what is saved, and what cannot be chosen any more is no answer", () => {
  const [, first] = unitsOf(answers);
  if (!first) throw new Error("no ticket");
  expect(answerIn(first, name, {})).toBe("Ada");
  expect(answerIn(first, name, { "1/name": "" })).toBe("");
  expect(answerIn(first, days, {})).toEqual(["Saturday"]);
  expect(answerIn(first, { ...days, choices: ["Friday"] }, {})).toEqual([]);
});

test("everything that is answered is sent, and what has no answer is left out", () => {
  const draft = { "order/terms": true, "1/days": [], "3/name": "Grace", "3/meal": "Rice", "3/gone": "x" };
  expect(changesOf(unitsOf(answers), draft)).toEqual([
    {
      order: { terms: true },
      tickets: [
        { number: 1, answers: { name: "Ada" } },
        { number: 3, answers: { name: "Grace", meal: "Rice" } },
      ],
    },
  ]);
  expect(changesOf([], {})).toEqual([]);
});

test("of more tickets than a request may have, the rest are sent in another", () => {
  const tickets = Array.from({ length: 501 }, (_, index) => ({
    number: index + 1,
    ticket_type_id: "standard",
    answers: {},
  }));
  const parts = changesOf(unitsOf({ ...answers, tickets }), {});
  expect(parts.map((part) => ["order" in part, part.tickets.length])).toEqual([
    [true, 500],
    [false, 1],
  ]);
});

test("faults of the server stand at their fields", () => {
  const units = unitsOf(answers);
  const [sent] = changesOf(units, {});
  if (!sent) throw new Error("nothing to send");
  const found = [
    { pointer: "/order/terms", detail: "required" },
    { pointer: "/tickets/1/answers/meal", detail: "must be one of: Soup" },
    { pointer: "/tickets/0/answers", detail: "must have 5000 characters at most in all" },
    { pointer: "", detail: "this would be more answers than a booking may have" },
    { pointer: "/tickets/7/number", detail: "is no ticket of yours in this booking" },
  ];
  expect(placed(found, units, sent)).toEqual({
    faults: {
      "order/terms": { is: "missing" },
      "3/meal": { is: "refused", detail: "must be one of: Soup" },
      "1/": { is: "refused", detail: "must have 5000 characters at most in all" },
    },
    rest: [found[3], found[4]],
  });
});

test("once the event has begun, what was answered stays, what is missing may be given, and a consent taken back", () => {
  const [order, first] = unitsOf({ ...answers, order: { terms: true } });
  if (!order || !first) throw new Error("nothing is asked");
  expect(isSettled(first, name, true)).toBe(true);
  expect(isSettled(first, name, false)).toBe(false);
  expect(isSettled(order, heard, true)).toBe(false);
  expect(isSettled(order, terms, true)).toBe(false);
});
