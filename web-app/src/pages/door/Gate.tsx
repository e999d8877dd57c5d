import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useCallback, useEffect, useRef, useState } from "react";
import { useDoorListsQuery } from "../../api/door";
import { prepareCamera } from "../../door/camera";
import { verdict as say, type Verdict } from "../../door/decide";
import type { Post } from "../../door/desk";
import { changeSettings, settings } from "../../door/settings";
import { allowSound, signal } from "../../door/signal";
import { Wedge } from "../../door/wedge";
import { newKey } from "../../lib/key";
import { formatClock } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Counts } from "./Counts";
import styles from "./Door.module.css";
import { Outcome } from "./Outcome";
import { Scanner } from "./Scanner";
import { SearchByName } from "./SearchByName";
import { type Standing, useDesk } from "./useDesk";

interface Last {
  key: string;
  code: string;
  manual: boolean;
  verdict: Verdict | null;
  error: unknown;
  undo: boolean;
}

/** A gate that is open. */
export function Gate({ post, onLeave }: { post: Post; onLeave: () => void }) {
  const { t, i18n } = useLingui();
  const { desk, standing, refresh, dismiss } = useDesk(post);
  const [last, setLast] = useState<Last | null>(null);
  const [busy, setBusy] = useState(false);
  const [undoing, setUndoing] = useState(false);
  const [here, setHere] = useState(0);
  const [sound, setSound] = useState(() => settings().sound);
  const [open, setOpen] = useState<"search" | "counts" | null>(null);
  const { data: lists } = useDoorListsQuery(post.event.id, {
    pollingInterval: 20_000,
    skipPollingIfUnfocused: true,
    skip: standing.away,
  });
  const total = lists?.items.find((list) => list.id === post.list.id)?.admissions;

  const scan = useCallback(
    async (code: string, manual = false) => {
      if (!desk) return;
      setBusy(true);
      const key = newKey();
      const answer = await desk.scan(code, key, manual).catch(() => ({
        // What cannot be written down must let nobody in.
        verdict: say("unchecked", { offline: true }),
        undo: false,
      }));
      setBusy(false);
      refresh();
      if ("error" in answer) {
        signal("unchecked", settings().sound);
        setLast({ key, code, manual, verdict: null, error: answer.error, undo: false });
        return;
      }
      signal(answer.verdict.is, settings().sound);
      if (answer.verdict.is === "admitted") setHere((count) => count + 1);
      setLast({ key, code, manual, verdict: answer.verdict, error: null, undo: answer.undo });
    },
    [desk, refresh],
  );
  useWedge((code) => void scan(code));
  // After a reload nobody has touched the page yet, and browsers let no page sound before.
  useEffect(() => {
    prepareCamera();
    document.addEventListener("pointerdown", allowSound, { once: true });
    return () => document.removeEventListener("pointerdown", allowSound);
  }, []);

  const undo = async () => {
    if (!desk || !last) return;
    setUndoing(true);
    const answer = await desk.undo(last.code, last.manual);
    setUndoing(false);
    refresh();
    if (answer.error) {
      setLast({ ...last, error: answer.error });
      return;
    }
    setHere((count) => Math.max(0, count - 1));
    setLast(null);
  };

  return (
    <Page
      title={t`Door`}
      heading={
        <div className={styles.head}>
          <div>
            <h1 tabIndex={-1} className={styles.title} dir="auto">
              {post.event.title}
            </h1>
            <p className={styles.place}>
              <Trans>
                Gate <bdi>{post.gate}</bdi>
              </Trans>
              {" · "}
              <bdi>{post.list.name}</bdi>
            </p>
          </div>
          <Button look="quiet" onClick={onLeave}>
            <Trans>Another gate</Trans>
          </Button>
        </div>
      }
    >
      <Conditions standing={standing} />
      {standing.conflicts.length > 0 && <Conflicts standing={standing} onDismiss={dismiss} />}
      <div className={styles.columns}>
        <div className={styles.main}>
          {last?.verdict ? (
            <Outcome
              // Another scan is said anew, also where it came to the same.
              key={last.key}
              verdict={last.verdict}
              post={post}
              onUndo={last.undo ? () => void undo() : null}
              undoing={undoing}
            />
          ) : (
            <div className={styles.outcome} data-tone="none">
              <p className={styles.word}>{busy ? <Trans>Looking…</Trans> : <Trans>Ready</Trans>}</p>
              <p>
                <Trans>Hold a ticket's code in front of the camera, or scan it.</Trans>
              </p>
            </div>
          )}
          {last?.error ? <FailureNotice error={last.error} /> : null}
        </div>
        <div className={styles.side}>
          <Scanner onCode={(code) => void scan(code)} />
          <form
            className={styles.typed}
            onSubmit={(event) => {
              event.preventDefault();
              allowSound();
              const element = event.currentTarget;
              const code = String(new FormData(element).get("code")).trim();
              element.reset();
              if (code) void scan(code);
            }}
          >
            <Field
              label={t`Code`}
              hint={t`A scanner that types may be used anywhere on this page.`}
              name="code"
              autoComplete="off"
              autoCapitalize="characters"
              spellCheck={false}
              maxLength={256}
              dir="ltr"
            />
            <Button type="submit" look="quiet" busy={busy || !desk}>
              <Trans>Check the code</Trans>
            </Button>
          </form>
          <div className={styles.buttons}>
            <Button look="quiet" onClick={() => setOpen("search")}>
              <Trans>Search by name</Trans>
            </Button>
            <Button look="quiet" onClick={() => setOpen("counts")}>
              <Trans>Count by gate</Trans>
            </Button>
            <Button
              look="quiet"
              aria-pressed={sound}
              onClick={() => {
                allowSound();
                changeSettings({ sound: !sound });
                setSound(!sound);
                if (!sound) signal("admitted", true);
              }}
            >
              {sound ? <Trans>Sound is on</Trans> : <Trans>Sound is off</Trans>}
            </Button>
          </div>
          <dl className={styles.counts}>
            <div>
              <dt>
                <Trans>Let in here</Trans>
              </dt>
              <dd>{i18n.number(here)}</dd>
            </div>
            <div>
              <dt>
                <Trans>By this list in all</Trans>
              </dt>
              <dd>{total === undefined ? "–" : i18n.number(total)}</dd>
            </div>
            <div>
              <dt>
                <Trans>Waiting to be sent</Trans>
              </dt>
              <dd data-testid="waiting">{i18n.number(standing.waiting)}</dd>
            </div>
          </dl>
        </div>
      </div>
      <SearchByName
        open={open === "search"}
        post={post}
        onClose={() => setOpen(null)}
        onChoose={(code) => {
          setOpen(null);
          void scan(code, true);
        }}
      />
      <Counts open={open === "counts"} post={post} onClose={() => setOpen(null)} />
    </Page>
  );
}

