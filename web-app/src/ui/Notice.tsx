import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import type { Failure } from "../api/problem";
import { NETWORK, PROBLEMS, type ProblemText, UNREADABLE } from "../i18n/problems";
import { Button } from "./Button";
import styles from "./Notice.module.css";

export type Tone = "info" | "good" | "bad" | "wait" | "unknown";

/** Never by colour alone: each tone has its sign. */
const SIGNS: Record<Tone, string> = { info: "i", good: "✓", bad: "!", wait: "…", unknown: "?" };

interface Properties {
  tone: Tone;
  title: ReactNode;
  children?: ReactNode;
  /** Said at once to who cannot see it; else it is part of the page. */
  live?: boolean;
}

export function Notice({ tone, title, children, live = false }: Properties) {
  return (
    <div
      className={`${styles.notice} ${styles[tone]}`}
      role={live ? (tone === "bad" ? "alert" : "status") : undefined}
      data-tone={tone}
    >
      <span className={styles.sign} aria-hidden="true">
        {SIGNS[tone]}
      </span>
      <div className={styles.text}>
        <p className={styles.title}>{title}</p>
        {children}
      </div>
    </div>
  );
}

/** The text of a failure. */
export function textOf(failure: unknown): ProblemText {
  const known = failure as Failure | undefined;
  if (known?.kind === "problem") return PROBLEMS[known.type];
  return known?.kind === "network" ? NETWORK : UNREADABLE;
}

/** Why something came to nothing, and what to do. */
export function FailureNotice({
  error,
  retry,
  children,
}: {
  error: unknown;
  retry?: () => void;
  children?: ReactNode;
}) {
  const { i18n } = useLingui();
  const text = textOf(error);
  const problem =
    (error as Failure | undefined)?.kind === "problem" ? (error as Extract<Failure, { kind: "problem" }>) : null;
  const ours = problem !== null && problem.status >= 500;
  return (
    <Notice tone="bad" title={i18n._(text.title)} live>
      <p>{i18n._(text.advice)}</p>
      {problem?.retryAfter ? (
        <p>
          <Trans>Best in {problem.retryAfter} seconds.</Trans>
        </p>
      ) : null}
      {/* What exactly is wrong the server says in English alone. */}
      {problem?.type === "/problems/invalid-request" && problem.errors.length > 0 && (
        <ul lang="en" dir="ltr">
          {problem.errors.map((fault) => (
            <li key={fault.pointer + fault.detail}>
              <code>{fault.pointer}</code> {fault.detail}
            </li>
          ))}
        </ul>
      )}
      {ours && problem.requestId && (
        <p className={styles.small}>
          <Trans>
            Number of this request: <code>{problem.requestId}</code>
          </Trans>
        </p>
      )}
      {children}
      {retry && (
        <Button look="quiet" onClick={retry}>
          <Trans>Try again</Trans>
        </Button>
      )}
    </Notice>
  );
}
