import { Trans, useLingui } from "@lingui/react/macro";
import { useEffect, useRef, useState } from "react";
import { type Camera, type NoCamera, openCamera } from "../../door/camera";
import { allowSound } from "../../door/signal";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import styles from "./Door.module.css";

/** Milliseconds for which the same code is not read again: it is still held in front of the camera. */
const STILL = 3000;

/** The camera, while it is wanted. */
export function Scanner({ onCode }: { onCode: (text: string) => void }) {
  const { t } = useLingui();
  const video = useRef<HTMLVideoElement>(null);
  const [on, setOn] = useState(false);
  const [camera, setCamera] = useState<Camera | null>(null);
  const [none, setNone] = useState<NoCamera | null>(null);
  const [lit, setLit] = useState(false);
  const tell = useRef(onCode);
  tell.current = onCode;

  useEffect(() => {
    const element = video.current;
    if (!on || !element) return;
    let [gone, last, seen] = [false, "", 0];
    let opened: Camera | null = null;
    const opening = openCamera(element, (text) => {
      const now = Date.now();
      if (text === last && now - seen < STILL) {
        seen = now;
        return;
      }
      [last, seen] = [text, now];
      tell.current(text);
    });
    void opening.then((answer) => {
      if ("none" in answer) {
        if (!gone) {
          setNone(answer.none);
          setOn(false);
        }
        return;
      }
      opened = answer.camera;
      if (gone) opened.stop();
      else setCamera(opened);
    });
    return () => {
      gone = true;
      opened?.stop();
      setCamera(null);
      setLit(false);
    };
  }, [on]);

  return (
    <div className={styles.scanner}>
      {on && (
        <div className={styles.finder}>
          <video ref={video} muted playsInline aria-label={t`What the camera sees`} />
        </div>
      )}
      {none && (
        <Notice
          tone="unknown"
          live
          title={
            none === "refused" ? (
              <Trans>The camera may not be used</Trans>
            ) : none === "busy" ? (
              <Trans>Another program has the camera</Trans>
            ) : none === "insecure" ? (
              <Trans>Browsers give the camera to secure pages alone</Trans>
            ) : (
              <Trans>There is no camera</Trans>
            )
          }
        >
          <p>
            {none === "refused" ? (
              <Trans>Allow it in the settings of your browser for this page, or use a scanner that types.</Trans>
            ) : (
              <Trans>A scanner that types works all the same, and so does a search by name.</Trans>
            )}
          </p>
        </Notice>
      )}
      <div className={styles.buttons}>
        <Button
          look={on ? "quiet" : "strong"}
          onClick={() => {
            allowSound();
            setNone(null);
            setOn(!on);
          }}
        >
          {on ? <Trans>Stop the camera</Trans> : <Trans>Scan with the camera</Trans>}
        </Button>
        {camera?.torch && (
          <Button
            look="quiet"
            aria-pressed={lit}
            onClick={() => {
              const next = !lit;
              camera.torch?.(next).then(
                () => setLit(next),
                () => undefined,
              );
            }}
          >
            {lit ? <Trans>Light off</Trans> : <Trans>Light on</Trans>}
          </Button>
        )}
      </div>
    </div>
  );
}
