// The operators' page of the control plane: everything by the API that the commands use, with the token that somebody has pasted.

const EVERY_MS = 2000;
const PATIENCE_MS = 15000;
const NODES_SHOWN = 500;
const KEY = "marquee-control-token";

const at = (id) => document.getElementById(id);
let token = sessionStorage.getItem(KEY);
let role = null;
/** The rollout that is shown, as it was answered last. */
let current = null;
let timer = 0;
/** When something was last answered. */
let answered = null;
/** Counts looks, and tokens that were forgotten: an answer to an earlier one is not shown. */
let turn = 0;
const releases = new Map();
const shown = new Map();

/** An element with classes, attributes and content; text is text. */
function h(tag, attributes, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...content.filter((each) => each !== null));
  return element;
}

/** Fills an element anew, if what it is made of has changed: focus and selection stay else. */
function fill(id, of, make) {
  const key = JSON.stringify(of);
  if (shown.get(id) === key) return;
  shown.set(id, key);
  at(id).replaceChildren(...[make(of)].flat());
}

const say = (text) => fill("said", text, () => text);
const view = (name) => {
  document.body.dataset.view = name;
};

class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** Asks the API. Fails with a sentence; without a status where there was no answer. */
async function ask(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
      cache: "no-store",
      credentials: "omit",
    });
  } catch {
    throw new Refused(0, "This instance of the control plane does not answer.");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const faults = answer?.faults?.length ? ` ${answer.faults.join("; ")}` : "";
  throw new Refused(response.status, `${answer?.detail ?? `The answer was ${response.status}.`}${faults}`);
}

// Words and figures ---------------------------------------------------------------------------------------------------

const NOTHING = "–";
const clock = (text) => (text ? text.slice(11, 19) : "");
const when = (text) => h("time", { datetime: text ?? "" }, text ? `${text.slice(0, 10)} ${clock(text)}Z` : NOTHING);
const short = (node) => node.replace("marquee://", "").replace("/-/", "/");
const number = (value, digits = 0) =>
  value === null || value === undefined
    ? NOTHING
    : value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
const unit = (value, digits, name) => (value === null || value === undefined ? NOTHING : `${number(value, digits)} ${name}`);
const count = (of, one, many) => `${number(of)} ${of === 1 ? one : many}`;

const TONES = {
  pending: "busy",
  running: "busy",
  gated: "warn",
  paused: "warn",
  completed: "good",
  "rolling-back": "bad",
  "rolled-back": "bad",
  aborted: "bad",
  failed: "bad",
  ready: "good",
  switching: "busy",
  away: "warn",
};
const badge = (state) => h("span", { class: `badge ${TONES[state] ?? ""}` }, state.replace("-", " "));

/** What a release is called: its number, and the version as soon as that is known. */
function named(id) {
  const known = releases.get(id);
  return known ? `release ${id} (${known})` : `release ${id}`;
}

async function learn(ids) {
  for (const id of ids.filter((each) => each && !releases.has(each))) {
    const release = await ask(`v1/releases/${id}`).catch(() => null);
    if (release) releases.set(id, release.version || release.reference.split("@").at(-1).slice(0, 19));
  }
}

const shares = (serving) =>
  serving.length === 0 ? "its own" : serving.map((share) => `${named(share.release)} ${share.weight} %`).join(" + ");

// Parts of the page ---------------------------------------------------------------------------------------------------

/** What may be said in a state, what it does, and what the button is called. */
const VERBS = {
  promote: ["Promote", "The rollout goes on past this gate: the next stage begins, and more nodes get the new release."],
  resume: ["Resume", "The rollout goes on where it was paused."],
  pause: ["Pause", "No further node gets the new release until somebody resumes it. It is still looked at, and taken back if it is worse."],
  abort: ["Abort", "The rollout ends: every node that has the new release goes back to the release before."],
  rollback: ["Roll back", "Every node goes back to the release before, which they have ready."],
};
const FITTING = {
  pending: ["pause", "abort"],
  running: ["pause", "abort"],
  gated: ["promote", "pause", "abort"],
  paused: ["resume", "abort"],
  completed: ["rollback"],
};

