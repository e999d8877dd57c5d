import { useLingui } from "@lingui/react/macro";
import { type ReactNode, useEffect, useId, useRef } from "react";
import styles from "./Dialog.module.css";

interface Properties {
  title: ReactNode;
  open: boolean;
  onClose: () => void;
  /** All of the screen, white: for what a scanner is to read. */
  full?: boolean;
  children: ReactNode;
}

/** The browser's own dialog: it keeps the focus, closes on Escape, and gives the focus back. */
export function Dialog({ title, open, onClose, full = false, children }: Properties) {
  const { t } = useLingui();
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    if (open && !dialog?.open) dialog?.showModal();
    if (!open && dialog?.open) dialog.close();
  }, [open]);
  return (
    <dialog
      ref={element}
      aria-labelledby={id}
      className={`${styles.dialog} ${full ? styles.full : ""}`}
      onClose={onClose}
    >
      {open && (
        <>
          <div className={styles.head}>
            <h2 id={id}>{title}</h2>
            <button type="button" className={styles.close} onClick={onClose} aria-label={t`Close`}>
              <span aria-hidden="true">×</span>
            </button>
          </div>
          {children}
        </>
      )}
    </dialog>
  );
}
