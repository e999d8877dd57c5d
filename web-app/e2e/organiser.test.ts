import { readFileSync } from "node:fs";
import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { accentOf, parseColour } from "../src/lib/accent";
import { buy, choose, heading, look, MAIL, newEmail, register, visitor, vouch } from "./harness";

const year = new Date().getFullYear() + 1;

/** Somebody new with an organisation, on the page of its events. */
async function founder(name: string, seen = false): Promise<Page> {
  const page = await visitor();
  await page.goto("/organise");
  await page.getByRole("link", { name: "Make an account" }).click();
  await register(page);
  await heading(page, "My organisations").waitFor();
  await page.getByText("You are not in a team yet").waitFor();
  if (seen) await look(page, "organise");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Start it" }).click();
  await heading(page, "Events").waitFor();
  return page;
}

const tab = (page: Page, name: string) => page.getByRole("navigation").getByRole("link", { name, exact: true }).click();
const more = async (page: Page, name: string) => {
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("button", { name }).click();
};

/** What a click has the browser save. */
async function saved(page: Page, item: string): Promise<string> {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  await page.getByRole("button", { name: item }).click();
  return readFileSync(await (await download).path(), "utf8");
}

async function fillEvent(page: Page, title: string): Promise<void> {
  await page.getByLabel("Title").fill(title);
  await page.getByLabel("Description").fill("Two sets with an interval.");
  await page.getByLabel("Time zone of the venue").selectOption("Asia/Colombo");
  await page.getByLabel("Begins").fill(`${year}-03-01T19:00`);
  await page.getByLabel("Ends").fill(`${year}-03-01T22:00`);
  await page.getByLabel("Venue", { exact: true }).fill("Blue Hall");
  await page.getByLabel("City").fill("Colombo");
  await page.getByLabel("Country").selectOption("LK");
  const ticket: Locator = page.getByRole("group", { name: "Ticket type 1" });
  await ticket.getByLabel("Price in EUR").fill("45");
  await ticket.getByLabel("Places").fill("100");
  await ticket.getByLabel("Name").fill("Standard");
}

