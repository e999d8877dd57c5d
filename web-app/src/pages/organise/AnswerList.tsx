import { Trans, useLingui } from "@lingui/react/macro";
import type { Answer } from "../../api/organise";
import styles from "./Organise.module.css";

/** What was answered, with the words that it was asked in. */
export function AnswerList({ answers, numbered = false }: { answers: Answer[]; numbered?: boolean }) {
  const { t, i18n } = useLingui();
  const lists = new Intl.ListFormat(i18n.locale, { type: "unit" });
  return (
    <dl className={styles.answers}>
      {answers.map((answer) => {
        const number = answer.number;
        return (
          <div key={`${answer.question_id} ${number ?? ""}`}>
            <dt>
              {numbered && number !== undefined && (
                <>
                  <Trans>Ticket {number}</Trans>
                  {" · "}
                </>
              )}
              <bdi>{answer.label}</bdi>
            </dt>
            <dd dir="auto">
              {answer.value === true
                ? t`Agreed`
                : Array.isArray(answer.value)
                  ? lists.format(answer.value)
                  : answer.value}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}
