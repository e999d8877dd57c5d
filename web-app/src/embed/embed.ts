import { LANGUAGES } from "../i18n/languages";
import { Card } from "./card";
import { follow } from "./source";
import { STYLE } from "./style";
import { languageOf, WORDS } from "./words";

/** The platform that this script came from: nobody else is asked, and nowhere else is led to. */
const ORIGIN = new URL(import.meta.url).origin;
const ID = /^[a-z0-9]{1,16}_[a-z0-9]{1,64}$/;

const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLE);

/**
 * `<marquee-event event="ID">`: an event with its tickets in somebody else's page. What stands in the element, a plain link, is shown until the event is
 * there, and where it cannot be.
 *
 * `lang` chooses the language, else what it stands in; `heading-level` what its title counts as, 1 to 6, by default 2.
 */
class MarqueeEvent extends HTMLElement {
  static readonly observedAttributes = ["event", "lang", "heading-level"];
  readonly #root = this.attachShadow({ mode: "open" });
  #end = new AbortController();
  #queued = false;
  #shown: { id: string; card: Card } | undefined;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.append(document.createElement("slot"));
  }

  connectedCallback(): void {
    this.#begin();
  }

  disconnectedCallback(): void {
    this.#end.abort();
  }

  attributeChangedCallback(): void {
    if (this.isConnected) this.#begin();
  }

  /** Once for all that has changed at the same time. */
  #begin(): void {
    if (this.#queued) return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      if (this.isConnected) this.#start();
    });
  }

  #start(): void {
    this.#end.abort();
    this.#end = new AbortController();
    const language = languageOf(this);
    const id = (this.getAttribute("event") ?? "").trim();
    if (!ID.test(id)) {
      this.#say(WORDS[language].missing);
      return;
    }
    const level = Number(this.getAttribute("heading-level") ?? "2");
    const card = new Card(ORIGIN, language, Number.isInteger(level) && level >= 1 && level <= 6 ? level : 2);
    // Another language is no other choice.
    if (this.#shown?.id === id) card.take(this.#shown.card.chosen);
    this.#shown = { id, card };
    void follow(ORIGIN, id, this, this.#end.signal, (news) => {
      switch (news.is) {
        case "event":
          card.showEvent(news.event);
          if (card.element.parentNode !== this.#root) this.#root.replaceChildren(card.element);
          break;
        case "left":
          card.showLeft(news.left);
          break;
        case "failed":
          if (card.hasEvent) card.showUnknown();
          else this.#say(WORDS[language].failed);
          break;
        case "missing":
          this.#say(WORDS[language].missing);
      }
    });
  }

  /** What is to be said in the card's place, above the plain link. */
  #say(text: string): void {
    const language = languageOf(this);
    const said = document.createElement("p");
    said.lang = language;
    said.dir = LANGUAGES[language].direction;
    said.setAttribute("role", "status");
    said.setAttribute("part", "notice");
    said.textContent = text;
    this.#root.replaceChildren(said, document.createElement("slot"));
  }
}

// Of two scripts on a page the first one counts.
if (!customElements.get("marquee-event")) customElements.define("marquee-event", MarqueeEvent);