test("an organiser's day: create, publish, sell, refund, write, export", async () => {
  const page = await founder("Blue Hall", true);
  await page.getByText("No events yet").waitFor();

  // Nothing is sent that is not whole, and the first fault has the focus.
  await page.getByRole("link", { name: "Create an event" }).first().click();
  await heading(page, "New event").waitFor();
  await page.getByRole("button", { name: "Save as a draft" }).click();
  await page.getByText("Something is not right yet").waitFor();
  expect(await page.evaluate(() => document.activeElement?.closest("div")?.textContent)).toContain("Title");
  await look(page, "organise-new-faults");
  await fillEvent(page, "Night of Strings");
  await page.getByRole("button", { name: "Add a question" }).click();
  const question = page.getByRole("group", { name: "Question 1" });
  await question.getByLabel("Question", { exact: true }).fill("Which meal would you like?");
  await question.getByLabel("Answered", { exact: true }).selectOption("choice");
  await question.getByLabel("Choices").fill("Fish\nRice");
  await page.getByRole("button", { name: "Preview" }).click();
  await page.getByText("This is how buyers will see it").waitFor();
  await look(page, "organise-preview");
  await page.getByRole("button", { name: "Save as a draft" }).click();
  await page.getByText("A draft, which only your team sees").waitFor();

  // Who leaves is asked, a reload loses nothing, and neither does who saves at the same time.
  await tab(page, "Edit");
  await page.getByLabel("Title").fill("Night of Brass");
  await tab(page, "Overview");
  await page.getByRole("button", { name: "Stay here" }).click();
  page.once("dialog", (dialog) => void dialog.accept());
  await page.reload();
  await page.getByText("These changes of yours are not saved yet").waitFor();
  expect(await page.getByLabel("Title").inputValue()).toBe("Night of Brass");
  const id = /events\/([^/]+)/.exec(page.url())?.[1] ?? "";
  const status = await page.evaluate(async (event) => {
    const headers = { "content-type": "application/json", "if-match": '"1"' };
    const body = JSON.stringify({ description: "Said by somebody else." });
    return (await fetch(`/api/events/${event}`, { method: "PATCH", headers, body })).status;
  }, id);
  expect(status).toBe(200);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Somebody else has saved this event meanwhile").waitFor();
  await page.getByRole("button", { name: "Go on with my changes" }).click();
  expect(await page.getByLabel("Description").inputValue()).toBe("Said by somebody else.");

  // A picture is there at once, beside what is typed; a colour is saved with it.
  const picture = page.getByLabel("Choose a picture");
  await picture.setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
  await page.getByText("Choose a JPEG, PNG or WebP.").waitFor();
  // Larger than what goes through: it is made smaller before it is sent.
  const drawn = await page.evaluate(() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 800, height: 600 });
    const context = canvas.getContext("2d");
    const noise = new ImageData(800, 600);
    for (let at = 0; at < noise.data.length; at += 60_000) crypto.getRandomValues(noise.data.subarray(at, at + 60_000));
    for (let at = 3; at < noise.data.length; at += 4) noise.data[at] = 255;
    context?.putImageData(noise, 0, 0);
    return canvas.toDataURL("image/png");
  });
  const poster = Buffer.from(drawn.split(",")[1] ?? "", "base64");
  expect(poster.length).toBeGreaterThan(1024 * 1024);
  await picture.setInputFiles({ name: "poster.png", mimeType: "image/png", buffer: poster });
  await page.getByText("The picture is saved.").waitFor();
  const sign = await page.evaluate(() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1600, height: 400 });
    const context = canvas.getContext("2d");
    context?.fillRect(200, 100, 600, 200);
    return canvas.toDataURL("image/png");
  });
  const logo = { name: "logo.png", mimeType: "image/png", buffer: Buffer.from(sign.split(",")[1] ?? "", "base64") };
  await page.getByLabel("Choose a logo").setInputFiles(logo);
  await page.getByText("The logo is saved.").waitFor();
  await page.getByLabel("A colour of its own").check();
  await page.getByRole("textbox", { name: "Colour" }).fill("#f0c808");
  await look(page, "organise-edit");
  await page.getByRole("button", { name: "Save and publish…" }).click();
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByText("Published", { exact: true }).waitFor();

  await tab(page, "Counter");
  await choose(page, 2);
  await page.getByLabel("Name (optional)").fill("Walter Walkin");
  await look(page, "organise-counter");
  await page.getByRole("button", { name: "Take €90.00 and sell" }).click();
  await page.getByText("Sold: €90.00").waitFor();
  await expect.poll(async () => (await page.request.get(`/api/events/${id}`)).status()).toBe(200);
  const email = await buy(id, 1, "Berta Buyer");
  const outside = await visitor();
  await outside.goto(`/e/${id}`);
  await outside.locator("main img[src$='.jpg']").waitFor();
  const [width, corner] = await outside.locator("main img[src$='.png']").evaluate(async (image: HTMLImageElement) => {
    await image.decode();
    const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
    context?.drawImage(image, 0, 0);
    return [image.naturalWidth, [...(context?.getImageData(0, 0, 1, 1).data ?? [])]];
  });
  expect([width, corner]).toEqual([512, [0, 0, 0, 0]]);
  // A yellow that cannot be read on paper is darker there.
  const { accent } = accentOf("#f0c808")?.light ?? { accent: "" };
  const shown = await outside
    .getByRole("main")
    .getByText("Music", { exact: true })
    .evaluate((text) => getComputedStyle(text).color);
  expect(shown).toBe(`rgb(${parseColour(accent)?.join(", ")})`);
  await look(outside, "event-own");

  await tab(page, "Orders");
  await page.getByText("2 orders are shown").waitFor();
  await look(page, "organise-orders");
  await page.getByLabel("Search orders").fill(email.slice(0, 40));
  await page.getByText("1 order is shown").waitFor();
  const rows = await saved(page, "As CSV, for spreadsheets");
  expect(rows).toContain(email);
  expect(rows).not.toContain("Walter");
  await page.getByRole("link", { name: "Berta Buyer" }).click();
  await heading(page, "Order").waitFor();
  await page.getByRole("button", { name: "Give money back…" }).click();
  await page.getByLabel("Amount in EUR").fill("50");
  await page.getByRole("button", { name: "Give it back" }).click();
  await page.getByText("This is no amount, or more than is left.").waitFor();
  await page.getByLabel("Amount in EUR").fill("5.50");
  await page.getByRole("button", { name: "Give it back" }).click();
  await page.getByText("-€5.50").waitFor();
  await page.getByRole("textbox", { name: "Note" }).fill("A friend of the house");
  await page.getByRole("button", { name: "Save the note" }).click();
  await page.getByText("Saved.").waitFor();
  await page.getByRole("button", { name: "Change name or address…" }).click();
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("Berta B. Buyer");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByText("Berta B. Buyer").waitFor();
  await page.getByRole("button", { name: "Send the tickets again" }).click();
  await page.getByText("A mail with the tickets is on its way.").waitFor();
  await page.getByRole("button", { name: "Change the answers…" }).click();
  await page.getByRole("dialog").getByLabel("Rice").check();
  await look(page, "organise-order-answers");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByText("Rice", { exact: true }).waitFor();
  await look(page, "organise-order");
  await page.getByRole("button", { name: "Cancel the order…" }).click();
  await page.getByLabel("All that is left: €39.50").waitFor();
  await look(page, "organise-order-cancel");
  await page.getByRole("button", { name: "Cancel the order", exact: true }).click();
  await page.getByText("-€39.50").waitFor();

  await tab(page, "Attendees");
  await page.getByText("2 tickets are shown").waitFor();
  await look(page, "organise-attendees");
  const people = JSON.parse(await saved(page, "As JSON, for programs")) as { state: string }[];
  expect(people.map(({ state }) => state)).toEqual(["valid", "valid"]);

  await tab(page, "Messages");
  await page.getByText("Confirm your address first").waitFor();
  if (await vouch(page)) {
    await page.getByLabel("Subject").fill("Doors open at six");
    await page.getByLabel("Text").fill("Come early.");
    await page.getByRole("button", { name: "Send me a test" }).click();
    if (MAIL === "") {
      // Stock Spin: it sends no mail, and nothing there follows what happens, so there is no dashboard either.
      await page.getByText("No messages can be sent from here").waitFor();
      return;
    }
    await page.getByText("A test is on its way to you.").waitFor();
    await page.getByRole("button", { name: "Send…" }).click();
    await page.getByRole("button", { name: "Send it" }).click();
    await page.getByText("Your message is on its way.").waitFor();
    await page.getByRole("heading", { level: 3, name: "Doors open at six" }).waitFor();
  }
  await look(page, "organise-messages");

  await tab(page, "Embed");
  await page.getByText(`<marquee-event event="${id}">`).waitFor();
  await page.locator("marquee-event").getByRole("button", { name: "One more: Standard" }).waitFor();
  await look(page, "organise-embed");

  await tab(page, "Overview");
  await page.getByText("of 100 places").waitFor();
  await page.getByText("2 of 100 sold or held").waitFor();
  await page.getByRole("img", { name: /^Tickets sold by day: [23] in all/ }).waitFor({ timeout: 30_000 });
  await look(page, "organise-overview");
  await page.locator("footer select").selectOption("ar");
  await expect.poll(() => page.evaluate(() => document.documentElement.dir)).toBe("rtl");
  await look(page, "organise-overview-ar");
  await page.locator("footer select").selectOption("en");

  await more(page, "Duplicate or repeat…");
  await page.getByLabel("Again and again, at the same time of day").check();
  await page.getByLabel("How many copies").fill("2");
  await page.getByRole("button", { name: "Make drafts" }).click();
  await page.getByText("Done: these are drafts").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("link", { name: "Blue Hall" }).click();
  await page.getByText("3 events are shown").waitFor();
  await look(page, "organise-events");
  await page.getByRole("link", { name: "Night of Brass" }).last().click();
  await more(page, "Cancel the event…");
  await page.getByLabel("I know that all orders are cancelled and refunded.").check();
  await page.getByRole("button", { name: "Cancel the event", exact: true }).click();
  await page.getByText("This event is cancelled").waitFor();
});

