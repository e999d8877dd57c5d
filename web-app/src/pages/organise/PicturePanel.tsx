import { Trans, useLingui } from "@lingui/react/macro";
import { type ReactNode, useId, useRef, useState } from "react";
import { type OwnEvent, useRemovePictureMutation, useSetPictureMutation } from "../../api/organise";
import { isProblem } from "../../api/problem";
import { KINDS, type PictureFault, prepare } from "../../organise/picture";
import { Button } from "../../ui/Button";
import { Cover } from "../../ui/Cover";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import styles from "./Organise.module.css";

/** An event's picture: it is sent as soon as it is chosen, beside what is typed, and changes nothing of that. */
export function PicturePanel({
  event,
  accent,
  onChanged,
}: {
  event: OwnEvent | null;
  /** As it stands in the form. */
  accent: string;
  onChanged: (event: OwnEvent) => void;
}) {
  const { t } = useLingui();
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [send, sending] = useSetPictureMutation();
  const [remove, removing] = useRemovePictureMutation();
  const [preparing, setPreparing] = useState(false);
  const [fault, setFault] = useState<PictureFault | null>(null);
  const [said, setSaid] = useState<"saved" | "gone" | null>(null);
  const busy = preparing || sending.isLoading || removing.isLoading;

  const choose = async (file: File | undefined) => {
    if (!file || !event || busy) return;
    removing.reset();
    sending.reset();
    setSaid(null);
    setFault(null);
    setPreparing(true);
    const picture = await prepare(file).finally(() => setPreparing(false));
    if (typeof picture === "string") {
      setFault(picture);
      return;
    }
    const answer = await send({ event: event.id, picture });
    if (answer.error) return;
    setSaid("saved");
    onChanged(answer.data);
  };
  const takeAway = async () => {
    if (!event) return;
    setFault(null);
    sending.reset();
    setSaid(null);
    const answer = await remove({ event: event.id });
    if (answer.error) return;
    setSaid("gone");
    onChanged(answer.data);
    input.current?.focus();
  };

  return (
    <Panel title={<Trans>Picture</Trans>}>
      {event === null ? (
        <p className={styles.hint}>
          <Trans>Save the event as a draft first: then you can give it a picture here.</Trans>
        </p>
      ) : (
        <>
          <div className={styles.picture}>
            <Cover id={event.id} category={event.category} image={event.image} accent={accent || undefined} />
          </div>
          <div className={styles.stack}>
            <label htmlFor={id} className={styles.fileLabel}>
              {event.image ? <Trans>Another picture</Trans> : <Trans>Choose a picture</Trans>}
            </label>
            <p id={`${id}-hint`} className={styles.hint}>
              <Trans>
                JPEG, PNG or WebP. It is shown as wide as the page, and cut at its edges: what matters belongs in the
                middle. Where it was taken is not kept.
              </Trans>
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
          {event.image && (
            <div>
              <Button look="quiet" busy={busy} onClick={() => void takeAway()}>
                <Trans>Take the picture away</Trans>
              </Button>
            </div>
          )}
          <p role="status" className={styles.faint}>
            {preparing
              ? t`The picture is being made ready…`
              : sending.isLoading
                ? t`The picture is being sent…`
                : removing.isLoading
                  ? t`The picture is being taken away…`
                  : said === "saved"
                    ? t`The picture is saved.`
                    : said === "gone"
                      ? t`The event has no picture now.`
                      : null}
          </p>
          {fault !== null && <FaultNotice fault={fault} />}
          {sending.error && <SendFault error={sending.error} />}
          {removing.error && <FailureNotice error={removing.error} />}
        </>
      )}
    </Panel>
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
