import { mayBeDone } from "../api/problem";
import { hash } from "../lib/cover";
import { newKey } from "../lib/key";
import { tab } from "../lib/storage";

const KEYS = "marquee.organise.key.";

/** Whatever is asked for next is something else, even if it looks the same. */
export function anew(what: string): void {
  tab.remove(KEYS + what);
}

/**
 * Does a write with an idempotency key that is stored before it is sent. Who asks for the same again, after a reload too, asks with the same key for as
 * long as it may have been done; what was answered, or certainly was not done, gets a new one the next time.
 */
export async function once<Answer extends { error?: unknown }>(
  what: string,
  body: unknown,
  write: (key: string) => Promise<Answer>,
): Promise<Answer> {
  const text = JSON.stringify(body) ?? "";
  const of = `${text.length}.${hash(text)}`;
  const place = KEYS + what;
  const known = tab.read<{ of: string; key: string }>(place);
  const key = known?.of === of ? known.key : newKey();
  tab.write(place, { of, key });
  const answer = await write(key);
  if (!mayBeDone(answer.error)) tab.remove(place);
  return answer;
}
