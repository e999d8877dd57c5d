import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { atPayment, choose, event, heading, look, pay, register, visitor } from "./harness";

test("a visitor finds an event, makes an account, buys, and has a ticket", async () => {
  // Nothing else is called like this, whoever has visited before.
  const word = `Lanterns${process.pid}`;
  const title = `Night of Strings and ${word}`;
  await event({ title });
  const page = await visitor();
  await page.goto("/");
  await page.getByRole("article").first().waitFor();
  await look(page, "discover");

  await page.getByLabel("Search events").fill(`${word.toLowerCase()} strin`);
  await page.getByText("1 event", { exact: true }).waitFor();
  expect(page.url()).toContain("q=lanterns");
  await page.getByRole("link", { name: title }).click();
  await heading(page, title).waitFor();
  // Reading goes on at the heading of the page that one has come to.
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("H1");
  await page.getByText("100 left").waitFor();
  await page.getByText("Where you are:").waitFor();
  await page.getByText("you get all of your money back").waitFor();
  const more = page.getByRole("button", { name: "One more: Standard" });
  await more.click();
  await more.click();
  await look(page, "event");

  await page.getByRole("button", { name: "Continue: €90.00" }).click();
  await heading(page, "Your details").waitFor();
  await look(page, "checkout-who");
  await page.reload();
  await page.getByText("2 × Standard").waitFor();
  const email = await register(page);
  await page.getByText("Your tickets are held", { exact: true }).waitFor();
  await page.getByText(/Held for (9:|10:00)/).waitFor();
  await look(page, "checkout-details");
  await page.reload();
  await page.getByText(email).waitFor();
  await page.getByRole("link", { name: "Continue to payment" }).click();
  await heading(page, "Pay").waitFor();
  await page.getByText(/Held for (9:|10:00)/).waitFor();
  await look(page, "checkout-pay");

  // Back, on again, and anew: the hold stays one.
  await page.goBack();
  await heading(page, "Your details").waitFor();
  await page.goForward();
  await heading(page, "Pay").waitFor();
  await page.reload();
  await pay(page, "Card without money");
  await page.getByText("The payment was declined").waitFor();
  await look(page, "checkout-declined");
  await pay(page, "Card that works");
  await heading(page, "You are going!").waitFor();
  await page.getByRole("img", { name: "QR code of ticket 1" }).waitFor();
  await look(page, "checkout-done");
  await page.reload();
  await heading(page, "You are going!").waitFor();
  await page.goBack();
  await heading(page, "You are going!").waitFor();

  await page.getByRole("link", { name: "My tickets", exact: true }).click();
  await page.getByText("Confirmed", { exact: true }).waitFor();
  await look(page, "orders");
  await page.getByRole("link", { name: title }).click();
  await page.getByRole("button", { name: "Show ticket 2 on the whole screen" }).waitFor();
  await look(page, "order");
  await page.getByRole("button", { name: "Show ticket 1 on the whole screen" }).click();
  const dialog = page.getByRole("dialog", { name: "Standard" });
  await dialog.getByRole("img", { name: "QR code of ticket 1" }).waitFor();
  await look(page, "ticket");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  for (const [button, file] of [
    ["Tickets as PDF", "tickets.pdf"],
    ["Add to calendar", "event.ics"],
    ["Receipt as PDF", "receipt.pdf"],
  ] as const) {
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: button }).click();
    expect((await download).suggestedFilename()).toBe(file);
  }

  await page.getByRole("button", { name: "Cancel this order…" }).click();
  await page.getByText("€90.00 goes back the way it came").waitFor();
  await look(page, "cancel");
  await page.getByRole("button", { name: "Cancel the order" }).click();
  await page.getByText("Cancelled", { exact: true }).waitFor();
  await page.getByText(/€90.00 (went back|is on its way back) to you/).waitFor();
});

test("a free ticket needs no payment", async () => {
  const id = await event({ title: "Open Air for Nothing", price: 0 });
  const page = await visitor();
  await page.goto(`/e/${id}`);
  await choose(page);
  await page.getByRole("button", { name: "Continue", exact: true }).click();
  await register(page);
  await heading(page, "You are going!").waitFor();
});

