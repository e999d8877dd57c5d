/**
 * The server's clock, as far as it is known here.
 *
 * An answer's `Date` has whole seconds: the server wrote it at some moment of that second, after the request left and before the answer came. Each
 * answer so bounds how far the two clocks are apart, and together they bound it ever closer. A clock that was set meanwhile shows in bounds that
 * contradict each other, and the newest then count alone.
 */
export class ServerClock {
  private low = Number.NEGATIVE_INFINITY;
  private high = Number.POSITIVE_INFINITY;

  /** Learns from an answer that was made for its request and came from no cache. */
  learn(date: string | null, sent: number, received: number): void {
    const written = date === null ? Number.NaN : Date.parse(date);
    if (Number.isNaN(written)) return;
    const low = written - received;
    const high = written + 1000 - sent;
    if (low > this.high || high < this.low) {
      this.low = low;
      this.high = high;
    } else {
      this.low = Math.max(this.low, low);
      this.high = Math.min(this.high, high);
    }
  }

  /** How many milliseconds the server is ahead; 0 where nothing is known. */
  get ahead(): number {
    return Number.isFinite(this.low) && Number.isFinite(this.high) ? (this.low + this.high) / 2 : 0;
  }

  /** The server's present, as near as it is known. */
  now(local = Date.now()): number {
    return local + this.ahead;
  }
}

export const clock = new ServerClock();

/**
 * Milliseconds that are left of a hold, never more than it lasts: what is not known of the server's clock must not make more of it than was given.
 */
export function remaining(hold: { createdAt: string; expiresAt: string }, now: number): number {
  const end = Date.parse(hold.expiresAt);
  return Math.max(0, Math.min(end - now, end - Date.parse(hold.createdAt)));
}

/** Minutes that are said aloud when no more than these are left. */
export const ANNOUNCED_MINUTES = [5, 2, 1, 0] as const;

/** Which of them is due once these milliseconds are left; none while there are more. */
export function announcement(left: number): (typeof ANNOUNCED_MINUTES)[number] | null {
  const due = ANNOUNCED_MINUTES.filter((minutes) => left <= minutes * 60_000);
  return due.at(-1) ?? null;
}

/** As `9:05`. */
export function minutesAndSeconds(left: number): string {
  const seconds = Math.ceil(left / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
