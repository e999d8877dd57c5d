import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { call, heading, look, MAIL, newEmail, PASSWORD, visitor } from "./harness";

const [ADMIN, SECRET] = [process.env.MARQUEE_ADMIN_EMAIL ?? "", process.env.MARQUEE_ADMIN_PASSWORD ?? ""];

const tab = (page: Page, name: string) => page.getByRole("navigation").getByRole("link", { name, exact: true }).click();

async function logIn(page: Page, email: string, password: string): Promise<void> {
  await page.getByLabel("Email", { exact: true }).fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
}

/** An account, made by the API. */
async function somebody(name: string): Promise<{ email: string; token: string }> {
  const email = newEmail();
  const made = await call<{ access_token: string }>("/api/auth/register", "", { email, password: PASSWORD, name });
  return { email, token: made.access_token };
}

test("an admin suspends somebody, reads it in the audit log, and sees how the platform is", async ({ skip }) => {
  skip(MAIL === "", "nothing writes the audit log in stock Spin");
  const [mallory, gone] = [await somebody("Mallory Visitor"), await somebody("Grace Goner")];
  await call("/api/organisers", mallory.token, { name: "Hall of Mirrors" });

  // To who is no admin there is nothing here.
  const other = await visitor();
  await other.goto("/admin/audit");
  await logIn(other, mallory.email, PASSWORD);
  await heading(other, "There is nothing here").waitFor();
  expect(await other.getByRole("link", { name: "Administration" }).count()).toBe(0);

  const page = await visitor();
  await page.goto("/login");
  await logIn(page, ADMIN, SECRET);
  await page.getByRole("link", { name: "Administration" }).click();
  await heading(page, "Users").waitFor();
  await page.getByRole("link", { name: "Grace Goner" }).waitFor();
  await look(page, "admin-users");

  await page.getByLabel("Search users").fill(mallory.email.toUpperCase());
  await page.getByText("Grace Goner").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Mallory Visitor" }).click();
  await heading(page, "Mallory Visitor").waitFor();
  await page.getByRole("link", { name: "Hall of Mirrors" }).waitFor();
  await page.getByRole("button", { name: "Suspend…" }).click();
  await page.getByLabel("Reason").fill("Sells what is not theirs.");
  await look(page, "admin-suspend");
  await page.getByRole("button", { name: "Suspend them" }).click();
  await page.getByText("Sells what is not theirs.").waitFor();
  await look(page, "admin-user");
  const out = await visitor();
  await out.goto("/login");
  await logIn(out, mallory.email, PASSWORD);
  await out.getByText("Your account may not do this").waitFor();

  await page.getByRole("link", { name: "What was done to them" }).click();
  await heading(page, "Audit log").waitFor();
  const entry = page.getByRole("button", { name: "user.suspended" });
  await expect
    .poll(async () => {
      await page.reload();
      await page.getByRole("button", { name: "user.registered" }).waitFor();
      return entry.count();
    })
    .toBe(1);
  expect(await page.getByRole("button", { name: "user.registered" }).count()).toBe(1);
  await look(page, "admin-audit");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save as CSV" }).click();
  const table = readFileSync(await (await download).path(), "utf8");
  expect((await download).suggestedFilename()).toBe("audit-log.csv");
  expect(table.split("\r\n").filter((line) => line.includes("user.suspended")).length).toBe(1);
  await entry.click();
  await page.getByText("Hash of the entry before").waitFor();
  await look(page, "admin-audit-entry");
  await page.getByRole("button", { name: "Close" }).click();

  await tab(page, "Organisers");
  await page.getByLabel("Search organisers").fill("of mirrors");
  await page.getByRole("link", { name: "Hall of Mirrors" }).first().click();
  await heading(page, "Hall of Mirrors").waitFor();
  await page.getByRole("link", { name: "Mallory Visitor" }).waitFor();
  await look(page, "admin-organiser");

  await tab(page, "Regions");
  await heading(page, "Regions").waitFor();
  await page.getByText("Everything in one process").waitFor();
  await page.getByText(/checks are well/).click();
  await look(page, "admin-regions");
  await tab(page, "Circuit breakers");
  await heading(page, "Circuit breakers").waitFor();
  await look(page, "admin-breakers");

  await tab(page, "Users");
  await page.getByLabel("Search users").fill(gone.email);
  await page.getByRole("link", { name: "Grace Goner" }).click();
  await page.getByRole("button", { name: "Erase…" }).click();
  const address = page.getByLabel("Type their address to confirm");
  await address.fill("another@example.com");
  await page.getByRole("button", { name: "Erase for good" }).click();
  await page.getByText("This is not their address.").waitFor();
  await address.fill(gone.email);
  await page.keyboard.press("Enter");
  await heading(page, "Users").waitFor();
  await page.getByLabel("Search users").fill(gone.email);
  await page.getByText("Nobody fits this").waitFor();

  // From the right to the left.
  await page.getByLabel("Language").selectOption("ar");
  await tab(page, "المناطق");
  await heading(page, "المناطق").waitFor();
  await look(page, "admin-regions-ar");
});
