import { Trans, useLingui } from "@lingui/react/macro";
import { type ReactNode, useRef, useState } from "react";
import { flushSync } from "react-dom";
import {
  type Answers,
  type AnswersChange,
  type Booking,
  type Event,
  type Question,
  useAnswersQuery,
  useGiveAnswersMutation,
} from "../../api";
import { type Failure, isProblem } from "../../api/problem";
import {
  answerIn,
  changesOf,
  type Draft,
  type Fault,
  type Faults,
  faultsOf,
  fieldOf,
  isSettled,
  placed,
  type Unit,
  unitsOf,
  type Value,
} from "../../checkout/answers";
import { Button } from "../../ui/Button";
import { Checkbox, Choices, Field, Select, TextArea } from "../../ui/Field";
import { FailureNotice } from "../../ui/Notice";
import { Skeleton } from "../../ui/Skeleton";
import styles from "./AnswersForm.module.css";

/** More choices than these are put into a list that opens. */
const SHOWN = 6;

interface Shared {
  event: Pick<Event, "ticket_types" | "starts_at">;
  draft: Draft;
  onDraft: (draft: Draft) => void;
  /** What was refused because answers are missing: those are marked from the beginning. */
  refused?: unknown;
  /** What the button says that saves. */
  save: ReactNode;
  onSaved: () => void;
  /** What stands beside that button. */
  children?: ReactNode;
}

interface Given extends Shared {
  answers: Answers;
  give: (change: AnswersChange) => Promise<{ error?: unknown }>;
  busy: boolean;
  /** Whether an answer stays as it is, where that is not as it is for buyers. */
  settled?: (unit: Unit, question: Question) => boolean;
}

/** What the organiser asks of an order and of each of its tickets. */
export function AnswersForm({ booking, ...shared }: Shared & { booking: Pick<Booking, "id"> }) {
  const { data, error, refetch } = useAnswersQuery(booking.id, { refetchOnMountOrArgChange: true });
  const [give, { isLoading }] = useGiveAnswersMutation();
  if (data)
    return (
      <AnswerFields
        {...shared}
        answers={data}
        give={(change) => give({ booking: booking.id, change })}
        busy={isLoading}
      />
    );
  return error ? <FailureNotice error={error} retry={refetch} /> : <Skeleton height="12rem" />;
}

/** The same for whoever answers, by their way to do so. */
export function AnswerFields({
  answers,
  give,
  busy,
  settled,
  event,
  draft,
  onDraft,
  refused,
  save,
  onSaved,
  children,
}: Given) {
  const form = useRef<HTMLFormElement>(null);
  const units = unitsOf(answers);
  const [faults, setFaults] = useState<Faults>(() => (refused !== undefined ? faultsOf(units, draft) : {}));
  const [failure, setFailure] = useState<Failure | null>(null);

  /** Shows what is wrong, and leads to the first of it. */
  const refuse = (found: Faults, why: Failure | null) => {
    flushSync(() => {
      setFaults(found);
      setFailure(why);
    });
    form.current?.querySelector<HTMLElement>("[data-wrong] :is(input, select, textarea):enabled")?.focus();
  };
  const send = async () => {
    const found = faultsOf(units, draft);
    if (Object.keys(found).length > 0) return refuse(found, null);
    for (const change of changesOf(units, draft)) {
      const { error } = await give(change);
      const why = error as Failure | undefined;
      if (why?.kind === "problem" && isProblem(why, "/problems/invalid-request")) {
        const { faults, rest } = placed(why.errors, units, change);
        return refuse(faults, { ...why, errors: rest });
      }
      if (why) return refuse({}, why);
    }
    setFaults({});
    setFailure(null);
    onSaved();
  };
  const change = (field: string, value: Value) => {
    onDraft({ ...draft, [field]: value });
    const { [field]: _corrected, ...rest } = faults;
    setFaults(rest);
  };
  const nameOf = (unit: Unit) => event.ticket_types.find((type) => type.id === unit.ticketType)?.name;

  return (
    <form
      ref={form}
      className={styles.form}
      noValidate
      onSubmit={(submitted) => {
        submitted.preventDefault();
        if (!busy) void send();
      }}
    >
      {refused !== undefined && !answers.complete && <FailureNotice error={refused} />}
      {units.map((unit) => {
        const wrong = faults[fieldOf(unit)];
        return (
          <fieldset key={unit.number} className={styles.unit} data-wrong={wrong && true}>
            <legend>
              {unit.number === null ? (
                <Trans>About your order</Trans>
              ) : (
                <>
                  <Trans>Ticket {unit.number}</Trans> · <bdi>{nameOf(unit)}</bdi>
                </>
              )}
            </legend>
            {wrong && (
              <p className={styles.wrong}>
                <FaultText fault={wrong} />
              </p>
            )}
            {unit.questions.map((question) => {
              const field = fieldOf(unit, question.id);
              return (
                <div key={question.id} data-wrong={faults[field] && true}>
                  <Asked
                    question={question}
                    value={answerIn(unit, question, draft)}
                    fault={faults[field]}
                    disabled={
                      settled?.(unit, question) ?? isSettled(unit, question, Date.parse(event.starts_at) <= Date.now())
                    }
                    onChange={(value) => change(field, value)}
                  />
                </div>
              );
            })}
          </fieldset>
        );
      })}
      {failure && <FailureNotice error={failure} />}
      <div className={styles.buttons}>
        <Button type="submit" busy={busy}>
          {save}
        </Button>
        {children}
      </div>
    </form>
  );
}

