import type { Answers, AnswersChange, Question, Selection } from "../api";

export type Value = string | string[] | boolean;
/** What has been typed and is not saved, by field. */
export type Draft = Record<string, Value>;

/** The order, or a ticket of it, and what is asked about it. */
export interface Unit {
  /** The ticket's number; null: the order. */
  number: number | null;
  ticketType: string | null;
  questions: Question[];
  saved: Record<string, Value>;
}

/** What is wrong with an answer. */
export type Fault =
  | { is: "missing" }
  | { is: "long"; most: number }
  /** As the server says it, in English. */
  | { is: "refused"; detail: string };
export type Faults = Record<string, Fault>;

/** Characters of an answer in a line, and of one in several. */
const LINE = 200;
const PARAGRAPH = 2000;
/** Tickets that one request may answer about. */
const TICKETS = 500;

const ORDER = "order";

/** The field of a question about a unit; without a question: the unit itself. */
export function fieldOf(unit: Pick<Unit, "number">, question = ""): string {
  return `${unit.number ?? ORDER}/${question}`;
}

const isFor = (question: Question, ticketType: string) => question.ticket_types?.includes(ticketType) ?? true;

/** Whether something is asked of those who buy this. */
export function asks(questions: Question[] | undefined, items: Pick<Selection, "ticket_type_id">[]): boolean {
  return questions?.some((question) => items.some((item) => isFor(question, item.ticket_type_id))) ?? false;
}

/** What is asked, in the order in which it is shown; units of which nothing is asked are left out. */
export function unitsOf(answers: Answers): Unit[] {
  const of = (per: Question["per"]) => answers.questions.filter((question) => question.per === per);
  const units: Unit[] = answers.order
    ? [{ number: null, ticketType: null, questions: of("order"), saved: answers.order }]
    : [];
  for (const ticket of answers.tickets) {
    units.push({
      number: ticket.number,
      ticketType: ticket.ticket_type_id,
      questions: of("ticket").filter((question) => isFor(question, ticket.ticket_type_id)),
      saved: ticket.answers,
    });
  }
  return units.filter((unit) => unit.questions.length > 0);
}

/** What stands in a field. */
export function answerIn(unit: Unit, question: Question, draft: Draft): Value {
  const value = draft[fieldOf(unit, question.id)] ?? unit.saved[question.id];
  switch (question.kind) {
    case "text":
    case "paragraph":
      return typeof value === "string" ? value : "";
    // What is not to be chosen any more is no answer.
    case "choice":
      return typeof value === "string" && question.choices?.includes(value) ? value : "";
    case "choices":
      return Array.isArray(value) ? (question.choices?.filter((choice) => value.includes(choice)) ?? []) : [];
    case "consent":
      return value === true;
  }
}

function isBlank(value: Value): boolean {
  return typeof value === "boolean" ? !value : (typeof value === "string" ? value.trim() : value).length === 0;
}

/** Whether an answer stays as it is: once the event has begun, what was said is changed no more, and a consent may be taken back. */
export function isSettled(unit: Unit, question: Question, begun: boolean): boolean {
  return begun && question.kind !== "consent" && unit.saved[question.id] !== undefined;
}

/** What must be corrected before it is sent, in the order in which it is shown. */
export function faultsOf(units: Unit[], draft: Draft): Faults {
  const faults: Faults = {};
  for (const unit of units) {
    for (const question of unit.questions) {
      const value = answerIn(unit, question, draft);
      const most =
        question.kind === "text" ? LINE : question.kind === "paragraph" ? PARAGRAPH : Number.POSITIVE_INFINITY;
      if (isBlank(value)) {
        if (question.required) faults[fieldOf(unit, question.id)] = { is: "missing" };
      } else if (typeof value === "string" && [...value.trim()].length > most) {
        faults[fieldOf(unit, question.id)] = { is: "long", most };
      }
    }
  }
  return faults;
}

/** What one request answers. */
interface Part extends AnswersChange {
  tickets: NonNullable<AnswersChange["tickets"]>;
}

/** Everything that is answered, in as few requests as it takes. */
export function changesOf(units: Unit[], draft: Draft): Part[] {
  const given = (unit: Unit) => {
    const answered = unit.questions.map((question) => [question.id, answerIn(unit, question, draft)] as const);
    return Object.fromEntries(answered.filter(([, value]) => !isBlank(value)));
  };
  const order = units.find((unit) => unit.number === null);
  const tickets = units.flatMap((unit) =>
    unit.number === null ? [] : [{ number: unit.number, answers: given(unit) }],
  );
  const parts: Part[] = [];
  do {
    const some = tickets.splice(0, TICKETS);
    parts.push(order && parts.length === 0 ? { order: given(order), tickets: some } : { tickets: some });
  } while (tickets.length > 0);
  return order || parts[0]?.tickets.length ? parts : [];
}

/** The faults that a server has found, each at its field; and those that belong to none of them. */
export function placed<Found extends { pointer: string; detail: string }>(
  found: Found[],
  units: Unit[],
  sent: Part,
): { faults: Faults; rest: Found[] } {
  const faults: Faults = {};
  const rest: Found[] = [];
  for (const fault of found) {
    const [, first, ...others] = fault.pointer
      .split("/")
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    const number = first === ORDER ? null : sent.tickets[Number(others.shift() ?? Number.NaN)]?.number;
    const unit = units.find((each) => each.number === number);
    const question = unit?.questions.find((each) => each.id === (first === ORDER ? others[0] : others[1]));
    if (unit) {
      faults[fieldOf(unit, question?.id)] =
        fault.detail === "required" ? { is: "missing" } : { is: "refused", detail: fault.detail };
    } else {
      rest.push(fault);
    }
  }
  return { faults, rest };
}
