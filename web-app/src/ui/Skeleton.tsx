import { useLingui } from "@lingui/react/macro";
import styles from "./Skeleton.module.css";

/** Where something will be, in its shape; `lines` of text or one block. */
export function Skeleton({ lines = 0, height = "1rem" }: { lines?: number; height?: string }) {
  if (lines === 0) return <div className={styles.bone} style={{ blockSize: height }} aria-hidden="true" />;
  return (
    <div className={styles.lines} aria-hidden="true">
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines that are all alike
        <div key={line} className={styles.bone} style={{ inlineSize: `${95 - ((line * 23) % 45)}%` }} />
      ))}
    </div>
  );
}

/** The whole of a page while it is not there. */
export function LoadingPage() {
  const { t } = useLingui();
  return (
    <div className={styles.page} role="status" aria-label={t`Loading`}>
      <Skeleton height="3rem" />
      <Skeleton lines={4} />
      <Skeleton height="12rem" />
    </div>
  );
}