const QUESTIONS = [
  {
    label: "How did you hear of us?",
    help: "A friend, a poster, the radio: a word is enough.",
    kind: "paragraph",
    per: "order",
  },
  { label: "Which meal would you like?", kind: "choice", choices: ["Fish", "Rice"], per: "ticket", required: true },
  { label: "Which days will you come?", kind: "choices", choices: ["Friday", "Saturday"], per: "ticket" },
  { label: "I have read the house rules and keep to them.", kind: "consent", per: "order", required: true },
];
const focused = (page: Page) => page.evaluate(() => document.activeElement?.closest("fieldset")?.textContent ?? "");

test("what an organiser asks is answered before the payment, and changed with the order", async () => {
  const id = await event({ title: "A Dinner Show", questions: QUESTIONS });
  const page = await visitor();
  await page.goto(`/e/${id}`);
  await choose(page, 2);
  await page.getByRole("button", { name: /^Continue/ }).click();
  await register(page);
  await page.getByRole("heading", { name: "What the organiser asks" }).waitFor();
  const onward = page.getByRole("button", { name: "Continue to payment" });
  await onward.waitFor();
  await look(page, "checkout-questions");
  await onward.click();
  await page.getByText("Without this there are no tickets").waitFor();
  expect(await focused(page)).toContain("I have read the house rules");

  // Whoever goes around them is led back.
  await page.goto(`/checkout/${id}/pay`);
  await pay(page, "Card that works");
  await page.getByText("The organiser asks something first").waitFor();
  await page.getByText("An answer is needed here").nth(1).waitFor();
  await look(page, "checkout-questions-refused");

  await page.getByLabel("How did you hear of us?").fill("From Ada,\nwho was there");
  await page.getByLabel("I have read the house rules").check();
  const ticket = (number: number) => page.getByRole("group", { name: `Ticket ${number} · Standard` });
  await ticket(1).getByLabel("Rice").check();
  await page.reload();
  await ticket(1).waitFor();
  expect(await ticket(1).getByLabel("Rice").isChecked()).toBe(true);
  await onward.click();
  expect(await focused(page)).toContain("Which meal would you like?");
  // The first of the choices has the focus: the keyboard alone goes on from there.
  await page.keyboard.press("Space");
  await page.keyboard.press("Enter");
  await pay(page, "Card that works");
  await heading(page, "You are going!").waitFor();

  await page.getByRole("link", { name: "See my tickets" }).click();
  await page.getByRole("button", { name: "See and change your answers" }).click();
  await ticket(2).getByLabel("Fish").waitFor();
  expect(await ticket(2).getByLabel("Fish").isChecked()).toBe(true);
  await look(page, "order-answers");
  await ticket(2).getByLabel("Rice").check();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved.").waitFor();
  await page.reload();
  await page.getByRole("button", { name: "See and change your answers" }).click();
  await ticket(2).getByLabel("Fish").waitFor();
  expect(await ticket(2).getByLabel("Rice").isChecked()).toBe(true);
});

test("free tickets are shown when what is required is answered", async () => {
  const id = await event({ title: "A Free Dinner", price: 0, questions: QUESTIONS });
  const page = await visitor();
  await page.goto(`/e/${id}`);
  await choose(page);
  await page.getByRole("button", { name: "Continue", exact: true }).click();
  await register(page);
  await heading(page, "One more thing").waitFor();
  await page.getByText("Your tickets wait for your answers").waitFor();
  await page.getByLabel("Rice").waitFor();
  await look(page, "checkout-done-questions");
  await page.locator("footer select").selectOption("ar");
  await page.getByText("تذاكرك تنتظر إجاباتك").waitFor();
  await look(page, "checkout-done-questions-ar");
  await page.locator("footer select").selectOption("en");

  await page.getByRole("link", { name: "My tickets", exact: true }).click();
  await page.getByRole("link", { name: "A Free Dinner" }).click();
  await page.getByText("Waits for your answers").waitFor();
  await page.getByLabel("Rice").check();
  await look(page, "order-questions");
  await page.getByLabel("I have read the house rules").check();
  await page.getByRole("button", { name: "Save and show the tickets" }).click();
  await page.getByRole("button", { name: "Show ticket 1 on the whole screen" }).waitFor();
  await page.goto(`/checkout/${id}/done`);
  await page.getByRole("img", { name: "QR code of ticket 1" }).waitFor();
});

