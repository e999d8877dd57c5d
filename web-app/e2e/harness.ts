import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe, { type RunOptions } from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { encode } from "uqr";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { FOLDER } from "./pictures";

declare module "vitest" {
  interface TaskMeta {
    /** What the pages of a failed test showed. */
    seen?: string[];
  }
}

/** The platform that is visited. */
export const ORIGIN = process.env.MARQUEE_URL ?? "http://127.0.0.1:8080";
/** Where it writes its mail; empty where it sends none. */
export const MAIL = process.env.MARQUEE_MAIL ?? join(import.meta.dirname, "../../.marquee/mail");
/** For files of a run. */
const OWN = mkdtempSync(join(tmpdir(), "marquee-visit-"));
/** What the browser's camera sees. */
const CAMERA = join(OWN, "camera.y4m");
const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 900 };

let browser: Browser;
let open: { page: Page; refused: string[]; faults: string[] }[] = [];

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env.MARQUEE_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${CAMERA}`,
    ],
  });
});
afterAll(async () => {
  await browser.close();
  rmSync(OWN, { recursive: true });
});

/** Whatever a test is about: nothing violates the policy, fails in the page, or goes to anybody else's host. */
afterEach(async ({ task }) => {
  const all = open;
  open = [];
  for (const { page, refused, faults } of all) {
    if (task.result?.state === "fail") task.meta.seen = [...(task.meta.seen ?? []), await seen(page, refused, faults)];
    await page.context().close();
  }
  none(
    "what no page may do",
    all.flatMap((visit) => visit.faults),
  );
});

/** Fails with what was found, if anything was: each is a line, which no comparison with an empty list would be. */
function none(what: string, found: string[]): void {
  if (found.length > 0) throw new Error([`${what}:`, ...found].join("\n"));
}

/** Somebody new, with a browser of their own; `others`: origins beside the one that is visited whose files may be asked for. */
export async function visitor(options: BrowserContextOptions = {}, others: string[] = []): Promise<Page> {
  const known = [options.baseURL ?? ORIGIN, ...others];
  const context = await browser.newContext({
    baseURL: ORIGIN,
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    viewport: DESKTOP,
    // What a test does to the network a service worker would hide.
    serviceWorkers: "block",
    ...options,
  });
  const faults: string[] = [];
  const refused: string[] = [];
  await context.exposeBinding("reportViolation", (_source, violation: string) => faults.push(violation));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const { reportViolation } = window as unknown as { reportViolation: (text: string) => void };
      reportViolation(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}`);
    });
  });
  const page = await context.newPage();
  open.push({ page, refused, faults });
  page.setDefaultTimeout(15_000);
  page.on("response", (response) => {
    if (response.status() >= 400) refused.push(`${response.status()} ${response.url()}`);
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && !known.includes(url.origin)) faults.push(`a request to ${url.origin}`);
  });
  return page;
}

/** What a page showed when a test failed, and what its requests were refused: a picture of it may be on another machine. */
async function seen(page: Page, refused: string[], faults: string[]): Promise<string> {
  const dialog = page.locator("dialog[open]");
  const shown = (await dialog.count().catch(() => 0)) > 0 ? dialog.last() : page.locator("main");
  const text = await shown.ariaSnapshot({ timeout: 5_000 }).catch(String);
  const focus = await page
    .evaluate(() => document.activeElement?.outerHTML.replaceAll(/\s+/g, " ").slice(0, 120))
    .catch(String);
  return [
    `${page.url()} showed:`,
    ...dense(text).slice(0, 8),
    `focus: ${focus}`,
    ...refused.slice(-5),
    ...faults.slice(-5),
  ].join("\n");
}

/** What somebody hears of a page, with many things in a line: lists and addresses of links are left out. */
function dense(snapshot: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const row of snapshot.split("\n")) {
    const thing = row.trim().replace(/^- /, "");
    if (
      /^(list|listitem|rowgroup|row|main|navigation|group|paragraph|banner)?:?$/.test(thing) ||
      thing.startsWith("/url:")
    )
      continue;
    if (line.length + thing.length > 180) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? thing : ` · ${thing}`;
  }
  return line === "" ? lines : [...lines, line];
}

