import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Link } from "react-router";
import { useEventQuery } from "../../api";
import { type HeldTicket, useHeldInfiniteQuery } from "../../api/transfers";
import type { Draft } from "../../checkout/answers";
import { formatWhen } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { FailureNotice } from "../../ui/Notice";
import { AnswersForm } from "../answers/AnswersForm";
import styles from "./Orders.module.css";
import { PassOn } from "./PassOn";
import { FullScreen, TicketFace } from "./Ticket";

/** Tickets that came from others, whose orders are not one's own; nothing where there are none. */
export function Held() {
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useHeldInfiniteQuery(undefined, {
    refetchOnMountOrArgChange: true,
  });
  const tickets = data?.pages.flatMap((page) => page.items).filter((ticket) => ticket.transferred) ?? [];
  if (error) return <FailureNotice error={error} retry={refetch} />;
  if (tickets.length === 0 && !hasNextPage) return null;
  return (
    <section className={styles.tickets} aria-labelledby="held">
      <h2 id="held">
        <Trans>From others</Trans>
      </h2>
      <ul className={styles.ticketList}>
        {tickets.map((ticket) => (
          <li key={ticket.id} className={styles.ticket}>
            <One ticket={ticket} />
          </li>
        ))}
      </ul>
      {hasNextPage && (
        <div>
          <Button look="quiet" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            <Trans>Show more tickets</Trans>
          </Button>
        </div>
      )}
    </section>
  );
}

function One({ ticket }: { ticket: HeldTicket }) {
  const { t, i18n } = useLingui();
  const { data: event } = useEventQuery(ticket.event_id);
  const [open, setOpen] = useState<"code" | "pass" | "answers" | null>(null);
  const [draft, setDraft] = useState<Draft>({});
  const type = event?.ticket_types.find((each) => each.id === ticket.ticket_type_id)?.name ?? "";
  const close = () => setOpen(null);
  return (
    <>
      <TicketFace ticket={ticket} onShow={() => setOpen("code")} />
      <p className={styles.name} dir="auto">
        <Link to={`/e/${ticket.event_id}`}>{event?.title ?? t`Event`}</Link>
      </p>
      {event && (
        <p className={styles.faint}>
          <bdi>{type}</bdi> · {formatWhen(event.starts_at, i18n.locale, event.timezone)}
        </p>
      )}
      {ticket.name && (
        <p className={styles.faint}>
          <bdi>{ticket.name}</bdi>
        </p>
      )}
      {ticket.state === "admitted" && (
        <p className={styles.used}>
          <Trans>Used at the door</Trans>
        </p>
      )}
      {ticket.answers_missing && (
        <Button look="quiet" onClick={() => setOpen("answers")}>
          <Trans>Answer the organiser</Trans>
        </Button>
      )}
      {ticket.state === "valid" && (
        <Button look="plain" onClick={() => setOpen("pass")}>
          <Trans>Name or pass on</Trans>
        </Button>
      )}
      {open === "pass" && (
        <PassOn
          booking={ticket.booking_id}
          number={ticket.number}
          name={ticket.name}
          offeredTo={null}
          borrowed
          onClose={close}
        />
      )}
      {event && (
        <>
          <FullScreen ticket={open === "code" ? ticket : null} type={type} event={event} onClose={close} />
          <Dialog open={open === "answers"} onClose={close} title={<Trans>What the organiser asks</Trans>}>
            <AnswersForm
              booking={{ id: ticket.booking_id }}
              event={event}
              draft={draft}
              onDraft={setDraft}
              save={<Trans>Save</Trans>}
              onSaved={close}
            />
          </Dialog>
        </>
      )}
    </>
  );
}
