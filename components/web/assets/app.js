// What is live on the landing page: a search over events, and round trips measured from here. Data goes into the page as text, never as HTML.
"use strict";

const PROBE_EVERY_MS = 10_000;
const TIMEOUT_MS = 5_000;
const TYPING_PAUSE_MS = 200;
const RESULTS = 6;

// Fetches JSON; a problem document becomes an error that says what it says.
async function getJson(path, signal) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signals = signal ? AbortSignal.any([signal, timeout]) : timeout;
  const response = await fetch(path, { cache: "no-store", headers: { accept: "application/json" }, signal: signals });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(body.detail || body.title || `Status ${response.status}`);
  }
  return body;
}

function reason(error) {
  return error.name === "TimeoutError" ? "No answer within 5 seconds" : error.message;
}

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) {
    made.className = className;
  }
  return made;
}

// Search -------------------------------------------------------------------------------------------------------------

function price(event) {
  const cheapest = Math.min(...event.ticket_types.map((type) => type.price));
  if (cheapest === 0) {
    return "Free";
  }
  const format = new Intl.NumberFormat(undefined, { style: "currency", currency: event.currency });
  const digits = format.resolvedOptions().maximumFractionDigits;
  const amount = format.format(cheapest / 10 ** digits);
  return event.ticket_types.length > 1 ? `from ${amount}` : amount;
}

// In the venue's own time: that is when its doors open.
function when(event) {
  const options = { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(undefined, { ...options, timeZone: event.timezone }).format(new Date(event.starts_at));
}

function resultItem(event) {
  const item = document.createElement("li");
  const title = document.createElement("a");
  title.href = `/api/events/${encodeURIComponent(event.id)}`;
  title.textContent = event.title;
  const heading = element("h3", "");
  heading.append(title);
  const time = element("time", when(event));
  time.dateTime = event.starts_at;
  const line = element("p", "", "small");
  line.append(time, ` · ${event.venue.name}, ${event.venue.city}`);
  item.append(heading, line, element("p", price(event), "price"));
  return item;
}

function liveSearch(form) {
  const input = document.getElementById("q");
  const status = document.getElementById("search-status");
  const results = document.getElementById("results");
  let pause = 0;
  let running = new AbortController();

  async function search() {
    running.abort();
    running = new AbortController();
    const mine = running;
    const parameters = new URLSearchParams({ limit: String(RESULTS) });
    if (input.value.trim()) {
      parameters.set("q", input.value.trim());
    }
    try {
      const page = await getJson(`/api/events?${parameters}`, mine.signal);
      const total = Object.values(page.facets.category).reduce((sum, count) => sum + count, 0);
      results.replaceChildren(...page.items.map(resultItem));
      if (total === 0) {
        status.textContent = "Nothing found.";
      } else {
        status.textContent = total === 1 ? "1 event" : `${total} events${total > page.items.length ? `, the next ${page.items.length} of them:` : ""}`;
      }
    } catch (error) {
      if (!mine.signal.aborted) {
        results.replaceChildren();
        status.textContent = `The search did not answer: ${reason(error)}`;
      }
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(search, TYPING_PAUSE_MS);
  });
  form.addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    clearTimeout(pause);
    search();
  });
  search();
}

// Health -------------------------------------------------------------------------------------------------------------

async function probe(row) {
  const answer = row.querySelector(".answer");
  const time = row.querySelector(".time");
  const begun = performance.now();
  try {
    const body = await getJson(row.dataset.probe);
    time.textContent = `${(performance.now() - begun).toFixed(1)} ms`;
    answer.textContent = "answers";
    row.dataset.state = "good";
    return body;
  } catch (error) {
    time.textContent = "–";
    answer.textContent = reason(error);
    row.dataset.state = "bad";
    return null;
  }
}

function liveHealth(rows) {
  const status = document.getElementById("health-status");
  const asOf = document.getElementById("as-of");

  async function measure() {
    let good = 0;
    // One after the other, so that they do not wait for each other.
    for (const row of rows) {
      const body = await probe(row);
      good += body ? 1 : 0;
      if (body && body.as_of) {
        const time = element("time", new Date(body.as_of).toLocaleTimeString());
        time.dateTime = body.as_of;
        asOf.replaceChildren("The catalog is current as of ", time, ".");
      }
    }
    const text = good === rows.length ? "Everything answers." : `${rows.length - good} of ${rows.length} did not answer.`;
    // Only a change is worth being read aloud.
    if (status.textContent !== text) {
      status.textContent = text;
      status.dataset.state = good === rows.length ? "good" : "bad";
    }
  }

  async function keepMeasuring() {
    if (!document.hidden) {
      await measure();
    }
    setTimeout(keepMeasuring, PROBE_EVERY_MS);
  }
  keepMeasuring();
}

const form = document.getElementById("search");
if (form) {
  liveSearch(form);
  liveHealth([...document.querySelectorAll("[data-probe]")]);
}
