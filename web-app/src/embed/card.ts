import type { Availability, Event, Selection, TicketType } from "../api";
import { checkoutPath, MOST } from "../checkout/handoff";
import { LANGUAGES, type Language } from "../i18n/languages";
import { accentTokens } from "../lib/accent";
import { formatMoney } from "../lib/money";
import { formatSpan, formatWhen, formatZone } from "../lib/time";
import { isDone } from "./source";
import { counted, WORDS } from "./words";

/** As many or fewer are few. */
const FEW = 10;

/** An element with attributes and what is in it. Text is text: nothing here is read as HTML. */
function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Record<string, string>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  element.append(...children);
  return element;
}

interface Row {
  type: TicketType;
  left: HTMLElement;
  quantity: HTMLFieldSetElement;
  fewer: HTMLButtonElement;
  more: HTMLButtonElement;
  output: HTMLOutputElement;
}

/** An event with its tickets, as it is drawn. */
export class Card {
  readonly element: HTMLElement;
  readonly #origin: string;
  readonly #language: Language;
  readonly #title: HTMLElement;
  readonly #status = make("p", { class: "note", role: "status" });
  #event: Event | undefined;
  #left: Availability | undefined;
  #rows: Row[] = [];
  /** What leads on: a link where something was chosen, and a button that does nothing where not. */
  #go: HTMLElement = make("span", {});
  readonly #chosen = new Map<string, number>();

