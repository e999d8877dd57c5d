import { local } from "../lib/storage";
import type { Post } from "./desk";

const KEY = "marquee.door";

export interface Settings {
  post: Post | null;
  gate: string;
  sound: boolean;
}

function isPost(value: unknown): value is Post {
  const post = value as Partial<Post> | null;
  return typeof post?.event?.id === "string" && typeof post.list?.id === "string" && typeof post.gate === "string";
}

/** Which gate this browser was last, and how it signals. */
export function settings(): Settings {
  const stored = local.read<Partial<Settings>>(KEY);
  return {
    post: isPost(stored?.post) ? stored.post : null,
    gate: typeof stored?.gate === "string" ? stored.gate : "",
    sound: stored?.sound !== false,
  };
}

export function changeSettings(change: Partial<Settings>): void {
  local.write(KEY, { ...settings(), ...change });
}
