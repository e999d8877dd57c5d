import { expect, test } from "vitest";
import { choose, event, heading, look, MAIL, mailed, newEmail, ORIGIN, pay, register, visitor } from "./harness";

test("a guest opens the order by its mail, and has it in an account from which a ticket goes on", async ({ skip }) => {
  skip(MAIL === "", "stock Spin sends no mail");
  const title = "An Evening for Guests";
  const id = await event({ title });
  const page = await visitor();
  await page.goto(`/e/${id}`);
  await choose(page, 2);
  await page.getByRole("button", { name: /^Continue/ }).click();
  const [email, mistyped] = [newEmail(), newEmail()];
  await page.getByLabel("Email", { exact: true }).fill(mistyped);
  await page.getByRole("button", { name: "Continue as a guest" }).click();
  await page.getByText("Your tickets are held", { exact: true }).waitFor();
  await look(page, "checkout-details-guest");
  // Mistyped: the places are given back, and held for who it is.
  await page.getByRole("button", { name: "That is not my address" }).click();
  await page.getByLabel("Email", { exact: true }).fill(email);
  await page.getByRole("button", { name: "Continue as a guest" }).click();
  await page.getByText("Your tickets are held", { exact: true }).waitFor();
  await page.getByRole("link", { name: "Continue to payment" }).click();
  await pay(page, "Card that works");
  await heading(page, "You are going!").waitFor();
  await page.getByText(`They are on their way to ${email}.`).waitFor();

  const link = await mailed(email, title);
  const elsewhere = await visitor({ serviceWorkers: "allow" });
  await elsewhere.goto(`/guest-order#token=${link}`);
  await heading(elsewhere, title).waitFor();
  await elsewhere.getByRole("button", { name: "Show ticket 2 on the whole screen" }).waitFor();
  expect(elsewhere.url()).not.toContain(link);
  expect(await elsewhere.getByRole("button", { name: /^Name or pass on/ }).count()).toBe(0);
  await look(elsewhere, "guest-order");
  // At the door there may be no network.
  await elsewhere.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await elsewhere.context().setOffline(true);
  await elsewhere.reload();
  await elsewhere.getByText("Kept on this device").waitFor();
  await elsewhere.getByRole("button", { name: "Show ticket 2 on the whole screen" }).waitFor();
  await look(elsewhere, "order-offline");
  await elsewhere.context().setOffline(false);
  await elsewhere.goto("/account");
  await heading(elsewhere, "Guest").waitFor();

  // The same address has an account now, and shows that it reads it.
  await page.goto("/register");
  expect(await page.getByLabel("Email", { exact: true }).inputValue()).toBe(email);
  await register(page, email);
  await heading(page, "My tickets").waitFor();
  await page.goto(`/verify-email#token=${await mailed(email, "This code shows that the address is yours")}`);
  await page.getByRole("button", { name: "Confirm", exact: true }).click();
  await page.getByText("Your address is confirmed").waitFor();
  await page.getByRole("main").getByRole("link", { name: "My tickets" }).click();
  await page.getByRole("link", { name: title }).click();
  await page.getByRole("button", { name: "Name or pass on ticket 2" }).click();
  const friend = newEmail();
  await page.getByLabel("Their email").fill(friend);
  await page.getByRole("button", { name: "Offer the ticket" }).click();
  await page.getByText(`Offered to ${friend}`).first().waitFor();
  await look(page, "pass-on");

  // Its own link goes around no password any more.
  await elsewhere.goto(`/guest-order#token=${link}`);
  await elsewhere.getByText("This link or code is no longer good").waitFor();

  const other = await visitor();
  await other.goto("/register");
  await register(other, friend);
  await heading(other, "My tickets").waitFor();
  await other.goto(`/verify-email#token=${await mailed(friend, "This code shows that the address is yours")}`);
  await other.getByRole("button", { name: "Confirm", exact: true }).click();
  await other.getByText("Your address is confirmed").waitFor();
  await other.goto("/accept-ticket");
  await heading(other, "A ticket for you").waitFor();
  await look(other, "accept-ticket");
  await other.goto("/orders");
  await other.getByText(`Somebody offers you a ticket for “${title}”`).waitFor();
  await other.getByRole("button", { name: "Accept the ticket" }).click();
  await other.getByRole("button", { name: "Show ticket 2 on the whole screen" }).waitFor();
  await look(other, "orders-held");
});

test("a guest's link can be asked for again", async () => {
  const page = await visitor();
  await page.goto("/login");
  await page.getByRole("link", { name: "Open your order" }).click();
  await heading(page, "Your order as a guest").waitFor();
  await page.getByLabel("Email", { exact: true }).fill(newEmail());
  await page.getByRole("button", { name: "Send the mail" }).click();
  await page.getByText("that can still be opened, a mail is on its way").waitFor();
  await look(page, "guest-links");
  expect(page.url()).toBe(`${ORIGIN}/guest-order`);
});
