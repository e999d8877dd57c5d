import type { Failure } from "../api/problem";
import { hashOf, plain } from "./code";
import { type Admission, decide, type OfflineList, type ScanOutcome, type Verdict, verdict, verdictOf } from "./decide";

/** Which gate this is. */
export interface Post {
  event: { id: string; title: string; types: Record<string, string> };
  list: { id: string; name: string };
  gate: string;
}

/** Somebody was let in without a network, and the server does not know. */
export interface Waiting {
  id: string;
  event: string;
  list: string;
  code: string;
  gate: string;
  at: string;
  hash: string;
}

export type Answer<T> = { data: T } | { error: Failure };

/** The server, as a door needs it. */
export interface Remote {
  scan(post: Post, code: string, manual: boolean, key: string): Promise<Answer<ScanOutcome>>;
  undo(post: Post, code: string, manual: boolean): Promise<Answer<{ result: string }>>;
  merge(event: string, list: string, scans: Waiting[]): Promise<Answer<ScanOutcome[]>>;
}

/** What is kept over a reload. */
export interface Keep {
  waiting(): Promise<Waiting[]>;
  wait(scan: Waiting): Promise<void>;
  settle(ids: string[]): Promise<void>;
  admissions(event: string, list: string): Promise<Map<string, Admission>>;
  admit(event: string, list: string, hash: string, admission: Admission | null): Promise<void>;
}

/** A scan of this device that did not count, when it was told of. */
export interface Conflict {
  scan: Waiting;
  /** What counts instead; nothing where the server takes it not at all. */
  outcome: ScanOutcome | null;
}

export type Scanned = { verdict: Verdict; undo: boolean } | { error: Failure };

/** Scans that one request may tell of. */
const BATCH = 500;
/** Milliseconds for which nobody waits for a server that did not answer. */
const REST = 15_000;
/** Milliseconds between two clocks within which an admission at one's own gate is one's own. */
const OWN = 120_000;

/** Whether nothing is known of what the server thinks: then this device decides. */
export function isAway(failure: Failure): boolean {
  return failure.kind !== "problem" || failure.status >= 500 || failure.status === 429 || failure.status === 408;
}

/** Whether a scan that was told of was let in elsewhere before: then two people came in by one ticket. */
export function isConflict(scan: Waiting, outcome: ScanOutcome): boolean {
  if (outcome.result === "admitted") return false;
  if (outcome.result !== "already-admitted") return true;
  const apart = Math.abs(Date.parse(outcome.admitted_at ?? "") - Date.parse(scan.at));
  return outcome.gate !== scan.gate || !(apart < OWN);
}

/**
 * A gate: asks the server, and decides by itself while that does not answer. What it has decided is written down before anybody is let in, and told to
 * the server as soon as that is there.
 */
export class Desk {
  private turn: Promise<unknown> = Promise.resolve();
  private resting = 0;
  private readonly post: Post;
  private readonly remote: Remote;
  private readonly keep: Keep;
  private readonly now: () => Date;
  private readonly admitted: Map<string, Admission>;
  private queue: Waiting[];
  /** What the server is being told of just now. */
  private readonly telling = new Set<string>();
  /** What is there to decide by; nothing before it was downloaded, or where signatures cannot be verified. */
  list: OfflineList | null = null;

  private constructor(
    post: Post,
    remote: Remote,
    keep: Keep,
    now: () => Date,
    admitted: Map<string, Admission>,
    queue: Waiting[],
  ) {
    this.post = post;
    this.remote = remote;
    this.keep = keep;
    this.now = now;
    this.admitted = admitted;
    this.queue = queue;
  }

  static async open(post: Post, remote: Remote, keep: Keep, now = () => new Date()): Promise<Desk> {
    const [admitted, queue] = await Promise.all([keep.admissions(post.event.id, post.list.id), keep.waiting()]);
    return new Desk(post, remote, keep, now, admitted, queue);
  }

  /** How many scans the server has yet to hear of, of all gates that this device has been. */
  get waiting(): number {
    return this.queue.length;
  }

  /** Whether the server answered when it was asked last. */
  get isAway(): boolean {
    return this.resting > this.now().getTime();
  }

