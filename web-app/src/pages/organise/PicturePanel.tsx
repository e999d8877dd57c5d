import { Trans, useLingui } from "@lingui/react/macro";
import { type ReactNode, useId, useRef, useState } from "react";
import { type OwnEvent, useRemovePictureMutation, useSetPictureMutation } from "../../api/organise";
import { isProblem } from "../../api/problem";
import { KINDS, type PictureFault, prepare, type Slot } from "../../organise/picture";
import { Button } from "../../ui/Button";
import { Cover } from "../../ui/Cover";
import { Logo } from "../../ui/Logo";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import styles from "./Organise.module.css";

interface Shared {
  event: OwnEvent | null;
  onChanged: (event: OwnEvent) => void;
}

/** An event's picture, over its page. */
export function PicturePanel({
  event,
  accent,
  onChanged,
}: Shared & {
  /** As it stands in the form. */
  accent: string;
}) {
  const { t } = useLingui();
  return (
    <Panel title={<Trans>Picture</Trans>}>
      {event === null ? (
        <p className={styles.hint}>
          <Trans>Save the event as a draft first: then you can give it a picture here.</Trans>
        </p>
      ) : (
        <Chooser
          slot="image"
          event={event}
          onChanged={onChanged}
          choose={event.image ? t`Another picture` : t`Choose a picture`}
          hint={
            <Trans>
              JPEG, PNG or WebP. It is shown as wide as the page, and cut at its edges: what matters belongs in the
              middle. Where it was taken is not kept.
            </Trans>
          }
          takeAway={t`Take the picture away`}
          said={{
            preparing: t`The picture is being made ready…`,
            sending: t`The picture is being sent…`,
            removing: t`The picture is being taken away…`,
            saved: t`The picture is saved.`,
            gone: t`The event has no picture now.`,
          }}
        >
          <div className={styles.picture}>
            <Cover id={event.id} category={event.category} image={event.image} accent={accent || undefined} />
          </div>
        </Chooser>
      )}
    </Panel>
  );
}

/** An event's logo, beside its title. */
export function LogoPanel({ event, onChanged }: Shared) {
  const { t } = useLingui();
  return (
    <Panel title={<Trans>Logo</Trans>}>
      {event === null ? (
        <p className={styles.hint}>
          <Trans>Save the event as a draft first: then you can give it a logo here.</Trans>
        </p>
      ) : (
        <Chooser
          slot="logo"
          event={event}
          onChanged={onChanged}
          choose={event.logo ? t`Another logo` : t`Choose a logo`}
          hint={
            <Trans>PNG or WebP, which may be transparent, or JPEG. It is shown whole, on white, above the title.</Trans>
          }
          takeAway={t`Take the logo away`}
          said={{
            preparing: t`The logo is being made ready…`,
            sending: t`The logo is being sent…`,
            removing: t`The logo is being taken away…`,
            saved: t`The logo is saved.`,
            gone: t`The event has no logo now.`,
          }}
        >
          <Logo logo={event.logo} />
        </Chooser>
      )}
    </Panel>
  );
}

/** What is chosen is sent at once, beside what is typed, and changes nothing of that. */
function Chooser({
  slot,
  event,
  onChanged,
  choose: label,
  hint,
  takeAway: takeAwayLabel,
  said: texts,
  children,
}: {
  slot: Slot;
  event: OwnEvent;
  onChanged: (event: OwnEvent) => void;
  choose: string;
  hint: ReactNode;
  takeAway: string;
  said: Record<"preparing" | "sending" | "removing" | "saved" | "gone", string>;
  /** What the event has. */
  children: ReactNode;
}) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [send, sending] = useSetPictureMutation();
  const [remove, removing] = useRemovePictureMutation();
  const [preparing, setPreparing] = useState(false);
  const [fault, setFault] = useState<PictureFault | null>(null);
  const [said, setSaid] = useState<"saved" | "gone" | null>(null);
  const busy = preparing || sending.isLoading || removing.isLoading;

  const choose = async (file: File | undefined) => {
    if (!file || busy) return;
    removing.reset();
    sending.reset();
    setSaid(null);
    setFault(null);
    setPreparing(true);
    const picture = await prepare(file, slot).finally(() => setPreparing(false));
    if (typeof picture === "string") {
      setFault(picture);
      return;
    }
    const answer = await send({ event: event.id, slot, picture });
    if (answer.error) return;
    setSaid("saved");
    onChanged(answer.data);
  };
  const takeAway = async () => {
    setFault(null);
    sending.reset();
    setSaid(null);
    const answer = await remove({ event: event.id, slot });
    if (answer.error) return;
    setSaid("gone");
    onChanged(answer.data);
    input.current?.focus();
  };
  const doing = preparing ? "preparing" : sending.isLoading ? "sending" : removing.isLoading ? "removing" : said;

  return (
    <>
      {children}
      <div className={styles.stack}>
        <label htmlFor={id} className={styles.fileLabel}>
          {label}
        </label>
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
        <input
          ref={input}
          id={id}
          type="file"
          accept={KINDS.join(",")}
          className={styles.file}
          aria-describedby={`${id}-hint`}
          aria-invalid={fault !== null || undefined}
          aria-disabled={busy || undefined}
          onClick={(click) => busy && click.preventDefault()}
          onChange={({ target }) => {
            const file = target.files?.[0];
            // The same one may be chosen again, after a fault.
            target.value = "";
            void choose(file);
          }}
        />
      </div>
      {event[slot] && (
        <div>
          <Button look="quiet" busy={busy} onClick={() => void takeAway()}>
            {takeAwayLabel}
          </Button>
        </div>
      )}
      <p role="status" className={styles.faint}>
        {doing && texts[doing]}
      </p>
      {fault !== null && <FaultNotice fault={fault} />}
      {sending.error && <SendFault error={sending.error} />}
      {removing.error && <FailureNotice error={removing.error} />}
    </>
  );
}

function FaultNotice({ fault }: { fault: PictureFault }) {
  const texts: Record<PictureFault, ReactNode> = {
    kind: <Trans>Choose a JPEG, PNG or WebP.</Trans>,
    size: <Trans>It is too large, and stays so when it is made smaller. Choose another one.</Trans>,
    ratio: <Trans>One side may be four times as long as the other at most. Cut it before.</Trans>,
    broken: <Trans>The file cannot be read as a picture. It may be damaged.</Trans>,
  };
  return (
    <Notice tone="bad" live title={<Trans>This picture cannot be used</Trans>}>
      <p>{texts[fault]}</p>
    </Notice>
  );
}

/** What the server says of the file itself, in the words of who looks at it. */
function SendFault({ error }: { error: unknown }) {
  if (isProblem(error, "/problems/too-large")) return <FaultNotice fault="size" />;
  if (isProblem(error, "/problems/unsupported-media-type")) return <FaultNotice fault="kind" />;
  if (isProblem(error, "/problems/invalid-request")) return <FaultNotice fault="broken" />;
  return <FailureNotice error={error} />;
}
