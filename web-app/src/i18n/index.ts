import { i18n } from "@lingui/core";
import { local } from "../lib/storage";
import { choose, isLanguage, LANGUAGES, type Language } from "./languages";

const CHOSEN = "marquee.language";

/** What was chosen here, or what the browser likes best. */
export function preferred(): Language {
  const chosen = local.read<unknown>(CHOSEN);
  return isLanguage(chosen) ? chosen : choose(navigator.languages);
}

/** Shows the app in this language, whose texts are asked for when they are needed. */
export async function activate(language: Language): Promise<void> {
  const { messages } = (await import(`../locales/${language}.po`)) as typeof import("*.po");
  i18n.loadAndActivate({ locale: language, messages });
  document.documentElement.lang = language;
  document.documentElement.dir = LANGUAGES[language].direction;
}

export async function change(language: Language): Promise<void> {
  local.write(CHOSEN, language);
  await activate(language);
}
