import { Trans, useLingui } from "@lingui/react/macro";
import { useEffect, useRef, useState } from "react";
import type { Booking } from "../api";
import { announcement, clock, minutesAndSeconds, remaining } from "../lib/clock";
import { useNow } from "../lib/hooks";
import styles from "./Countdown.module.css";

/** Milliseconds left of a booking's hold by the server's clock; nothing where it has none. */
export function useRemaining(booking: Booking | undefined): number | null {
  const now = useNow(500);
  if (!booking?.expires_at) return null;
  return remaining({ createdAt: booking.created_at, expiresAt: booking.expires_at }, clock.now(now));
}

/** How long places are still held: shown all the time, said aloud when it matters. */
export function Countdown({ left }: { left: number }) {
  const { t } = useLingui();
  const said = useRef<number | null>(announcement(left) === 0 ? null : announcement(left + 1000));
  const [text, setText] = useState("");
  const due = announcement(left);
  useEffect(() => {
    if (due === said.current || due === null) return;
    said.current = due;
    setText(
      {
        5: t`Your tickets are held for 5 more minutes.`,
        2: t`Your tickets are held for 2 more minutes.`,
        1: t`Your tickets are held for 1 more minute.`,
        0: t`The hold has expired.`,
      }[due],
    );
  }, [due, t]);
  return (
    <div className={styles.countdown} data-urgent={left <= 120_000 || undefined}>
      <p aria-hidden="true">
        <Trans>
          Held for <span className={styles.time}>{minutesAndSeconds(left)}</span>
        </Trans>
      </p>
      {/* A timer that were live would be read every second. */}
      <p role={due === 0 || due === 1 ? "alert" : "status"} className="visually-hidden">
        {text}
      </p>
    </div>
  );
}
