import { beforeAll, beforeEach, expect, test } from "vitest";
import type { Failure } from "../api/problem";
import { hashOf, isSigned, type Key, parse } from "./code";
import { type Admission, decide, type OfflineList, type ScanOutcome } from "./decide";
import { type Answer, Desk, isConflict, type Keep, type Post, type Remote, type Waiting } from "./desk";
import { Wedge } from "./wedge";

// Of `components/ticket-code`: what the platform signs, and with which key, so that both sides mean the same.
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const [EVENT, TYPE] = ["eu_event", "eu_standard"];
let pair: CryptoKeyPair;
let key: Key;

function base32(bytes: Uint8Array): string {
  let [bits, value, text] = [0, 0, ""];
  for (const byte of bytes) {
    value = (value << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(value >> (bits - 5)) & 31];
    value &= 0xff;
  }
  return text;
}
const sha256 = async (bytes: Uint8Array<ArrayBuffer>) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
const bytesOf = (text: string) => new Uint8Array(new TextEncoder().encode(text));

async function sign(reference: string, event = EVENT, type = TYPE): Promise<string> {
  const [x, eventHash, typeHash] = await Promise.all([
    crypto.subtle.exportKey("raw", pair.publicKey).then((raw) => sha256(new Uint8Array(raw))),
    sha256(bytesOf(event)),
    sha256(bytesOf(type)),
  ]);
  const head = new Uint8Array([...x.slice(0, 5), ...eventHash.slice(0, 8), ...typeHash.slice(0, 8)]);
  const signed = new Uint8Array([...bytesOf(`marquee ticket 1\n${reference}`), ...head]);
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, signed));
  return `${reference}.${base32(new Uint8Array([...head, ...signature]))}`;
}

beforeAll(async () => {
  pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  const { x } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  key = { kid: base32((await sha256(raw)).slice(0, 5)), x: x ?? "" };
});

const list = (change: Partial<OfflineList["list"]> = {}, tickets: OfflineList["tickets"] = new Map()): OfflineList => ({
  event: EVENT,
  list: { id: "default", name: "", ticket_types: null, opens_at: null, closes_at: null, entries: "once", ...change },
  keys: [key],
  tickets,
  asOf: "2027-03-01T17:00:00Z",
});
const NOW = new Date("2027-03-01T18:30:00Z");
const decided = async (code: string, from: OfflineList, admission?: Admission) =>
  (await decide(code, from, () => admission, NOW)).verdict;

test("a signature counts as it was made, and one letter of it is another", async () => {
  const code = await sign("EU.T1.06F9.3-1");
  const read = parse(` ${code.toLowerCase()}\n`);
  expect(read && (await isSigned(read, key))).toBe(true);
  const other = parse(code.replace("T1.06F9.3-1", "T1.06F9.4-1"));
  expect(other && (await isSigned(other, key))).toBe(false);
  for (const text of ["", "EU.T1.06F9.3-1", `${code}0`, code.replace("3-1", "0-1"), code.replace("T1", "T2")])
    expect(parse(text), text).toBeNull();
  expect(await hashOf(code)).toBe(await hashOf("eu.t1.06f9.3-1"));
  expect(await hashOf("nothing")).toBeNull();
});

test("without a network a good code lets in, and each other one says why not", async () => {
  const code = await sign("EU.T1.06F9.3-1");
  const hash = (await hashOf(code)) ?? "";
  const listed = { type: TYPE, name: "Grace", void: false, admitted: false };
  expect(await decided(code, list({}, new Map([[hash, listed]])))).toMatchObject({
    is: "admitted",
    name: "Grace",
    type: TYPE,
    offline: true,
  });
  // Sold since the list was downloaded.
  expect((await decided(code, list())).is).toBe("admitted");
  expect((await decided(code, list({}, new Map([[hash, { ...listed, void: true }]])))).is).toBe("void");
  expect((await decided(code, list({}, new Map([[hash, { ...listed, admitted: true }]])))).is).toBe("already");
  expect(await decided(code, list(), { at: "2027-03-01T18:00:00Z", gate: "north" })).toMatchObject({
    is: "already",
    gate: "north",
  });
  expect((await decided(code, list({ entries: "many" }), { at: null, gate: null })).is).toBe("admitted");
  expect((await decided(code, list({ ticket_types: [TYPE] }))).is).toBe("admitted");
  expect((await decided(code, list({ ticket_types: ["eu_vip"] }))).is).toBe("wrong-list");
  expect((await decided(code, list({ opens_at: "2027-03-01T19:00:00Z" }))).is).toBe("not-open");
  expect((await decided(code, list({ closes_at: "2027-03-01T18:30:00Z" }))).is).toBe("not-open");
  expect((await decided(await sign("EU.T1.06F9.3-1", "eu_other"), list())).is).toBe("wrong-event");
  expect((await decided(code, { ...list(), keys: [] })).is).toBe("unknown");
  expect((await decided("EU.T1.06F9.3-1", list())).is).toBe("unknown");
  expect((await decided("ABCDEFGH01234567", list())).is).toBe("unchecked");
});

