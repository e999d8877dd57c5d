import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Control, TOKENS } from "./control";
import { look, visitor } from "./harness";

const ALL = '[[stages]]\nname = "everything"';
const CAREFUL = `[[stages]]\nname = "canary"\nnodes = { kind = "edge", percent = 50 }\nstep_weight = 25\nmax_weight = 50\ngate = "manual"\n${ALL}`;

const control = new Control();
beforeAll(() => control.start());
afterAll(() => control.end());

/** Somebody on the operators' page, with a token. */
async function operator(role: keyof typeof TOKENS): Promise<Page> {
  const page = await visitor({ baseURL: control.origin });
  await page.goto("/");
  await enter(page, TOKENS[role]);
  await page
    .getByRole("heading", { level: 2, name: /rollout/i })
    .first()
    .waitFor();
  return page;
}

async function enter(page: Page, token: string): Promise<void> {
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
}

const state = (page: Page, name: string) => page.locator("#state").getByText(name, { exact: true }).waitFor();
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

async function decide(page: Page, name: string): Promise<void> {
  await button(page, `${name}…`).click();
  await page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
}

test("operators watch a rollout and decide about it on the page of the control plane itself", async () => {
  const page = await visitor({ baseURL: control.origin });
  await page.goto("/");
  await look(page, "control-enter");
  await enter(page, "nobody-knows-this-one");
  await page.getByText("does not know this token").waitFor();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("token");
  await enter(page, TOKENS.operator);
  await page.getByText("Nothing was rolled out yet").waitFor();
  await page.getByText("3 nodes: 3 ready").waitFor();
  // It is in no address, and a tab that is loaded anew still knows it.
  expect(page.url()).toBe(`${control.origin}/`);
  await page.reload();
  await page.getByText("Nothing was rolled out yet").waitFor();
  await look(page, "control-empty");

  await control.deploy("1.0.0", ALL);
  await state(page, "completed");
  await control.deploy("1.0.1", CAREFUL);
  await state(page, "gated");
  const canary = page.getByRole("list", { name: "Stages" }).getByRole("listitem").filter({ hasText: "canary" }).first();
  expect(await canary.textContent()).toContain("done, at its gate");
  const row = (name: string) => page.getByRole("row", { name }).getByRole("cell").allTextContents();
  expect(await row("Errors (5xx)")).toEqual(["0.00 %", "0.00 %"]);
  expect(await row("Half of answers within")).toEqual(["2.2 ms", "2.2 ms"]);
  await page
    .getByRole("row", { name: /edge\/edge-. ready release 1 \(1\.0\.0\) 50 % \+ release 2 \(1\.0\.1\) 50 % eu/ })
    .waitFor();
  await look(page, "control-gated");

  // A viewer sees the same, and no button that they may not use.
  const other = await operator("viewer");
  await state(other, "gated");
  await other.getByText("deciding needs a token of an operator").waitFor();
  expect(await other.getByRole("group", { name: "What you can do" }).getByRole("button").count()).toBe(0);
  await other.getByText("It needs a token of an admin.").waitFor();

  // Nothing is done that is not confirmed.
  await button(page, "Promote…").click();
  await page.getByRole("dialog").getByText("goes on past this gate").waitFor();
  await look(page, "control-promote");
  await page.keyboard.press("Escape");
  await state(page, "gated");
  await decide(page, "Pause");
  await state(page, "paused");
  await page.getByRole("status").getByText("Rollout 2 is paused").waitFor();
  await decide(page, "Resume");
  await decide(page, "Promote");
  await state(page, "completed");
  await state(other, "completed");
  await decide(page, "Roll back");
  await state(page, "rolled back");
  await page.locator("#summary").getByText("rolled back by ann-the-operator").waitFor();
});

test("a version that fails is seen to be taken back, with the figures, and an admin reads who did what", async () => {
  await control.deploy("1.0.2", CAREFUL);
  const page = await operator("admin");
  await state(page, "rolled back");
  await page
    .locator("#summary")
    .getByText(/20\.00 % of \d+ requests were answered with a 5xx, against 0\.00 %/)
    .waitFor();
  expect(await page.getByRole("row", { name: "Errors (5xx)" }).getByRole("cell").allTextContents()).toEqual([
    "20.00 %",
    "0.00 %",
  ]);
  await page.locator("#audit").getByText("ann-the-operator: deploy rollout 3").waitFor();
  await page.locator("#history").getByText("rollout 1, release 1 (1.0.0), by ann-the-operator").waitFor();
  await look(page, "control-back");

  // An instance that has no database, one that is gone, and the way back.
  const problem = { detail: "The database does not answer." };
  await page.route("**/v1/status", (route) => route.fulfill({ status: 503, json: problem }));
  await page
    .getByRole("alert")
    .getByText("The database does not answer. It is asked again. Another instance may answer")
    .waitFor();
  await page.unroute("**/v1/status");
  await page.getByRole("alert").waitFor({ state: "hidden" });
  await control.kill();
  await page
    .getByRole("alert")
    .getByText(/does not answer\. It is asked again\. What is shown is of \d\d:\d\d:\d\dZ/)
    .waitFor();
  await state(page, "rolled back");
  await look(page, "control-away");
  await control.launch();
  await page.getByRole("alert").waitFor({ state: "hidden" });

  await button(page, "Forget the token").click();
  await page.getByRole("heading", { name: "Who are you?" }).waitFor();
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
});