function actions(rollout) {
  if (!rollout) return [];
  const fitting = (FITTING[rollout.state] ?? []).filter((verb) => verb !== "rollback" || rollout.way_back);
  if (fitting.length > 0 && role === "viewer") {
    return h("p", { class: "soft" }, "You look on: deciding needs a token of an operator.");
  }
  return fitting.map((verb) => {
    const danger = ["abort", "rollback"].includes(verb);
    const button = h("button", { type: "button", class: danger ? "danger" : "" }, `${VERBS[verb][0]}…`);
    button.addEventListener("click", () => decide(verb));
    return button;
  });
}

/** Asks whether it is meant so, and does it. */
function decide(verb) {
  const [name, does] = VERBS[verb];
  const { id, stage } = current;
  const [dialog, yes] = [at("ask"), at("ask-yes")];
  at("ask-title").textContent = `${name} rollout ${id}?`;
  at("ask-text").textContent = does;
  yes.textContent = name;
  yes.classList.toggle("danger", ["abort", "rollback"].includes(verb));
  dialog.returnValue = "";
  dialog.addEventListener(
    "close",
    async () => {
      if (dialog.returnValue !== "yes") return;
      try {
        // A gate is named, so that nobody passes another one than they saw.
        const rollout = await ask(`v1/rollouts/${id}/${verb}`, verb === "promote" && stage ? { stage } : {});
        say(`Rollout ${id} is ${rollout.state.replace("-", " ")}.`);
        trouble(null);
      } catch (error) {
        trouble(`${name}: ${error.message}`);
      }
      // The buttons may be others now.
      at("main").focus();
      look();
    },
    { once: true },
  );
  dialog.showModal();
}

function summary(rollout) {
  if (!rollout) {
    return h("p", {}, "Nothing was rolled out yet. Begin with ", h("code", {}, "marquee fleet deploy"), ".");
  }
  const release = (of) => [named(of.release), " ", h("code", { class: "soft" }, of.reference)];
  const rows = [["New", release(rollout.new)]];
  if (rollout.old) rows.push(["Old", release(rollout.old)]);
  rows.push(["Begun", [when(rollout.began_at), ` by ${rollout.began_by}`]]);
  if (rollout.skipped.length > 0) rows.push(["Not waited for", [rollout.skipped.map(short).join(", ")]]);
  const list = h("dl", {});
  for (const [term, content] of rows) list.append(h("dt", {}, term), h("dd", {}, ...content));
  const waiting = rollout.waiting.map((reason) => h("p", {}, `Waits: ${reason}.`));
  return [rollout.reason ? h("p", { class: "reason bad" }, rollout.reason) : null, ...waiting, list].filter(Boolean);
}

const STAGES = { done: "done", "under-way": "under way", "to-come": "to come", reached: "reached" };

function stages(rollout) {
  return (rollout?.progress ?? []).map((stage) => {
    const steps = stage.steps.map((weight, step) => {
      const isHere = stage.state === "under-way" && step === rollout.step;
      const isDone = stage.state === "done" || (stage.state === "under-way" && (rollout.step === null || step < rollout.step));
      return h("li", isHere ? { "aria-current": "step" } : { class: isDone ? "done" : "" }, `${weight} %`);
    });
    const isAtGate = stage.state === "under-way" && rollout.step === null;
    const gate = stage.gate === "manual" && ["under-way", "to-come"].includes(stage.state) ? ", then a gate" : "";
    const far = isAtGate ? "done, at its gate" : `${STAGES[stage.state]}${gate}`;
    return h(
      "li",
      { class: stage.state },
      h("p", {}, h("strong", {}, stage.name), h("span", { class: "soft" }, far)),
      h("p", { class: "soft" }, count(stage.nodes, "node", "nodes")),
      h("ol", { class: "steps", "aria-label": `Steps of ${stage.name}` }, ...steps),
    );
  });
}

