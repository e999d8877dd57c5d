import { expect, test } from "vitest";
import { event, heading, look, newEmail, ORIGIN, PASSWORD, register, visitor } from "./harness";

test("an address is a page, or it is not there", async () => {
  const page = await visitor();
  expect((await page.goto("/orders"))?.status()).toBe(200);
  expect((await page.goto("/no/such/page"))?.status()).toBe(404);
  await look(page, "no-page");
  await page.goto("/e/local_nothing");
  await heading(page, "There is nothing here").waitFor();
  await look(page, "no-event");
  await page.goto("/developers");
  await heading(page, /Never sell a seat twice/).waitFor();
});

test("somebody logs in, changes what an account has, and leaves", async () => {
  const page = await visitor();
  await page.goto("/account");
  await heading(page, "Log in").waitFor();
  await look(page, "login");
  await page.getByRole("link", { name: "Make an account" }).click();
  await heading(page, "Make an account").waitFor();
  await page.getByLabel("New password").fill("short");
  await page.getByLabel("Name", { exact: true }).fill("Ada");
  await page.getByLabel("Email", { exact: true }).fill("ada@example.com");
  await page.getByRole("button", { name: "Make an account" }).click();
  await page.getByText("It must have at least 8 characters").waitFor();
  await look(page, "register");
  const email = await register(page, newEmail());

  await heading(page, "Account").waitFor();
  await page.getByText("Here and now").waitFor();
  await look(page, "account");
  await page.getByLabel("Name", { exact: true }).fill("Ada Lovelace");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  const other = `${PASSWORD}, twice`;
  await page.getByLabel("Password that it has").fill(PASSWORD);
  await page.getByLabel("New password").fill(other);
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("Changed. Everywhere else you are logged out.").waitFor();
  await page.getByRole("button", { name: "Log out", exact: true }).click();
  await page.getByRole("link", { name: "Log in" }).click();

  await page.getByLabel("Email", { exact: true }).fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.getByText("The email or the password is wrong").waitFor();
  await look(page, "login-wrong");
  await page.getByLabel("Password", { exact: true }).fill(other);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await heading(page, "My tickets").waitFor();
  await page.getByText("No tickets yet").waitFor();
  await look(page, "orders-empty");
  await page.getByRole("link", { name: "Account" }).click();
  expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("Ada Lovelace");
});

test("a password can be chosen anew with what a mail says", async () => {
  const page = await visitor();
  await page.goto("/forgot-password");
  await look(page, "forgot-password");
  await page.getByLabel("Email", { exact: true }).fill("nobody@example.com");
  await page.getByRole("button", { name: "Send the mail" }).click();
  await page.getByRole("link", { name: "I have the code" }).click();
  await page.goto("/accessibility");
  await page.goto("/reset-password#token=made-up");
  expect(await page.getByLabel("Code of the mail").inputValue()).toBe("made-up");
  expect(page.url()).toBe(`${ORIGIN}/reset-password`);
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("This link or code is no longer good").waitFor();
  await look(page, "reset-password");
  await page.goto("/verify-email");
  await heading(page, "Confirm your address").waitFor();
  await look(page, "verify-email");
});

test("a search narrows, is kept in the address, and says when nothing is found", async () => {
  const page = await visitor();
  await page.goto("/");
  await page.getByRole("button", { name: /^Music/ }).click();
  await page.waitForURL(/category=music/);
  await page.getByLabel("Currency").selectOption("EUR");
  await page.getByLabel("Price to").fill("50");
  await page.waitForURL(/max=50/);
  await page.getByRole("article").first().waitFor();
  await page.reload();
  expect(await page.getByLabel("Price to").inputValue()).toBe("50");
  await page.getByLabel("Search events").fill("nothing is called like this");
  await page.getByText("No event is like that").waitFor();
  await look(page, "discover-empty");
  await page.getByRole("button", { name: "Clear the search" }).click();
  await page.getByRole("article").first().waitFor();
  expect(new URL(page.url()).search).toBe("");
});

test("a month shows what begins on each day at its venue, and is kept in the address", async () => {
  const title = `Calendar Night ${process.pid}`;
  await event({ title });
  const month = `${new Date().getFullYear() + 1}-03`;
  const page = await visitor();
  await page.goto(`/?q=${encodeURIComponent(title)}&view=calendar&month=${month}`);
  // It begins at 19:00 on the first in Colombo.
  const day = page.getByRole("cell").filter({ has: page.locator(`time[datetime="${month}-01"]`) });
  const link = day.getByRole("link", { name: title });
  await link.waitFor();
  await page.getByText("1 event", { exact: true }).waitFor();
  await look(page, "discover-calendar");
  await page.getByRole("button", { name: "The month after" }).click();
  await page.waitForURL(/month=\d{4}-04/);
  await page.getByText("Nothing found").waitFor();
  await page.getByRole("button", { name: "The month before" }).click();
  await link.focus();
  await page.keyboard.press("Enter");
  await heading(page, title).waitFor();
  await page.goBack();
  await link.waitFor();
  // Where there is no room for a week, days stand under each other.
  await page.setViewportSize({ width: 320, height: 640 });
  await page.getByRole("heading", { level: 3, name: /March 1$/ }).waitFor();
  await page.getByRole("link", { name: title }).waitFor();
  expect(await page.getByRole("table").count()).toBe(0);
  await page.getByRole("button", { name: "List", exact: true }).click();
  await page.getByRole("article").first().waitFor();
});

test("the keyboard alone goes everywhere", async () => {
  const page = await visitor();
  await page.goto("/");
  await page.getByRole("article").first().waitFor();
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to content");
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("q");
  await page.getByRole("article").first().getByRole("link").focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/e\//);
});

test("every language is whole, and one is read from the right", async () => {
  const id = await event({ title: "In Every Language" });
  const page = await visitor();
  await page.goto("/accessibility");
  await look(page, "accessibility");
  await page.goto(`/e/${id}`);
  for (const [tag, direction, tickets] of [
    ["de", "ltr", "Tickets"],
    ["si", "ltr", "ප්‍රවේශ පත්‍ර"],
    ["ar", "rtl", "التذاكر"],
  ] as const) {
    await page.locator("footer select").selectOption(tag);
    await page.getByRole("heading", { level: 2, name: tickets }).waitFor();
    // German tickets are called as English ones: the heading may still be the one before.
    await expect
      .poll(() => page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]))
      .toEqual([tag, direction]);
    await look(page, `event-${tag}`);
  }
  await page.goto("/");
  await page.getByRole("article").first().waitFor();
  expect(await page.evaluate(() => document.documentElement.dir)).toBe("rtl");
  await look(page, "discover-ar");
});

test("what cannot be reached is said, and asked for again", async () => {
  const id = await event({ title: "Behind the Clouds" });
  const page = await visitor();
  await page.goto("/accessibility");
  await page.route("**/api/**", (route) => route.abort());
  await page.getByRole("link", { name: "Discover" }).click();
  await page.getByText("You seem to be offline").waitFor();
  await look(page, "discover-offline");
  await page.unroute("**/api/**");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("article").first().waitFor();
  await page.goto(`/e/${id}`);
  await page.getByText("100 left").waitFor();
  await page.context().setOffline(true);
  await page.getByText("You are offline").waitFor();
  await page.context().setOffline(false);
});