  constructor(origin: string, language: Language, level: number) {
    this.#origin = origin;
    this.#language = language;
    this.#title = make("div", {
      id: "title",
      class: "title",
      part: "title",
      role: "heading",
      "aria-level": String(level),
    });
    // No landmark: a page has its own, and may have several of these.
    this.element = make("div", {
      role: "group",
      class: "card",
      part: "card",
      lang: language,
      dir: LANGUAGES[language].direction,
      "aria-labelledby": "title",
    });
  }

  showEvent(event: Event): void {
    const done = isDone(event, Date.now());
    // What has not changed is not drawn anew under somebody's hands.
    if (this.#event?.revision === event.revision && !done) return;
    this.#event = event;
    const words = WORDS[this.#language];
    const country = new Intl.DisplayNames(this.#language, { type: "region", fallback: "code" });
    const tokens = accentTokens(event.accent);
    for (const [own, token] of [
      ["--own", tokens?.["--accent"]],
      ["--on-own", tokens?.["--on-accent"]],
    ] as const)
      if (token) this.element.style.setProperty(own, token);
      else this.element.style.removeProperty(own);
    this.#title.replaceChildren(make("bdi", {}, event.title));
    const facts = make(
      "dl",
      { part: "facts" },
      make(
        "div",
        {},
        make("dt", {}, words.when),
        make(
          "dd",
          {},
          make(
            "time",
            { datetime: event.starts_at },
            formatSpan(event.starts_at, event.ends_at, this.#language, event.timezone),
          ),
          make("span", { class: "note" }, zoneName(event, this.#language)),
        ),
      ),
      make(
        "div",
        {},
        make("dt", {}, words.where),
        make(
          "dd",
          {},
          make("bdi", {}, event.venue.name),
          make("span", { class: "note" }, make("bdi", {}, event.venue.city), `, ${country.of(event.venue.country)}`),
        ),
      ),
    );
    const parts: HTMLElement[] = [this.#title];
    if (event.status === "cancelled") parts.push(make("p", { class: "notice", part: "notice" }, words.cancelled));
    else if (done) parts.push(make("p", { class: "notice", part: "notice" }, words.over));
    parts.push(facts);
    this.#rows = [];
    if (!done) {
      const types = make("ul", { part: "tickets", "aria-label": words.tickets });
      for (const type of event.ticket_types) types.append(this.#row(event, type));
      this.#go = make("span", {});
      parts.push(types, this.#status, this.#go);
    }
    const page = new URL(`/e/${encodeURIComponent(event.id)}`, this.#origin).href;
    parts.push(make("p", {}, make("a", { class: "page", part: "link", href: page, target: "_top" }, words.page)));
    this.element.replaceChildren(...parts);
    if (!done) this.#draw();
  }

  showLeft(left: Availability): void {
    this.#left = left;
    // Nobody is led to a checkout that has to refuse them.
    let taken = false;
    for (const { type } of this.#rows) {
      const [had, most] = [this.#chosen.get(type.id) ?? 0, this.#most(type)];
      if (had > most) {
        this.#chosen.set(type.id, most);
        taken = true;
      }
    }
    this.#status.textContent = taken ? WORDS[this.#language].taken : "";
    this.#draw();
  }

  /** That what is left is not known: what was known stays. */
  showUnknown(): void {
    if (this.#event) this.#status.textContent = WORDS[this.#language].unknown;
  }

  get hasEvent(): boolean {
    return this.#event !== undefined;
  }

  /** What was chosen before it was drawn in another language. */
  get chosen(): ReadonlyMap<string, number> {
    return this.#chosen;
  }

  take(chosen: ReadonlyMap<string, number>): void {
    for (const [type, quantity] of chosen) this.#chosen.set(type, quantity);
  }

  #row(event: Event, type: TicketType): HTMLElement {
    const words = WORDS[this.#language];
    const price =
      type.price === 0 ? words.free : formatMoney({ amount: type.price, currency: event.currency }, this.#language);
    const left = make("p", { class: "left" });
    const fewer = make("button", { type: "button", "aria-label": words.fewer(type.name) }, "−");
    const more = make("button", { type: "button", "aria-label": words.more(type.name) }, "+");
    const output = make("output", { "aria-live": "polite" }, "0");
    const quantity = make("fieldset", { "aria-label": type.name, part: "quantity" }, fewer, output, more);
    fewer.addEventListener("click", () => this.#choose(type, -1));
    more.addEventListener("click", () => this.#choose(type, 1));
    this.#rows.push({ type, left, quantity, fewer, more, output });
    return make(
      "li",
      { part: "ticket" },
      make(
        "div",
        {},
        make("p", { class: "name" }, make("bdi", {}, type.name)),
        make("p", { class: "price" }, price),
        left,
      ),
      quantity,
    );
  }

  #choose(type: TicketType, step: number): void {
    const now = (this.#chosen.get(type.id) ?? 0) + step;
    this.#chosen.set(type.id, Math.max(0, Math.min(now, this.#most(type))));
    if (this.#left) this.#status.textContent = "";
    this.#draw();
  }

  #line(type: TicketType) {
    return this.#left?.ticket_types.find((each) => each.id === type.id);
  }

  /** As many as may be chosen. What is not known yet keeps nobody from choosing: only a hold takes places. */
  #most(type: TicketType): number {
    const line = this.#line(type);
    return Math.min(MOST, type.per_person_limit, line ? (line.on_sale ? line.available : 0) : MOST);
  }

  #items(): Selection[] {
    return this.#rows.flatMap(({ type }) => {
      const quantity = this.#chosen.get(type.id) ?? 0;
      return quantity > 0 ? [{ ticket_type_id: type.id, quantity }] : [];
    });
  }

  #draw(): void {
    const event = this.#event;
    if (!event) return;
    const words = WORDS[this.#language];
    for (const { type, left, quantity, fewer, more, output } of this.#rows) {
      const [chosen, most] = [this.#chosen.get(type.id) ?? 0, this.#most(type)];
      const line = this.#line(type);
      left.textContent = line ? this.#standing(event, type, line) : "…";
      left.toggleAttribute("data-few", line?.on_sale === true && line.available <= FEW);
      fewer.disabled = chosen <= 0;
      more.disabled = chosen >= most;
      output.textContent = String(chosen);
      quantity.hidden = most === 0 && chosen === 0;
    }
    const items = this.#items();
    const total = event.ticket_types.reduce((sum, type) => sum + type.price * (this.#chosen.get(type.id) ?? 0), 0);
    const price = formatMoney({ amount: total, currency: event.currency }, this.#language);
    const link = items.length > 0;
    if (this.#go.localName !== (link ? "a" : "button")) {
      const next = link
        ? make("a", { class: "go", part: "button", target: "_top" })
        : make("button", { class: "go", part: "button", type: "button", disabled: "" });
      this.#go.replaceWith(next);
      this.#go = next;
    }
    if (link) this.#go.setAttribute("href", new URL(checkoutPath(event.id, items), this.#origin).href);
    this.#go.textContent = !link ? this.#closed(words) : total === 0 ? words.onward : words.onwardAt(price);
  }

  /** What stands where there is nothing to go on with. */
  #closed(words: (typeof WORDS)[Language]): string {
    const lines = this.#rows.map(({ type }) => this.#line(type));
    if (lines.length === 0 || lines.some((line) => line === undefined || (line.on_sale && line.available > 0)))
      return words.choose;
    return lines.some((line) => line?.on_sale) ? words.soldOut : words.notOnSale;
  }

  #standing(event: Event, type: TicketType, line: Availability["ticket_types"][number]): string {
    const words = WORDS[this.#language];
    if (line.on_sale) {
      if (line.available === 0) return words.soldOut;
      return counted(line.available <= FEW ? words.few : words.left, line.available, this.#language);
    }
    const now = Date.now();
    if (type.sales_from && Date.parse(type.sales_from) > now)
      return words.onSaleFrom(formatWhen(type.sales_from, this.#language, event.timezone));
    if (type.sales_until && Date.parse(type.sales_until) <= now) return words.ended;
    return words.notOnSale;
  }
}

function zoneName(event: Event, language: Language): string {
  try {
    return formatZone(event.starts_at, language, event.timezone);
  } catch {
    // A zone that this browser does not know: times are shown in UTC then.
    return "UTC";
  }
}
