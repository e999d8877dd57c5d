import { expect, test } from "vitest";
import { EMPTY, isNarrowed, read, toFilters, write } from "./filters";

const now = new Date("2027-03-01T12:00:30Z");

test("a search survives its address", () => {
  const search = {
    ...EMPTY,
    q: "l'opéra",
    city: "São Paulo",
    currency: "BRL",
    min: "10",
    available: true,
    sort: "price",
  };
  expect(read(new URLSearchParams(write(search).toString()))).toEqual(search);
  expect(write(EMPTY).toString()).toBe("");
});

test("what is none of ours in an address is left out", () => {
  const search = read(new URLSearchParams("days=never&sort=random&currency=euro&available=perhaps&page=3"));
  expect(search).toEqual(EMPTY);
});

test("prices count within a currency alone", () => {
  expect(toFilters({ ...EMPTY, min: "10", sort: "price" }, now)).toEqual({});
  expect(toFilters({ ...EMPTY, min: "10", max: "20,5", sort: "price", currency: "EUR" }, now)).toEqual({
    currency: "EUR",
    min_price: 1000,
    max_price: 2050,
    sort: "price",
  });
});

test("what is no amount, or no range, is not asked for", () => {
  expect(toFilters({ ...EMPTY, currency: "EUR", min: "ten" }, now)).toEqual({ currency: "EUR" });
  expect(toFilters({ ...EMPTY, currency: "EUR", min: "20", max: "10" }, now)).toEqual({
    currency: "EUR",
    min_price: 2000,
  });
});

test("days of one's own may have one end", () => {
  expect(Object.keys(toFilters({ ...EMPTY, days: "own", from: "2027-04-01" }, now))).toEqual(["from"]);
});

test("a calendar is asked for by its month, and keeps its place in the address", () => {
  const search = {
    ...EMPTY,
    view: "calendar",
    month: "2027-05",
    days: "today",
    sort: "title",
    city: "Colombo",
  } as const;
  expect(read(write(search))).toEqual(search);
  expect(toFilters(search, now)).toEqual({
    city: "Colombo",
    from: "2027-04-30T10:00:00.000Z",
    to: "2027-06-01T12:00:00.000Z",
  });
  expect(toFilters({ ...EMPTY, view: "calendar" }, new Date(2027, 2, 31))).toMatchObject({
    from: "2027-02-28T10:00:00.000Z",
  });
  expect(read(new URLSearchParams("view=grid&month=2027-13&day=monday"))).toEqual(EMPTY);
  expect([isNarrowed({ ...EMPTY, view: "calendar", month: "2027-05" }), isNarrowed(search)]).toEqual([false, true]);
});
