import { i18n } from "@lingui/core";
import { local } from "../lib/storage";
import { choose, isLanguage, LANGUAGES, type Language } from "./languages";

const CHOSEN = "marquee.language";

/** What was chosen here, or what the browser likes best. */
export function preferred(): Language {
  const chosen = local.read<unknown>(CHOSEN);
  return isLanguage(chosen) ? chosen : choose(navigator.languages);
}

/** Brings the texts of a part of the app, in a language. */
export type Texts = (language: Language) => Promise<typeof import("*.po")>;

/** Texts of parts of the app that not everybody opens: they come with the part, and from then on with each language. */
const parts = new Map<Texts, Promise<void>>();

/** Adds the texts of a part, once. */
export function addTexts(part: Texts): Promise<void> {
  const added = parts.get(part) ?? add(part);
  parts.set(part, added);
  // Without them it is asked for again.
  added.catch(() => parts.delete(part));
  return added;
}

async function add(part: Texts): Promise<void> {
  for (let language = shown(); ; language = shown()) {
    const { messages } = await part(language);
    i18n.load(language, messages);
    if (shown() === language) return;
  }
}

const shown = (): Language => (isLanguage(i18n.locale) ? i18n.locale : "en");

/** Shows the app in this language, whose texts are asked for when they are needed. */
export async function activate(language: Language): Promise<void> {
  const all = await Promise.all([
    import(`../locales/${language}.po`) as ReturnType<Texts>,
    ...[...parts.keys()].map((part) => part(language)),
  ]);
  i18n.loadAndActivate({ locale: language, messages: Object.assign({}, ...all.map(({ messages }) => messages)) });
  document.documentElement.lang = language;
  document.documentElement.dir = LANGUAGES[language].direction;
}

export async function change(language: Language): Promise<void> {
  local.write(CHOSEN, language);
  await activate(language);
}
