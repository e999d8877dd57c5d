import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import { Trans, useLingui } from "@lingui/react/macro";
import type { Verdict } from "../../door/decide";
import type { Post } from "../../door/desk";
import { formatClock } from "../../lib/time";
import { Button } from "../../ui/Button";
import styles from "./Door.module.css";

interface Face {
  word: MessageDescriptor;
  sign: string;
  tone: "yes" | "again" | "no" | "elsewhere" | "unknown";
  /** What to do, or why. */
  advice: MessageDescriptor | null;
}

/** Never by colour alone: each has its word and its sign. */
const FACES: Record<Verdict["is"], Face> = {
  admitted: { word: msg`Admitted`, sign: "✓", tone: "yes", advice: null },
  already: {
    word: msg`Already admitted`,
    sign: "!",
    tone: "again",
    advice: msg`Somebody came in by this ticket before.`,
  },
  cancelled: { word: msg`Not valid`, sign: "✕", tone: "no", advice: msg`The order or the event was cancelled.` },
  replaced: {
    word: msg`Not valid`,
    sign: "✕",
    tone: "no",
    advice: msg`The ticket was passed on: this is the code from before.`,
  },
  void: { word: msg`Not valid`, sign: "✕", tone: "no", advice: msg`The ticket was cancelled or passed on.` },
  unknown: { word: msg`Not a ticket`, sign: "✕", tone: "no", advice: msg`Nobody was given this code.` },
  "wrong-event": {
    word: msg`Wrong event`,
    sign: "≠",
    tone: "elsewhere",
    advice: msg`The ticket is for another event.`,
  },
  "wrong-list": {
    word: msg`Wrong list`,
    sign: "≠",
    tone: "elsewhere",
    advice: msg`This gate does not let in by such tickets. Another one may.`,
  },
  "not-open": {
    word: msg`Not open now`,
    sign: "…",
    tone: "elsewhere",
    advice: msg`This list does not let in at this time.`,
  },
  unchecked: {
    word: msg`Could not be checked`,
    sign: "?",
    tone: "unknown",
    advice: msg`The server does not answer, and this device cannot tell by itself.`,
  },
};

interface Properties {
  verdict: Verdict;
  post: Post;
  /** Takes it back; nothing where that is not offered. */
  onUndo: (() => void) | null;
  undoing: boolean;
}

/** What a scan came to, to be seen from two steps away. */
export function Outcome({ verdict, post, onUndo, undoing }: Properties) {
  const { i18n } = useLingui();
  const face = FACES[verdict.is];
  const type = verdict.type === null ? undefined : post.event.types[verdict.type];
  const time = verdict.at === null ? null : formatClock(verdict.at, i18n.locale);
  return (
    <div className={styles.outcome} data-tone={face.tone}>
      <div role="alert" className={styles.said}>
        <span className={styles.sign} aria-hidden="true">
          {face.sign}
        </span>
        <p className={styles.word}>{i18n._(face.word)}</p>
        {verdict.is === "already" && time !== null && (
          <p className={styles.when}>
            {verdict.gate ? (
              <Trans>
                at {time}, gate <bdi>{verdict.gate}</bdi>
              </Trans>
            ) : (
              <Trans>at {time}</Trans>
            )}
          </p>
        )}
        {verdict.name && (
          <p className={styles.who} dir="auto">
            {verdict.name}
          </p>
        )}
        {type && (
          <p className={styles.type} dir="auto">
            {type}
          </p>
        )}
        {face.advice && <p>{i18n._(face.advice)}</p>}
        {verdict.answersMissing && (
          <p>
            <Trans>Answers for the organiser are missing. That keeps nobody out.</Trans>
          </p>
        )}
      </div>
      {verdict.answers.length > 0 && (
        <dl className={styles.answers}>
          {verdict.answers.map((answer) => (
            <div key={answer.label}>
              <dt dir="auto">{answer.label}</dt>
              <dd dir="auto">{answer.value}</dd>
            </div>
          ))}
        </dl>
      )}
      {verdict.offline && verdict.is === "admitted" && (
        <p>
          <Trans>Decided by this device. The server hears of it later.</Trans>
        </p>
      )}
      {onUndo && (
        <div>
          <Button look="quiet" busy={undoing} onClick={onUndo}>
            <Trans>Take it back</Trans>
          </Button>
        </div>
      )}
    </div>
  );
}