/** A question in what fits its kind. */
function Asked({
  question,
  value,
  fault,
  disabled,
  onChange,
}: {
  question: Question;
  value: Value;
  fault: Fault | undefined;
  disabled: boolean;
  onChange: (value: Value) => void;
}) {
  const { t } = useLingui();
  const common = {
    label: (
      <>
        <bdi>{question.label}</bdi>
        {question.required && (
          <span className={styles.required}>
            {" "}
            <Trans>(required)</Trans>
          </span>
        )}
      </>
    ),
    hint: question.help && <bdi>{question.help}</bdi>,
    error: fault && <FaultText fault={fault} consent={question.kind === "consent"} />,
    disabled,
  };
  const text = typeof value === "string" ? value : "";
  const typed = ({ target }: { target: { value: string } }) => onChange(target.value);
  const choices = (question.choices ?? []).map((choice) => ({ value: choice, label: <bdi>{choice}</bdi> }));
  switch (question.kind) {
    case "text":
      return <Field {...common} value={text} onChange={typed} dir="auto" />;
    case "paragraph":
      return <TextArea {...common} value={text} onChange={typed} dir="auto" />;
    case "consent":
      return <Checkbox {...common} checked={value === true} onChange={({ target }) => onChange(target.checked)} />;
    case "choices": {
      const chosen = Array.isArray(value) ? value : [];
      const others = (choice: string) => chosen.filter((each) => each !== choice);
      return (
        <Choices
          {...common}
          several
          choices={choices}
          chosen={chosen}
          onChange={(choice, on) => onChange(on ? [...others(choice), choice] : others(choice))}
        />
      );
    }
    case "choice":
      return choices.length > SHOWN ? (
        <Select {...common} value={text} onChange={typed}>
          <option value="">{question.required ? t`Choose one` : t`No answer`}</option>
          {choices.map((choice) => (
            <option key={choice.value}>{choice.value}</option>
          ))}
        </Select>
      ) : (
        <Choices
          {...common}
          // What need not be answered can be unanswered again.
          choices={question.required ? choices : [...choices, { value: "", label: t`No answer` }]}
          chosen={[text]}
          onChange={onChange}
        />
      );
  }
}

function FaultText({ fault, consent = false }: { fault: Fault; consent?: boolean }) {
  const { i18n } = useLingui();
  switch (fault.is) {
    case "missing":
      return consent ? <Trans>Without this there are no tickets</Trans> : <Trans>An answer is needed here</Trans>;
    case "long":
      return <Trans>It may have at most {i18n.number(fault.most)} characters</Trans>;
    case "refused":
      return (
        <span lang="en" dir="ltr">
          {fault.detail}
        </span>
      );
  }
}