/** A scanner that types, wherever the focus is but in a field. */
function useWedge(onCode: (code: string) => void): void {
  const tell = useRef(onCode);
  tell.current = onCode;
  useEffect(() => {
    const wedge = new Wedge();
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
      const code = wedge.press(event.key, event.timeStamp);
      // A scanner's Enter must not press the button that has the focus.
      if (wedge.isTyping || code !== null) event.preventDefault();
      if (code !== null) tell.current(code);
    };
    document.addEventListener("keydown", press, true);
    return () => document.removeEventListener("keydown", press, true);
  }, []);
}

/** Whether there is a network, and what can be done without. */
function Conditions({ standing }: { standing: Standing }) {
  const { i18n } = useLingui();
  const { asOf, verifies, away, broken, failure, waiting } = standing;
  const list =
    asOf === null ? (
      <Trans>No list is downloaded yet: without a network nobody can be checked here.</Trans>
    ) : (
      <Trans>
        List of {formatClock(asOf, i18n.locale)}, <Plural value={standing.tickets} one="# ticket" other="# tickets" />.
      </Trans>
    );
  return (
    <>
      {failure && <FailureNotice error={failure} />}
      {broken ? (
        <Notice tone="bad" title={<Trans>This browser keeps nothing</Trans>}>
          <p>
            <Trans>
              It is full, or in private mode. With a network the gate works; without one nobody can be checked here.
            </Trans>
          </p>
        </Notice>
      ) : verifies === false ? (
        <Notice tone="unknown" title={<Trans>Only with a network</Trans>}>
          <p>
            <Trans>
              This browser cannot verify signatures (Ed25519), so without a network it cannot tell a ticket from a copy
              of its number. Use a newer browser to be safe.
            </Trans>
          </p>
        </Notice>
      ) : away ? (
        <Notice tone={asOf === null ? "bad" : "unknown"} live title={<Trans>Without a network</Trans>}>
          <p>{list}</p>
          {asOf !== null && (
            <p>
              <Trans>
                Codes are checked by their signatures on this device. Who was let in at another gate meanwhile is not
                known here.
              </Trans>
            </p>
          )}
        </Notice>
      ) : (
        <p className={styles.line}>
          <span className={styles.dot} aria-hidden="true" />
          <span>
            <Trans>Connected.</Trans> {list}{" "}
            {waiting > 0 && <Plural value={waiting} one="# scan is being sent." other="# scans are being sent." />}
          </span>
        </p>
      )}
    </>
  );
}

/** Tickets by which two people came in. */
function Conflicts({ standing, onDismiss }: { standing: Standing; onDismiss: () => void }) {
  const { i18n } = useLingui();
  return (
    <Notice
      tone="bad"
      live
      title={
        <Plural
          value={standing.conflicts.length}
          one="# person was let in without a network who should not have been"
          other="# people were let in without a network who should not have been"
        />
      }
    >
      <ul className={styles.conflicts}>
        {standing.conflicts.map(({ scan, outcome }) => (
          <li key={scan.id}>
            {formatClock(scan.at, i18n.locale)}
            {" · "}
            {outcome?.name && (
              <>
                <bdi>{outcome.name}</bdi>
                {" · "}
              </>
            )}
            {outcome === null ? (
              <Trans>The server takes this scan not at all: its time cannot be right.</Trans>
            ) : outcome.result === "already-admitted" && outcome.admitted_at ? (
              <Trans>
                Let in before at {formatClock(outcome.admitted_at, i18n.locale)}, gate <bdi>{outcome.gate ?? "–"}</bdi>
              </Trans>
            ) : (
              <Trans>Not valid</Trans>
            )}
          </li>
        ))}
      </ul>
      <Button look="quiet" onClick={onDismiss}>
        <Trans>I have seen it</Trans>
      </Button>
    </Notice>
  );
}