const MIB = 1024 * 1024;
const FIGURES = [
  ["Requests", (of) => number(of.requests)],
  ["A second", (of) => number(of.per_second, 1)],
  ["Errors (5xx)", (of) => (of.error_share === null ? NOTHING : `${number(of.error_share * 100, 2)} %`)],
  ["Half of answers within", (of) => unit(of.latency_ms.p50, 1, "ms")],
  ["90 % within", (of) => unit(of.latency_ms.p90, 1, "ms")],
  ["99 % within", (of) => unit(of.latency_ms.p99, 1, "ms")],
  ["Traps", (of) => number(of.traps)],
  ["Restarts of instances", (of) => number(of.restarts)],
  ["Memory at most", (of) => unit(of.memory && of.memory / MIB, 1, "MiB")],
];

function figures({ all, fresh, before }) {
  if (all.length === 0) return h("p", { class: "soft" }, "There are none before the first look at a step.");
  return all.map((of) => {
    const compared = of.against ? `, ${of.against}` : ", nothing to compare with";
    const caption = h("caption", {}, `${of.kind} nodes, ${number(of.window_ms / 1000)} s until `, when(of.at), compared);
    const head = h("tr", {}, h("td", {}), h("th", { scope: "col" }, fresh), h("th", { scope: "col" }, before ?? NOTHING));
    const rows = FIGURES.map(([name, value]) =>
      h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value(of.new)), h("td", {}, of.old ? value(of.old) : NOTHING)),
    );
    return h("table", { class: "figures" }, caption, h("thead", {}, head), h("tbody", {}, ...rows));
  });
}

const TROUBLE = ["failed", "away", "switching", "ready"];
const troubleFirst = (one, other) => TROUBLE.indexOf(one.state) - TROUBLE.indexOf(other.state) || one.node.localeCompare(other.node);

function nodeRows(nodes) {
  const rows = nodes.slice(0, NODES_SHOWN).map((node) =>
    h(
      "tr",
      {},
      h("td", { class: "mono" }, short(node.node)),
      h("td", {}, badge(node.state)),
      h("td", {}, shares(node.serving)),
      h("td", {}, node.region),
      h("td", {}, when(node.seen_at)),
      h("td", {}, node.drift.join("; ")),
    ),
  );
  const more = nodes.length - NODES_SHOWN;
  if (more > 0) rows.push(h("tr", {}, h("td", { colspan: "6" }, `and ${count(more, "node", "nodes")} more`)));
  return rows;
}

const line = (time, ...content) => h("li", {}, when(time), ...content);
const empty = (text) => h("li", { class: "soft" }, text);

function events(all) {
  if (all.length === 0) return empty("Nothing yet.");
  return all.toReversed().map((event) => line(event.at, event.text));
}

function history(rollouts) {
  if (rollouts.length === 0) return empty("There is none.");
  return rollouts.map((each) =>
    line(each.began_at, `rollout ${each.id}, ${named(each.new.release)}, by ${each.began_by} `, badge(each.state), each.reason ? ` ${each.reason}` : ""),
  );
}

function audit(entries) {
  if (entries === null) return empty("It needs a token of an admin.");
  if (entries.length === 0) return empty("Nothing yet.");
  return entries.map(({ at: time, who, what, subject, detail }) => line(time, `${who}: ${what} ${subject} `, h("span", { class: "soft" }, detail)));
}

// Looking -------------------------------------------------------------------------------------------------------------

function trouble(text) {
  at("trouble").hidden = text === null;
  fill("trouble", text, () => text ?? "");
}

