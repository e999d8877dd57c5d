import { Trans, useLingui } from "@lingui/react/macro";
import { blankQuestion, type EventForm, isChosen, MOST, type QuestionForm } from "../../organise/form";
import { Button } from "../../ui/Button";
import { Checkbox, Choices, Field, Select, TextArea } from "../../ui/Field";
import type { FaultText } from "./faults";
import styles from "./Organise.module.css";

interface Properties {
  form: EventForm;
  /** It was published: how a question is answered, and for what, stays as it is. */
  opened: boolean;
  fault: FaultText;
  onChange: (questions: QuestionForm[]) => void;
}

export function QuestionFields({ form, opened, fault, onChange }: Properties) {
  const { t } = useLingui();
  const { questions } = form;
  const set = (key: string, part: Partial<QuestionForm>) =>
    onChange(questions.map((question) => (question.key === key ? { ...question, ...part } : question)));
  const move = (index: number, by: number) => {
    const next = [...questions];
    const [moved] = next.splice(index, 1);
    if (moved) next.splice(index + by, 0, moved);
    onChange(next);
  };
  // A question can be for some ticket types alone once these have been saved.
  const types = form.tickets.filter((ticket) => ticket.id !== undefined);
  return (
    <>
      {questions.map((question, index) => {
        const at = `/questions/${index}`;
        const number = index + 1;
        const name = t`Question ${number}`;
        const fixed = opened && question.id !== undefined;
        return (
          <fieldset key={question.key} className={styles.item}>
            <legend>{name}</legend>
            <Field
              label={question.kind === "consent" ? t`What is agreed to` : t`Question`}
              value={question.label}
              onChange={({ target }) => set(question.key, { label: target.value })}
              error={fault(`${at}/label`)}
              maxLength={MOST.label}
              required
              dir="auto"
            />
            <div className={styles.pair}>
              <Select
                label={t`Answered`}
                hint={fixed ? t`It stays as it is once an event was published.` : undefined}
                value={question.kind}
                disabled={fixed}
                onChange={({ target }) => set(question.key, { kind: target.value as QuestionForm["kind"] })}
              >
                <option value="text">{t`in a line`}</option>
                <option value="paragraph">{t`in several lines`}</option>
                <option value="choice">{t`by one of some choices`}</option>
                <option value="choices">{t`by some of the choices`}</option>
                <option value="consent">{t`by agreeing`}</option>
              </Select>
              <Select
                label={t`Asked`}
                hint={fixed ? t`It stays as it is once an event was published.` : undefined}
                value={question.per}
                disabled={fixed}
                onChange={({ target }) => set(question.key, { per: target.value as QuestionForm["per"] })}
              >
                <option value="order">{t`once per order`}</option>
                <option value="ticket">{t`for each ticket`}</option>
              </Select>
            </div>
            {isChosen(question.kind) && (
              <TextArea
                label={t`Choices`}
                hint={t`One per line.`}
                value={question.choices}
                onChange={({ target }) => set(question.key, { choices: target.value })}
                error={fault(`${at}/choices`)}
                required
                dir="auto"
              />
            )}
            <Field
              label={t`Help (optional)`}
              value={question.help}
              onChange={({ target }) => set(question.key, { help: target.value })}
              error={fault(`${at}/help`)}
              maxLength={MOST.help}
              dir="auto"
            />
            {types.length > 1 && (
              <Choices
                several
                label={t`Asked for`}
                hint={t`None chosen: all ticket types.`}
                choices={types.map((type) => ({ value: type.id ?? "", label: type.name }))}
                chosen={question.types}
                onChange={(type, chosen) =>
                  set(question.key, {
                    types: chosen ? [...question.types, type] : question.types.filter((each) => each !== type),
                  })
                }
              />
            )}
            <Checkbox
              label={t`Must be answered`}
              hint={t`Without it nobody pays or gets a ticket.`}
              checked={question.required}
              onChange={({ target }) => set(question.key, { required: target.checked })}
            />
            <Checkbox
              label={t`Show the answer at the door`}
              checked={question.door}
              onChange={({ target }) => set(question.key, { door: target.checked })}
            />
            <div className={styles.buttons}>
              {index > 0 && (
                <Button look="plain" aria-label={t`Move up: ${name}`} onClick={() => move(index, -1)}>
                  <Trans>Move up</Trans>
                </Button>
              )}
              {index < questions.length - 1 && (
                <Button look="plain" aria-label={t`Move down: ${name}`} onClick={() => move(index, 1)}>
                  <Trans>Move down</Trans>
                </Button>
              )}
              <Button
                look="plain"
                aria-label={t`Remove: ${name}`}
                onClick={() => onChange(questions.filter((each) => each.key !== question.key))}
              >
                <Trans>Remove</Trans>
              </Button>
            </div>
          </fieldset>
        );
      })}
      {questions.length < MOST.questions && (
        <div>
          <Button look="quiet" onClick={() => onChange([...questions, blankQuestion()])}>
            <Trans>Add a question</Trans>
          </Button>
        </div>
      )}
    </>
  );
}
