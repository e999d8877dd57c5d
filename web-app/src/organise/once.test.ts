import { beforeEach, expect, test } from "vitest";
import { anew, once } from "./once";

beforeEach(() => sessionStorage.clear());

test("a key stays until it is known what became of it", async () => {
  const keys: string[] = [];
  const ask = (body: unknown, answer: { error?: unknown }) =>
    once("refund.1", body, async (key) => {
      keys.push(key);
      return answer;
    });
  await ask({ amount: 1 }, { error: { kind: "network" } });
  await ask({ amount: 1 }, { error: { kind: "problem", status: 504 } });
  await ask({ amount: 1 }, {});
  await ask({ amount: 1 }, { error: { kind: "problem", status: 409 } });
  await ask({ amount: 1 }, { error: { kind: "network" } });
  await ask({ amount: 2 }, {});
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).toBe(keys[0]);
  await ask({ amount: 3 }, { error: { kind: "network" } });
  anew("refund.1");
  await ask({ amount: 3 }, {});
  expect(new Set(keys).size).toBe(6);
});