  /** One after the other: of two scans of one ticket the second knows of the first. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work, work);
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async note(hash: string | null, admission: Admission | null): Promise<void> {
    if (hash === null) return;
    if (admission) this.admitted.set(hash, admission);
    else this.admitted.delete(hash);
    await this.keep.admit(this.post.event.id, this.post.list.id, hash, admission);
  }

  /** Lets somebody in, or says why not. */
  scan(text: string, key: string, manual = false): Promise<Scanned> {
    return this.inTurn(async () => {
      const code = plain(text);
      if (!this.isAway) {
        const answer = await this.remote.scan(this.post, code, manual, key);
        if ("data" in answer) {
          const said = verdictOf(answer.data);
          if (said.is === "admitted" || said.is === "already")
            await this.note(await hashOf(code), { at: said.at, gate: said.gate });
          return { verdict: said, undo: said.is === "admitted" };
        }
        if (!isAway(answer.error)) return answer;
        this.resting = this.now().getTime() + REST;
      }
      // Somebody who was found by name has no signature to show.
      if (!this.list || manual) return { verdict: verdict("unchecked", { offline: true }), undo: false };
      const { verdict: said, hash } = await decide(code, this.list, (each) => this.admitted.get(each), this.now());
      if (said.is !== "admitted" || said.at === null || hash === null) return { verdict: said, undo: false };
      const scan = {
        id: key,
        event: this.post.event.id,
        list: this.post.list.id,
        code,
        gate: this.post.gate,
        at: said.at,
        hash,
      };
      await this.keep.wait(scan);
      this.queue = [...this.queue, scan];
      await this.note(hash, { at: said.at, gate: this.post.gate });
      return { verdict: said, undo: true };
    });
  }

  /** Takes the last admission by this code back. */
  undo(text: string, manual = false): Promise<{ error?: Failure }> {
    return this.inTurn(async () => {
      const code = plain(text);
      const own = this.queue.findLast(
        (scan) =>
          scan.code === code &&
          scan.event === this.post.event.id &&
          scan.list === this.post.list.id &&
          !this.telling.has(scan.id),
      );
      if (own) {
        await this.keep.settle([own.id]);
        this.queue = this.queue.filter((scan) => scan.id !== own.id);
      } else {
        const answer = await this.remote.undo(this.post, code, manual);
        if ("error" in answer) return answer;
      }
      await this.note(await hashOf(code), null);
      return {};
    });
  }

  /**
   * Tells the server what it has not heard of. Asked again after a failure it tells the same, of which each counts once. Nobody at the door waits for it.
   */
  async sync(): Promise<{ sent: number; conflicts: Conflict[]; error?: Failure }> {
    const conflicts: Conflict[] = [];
    let sent = 0;
    for (const batch of this.batches()) {
      let left = batch;
      while (left.length > 0) {
        const answer = await this.tell(left);
        if ("data" in answer) {
          this.resting = 0;
          conflicts.push(...(await this.inTurn(() => this.learn(left, answer.data))));
          sent += left.length;
          break;
        }
        // A scan that the server cannot take, as one of a clock that is wrong, must not hold the others back.
        const refused = refusedOf(answer.error, left);
        if (refused.length === 0) {
          if (isAway(answer.error)) this.resting = this.now().getTime() + REST;
          return { sent, conflicts, error: answer.error };
        }
        conflicts.push(...refused.map((scan) => ({ scan, outcome: null })));
        await this.inTurn(() => this.forget(refused));
        left = left.filter((scan) => !refused.includes(scan));
      }
    }
    return { sent, conflicts };
  }

  private async tell(scans: Waiting[]): Promise<Answer<ScanOutcome[]>> {
    const [first] = scans;
    if (!first) return { data: [] };
    for (const { id } of scans) this.telling.add(id);
    try {
      return await this.remote.merge(first.event, first.list, scans);
    } finally {
      for (const { id } of scans) this.telling.delete(id);
    }
  }

  private async learn(scans: Waiting[], outcomes: ScanOutcome[]): Promise<Conflict[]> {
    const conflicts: Conflict[] = [];
    for (const [index, scan] of scans.entries()) {
      const outcome = outcomes[index];
      if (outcome && isConflict(scan, outcome)) conflicts.push({ scan, outcome });
      if (outcome?.admitted_at && scan.event === this.post.event.id && scan.list === this.post.list.id)
        await this.note(scan.hash, { at: outcome.admitted_at, gate: outcome.gate });
    }
    await this.forget(scans);
    return conflicts;
  }

  private batches(): Waiting[][] {
    const groups = new Map<string, Waiting[]>();
    for (const scan of this.queue) {
      const key = `${scan.event}/${scan.list}`;
      groups.set(key, [...(groups.get(key) ?? []), scan]);
    }
    const batches: Waiting[][] = [];
    for (const group of groups.values())
      for (let from = 0; from < group.length; from += BATCH) batches.push(group.slice(from, from + BATCH));
    return batches;
  }

  private async forget(scans: Waiting[]): Promise<void> {
    const ids = scans.map((scan) => scan.id);
    await this.keep.settle(ids);
    this.queue = this.queue.filter((scan) => !ids.includes(scan.id));
  }
}

function refusedOf(failure: Failure, scans: Waiting[]): Waiting[] {
  if (failure.kind !== "problem" || failure.type !== "/problems/invalid-request") return [];
  const places = failure.errors.map((fault) => /^\/scans\/(\d+)(\/|$)/.exec(fault.pointer)?.[1]);
  return scans.filter((_, index) => places.includes(String(index)));
}