test("a redirect leads to the bank and back to what has happened", async () => {
  const { page } = await atPayment("Redirected");
  await pay(page, "Card that asks at the bank");
  await page.getByText("Your bank wants to ask you").waitFor();
  await look(page, "checkout-redirect");
  await page.getByRole("button", { name: "Go to the bank's page" }).click();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("link", { name: "Go back to your booking" }).click();
  await heading(page, "Your payment").waitFor();
  await page.getByText("Paid", { exact: true }).waitFor();
  await look(page, "payment");
  await page.getByRole("link", { name: "See my tickets" }).click();
  await page.getByRole("button", { name: "Show ticket 1 on the whole screen" }).waitFor();
});

test("a slow bank is waited for, and one without an answer is asked again", async () => {
  for (const card of ["Slow card", "Card without an answer"]) {
    const { page } = await atPayment("Waiting for It");
    await pay(page, card);
    await heading(page, "You are going!").waitFor();
  }
});

test("an answer that is lost is asked for again with the same key", async () => {
  const { page } = await atPayment("Lost and Found");
  const keys: (string | undefined)[] = [];
  let lost = true;
  await page.route("**/api/bookings/*", (route) => (lost ? route.abort() : route.continue()));
  await page.route("**/api/payments", async (route) => {
    keys.push(route.request().headers()["idempotency-key"]);
    // It was done, and nobody heard of it.
    if (lost) {
      await route.fetch();
      await route.abort();
    } else {
      await route.continue();
    }
  });
  await pay(page, "Card that works");
  await page.getByText("We do not know yet whether this was paid").waitFor();
  await look(page, "checkout-unknown");
  await expect.poll(() => keys.length).toBeGreaterThan(1);
  lost = false;
  await heading(page, "You are going!").waitFor();
  expect(new Set(keys).size).toBe(1);
});

test("an expired hold says so, and one button asks for the same again", async () => {
  const id = await event({ title: "Ten Minutes" });
  const page = await visitor();
  await page.clock.install();
  await page.goto(`/e/${id}`);
  await choose(page);
  await page.getByRole("button", { name: /^Continue/ }).click();
  await register(page);
  await page.getByText("Your tickets are held", { exact: true }).waitFor();
  await page.clock.fastForward("08:30");
  await page.getByText("Your tickets are held for 2 more minutes.").waitFor();
  await page.clock.fastForward("01:45");
  await page.getByRole("button", { name: "Try for the same tickets again" }).waitFor();
  await look(page, "checkout-expired");
  await page.getByRole("button", { name: "Try for the same tickets again" }).click();
  await page.getByText("Your tickets are held", { exact: true }).waitFor();
});

test("of two who want the last ticket one gets it, and the other hears so", async () => {
  const id = await event({ title: "The Last Seat", capacity: 1 });
  const pages = await Promise.all([visitor(), visitor()]);
  await Promise.all(
    pages.map(async (page) => {
      await page.goto(`/e/${id}`);
      await choose(page);
      await page.getByRole("button", { name: /^Continue/ }).click();
      await heading(page, "Your details").waitFor();
    }),
  );
  await Promise.all(pages.map((page) => register(page)));
  const outcomes = await Promise.all(
    pages.map(async (page) => {
      const [held, gone] = [
        page.getByText("Your tickets are held", { exact: true }),
        page.getByText("Too few tickets are left"),
      ];
      await held.or(gone).first().waitFor();
      return (await held.count()) > 0 ? "held" : "gone";
    }),
  );
  expect(outcomes.sort()).toEqual(["gone", "held"]);
  for (const page of pages)
    if ((await page.getByText("Too few tickets are left").count()) > 0) await look(page, "checkout-sold-out");
});