class Memory implements Keep {
  scans = new Map<string, Waiting>();
  admitted = new Map<string, Admission>();
  waiting = async () => [...this.scans.values()];
  wait = async (scan: Waiting) => void this.scans.set(scan.id, scan);
  settle = async (ids: string[]) => ids.forEach((id) => void this.scans.delete(id));
  admissions = async () => new Map(this.admitted);
  admit = async (_event: string, _list: string, hash: string, admission: Admission | null) => {
    if (admission) this.admitted.set(hash, admission);
    else this.admitted.delete(hash);
  };
}

const POST: Post = { event: { id: EVENT, title: "", types: {} }, list: { id: "default", name: "" }, gate: "north" };
const OFFLINE: { error: Failure } = { error: { kind: "network" } };
const outcome = (more: Partial<ScanOutcome>): ScanOutcome => ({
  result: "admitted",
  reason: null,
  admitted_at: NOW.toISOString(),
  gate: "north",
  ticket_type_id: TYPE,
  name: null,
  ...more,
});

let keep: Memory;
let asked: number;
let merged: Waiting[][];
let scanAnswer: Answer<ScanOutcome>;
let mergeAnswer: (scans: Waiting[]) => Answer<ScanOutcome[]>;
const remote: Remote = {
  scan: async () => {
    asked += 1;
    return scanAnswer;
  },
  undo: async () => OFFLINE,
  merge: async (_event, _list, scans) => {
    merged.push(scans);
    return mergeAnswer(scans);
  },
};
let clock = NOW.getTime();
const opened = async () => {
  const desk = await Desk.open(POST, remote, keep, () => new Date(clock));
  desk.list = list();
  return desk;
};
const is = (scanned: Awaited<ReturnType<Desk["scan"]>>) => ("verdict" in scanned ? scanned.verdict.is : scanned.error);

beforeEach(() => {
  keep = new Memory();
  [asked, merged, scanAnswer, clock] = [0, [], OFFLINE, NOW.getTime()];
  mergeAnswer = (scans) => ({ data: scans.map(({ at }) => outcome({ admitted_at: at })) });
});

test("a scan that nobody answers is decided here, kept over a reload, and told of once", async () => {
  const code = await sign("EU.T1.06F9.1-1");
  const desk = await opened();
  // Two at once: the second knows of the first.
  const both = await Promise.all([desk.scan(code, "a"), desk.scan(code, "b")]);
  expect(both.map(is)).toEqual(["admitted", "already"]);
  expect([asked, desk.waiting, desk.isAway]).toEqual([1, 1, true]);

  const again = await opened();
  expect(again.waiting).toBe(1);
  clock += 1000;
  expect(is(await again.scan(code, "c"))).toBe("already");
  mergeAnswer = () => OFFLINE;
  expect(await again.sync()).toMatchObject({ sent: 0, error: { kind: "network" } });
  expect((await opened()).waiting).toBe(1);
  mergeAnswer = (scans) => ({ data: scans.map(({ at }) => outcome({ admitted_at: at })) });
  expect(await again.sync()).toEqual({ sent: 1, conflicts: [] });
  expect([again.waiting, again.isAway, (await opened()).waiting]).toEqual([0, false, 0]);
  expect(merged.map((scans) => scans.map((scan) => [scan.code, scan.at, scan.gate]))).toEqual([
    [[code, NOW.toISOString(), "north"]],
    [[code, NOW.toISOString(), "north"]],
  ]);
});

test("who came in elsewhere first is said, and known from then on", async () => {
  const code = await sign("EU.T1.06F9.1-1");
  const desk = await opened();
  await desk.scan(code, "a");
  const first = outcome({ result: "already-admitted", admitted_at: "2027-03-01T18:00:00Z", gate: "south" });
  mergeAnswer = () => ({ data: [first] });
  const { conflicts } = await desk.sync();
  expect(conflicts.map((conflict) => conflict.outcome)).toEqual([first]);
  const { verdict } = (await desk.scan(code, "b")) as { verdict: { is: string; gate: string | null } };
  expect([verdict.is, verdict.gate]).toEqual(["already", "south"]);
});

