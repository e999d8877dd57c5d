import { Trans, useLingui } from "@lingui/react/macro";
import type { Event, Ticket } from "../../api";
import { Dialog } from "../../ui/Dialog";
import { QrCode } from "../../ui/QrCode";
import styles from "./Orders.module.css";

type Shown = Pick<Ticket, "number" | "code" | "transferred" | "answers_missing">;

/** A ticket's code, which can be shown large; or why there is none. */
export function TicketFace({ ticket, onShow, gone = false }: { ticket: Shown; onShow: () => void; gone?: boolean }) {
  const { t } = useLingui();
  if (ticket.code !== null) {
    return (
      <button
        type="button"
        className={styles.qr}
        onClick={onShow}
        aria-label={t`Show ticket ${ticket.number} on the whole screen`}
      >
        <QrCode text={ticket.code} label={t`QR code of ticket ${ticket.number}`} />
      </button>
    );
  }
  return (
    <div className={styles.noCode}>
      {ticket.answers_missing ? (
        <Trans>Waits for your answers</Trans>
      ) : gone ? (
        <Trans>It is somebody else's now</Trans>
      ) : (
        <Trans>Not good any more</Trans>
      )}
    </div>
  );
}

/** A code on the whole screen, black on white, for a scanner. */
export function FullScreen({
  ticket,
  type,
  event,
  onClose,
}: {
  ticket: Shown | null;
  type: string;
  event: Event;
  onClose: () => void;
}) {
  const { t } = useLingui();
  return (
    <Dialog full open={ticket !== null} onClose={onClose} title={ticket ? type : ""}>
      {ticket?.code && (
        <div className={styles.screen}>
          <QrCode text={ticket.code} label={t`QR code of ticket ${ticket.number}`} />
          <p>
            <bdi>{event.title}</bdi> · <Trans>Ticket {ticket.number}</Trans>
          </p>
          <p>
            <Trans>Turn up the brightness of your screen, and hold it still in front of the scanner.</Trans>
          </p>
        </div>
      )}
    </Dialog>
  );
}