test("a team has roles, and programs of its own", async () => {
  const page = await founder("Red Barn");
  await tab(page, "Webhooks");
  await page.getByRole("button", { name: "Add a webhook" }).click();
  await page.getByLabel("Address of your server").fill("https://receiver.example/hook");
  await page.getByRole("button", { name: "Add it" }).click();
  await page.getByText(/^whsec_/).waitFor();
  await page.getByRole("button", { name: "I have it" }).click();
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByRole("rowheader", { name: "A test" }).waitFor();
  await look(page, "organise-webhooks");
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("Paused", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await page.getByText("No webhooks yet").waitFor();

  await tab(page, "API keys");
  await page.getByRole("button", { name: "Make an API key" }).click();
  await page.getByLabel("What it is for").fill("Website");
  await page.getByRole("button", { name: "Make it" }).click();
  await page.getByText(/^mk_/).first().waitFor();
  await page.getByRole("button", { name: "I have it" }).click();
  await page.getByText("Not by itself").waitFor();
  await look(page, "organise-keys");
  await tab(page, "Settings");
  await page.getByLabel("Name", { exact: true }).fill("Red Barn & Friends");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  await look(page, "organise-settings");

  const email = newEmail();
  await tab(page, "Team");
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Role", { exact: true }).selectOption("door");
  await page.getByRole("button", { name: "Invite" }).click();
  await page.getByText("Open invitations").waitFor();
  await look(page, "organise-team");

  const other = await visitor();
  await other.goto("/organise");
  await other.getByRole("link", { name: "Make an account" }).click();
  await register(other, email);
  await other.getByText("Confirm your address, and invitations to it appear here.").waitFor();
  if (!(await vouch(other))) return;
  await other.getByRole("button", { name: "Join the team" }).click();
  await heading(other, "Events").waitFor();
  await other.getByText("No events yet").waitFor();
  expect(await other.getByRole("link", { name: "Create an event" }).count()).toBe(0);
  expect(await other.getByRole("link", { name: "Webhooks" }).count()).toBe(0);
  await other.goto(`${new URL(other.url()).pathname}/team`);
  await other.getByText("Your role in this team does not permit this").waitFor();
  await look(other, "organise-not-permitted");
});
