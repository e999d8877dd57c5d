import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { type OwnEvent, useDoorEventsQuery, useDoorListsQuery } from "../../api/door";
import type { Post } from "../../door/desk";
import { settings } from "../../door/settings";
import { allowSound } from "../../door/signal";
import { formatWhen } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Field, Select } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Skeleton } from "../../ui/Skeleton";
import styles from "./Door.module.css";

/** Which event, which list, which gate. */
export function Setup({ onChoose }: { onChoose: (post: Post) => void }) {
  const { data: events, error, refetch } = useDoorEventsQuery(undefined, { refetchOnMountOrArgChange: true });
  if (error) return <FailureNotice error={error} retry={refetch} />;
  if (!events) return <Skeleton height="16rem" />;
  if (events.length === 0) {
    return (
      <Notice tone="info" title={<Trans>There is no door for you to stand at</Trans>}>
        <p>
          <Trans>
            Events appear here once they are on sale and you are in the team of their organiser, as owner, manager or
            for the door.
          </Trans>
        </p>
      </Notice>
    );
  }
  return <Choice events={events} onChoose={onChoose} />;
}

function Choice({ events, onChoose }: { events: OwnEvent[]; onChoose: (post: Post) => void }) {
  const { t, i18n } = useLingui();
  const [id, setId] = useState(events[0]?.id ?? "");
  const event = events.find((each) => each.id === id);
  const { data: lists, error, refetch } = useDoorListsQuery(id, { refetchOnMountOrArgChange: true });
  const nameOf = (list: { id: string; name: string }) => (list.id === "default" ? t`All tickets, once` : list.name);
  return (
    <form
      className={styles.setup}
      onSubmit={(submitted) => {
        submitted.preventDefault();
        allowSound();
        const form = new FormData(submitted.currentTarget);
        const list = lists?.items.find((each) => each.id === form.get("list"));
        if (!event || !list) return;
        onChoose({
          event: {
            id: event.id,
            title: event.title,
            types: Object.fromEntries(event.ticket_types.map((type) => [type.id, type.name])),
          },
          list: { id: list.id, name: nameOf(list) },
          gate: String(form.get("gate")).trim(),
        });
      }}
    >
      <Select label={t`Event`} value={id} onChange={({ target }) => setId(target.value)}>
        {events.map((each) => (
          <option key={each.id} value={each.id}>
            {each.title} · {formatWhen(each.starts_at, i18n.locale, each.timezone)}
          </option>
        ))}
      </Select>
      {error && <FailureNotice error={error} retry={refetch} />}
      <Select
        key={id}
        label={t`Check-in list`}
        hint={t`What this gate lets in by. Each list lets in by itself.`}
        name="list"
        disabled={!lists}
      >
        {lists?.items.map((list) => (
          <option key={list.id} value={list.id}>
            {nameOf(list)}
          </option>
        ))}
      </Select>
      <Field
        label={t`Gate`}
        hint={t`What this place is called, as “North”. It stands with everybody who is let in here.`}
        name="gate"
        defaultValue={settings().gate}
        required
        maxLength={64}
        autoComplete="off"
      />
      <div>
        <Button type="submit" disabled={!lists}>
          <Trans>Open the gate</Trans>
        </Button>
      </div>
    </form>
  );
}