/** Holds a page to what must be so of each: no fault that axe finds, and no sideways scrolling at 320 pixels. And keeps pictures of it where they are wanted. */
export async function look(page: Page, name: string): Promise<void> {
  await page.locator("h1").first().waitFor({ state: "attached" });
  for (const theme of ["light", "dark"] as const) {
    for (const [size, viewport] of [
      ["desktop", DESKTOP],
      ["phone", PHONE],
    ] as const) {
      // Both themes and both layouts, each once.
      const held = (theme === "light") === (size === "desktop");
      if (!held && !FOLDER) continue;
      await page.emulateMedia({ colorScheme: theme });
      await page.setViewportSize(viewport);
      await settled(page);
      if (FOLDER) {
        const path = join(FOLDER, `${name}~${theme}-${size}.png`);
        await page.screenshot({ path, fullPage: true, animations: "disabled" });
      }
      if (held) await accessible(page, `${name}, ${theme}, ${size}`);
    }
  }
  await page.setViewportSize({ width: 320, height: 640 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide, `${name} at 320 pixels`).toBeLessThanOrEqual(320);
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(DESKTOP);
}

/** Waits until nothing moves on a page but what moves for ever: with the theme colours change slowly, and in between they have no contrast. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    // What has changed begins to move with the next frame.
    await new Promise(requestAnimationFrame);
    const moving = document
      .getAnimations()
      .filter(({ effect }) => Number.isFinite(Number(effect?.getComputedTiming().endTime)));
    await Promise.allSettled(moving.map(({ finished }) => finished));
  });
}

/** What a page is held against. */
const RULES = {
  runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
  // Of rules that nothing violates only that they were tried.
  resultTypes: ["violations"],
} satisfies RunOptions;

/** Holds what is shown against axe, whose program a document is given once, without a page of the browser beside it for each time. */
async function accessible(page: Page, what: string): Promise<void> {
  // It looks into no frame: there is none.
  expect(page.frames(), what).toHaveLength(1);
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
  const found = await page.evaluate(async (rules) => {
    const { run } = (window as unknown as { axe: typeof import("axe-core") }).axe;
    const { violations, passes } = await run(document, rules);
    // That nothing is found means nothing where nothing was tried.
    if (passes.length === 0) return ["axe has tried nothing"];
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.any[0]?.message ?? ""}`).join("; ")}`,
    );
  }, RULES);
  none(what, found);
}

let people = 0;
export const newEmail = () => `visitor-${process.pid}-${Date.now()}-${++people}@example.com`;
export const PASSWORD = "what no dictionary has in it";

