import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { FOLDER } from "./pictures";

/** The platform that is visited. */
export const ORIGIN = process.env.MARQUEE_URL ?? "http://127.0.0.1:8080";
const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 900 };

let browser: Browser;
let open: { close: () => Promise<void>; faults: string[] }[] = [];

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env.MARQUEE_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
});
afterAll(() => browser.close());

/** Whatever a test is about: nothing violates the policy, fails in the page, or goes to anybody else's host. */
afterEach(async () => {
  const all = open;
  open = [];
  for (const visit of all) await visit.close();
  expect(all.flatMap((visit) => visit.faults)).toEqual([]);
});

/** Somebody new, with a browser of their own. */
export async function visitor(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    baseURL: ORIGIN,
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    viewport: DESKTOP,
    ...options,
  });
  const faults: string[] = [];
  open.push({ close: () => context.close(), faults });
  await context.exposeBinding("reportViolation", (_source, violation: string) => faults.push(violation));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const { reportViolation } = window as unknown as { reportViolation: (text: string) => void };
      reportViolation(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}`);
    });
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== ORIGIN) faults.push(`a request to ${url.origin}`);
  });
  return page;
}

/** Keeps pictures of a page, and holds it to what must be so of each: no fault that axe finds, and no sideways scrolling at 320 pixels. */
export async function look(page: Page, name: string): Promise<void> {
  for (const theme of ["light", "dark"] as const) {
    for (const [size, viewport] of [
      ["desktop", DESKTOP],
      ["phone", PHONE],
    ] as const) {
      await page.emulateMedia({ colorScheme: theme });
      await page.setViewportSize(viewport);
      await page.screenshot({
        path: join(FOLDER, `${name}~${theme}-${size}.png`),
        fullPage: true,
        animations: "disabled",
      });
      // Both themes and both layouts, each once.
      if ((theme === "light") === (size === "desktop")) await accessible(page, `${name}, ${theme}, ${size}`);
    }
  }
  await page.setViewportSize({ width: 320, height: 640 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide, `${name} at 320 pixels`).toBeLessThanOrEqual(320);
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(DESKTOP);
}

async function accessible(page: Page, what: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
    .analyze();
  const found = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.any[0]?.message ?? ""}`).join("; ")}`,
  );
  expect(found, what).toEqual([]);
}

let people = 0;
export const newEmail = () => `visitor-${process.pid}-${Date.now()}-${++people}@example.com`;
export const PASSWORD = "what no dictionary has in it";

/** Makes an account on the page where somebody is asked for one. */
export async function register(page: Page, email = newEmail()): Promise<string> {
  await page.getByLabel("Name", { exact: true }).fill("Ada Visitor");
  await page.getByLabel("Email", { exact: true }).fill(email);
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Make an account" }).click();
  return email;
}

async function call<T>(path: string, token: string, body: unknown): Promise<T> {
  const response = await fetch(ORIGIN + path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "idempotency-key": crypto.randomUUID(),
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

let organiser: Promise<{ token: string; id: string }> | undefined;

/** An event of one's own, on sale, and in every node's memory. */
export async function event(change: {
  title: string;
  capacity?: number;
  price?: number;
  refundable?: boolean;
  questions?: object[];
}): Promise<string> {
  organiser ??= (async () => {
    const { access_token: token } = await call<{ access_token: string }>("/api/auth/register", "", {
      email: newEmail(),
      password: PASSWORD,
      name: "Organiser",
    });
    const { id } = await call<{ id: string }>("/api/organisers", token, { name: "Blue Hall" });
    return { token, id };
  })();
  const { token, id } = await organiser;
  const year = new Date().getFullYear() + 1;
  const made = await call<{ id: string }>("/api/events", token, {
    organiser_id: id,
    title: change.title,
    description: "Two sets with an interval.\n\nDoors open an hour before.",
    category: "music",
    venue: { name: "Blue Hall", city: "Colombo", country: "LK" },
    starts_at: `${year}-03-01T13:30:00Z`,
    ends_at: `${year}-03-01T16:30:00Z`,
    timezone: "Asia/Colombo",
    currency: "EUR",
    ...(change.refundable !== false && { refund_until: `${year}-02-01T00:00:00Z` }),
    ...(change.questions && { questions: change.questions }),
    ticket_types: [
      { name: "Standard", price: change.price ?? 4500, capacity: change.capacity ?? 100, per_person_limit: 6 },
    ],
  });
  await call(`/api/events/${made.id}/publish`, token, {});
  await expect.poll(async () => (await fetch(`${ORIGIN}/api/events/${made.id}`)).status, { timeout: 10_000 }).toBe(200);
  return made.id;
}

/** Somebody who has an account and holds a ticket, at the step where it is paid. */
export async function atPayment(
  title: string,
  change: Partial<Parameters<typeof event>[0]> = {},
): Promise<{ page: Page; id: string; email: string }> {
  const id = await event({ title, ...change });
  const page = await visitor();
  await page.goto(`/e/${id}`);
  await page.getByRole("button", { name: "One more: Standard" }).click();
  await page.getByRole("button", { name: /^Continue/ }).click();
  const email = await register(page);
  await page.getByRole("link", { name: "Continue to payment" }).click();
  await page.getByRole("button", { name: /^Pay / }).waitFor();
  return { page, id, email };
}

/** Pays with one of the sandbox's cards. */
export async function pay(page: Page, card: string): Promise<void> {
  await page.getByLabel(card).check();
  await page.getByRole("button", { name: /^Pay / }).click();
}

export const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { level: 1, name });
