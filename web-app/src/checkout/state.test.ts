import { renderHook } from "@testing-library/react";
import { beforeEach, describe, expect, test } from "vitest";
import type { Payment } from "../api";
import { begin, chosen, forget, load, permitted, store, useCheckout, verdict } from "./state";

const items = [{ ticket_type_id: "eu_t", quantity: 2 }];
const money = { amount: 9000, currency: "EUR" };
const payment = (more: Partial<Payment>): Payment => ({
  id: "eu_p",
  booking_id: "eu_b",
  status: "processing",
  amount: money,
  created_at: "2027-01-01T00:00:00Z",
  ...more,
});

beforeEach(() => {
  sessionStorage.clear();
  forget();
});

test("a choice and its keys survive a reload", () => {
  const checkout = { ...begin(items), booking: "eu_b", asked: { key: "k", token: "tok_ok" as const } };
  store("eu_e", checkout);
  forget();
  expect(load("eu_e")).toEqual(checkout);
});

test("what an older version wrote begins anew", () => {
  sessionStorage.setItem("marquee.checkout.eu_e", JSON.stringify({ step: "pay" }));
  expect(load("eu_e").items).toEqual([]);
});

test("a checkout of before there were questions goes on", () => {
  const { answers: _unknown, ...before } = { ...begin(items), booking: "eu_b" };
  sessionStorage.setItem("marquee.checkout.eu_e", JSON.stringify(before));
  expect(load("eu_e")).toEqual({ ...before, answers: {} });
});

test("what was answered is kept for the same tickets held again, and neither for others nor for somebody else", () => {
  const { result } = renderHook(() => useCheckout("eu_e"));
  const [, update] = result.current;
  const answers = { "1/meal": "Rice" };
  for (const [next, kept] of [
    [update.again, answers],
    [update.anew, {}],
    [() => update.choose(items), {}],
  ] as const) {
    store("eu_e", { ...begin(items, answers), booking: "eu_b" });
    next();
    expect(load("eu_e")).toMatchObject({ items, booking: null, answers: kept });
    expect(Object.keys(load("eu_e").answers)).toEqual(Object.keys(kept));
  }
});

test("each choice has a key of its own", () => {
  expect(begin(items).holdKey).not.toBe(begin(items).holdKey);
});

test("what is chosen is counted by the event's types", () => {
  const event = { ticket_types: [{ id: "eu_t", name: "Standard", price: 4500, capacity: 10, per_person_limit: 6 }] };
  expect(chosen(event, [...items, { ticket_type_id: "eu_gone", quantity: 1 }])).toEqual({ count: 2, total: 9000 });
});

describe("steps", () => {
  const held = { ...begin(items), booking: "eu_b" };
  test.each([
    ["pay", begin(), undefined, "choose"],
    ["details", begin(items), undefined, "details"],
    ["pay", begin(items), undefined, "details"],
    ["pay", held, { status: "held" as const }, "pay"],
    ["done", held, { status: "paying" as const }, "pay"],
    ["details", held, { status: "held" as const }, "details"],
    ["pay", held, { status: "confirmed" as const }, "done"],
    ["choose", held, { status: "held" as const }, "choose"],
  ] as const)("%s of %o with %o is %s", (wanted, checkout, booking, step) => {
    expect(permitted(wanted, checkout, booking)).toBe(step);
  });
});

describe("verdicts", () => {
  const refund = (amount: number) => [
    {
      amount: { amount, currency: "EUR" },
      reason: "sold_out" as const,
      status: "due" as const,
      created_at: "2027-01-01T00:00:00Z",
    },
  ];
  test.each([
    [undefined, undefined, { is: "none" }],
    [payment({}), { status: "paying" as const }, { is: "processing" }],
    [payment({}), { status: "expired" as const }, { is: "late" }],
    [
      payment({ status: "requires_action", next_action: { type: "redirect", url: "/x" } }),
      undefined,
      { is: "redirect", url: "/x" },
    ],
    [
      payment({ status: "failed", failure: "insufficient_funds" }),
      undefined,
      { is: "failed", code: "insufficient_funds" },
    ],
    [payment({ status: "completed" }), { status: "confirmed" as const }, { is: "paid" }],
    [
      payment({ status: "completed", refunds: refund(9000) }),
      { status: "expired" as const },
      { is: "returned", reason: "sold_out" },
    ],
    [payment({ status: "completed", refunds: refund(4500) }), { status: "confirmed" as const }, { is: "paid" }],
  ] as const)("%o with %o is %o", (paid, booking, expected) => {
    expect(verdict(paid as Payment | undefined, booking)).toEqual(expected);
  });
});