/** Makes an account on the page where somebody is asked for one. */
export async function register(page: Page, email = newEmail()): Promise<string> {
  // The checkout asks first whether it is to be one.
  if (page.url().includes("/checkout/")) await page.getByRole("button", { name: "I want an account" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Ada Visitor");
  await page.getByLabel("Email", { exact: true }).fill(email);
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Make an account" }).click();
  return email;
}

/** Chooses so many places, on the page of an event or at the counter. What is left is known first: the page grows with it, and a click would miss. */
export async function choose(page: Page, count = 1, type = "Standard"): Promise<void> {
  await page
    .getByText(/[0-9] left/)
    .first()
    .waitFor();
  for (let chosen = 1; chosen <= count; chosen += 1) {
    await page.getByRole("button", { name: `One more: ${type}` }).click();
    await page.getByRole("group", { name: type }).getByText(String(chosen), { exact: true }).waitFor();
  }
}

/** The token in the newest mail to an address that has one in its text after these words. */
export async function mailed(address: string, words: string): Promise<string> {
  let token = "";
  const look = () => {
    for (const name of readdirSync(MAIL).filter((each) => each.endsWith(".eml"))) {
      // Quoted-printable breaks long lines.
      const text = readFileSync(join(MAIL, name), "utf8").replaceAll("=\r\n", "").replaceAll("=3D", "=");
      if (!text.includes(address) || !text.includes(words)) continue;
      token = /\b[a-z0-9]{1,16}_[a-z0-9]{20,40}\.[a-z0-9]{40,80}\b/.exec(text)?.[0] ?? token;
    }
    return token;
  };
  await expect.poll(look).not.toBe("");
  return token;
}

/** Holds a code in front of the camera. */
export function hold(text: string): void {
  const [width, height] = [640, 480];
  const { size, data } = encode(text, { ecc: "M", border: 4 });
  const cell = Math.floor(440 / size);
  const [left, top] = [(width - cell * size) >> 1, (height - cell * size) >> 1];
  const bright = Buffer.alloc(width * height, 200);
  for (let y = 0; y < size * cell; y += 1)
    for (let x = 0; x < size * cell; x += 1)
      bright[(top + y) * width + left + x] = data[Math.floor(y / cell)]?.[Math.floor(x / cell)] ? 20 : 235;
  const frame = Buffer.concat([Buffer.from("FRAME\n"), bright, Buffer.alloc((width * height) / 2, 128)]);
  const head = Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`);
  writeFileSync(CAMERA, Buffer.concat([head, frame, frame]));
}

/** Asks the API, for a write where there is a body, as whoever has this token. */
export async function call<T>(path: string, token: string, body?: unknown): Promise<T> {
  const response = await fetch(ORIGIN + path, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      "content-type": "application/json",
      "idempotency-key": crypto.randomUUID(),
      ...(token && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (response.status === 204 ? null : await response.json()) as T;
}

/** Vouches that whoever is logged in on this page reads their address: no mail is read here. False where nobody is known who may. */
export async function vouch(page: Page): Promise<boolean> {
  const [email, password] = [process.env.MARQUEE_ADMIN_EMAIL, process.env.MARQUEE_ADMIN_PASSWORD];
  if (!email || !password) return false;
  const { id } = await page.evaluate(async () => (await fetch("/api/auth/me")).json());
  const { access_token: token } = await call<{ access_token: string }>("/api/auth/login", "", { email, password });
  await call(`/api/users/${id}/verify-email`, token, {});
  await page.reload();
  return true;
}

/** Somebody buys tickets of the first type of an event, by the API. */
export async function buy(event: string, quantity: number, name: string): Promise<string> {
  const email = newEmail();
  const { access_token: token } = await call<{ access_token: string }>("/api/auth/register", "", {
    email,
    password: PASSWORD,
    name,
  });
  const shown = (await (await fetch(`${ORIGIN}/api/events/${event}`)).json()) as { ticket_types: { id: string }[] };
  const items = [{ ticket_type_id: shown.ticket_types[0]?.id, quantity }];
  const { id } = await call<{ id: string }>("/api/bookings", token, { event_id: event, items });
  await call("/api/payments", token, { booking_id: id, method: { type: "card", token: "tok_ok" } });
  return email;
}

let organiser: Promise<{ token: string; id: string; email: string }> | undefined;

/** Who puts the events on. */
export async function staff(): Promise<{ token: string; email: string }> {
  if (!organiser) throw new Error("make an event first");
  return organiser;
}

/** The codes of so many tickets for a free event, which somebody has who has nothing else. */
export async function codes(event: string, quantity: number): Promise<string[]> {
  const { access_token: token } = await call<{ access_token: string }>("/api/auth/guest", "", { email: newEmail() });
  const { ticket_types: types } = await call<{ ticket_types: { id: string }[] }>(`/api/events/${event}`, "");
  const items = [{ ticket_type_id: types[0]?.id, quantity }];
  const { id } = await call<{ id: string }>("/api/bookings", token, { event_id: event, items });
  const tickets = await call<{ items: { code: string }[] }>(`/api/bookings/${id}/tickets`, token);
  return tickets.items.map((ticket) => ticket.code);
}

/** An event of one's own, on sale, and in every node's memory. */
export async function event(change: {
  title: string;
  capacity?: number;
  price?: number;
  refundable?: boolean;
  questions?: object[];
}): Promise<string> {
  organiser ??= (async () => {
    const email = newEmail();
    const { access_token: token } = await call<{ access_token: string }>("/api/auth/register", "", {
      email,
      password: PASSWORD,
      name: "Organiser",
    });
    const { id } = await call<{ id: string }>("/api/organisers", token, { name: "Blue Hall" });
    return { token, id, email };
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
  await expect.poll(async () => (await fetch(`${ORIGIN}/api/events/${made.id}`)).status).toBe(200);
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
  await choose(page);
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