function draw(status, nodes, rollouts, entries) {
  const { rollout } = status;
  const before = current;
  current = rollout;
  role = status.you.role;
  if (before && rollout && (before.id !== rollout.id || before.state !== rollout.state || before.stage !== rollout.stage)) {
    const stage = rollout.stage ? `, stage ${rollout.stage}` : "";
    say(`Rollout ${rollout.id} is ${rollout.state.replace("-", " ")}${stage}.`);
  }
  const names = [...releases];
  fill("application", rollout?.application ?? "", (name) => (name ? `of ${name}` : ""));
  fill("instance", [status.instance, status.acts], () =>
    status.acts ? `${status.instance} answers, ${status.acts} acts` : `${status.instance} answers; no instance acts now, one will within seconds`,
  );
  fill("you", status.you, ({ name }) => `${name}, ${role}`);
  fill("rollout-title", rollout?.id ?? null, (id) => (id === null ? "No rollout" : `Rollout ${id}`));
  fill("state", rollout?.state ?? null, (state) => (state === null ? [] : badge(state)));
  fill("actions", [rollout?.state, rollout?.way_back, role, rollout?.id], () => actions(rollout));
  fill("summary", [rollout && [rollout.new, rollout.old, rollout.reason, rollout.waiting, rollout.skipped], names], () => summary(rollout));
  fill("stages", [rollout?.progress, rollout?.step], () => stages(rollout));
  const [fresh, old] = [rollout && `New: ${named(rollout.new.release)}`, rollout?.old && `Old: ${named(rollout.old.release)}`];
  fill("figures", { all: rollout?.figures ?? [], fresh, before: old }, figures);
  fill("events", rollout?.events ?? [], events);
  const states = TROUBLE.map((state) => [state, nodes.filter((node) => node.state === state).length]).filter(([, of]) => of > 0);
  fill("nodes-count", [nodes.length, states], () =>
    nodes.length === 0 ? "No node has reported yet." : `${count(nodes.length, "node", "nodes")}: ${states.map(([state, of]) => `${of} ${state}`).join(", ")}`,
  );
  fill("nodes", [nodes.toSorted(troubleFirst), names], ([sorted]) => nodeRows(sorted));
  fill("history", [rollouts.filter(({ id }) => id !== rollout?.id), names], ([all]) => history(all));
  fill("audit", entries, audit);
}

/** Looks once, and again after a while. */
async function look() {
  clearTimeout(timer);
  const mine = ++turn;
  try {
    const [status, { nodes }, { rollouts }] = await Promise.all([ask("v1/status"), ask("v1/nodes"), ask("v1/rollouts?limit=10")]);
    const entries = status.you.role === "admin" ? (await ask("v1/audit?limit=30")).entries : null;
    await learn([...rollouts.map((each) => each.new.release), status.rollout?.old?.release]);
    if (mine !== turn) return;
    answered = status.time;
    view("fleet");
    if (at("trouble").dataset.of === "look") trouble(null);
    at("trouble").dataset.of = "";
    draw(status, nodes, rollouts, entries);
  } catch (error) {
    if (mine !== turn) return;
    if (error.status === 401) return leave("The control plane does not know this token.");
    const since = answered ? ` What is shown is of ${clock(answered)}Z.` : "";
    const elsewhere = error.status === 503 ? " Another instance may answer: open its address." : "";
    trouble(`${error.message} It is asked again.${elsewhere}${since}`);
    at("trouble").dataset.of = "look";
  }
  timer = setTimeout(look, EVERY_MS);
}

/** Forgets the token, and asks for one. */
function leave(why) {
  turn += 1;
  clearTimeout(timer);
  sessionStorage.removeItem(KEY);
  token = role = current = answered = null;
  shown.clear();
  releases.clear();
  trouble(null);
  say("");
  at("application").textContent = at("instance").textContent = "";
  view("enter");
  at("refused").textContent = why;
  at("token").setAttribute("aria-invalid", String(why !== ""));
  at("token").focus();
}

at("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("token").value.trim();
  at("token").value = "";
  // What no header may carry is no token.
  if (!/^[!-~]+$/.test(token)) return leave("This is no token: it has visible characters only, and no blank.");
  sessionStorage.setItem(KEY, token);
  at("refused").textContent = "";
  view("loading");
  at("main").focus();
  look();
});
at("leave").addEventListener("click", () => leave(""));
document.addEventListener("visibilitychange", () => {
  if (!token) return;
  if (document.hidden) clearTimeout(timer);
  else look();
});

if (token) {
  view("loading");
  look();
}
