import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";

/** Categories that are known by name; others are shown as they are called, with a capital. */
const CATEGORIES: Record<string, MessageDescriptor> = {
  art: msg`Art`,
  comedy: msg`Comedy`,
  family: msg`Family`,
  film: msg`Film`,
  food: msg`Food & drink`,
  music: msg`Music`,
  sport: msg`Sport`,
  tech: msg`Technology`,
  theatre: msg`Theatre`,
  wellness: msg`Wellness`,
};

export function categoryName(category: string, translate: (text: MessageDescriptor) => string): string {
  const known = CATEGORIES[category];
  if (known) return translate(known);
  const words = category.replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
