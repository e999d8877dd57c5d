import { expect, test } from "vitest";
import type { Region } from "../../api/admin";
import { rowsOf } from "./Breakers";
import { worst } from "./Regions";

test("a region is as bad as the worst of its nodes", () => {
  expect(worst([])).toBeNull();
  expect(worst([{ status: "up" }, { status: "draining" }])).toBe("draining");
  expect(worst([{ status: "degraded" }, { status: "up" }, { status: "silent" }])).toBe("silent");
  expect(worst([{ status: "silent" }, { status: "down" }])).toBe("down");
});

test("breakers that something is wrong with come first, and the others by place", () => {
  const node = (name: string, breakers: { name: string; state: "open" | "closed" | "half-open" }[]) =>
    ({ name, breakers }) as Region["nodes"][number];
  const regions = [
    {
      id: "us",
      nodes: [
        node("us-0", [
          { name: "redis", state: "closed" },
          { name: "mail", state: "half-open" },
        ]),
      ],
    },
    {
      id: "eu",
      nodes: [node("eu-1", [{ name: "redis", state: "closed" }]), node("eu-0", [{ name: "x", state: "open" }])],
    },
  ];
  expect(rowsOf(regions).map((row) => `${row.region} ${row.node} ${row.name}`)).toEqual([
    "eu eu-0 x",
    "us us-0 mail",
    "eu eu-1 redis",
    "us us-0 redis",
  ]);
});
