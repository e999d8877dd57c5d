import { isLanguage, type Language } from "../i18n/languages";

/** Forms by the number that stands in them (`#`), as `Intl.PluralRules` names them. */
type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

/** Everything that the element says. A word that a language lacks does not compile. */
interface Words {
  when: string;
  where: string;
  tickets: string;
  free: string;
  left: Forms;
  few: Forms;
  soldOut: string;
  onSaleFrom: (when: string) => string;
  ended: string;
  notOnSale: string;
  unknown: string;
  fewer: (name: string) => string;
  more: (name: string) => string;
  choose: string;
  onward: string;
  onwardAt: (price: string) => string;
  page: string;
  cancelled: string;
  over: string;
  missing: string;
  failed: string;
  taken: string;
}

export const WORDS: Record<Language, Words> = {
  en: {
    when: "When",
    where: "Where",
    tickets: "Tickets",
    free: "Free",
    left: { other: "# left" },
    few: { other: "Only # left" },
    soldOut: "Sold out",
    onSaleFrom: (when) => `On sale from ${when}`,
    ended: "The sale has ended",
    notOnSale: "Not on sale now",
    unknown: "What is left is not known just now.",
    fewer: (name) => `One fewer: ${name}`,
    more: (name) => `One more: ${name}`,
    choose: "Choose tickets",
    onward: "Continue",
    onwardAt: (price) => `Continue: ${price}`,
    page: "More about this event",
    cancelled: "This event was cancelled",
    over: "This event is over",
    missing: "This event cannot be found",
    failed: "The tickets cannot be shown just now",
    taken: "Some of what you chose is gone.",
  },
  de: {
    when: "Wann",
    where: "Wo",
    tickets: "Tickets",
    free: "Kostenlos",
    left: { other: "noch #" },
    few: { other: "nur noch #" },
    soldOut: "Ausverkauft",
    onSaleFrom: (when) => `Im Verkauf ab ${when}`,
    ended: "Der Verkauf ist beendet",
    notOnSale: "Zurzeit nicht im Verkauf",
    unknown: "Was übrig ist, ist gerade nicht bekannt.",
    fewer: (name) => `Eins weniger: ${name}`,
    more: (name) => `Eins mehr: ${name}`,
    choose: "Tickets wählen",
    onward: "Weiter",
    onwardAt: (price) => `Weiter: ${price}`,
    page: "Mehr zu dieser Veranstaltung",
    cancelled: "Diese Veranstaltung wurde abgesagt",
    over: "Diese Veranstaltung ist vorbei",
    missing: "Diese Veranstaltung wurde nicht gefunden",
    failed: "Die Tickets können gerade nicht gezeigt werden",
    taken: "Ein Teil von dem, was du gewählt hast, ist vergriffen.",
  },
  si: {
    when: "කවදාද",
    where: "කොහේද",
    tickets: "ප්‍රවේශ පත්‍ර",
    free: "නොමිලේ",
    left: { other: "#ක් ඉතිරියි" },
    few: { other: "#ක් පමණක් ඉතිරියි" },
    soldOut: "විකිණී අවසන්",
    onSaleFrom: (when) => `${when} සිට විකිණීමට`,
    ended: "විකිණීම අවසන්",
    notOnSale: "දැන් විකිණීමට නැත",
    unknown: "ඉතිරි දේ මේ මොහොතේ නොදනී.",
    fewer: (name) => `එකක් අඩුවෙන්: ${name}`,
    more: (name) => `එකක් වැඩියෙන්: ${name}`,
    choose: "ප්‍රවේශ පත්‍ර තෝරන්න",
    onward: "ඉදිරියට",
    onwardAt: (price) => `ඉදිරියට: ${price}`,
    page: "මෙම උත්සවය ගැන තවත්",
    cancelled: "මෙම උත්සවය අවලංගු කරන ලදී",
    over: "මෙම උත්සවය අවසන්",
    missing: "මෙම උත්සවය හමු නොවීය",
    failed: "ප්‍රවේශ පත්‍ර මේ මොහොතේ පෙන්විය නොහැක",
    taken: "ඔබ තේරූ සමහර දේ විකිණී අවසන්.",
  },
  ar: {
    when: "متى",
    where: "أين",
    tickets: "التذاكر",
    free: "مجاني",
    left: {
      zero: "لم يبق شيء",
      one: "بقيت تذكرة واحدة",
      two: "بقيت تذكرتان",
      few: "بقيت # تذاكر",
      many: "بقيت # تذكرة",
      other: "بقيت # تذكرة",
    },
    few: {
      zero: "لم يبق شيء",
      one: "بقيت تذكرة واحدة فقط",
      two: "بقيت تذكرتان فقط",
      few: "بقيت # تذاكر فقط",
      many: "بقيت # تذكرة فقط",
      other: "بقيت # تذكرة فقط",
    },
    soldOut: "نفدت",
    onSaleFrom: (when) => `للبيع ابتداءً من ${when}`,
    ended: "انتهى البيع",
    notOnSale: "ليست للبيع الآن",
    unknown: "لا يُعرف الآن ما بقي.",
    fewer: (name) => `أقل بواحد: ${name}`,
    more: (name) => `أكثر بواحد: ${name}`,
    choose: "اختر التذاكر",
    onward: "متابعة",
    onwardAt: (price) => `متابعة: ${price}`,
    page: "المزيد عن هذه الفعالية",
    cancelled: "أُلغيت هذه الفعالية",
    over: "انتهت هذه الفعالية",
    missing: "لم يُعثر على هذه الفعالية",
    failed: "لا يمكن عرض التذاكر الآن",
    taken: "نفد بعض ما اخترته.",
  },
};

export function counted(forms: Forms, count: number, language: Language): string {
  const form = forms[new Intl.PluralRules(language).select(count)] ?? forms.other;
  return form.replace("#", new Intl.NumberFormat(language).format(count));
}

/** The language of an element: its own or that of what it stands in, if there is one like it; else English. */
export function languageOf(element: Element): Language {
  for (let at: Element | null = element; at !== null; ) {
    const around: Element | null = at.closest("[lang]");
    const [language] = (around?.getAttribute("lang") ?? "").toLowerCase().split("-");
    if (around) return isLanguage(language) ? language : "en";
    // Out of the shadow tree that it stands in, if it does.
    const root: Node = at.getRootNode();
    at = root instanceof ShadowRoot ? root.host : null;
  }
  return "en";
}
