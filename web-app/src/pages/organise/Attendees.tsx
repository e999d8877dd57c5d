import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Link } from "react-router";
import { type Attendee, useAttendeesInfiniteQuery } from "../../api/organise";
import { useSettled } from "../../lib/hooks";
import { formatWhen } from "../../lib/time";
import { Badge } from "../../ui/Badge";
import { Field, Select } from "../../ui/Field";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/Panel";
import { type Column, Table } from "../../ui/Table";
import { AnswerList } from "./AnswerList";
import styles from "./Organise.module.css";
import { ExportMenu, Listed, useOrganiser, useOwnEvent } from "./parts";
import { ATTENDEE } from "./words";

const STATES = Object.keys(ATTENDEE) as Attendee["state"][];

export function Attendees() {
  const { t, i18n } = useLingui();
  const organiser = useOrganiser();
  const event = useOwnEvent();
  const [typed, setTyped] = useState("");
  const [type, setType] = useState("");
  const [state, setState] = useState<Attendee["state"] | "">("");
  const q = useSettled(typed.trim(), 300);
  const filter = {
    event: event.id,
    ...(q !== "" && { q }),
    ...(type !== "" && { ticket_type: type }),
    ...(state !== "" && { state }),
  };
  const list = useAttendeesInfiniteQuery(filter, { refetchOnMountOrArgChange: true });
  const attendees = list.currentData?.pages.flatMap((page) => page.items) ?? [];
  const sees = organiser.may("see-orders");
  const columns: Column<Attendee>[] = [
    {
      key: "name",
      title: t`Name`,
      names: true,
      cell: (attendee) => <bdi>{attendee.name ?? t`No name given`}</bdi>,
    },
    {
      key: "type",
      title: t`Ticket`,
      cell: (attendee) => (
        <>
          <bdi>{event.ticket_types.find((each) => each.id === attendee.ticket_type_id)?.name ?? t`Another type`}</bdi>
          {sees && (
            <p className={styles.faint}>
              <Link to={`/organise/${organiser.id}/events/${event.id}/orders/${attendee.booking_id}`}>
                <Trans>Ticket {attendee.number} of its order</Trans>
              </Link>
            </p>
          )}
        </>
      ),
    },
    {
      key: "state",
      title: t`State`,
      cell: (attendee) => {
        const { name, tone } = ATTENDEE[attendee.state];
        return (
          <>
            <Badge tone={tone}>{i18n._(name)}</Badge>
            {attendee.admitted_at !== null && (
              <p className={styles.faint}>
                {formatWhen(attendee.admitted_at, i18n.locale, event.timezone)}
                {attendee.gate !== null && (
                  <>
                    {" · "}
                    <bdi>{attendee.gate}</bdi>
                  </>
                )}
              </p>
            )}
          </>
        );
      },
    },
    ...(event.questions?.some((question) => question.per === "ticket") ||
    attendees.some((each) => each.answers.length > 0)
      ? [
          {
            key: "answers",
            title: t`Answers`,
            cell: (attendee: Attendee) =>
              attendee.answers.length > 0 ? (
                <AnswerList answers={attendee.answers} />
              ) : (
                <span className={styles.faint}>
                  <Trans>None</Trans>
                </span>
              ),
          },
        ]
      : []),
  ];
  return (
    <Page title={t`Attendees`}>
      <div className={styles.bar}>
        <search className={styles.filters}>
          <Field
            label={t`Search attendees`}
            type="search"
            placeholder={t`A name`}
            value={typed}
            maxLength={100}
            onChange={({ target }) => setTyped(target.value)}
            dir="auto"
          />
          <Select label={t`Ticket type`} value={type} onChange={({ target }) => setType(target.value)}>
            <option value="">{t({ message: "All", context: "ticket types" })}</option>
            {event.ticket_types.map((each) => (
              <option key={each.id} value={each.id}>
                {each.name}
              </option>
            ))}
          </Select>
          <Select
            label={t`State`}
            value={state}
            onChange={({ target }) => setState(STATES.find((each) => each === target.value) ?? "")}
          >
            <option value="">{t`All but void ones`}</option>
            {STATES.map((each) => (
              <option key={each} value={each}>
                {i18n._(ATTENDEE[each].name)}
              </option>
            ))}
          </Select>
        </search>
        <ExportMenu what={{ list: "attendees", filter }} name="attendees" />
      </div>
      <Listed
        state={{ ...list, data: list.currentData }}
        empty={
          attendees.length === 0 &&
          (q !== "" || type !== "" || state !== "" ? (
            <Empty title={<Trans>Nobody matches</Trans>} />
          ) : (
            <Empty title={<Trans>Nobody comes yet</Trans>}>
              <p>
                <Trans>
                  Every ticket of a confirmed order appears here, with whose it is and whether they were let in.
                </Trans>
              </p>
            </Empty>
          ))
        }
      >
        <p className={styles.faint} role="status">
          <Plural value={attendees.length} one="# ticket is shown" other="# tickets are shown" />
        </p>
        <Table
          caption={t`Attendees`}
          columns={columns}
          rows={attendees}
          rowKey={(attendee) => `${attendee.booking_id}.${attendee.number}`}
        />
      </Listed>
    </Page>
  );
}