test("an admission of one's own, whose answer was lost, is no conflict", () => {
  const scan: Waiting = {
    id: "a",
    event: EVENT,
    list: "default",
    code: "",
    gate: "north",
    at: NOW.toISOString(),
    hash: "",
  };
  const before = (seconds: number, gate: string) =>
    outcome({ result: "already-admitted", admitted_at: new Date(NOW.getTime() - seconds * 1000).toISOString(), gate });
  expect(isConflict(scan, outcome({}))).toBe(false);
  expect(isConflict(scan, before(3, "north"))).toBe(false);
  expect(isConflict(scan, before(3, "south"))).toBe(true);
  expect(isConflict(scan, before(600, "north"))).toBe(true);
  expect(isConflict(scan, outcome({ result: "void", admitted_at: null }))).toBe(true);
});

test("a scan that the server cannot take holds no other back", async () => {
  const desk = await opened();
  for (const number of [1, 2, 3]) await desk.scan(await sign(`EU.T1.06F9.${number}-1`), `s${number}`);
  const refusal: Failure = {
    kind: "problem",
    type: "/problems/invalid-request",
    status: 400,
    detail: "",
    requestId: "",
    retryAfter: null,
    errors: [{ pointer: "/scans/1/at", detail: "is more than 14 days ago" }],
  };
  mergeAnswer = (scans) =>
    scans.length === 3 ? { error: refusal } : { data: scans.map(({ at }) => outcome({ admitted_at: at })) };
  const { sent, conflicts } = await desk.sync();
  expect([sent, conflicts.map(({ scan, outcome: none }) => [scan.id, none])]).toEqual([2, [["s2", null]]]);
  expect(desk.waiting).toBe(0);
});

test("what the server says counts, is known without it afterwards, and can be taken back", async () => {
  const code = await sign("EU.T1.06F9.1-1");
  const desk = await opened();
  scanAnswer = { data: outcome({}) };
  expect(is(await desk.scan(code, "a"))).toBe("admitted");
  expect(desk.waiting).toBe(0);
  scanAnswer = OFFLINE;
  expect(is(await desk.scan(code, "b"))).toBe("already");
  expect(await desk.undo(code)).toEqual(OFFLINE);

  const other = await sign("EU.T1.06F9.2-1");
  expect(is(await desk.scan(other, "c"))).toBe("admitted");
  expect(await desk.undo(other)).toEqual({});
  expect([desk.waiting, keep.scans.size]).toEqual([0, 0]);
  expect(is(await desk.scan(other, "d"))).toBe("admitted");
});

test("nobody is let in by what cannot be checked", async () => {
  const desk = await opened();
  expect(is(await desk.scan("EU.T1.06F9.1-1", "a", true))).toBe("unchecked");
  desk.list = null;
  expect(is(await desk.scan(await sign("EU.T1.06F9.1-1"), "b"))).toBe("unchecked");
  clock += 60_000;
  scanAnswer = { error: { ...OFFLINE.error, kind: "problem", type: "/problems/forbidden", status: 403 } as Failure };
  expect(is(await desk.scan("x", "c"))).toMatchObject({ type: "/problems/forbidden" });
  expect(desk.waiting).toBe(0);
});

test("a scanner that types is understood, and keys that make no code are not", () => {
  const typed = (text: string, apart: number) => {
    const wedge = new Wedge();
    let code: string | null = null;
    for (const [index, letter] of [...text, "Enter"].entries()) code = wedge.press(letter, index * apart) ?? code;
    return code;
  };
  expect(typed("EU.T1.06F9.1-1", 8)).toBe("EU.T1.06F9.1-1");
  expect(typed("EU.T1.06F9.1-1", 1500)).toBeNull();
  expect(typed("no code is like this", 8)).toBeNull();
  expect(typed("short", 8)).toBeNull();
  const shifted = new Wedge();
  for (const [index, letter] of [
    "Shift",
    "E",
    "Shift",
    "U",
    ".",
    "T",
    "1",
    ".",
    "0",
    "6",
    "F",
    "9",
    ".",
    "1",
    "-",
    "1",
  ].entries())
    shifted.press(letter, index * 5);
  expect(shifted.press("Enter", 16 * 5)).toBe("EU.T1.06F9.1-1");
});
