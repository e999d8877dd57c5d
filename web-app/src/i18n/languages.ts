/** The languages of the app, each with its own name. */
export const LANGUAGES = {
  en: { name: "English", direction: "ltr" },
  de: { name: "Deutsch", direction: "ltr" },
  si: { name: "සිංහල", direction: "ltr" },
  ar: { name: "العربية", direction: "rtl" },
} as const;

export type Language = keyof typeof LANGUAGES;

export function isLanguage(tag: unknown): tag is Language {
  return typeof tag === "string" && tag in LANGUAGES;
}

/** The first of these tags that there is, by its language alone. */
export function choose(tags: readonly string[]): Language {
  for (const tag of tags) {
    const [language] = tag.toLowerCase().split("-");
    if (isLanguage(language)) return language;
  }
  return "en";
}
