import { Trans, useLingui } from "@lingui/react/macro";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import { type Copies, type OwnEvent, useCopyEventMutation } from "../../api/organise";
import { isProblem } from "../../api/problem";
import { formatWhen } from "../../lib/time";
import { fromZoned, toZoned } from "../../lib/zoned";
import { once } from "../../organise/once";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Choices, Field, Select } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import styles from "./Organise.module.css";
import { useOrganiser } from "./parts";

type Every = "day" | "week" | "month";

/** Copies of an event: one at another time, or many in a row. All of them are drafts. */
export function CopyDialog({ event, open, onClose }: { event: OwnEvent; open: boolean; onClose: () => void }) {
  return (
    <Dialog title={<Trans>Duplicate or repeat</Trans>} open={open} onClose={onClose}>
      <Form event={event} onClose={onClose} />
    </Dialog>
  );
}

function Form({ event, onClose }: { event: OwnEvent; onClose: () => void }) {
  const { t, i18n } = useLingui();
  const organiser = useOrganiser();
  const [copy, { data: made, error, isLoading }] = useCopyEventMutation();
  const [often, setOften] = useState<"once" | "again">("once");
  const [invalid, setInvalid] = useState(false);
  const submit = async (submitted: FormEvent<HTMLFormElement>) => {
    submitted.preventDefault();
    const form = new FormData(submitted.currentTarget);
    const starts = fromZoned(String(form.get("start") ?? ""), event.timezone);
    const bad = often === "once" && (starts === null || Date.parse(starts) <= Date.now());
    setInvalid(bad);
    if (bad) return;
    const title = String(form.get("title")).trim();
    const copies: Copies = {
      ...(title !== event.title && { title }),
      ...(often === "once"
        ? { starts_at: starts ?? "" }
        : {
            repeat: {
              every: String(form.get("every")) as Every,
              interval: Number(form.get("interval")),
              count: Number(form.get("count")),
            },
          }),
    };
    await once(`copy.${event.id}`, copies, (key) => copy({ event: event.id, copies, key }));
  };

  if (made)
    return (
      <div className={styles.stack}>
        <Notice tone="good" live title={<Trans>Done: these are drafts</Trans>}>
          <p>
            <Trans>Look at each and publish it when it is right.</Trans>
          </p>
        </Notice>
        <ul className={styles.lines}>
          {made.items.map((item) => (
            <li key={item.id}>
              <Link to={`/organise/${organiser.id}/events/${item.id}`} onClick={onClose}>
                {formatWhen(item.starts_at, i18n.locale, item.timezone)}
              </Link>
            </li>
          ))}
        </ul>
        <div>
          <Button onClick={onClose}>
            <Trans>Close</Trans>
          </Button>
        </div>
      </div>
    );
  return (
    <form className={styles.form} onSubmit={(submitted) => void submit(submitted)} noValidate={false}>
      <p>
        <Trans>
          Everything but the times is the same. Its end, times of sale and the terms of refund move with its beginning.
        </Trans>
      </p>
      <Field label={t`Title`} name="title" defaultValue={event.title} required maxLength={200} dir="auto" />
      <Choices
        label={t`How often`}
        choices={[
          { value: "once", label: t`Once, at another time` },
          { value: "again", label: t`Again and again, at the same time of day` },
        ]}
        chosen={[often]}
        onChange={(value) => setOften(value === "again" ? "again" : "once")}
      />
      {often === "once" ? (
        <Field
          key="once"
          label={t`Begins`}
          hint={t`By the clocks of ${event.timezone}.`}
          error={
            invalid || isProblem(error, "/problems/invalid-request")
              ? t`Choose a time that is still to come.`
              : undefined
          }
          name="start"
          type="datetime-local"
          defaultValue={toZoned(event.starts_at, event.timezone)}
          required
        />
      ) : (
        <div key="again" className={styles.three}>
          <Select label={t`Every`} name="every" defaultValue="week">
            <option value="day">{t`day`}</option>
            <option value="week">{t`week`}</option>
            <option value="month">{t`month`}</option>
          </Select>
          <Field
            label={t`Interval`}
            hint={t`2: every other one`}
            name="interval"
            type="number"
            min={1}
            max={12}
            defaultValue={1}
            required
          />
          <Field label={t`How many copies`} name="count" type="number" min={1} max={60} defaultValue={4} required />
        </div>
      )}
      {error && <FailureNotice error={error} />}
      <div className={styles.buttons}>
        <Button type="submit" busy={isLoading}>
          <Trans>Make drafts</Trans>
        </Button>
        <Button look="quiet" onClick={onClose}>
          <Trans>Not now</Trans>
        </Button>
      </div>
    </form>
  );
}
