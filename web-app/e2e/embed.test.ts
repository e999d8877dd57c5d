import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { call, event, heading, look, ORIGIN, register, staff, visitor } from "./harness";

/** Somebody else's site, as strict as a site can be: it permits the platform's address for scripts and connections, and nothing else. */
const POLICY = `default-src 'none'; script-src ${ORIGIN}; connect-src ${ORIGIN}; style-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'`;

let site: Server;
let foreign = "";
/** What its pages have in them, by their paths. */
const pages = new Map<string, { html: string; policy?: string }>();

beforeAll(async () => {
  site = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://site").pathname;
    const found = pages.get(path);
    if (path === "/favicon.ico") return void response.writeHead(204).end();
    if (path === "/site.css") {
      response.writeHead(200, { "content-type": "text/css" });
      return void response.end(
        "body { margin: 1rem; background: Canvas; color: CanvasText; font: 1rem/1.5 sans-serif; text-transform: uppercase; } main { max-inline-size: 30rem; }",
      );
    }
    response.writeHead(found ? 200 : 404, {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": found?.policy ?? POLICY,
    });
    response.end(found?.html ?? "");
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  foreign = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => site.close(resolve)));

/** A page of that site with this in it. */
function put(path: string, main: string, language = "en", policy?: string): void {
  const html = `<!doctype html><html lang="${language}"><head><meta charset="utf-8"><title>Blue Hall</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><link rel="stylesheet" href="/site.css">
<script type="module" src="${ORIGIN}/embed.js"></script></head><body><main><h1>Blue Hall</h1>${main}</main></body></html>`;
  pages.set(path, { html, ...(policy && { policy }) });
}

const element = (id: string, more = "") =>
  `<marquee-event event="${id}"${more}><a href="${ORIGIN}/e/${id}">Tickets</a></marquee-event>`;

test("an event on another site is chosen from there, and bought here", async () => {
  const id = await event({ title: 'Strings <img src="x">' });
  put("/", element(id));
  put("/ar", element(id), "ar");
  const page = await visitor({ baseURL: foreign }, [ORIGIN]);
  const again: number[] = [];
  page.on("response", async (response) => {
    if (response.url().endsWith("/availability")) again.push(response.status());
  });
  await page.goto("/");
  await page.getByRole("heading", { level: 2, name: 'Strings <img src="x">' }).waitFor();
  await page.getByText("100 left").waitFor();
  expect(await page.locator("marquee-event img, iframe").count()).toBe(0);
  const more = page.getByRole("button", { name: "One more: Standard" });
  await more.click();
  await more.click();
  await page.getByRole("link", { name: "Continue: €90.00" }).waitFor();
  await look(page, "embed");
  // Somebody else takes most of it, and it is seen here.
  const shown = await call<{ ticket_types: { id: string }[] }>(`/api/events/${id}`, "");
  for (const _ of [1, 2]) {
    const { access_token: guest } = await call<{ access_token: string }>("/api/auth/guest", "", {
      email: `guest-${crypto.randomUUID()}@example.com`,
    });
    const items = [{ ticket_type_id: shown.ticket_types[0]?.id, quantity: 6 }];
    await call("/api/bookings", guest, { event_id: id, items });
  }
  await page.getByText("88 left").waitFor();
  expect(new Set(again)).toContain(200);

  await page.goto("/ar");
  await page.getByRole("button", { name: "أكثر بواحد: Standard" }).click();
  await look(page, "embed-ar");

  await page.goto("/");
  await more.click();
  await more.click();
  await page.getByRole("link", { name: "Continue: €90.00" }).click();
  await page.waitForURL(`${ORIGIN}/checkout/${id}`);
  await heading(page, "Choose your tickets").waitFor();
  await page.getByRole("button", { name: "Continue: €90.00" }).click();
  await heading(page, "Your details").waitFor();
  await page.getByText("2 × Standard").waitFor();

  // An address asks for what it likes, and gets what there is.
  const type = shown.ticket_types[0]?.id;
  await page.goto(`${ORIGIN}/checkout/${id}?ticket=${type}.99&ticket=local_x.1`);
  await page.getByText("Not everything that you chose can be bought like that").waitFor();
  await page.getByRole("button", { name: "Continue: €270.00" }).waitFor();
  await look(page, "checkout-cut");
});

test("the element says what cannot be bought, and keeps its link where it cannot be shown", async () => {
  const [gone, cancelled] = [await event({ title: "Gone", capacity: 2 }), await event({ title: "Off" })];
  const { token } = await staff();
  const { access_token: guest } = await call<{ access_token: string }>("/api/auth/guest", "", {
    email: `guest-${crypto.randomUUID()}@example.com`,
  });
  const shown = await call<{ ticket_types: { id: string }[] }>(`/api/events/${gone}`, "");
  const items = [{ ticket_type_id: shown.ticket_types[0]?.id, quantity: 2 }];
  await call("/api/bookings", guest, { event_id: gone, items });
  await call(`/api/events/${cancelled}/cancel`, token, {});
  await expect
    .poll(async () => (await call<{ status: string }>(`/api/events/${cancelled}`, "")).status)
    .toBe("cancelled");
  put("/states", `${element(gone)}<p></p>${element(cancelled)}<p></p>${element("local_nothing", ' lang="de"')}`);
  const page = await visitor({ baseURL: foreign }, [ORIGIN]);
  await page.goto("/states");
  await page.getByRole("button", { name: "Sold out" }).waitFor();
  await page.getByText("This event was cancelled").waitFor();
  await page.getByText("Diese Veranstaltung wurde nicht gefunden").waitFor();
  await page.getByRole("link", { name: "Tickets", exact: true }).waitFor();
  await look(page, "embed-states");
  const plain = await visitor({ baseURL: foreign, javaScriptEnabled: false }, [ORIGIN]);
  await plain.goto("/states");
  expect(await plain.getByRole("link", { name: "Tickets", exact: true }).count()).toBe(3);
});

test("a page of another site changes nothing in the name of who is logged in here", async () => {
  const page = await visitor({ baseURL: foreign }, [ORIGIN]);
  await page.goto(`${ORIGIN}/register`);
  await register(page);
  await heading(page, "My tickets").waitFor();
  const target = `${ORIGIN}/api/organisers`;
  const policy = `default-src 'none'; connect-src ${ORIGIN}; form-action ${ORIGIN}`;
  pages.set("/evil", {
    policy,
    html: `<!doctype html><title>Win</title><form method="post" enctype="text/plain" action="${target}"><input name='{"name":"Evil","x":"' value='"}'><button>Win</button></form>`,
  });
  await page.goto("/evil");
  // The cookies come along, for a port makes no other site: what refuses is the platform.
  const refused = page.waitForResponse((response) => response.url() === target);
  const outcome = await page.evaluate(async (url) => {
    const body = JSON.stringify({ name: "Evil" });
    const simple = await fetch(url, { method: "POST", mode: "no-cors", credentials: "include", body });
    const asked = { "content-type": "application/json" };
    const json = await fetch(url, { method: "POST", credentials: "include", headers: asked, body }).catch(
      () => "refused",
    );
    return { simple: simple.type, json };
  }, target);
  expect(outcome).toEqual({ simple: "opaque", json: "refused" });
  expect((await refused).status()).toBe(403);
  const posted = page.waitForResponse(
    (response) => response.url() === target && response.request().isNavigationRequest(),
  );
  await page.getByRole("button", { name: "Win" }).click();
  expect((await posted).status()).toBe(403);
  await page.goto(`${ORIGIN}/organise`);
  await page.getByText("You are not in a team yet").waitFor();
});
