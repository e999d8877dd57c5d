import type { Answers, Question } from "../api";
import type { Order, OwnEvent } from "../api/organise";
import { asks, type Unit, type Value } from "../checkout/answers";

/**
 * What is asked of an order, and what was answered, for the organiser's team, who may leave out what is required. Tickets are numbered through the items of
 * their order.
 */
export function answersOf(
  order: Pick<Order, "id" | "items" | "answers">,
  event: Pick<OwnEvent, "id" | "questions">,
): Answers {
  const about = (number: number | undefined) =>
    Object.fromEntries(
      order.answers
        .filter((answer) => answer.number === number)
        .map((answer) => [answer.question_id, answer.value] as const),
    );
  let number = 0;
  const tickets = order.items.flatMap((item) =>
    Array.from({ length: item.quantity }, () => {
      number += 1;
      return { number, ticket_type_id: item.ticket_type_id, answers: about(number) };
    }),
  );
  const asked = (event.questions ?? []).filter((question) => asks([question], order.items));
  return {
    booking_id: order.id,
    event_id: event.id,
    questions: asked.map((question) => ({ ...question, required: false })),
    order: about(undefined),
    tickets,
    complete: true,
  };
}

/** A consent is taken back by the team where somebody asks for it, and given by nobody but whose it is. */
export function isTheirs(unit: Pick<Unit, "saved">, question: Pick<Question, "id" | "kind">): boolean {
  const saved: Value | undefined = unit.saved[question.id];
  return question.kind === "consent" && saved !== true;
}
