// The service worker: the app's page and the files that it is made of, without a network. What is asked of the API it leaves alone: what may be shown
// without a network the app keeps by itself. `finish.ts` puts in what belongs to the shell.
const VERSION = "shell-VERSION";
const SHELL = ["SHELL"];

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(VERSION);
      await cache.addAll(SHELL);
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name !== VERSION) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  // Names with a hash of their bytes never mean others.
  if (url.pathname.startsWith("/app/") || url.pathname === "/favicon.svg") event.respondWith(kept(request));
  // Every page is the same page; which ones there are the server knows, while it can be reached.
  else if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => shell(request)));
});

async function kept(request) {
  const cache = await caches.open(VERSION);
  const known = await cache.match(request);
  if (known) return known;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

async function shell(request) {
  const cache = await caches.open(VERSION);
  const path = new URL(request.url).pathname;
  const theirs = ["/api", "/docs", "/problems", "/developers", "/events", "/.well-known"];
  const page = theirs.some((each) => path === each || path.startsWith(`${each}/`)) ? undefined : await cache.match("/");
  return page ?? Response.error();
}
