import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { useDoorAttendeesQuery } from "../../api/door";
import type { Post } from "../../door/desk";
import { useSettled } from "../../lib/hooks";
import { formatClock } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { FailureNotice } from "../../ui/Notice";
import styles from "./Door.module.css";

interface Properties {
  open: boolean;
  post: Post;
  onClose: () => void;
  onChoose: (code: string) => void;
}

/** Finds who has no code with them. Whoever lets them in answers for it. */
export function SearchByName({ open, ...rest }: Properties) {
  return (
    <Dialog open={open} onClose={rest.onClose} title={<Trans>Search by name</Trans>}>
      <Found {...rest} />
    </Dialog>
  );
}

function Found({ post, onChoose }: Omit<Properties, "open">) {
  const { t, i18n } = useLingui();
  const [text, setText] = useState("");
  const q = useSettled(text.trim(), 250);
  const { currentData, error, isFetching } = useDoorAttendeesQuery(
    { event: post.event.id, list: post.list.id, q },
    { skip: q === "" },
  );
  return (
    <>
      <Field
        label={t`Name`}
        hint={t`The beginnings of its words are enough. You answer for whom you let in.`}
        inputMode="search"
        value={text}
        onChange={({ target }) => setText(target.value)}
        autoComplete="off"
        maxLength={100}
        autoFocus
      />
      {error && <FailureNotice error={error} />}
      <p role="status" className={styles.line}>
        {q !== "" &&
          (isFetching ? (
            <Trans>Searching…</Trans>
          ) : (
            currentData?.items.length === 0 && <Trans>Nobody is called like that.</Trans>
          ))}
      </p>
      <ul className={styles.people}>
        {q !== "" &&
          currentData?.items.map((person) => (
            <li key={`${person.booking_id}/${person.number}`}>
              <div>
                <p className={styles.person} dir="auto">
                  {person.name}
                </p>
                <p className={styles.faint}>
                  <bdi>{post.event.types[person.ticket_type_id]}</bdi>
                  {person.admitted_at && (
                    <>
                      {" · "}
                      <Trans>let in at {formatClock(person.admitted_at, i18n.locale)}</Trans>
                    </>
                  )}
                </p>
              </div>
              <Button look="quiet" aria-label={t`Let in: ${person.name ?? ""}`} onClick={() => onChoose(person.code)}>
                <Trans>Let in</Trans>
              </Button>
            </li>
          ))}
      </ul>
    </>
  );
}
