import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { may, OF_PROGRAMS, PERMISSIONS, ROLES } from "./permissions";

test("each role may do what the design says, and no more", () => {
  const design = readFileSync(join(import.meta.dirname, "../../../docs/design.md"), "utf8");
  const rows = [...design.matchAll(/^\| `([a-z-]+)` \|[^|]+\|(( (yes|–) \|){5})$/gm)];
  expect(rows.map(([, permission]) => permission)).toEqual(PERMISSIONS);
  for (const [, permission, columns = ""] of rows) {
    const said = columns
      .split("|")
      .slice(0, -1)
      .map((column) => column.trim() === "yes");
    const known = PERMISSIONS.find((each) => each === permission) ?? "see-events";
    expect([...ROLES.map((role) => may(role, known)), (OF_PROGRAMS as readonly string[]).includes(known)]).toEqual(
      said,
    );
  }
  expect(may(undefined, "see-events")).toBe(false);
});
