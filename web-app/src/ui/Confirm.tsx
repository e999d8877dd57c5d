import type { ReactNode } from "react";
import { Button } from "./Button";
import styles from "./Confirm.module.css";
import { Dialog } from "./Dialog";

interface Properties {
  title: ReactNode;
  open: boolean;
  onClose: () => void;
  /** What is done, on the button that does it. */
  action: ReactNode;
  /** What leaves everything as it is. */
  leave: ReactNode;
  busy?: boolean;
  onConfirm: () => void;
  children?: ReactNode;
}

/** Asks before something that is not easily taken back; in it may stand fields that belong to it. */
export function Confirm({ title, open, onClose, action, leave, busy = false, onConfirm, children }: Properties) {
  return (
    <Dialog title={title} open={open} onClose={onClose}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) onConfirm();
        }}
      >
        {children}
        <div className={styles.buttons}>
          <Button type="submit" busy={busy}>
            {action}
          </Button>
          <Button look="quiet" onClick={onClose}>
            {leave}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
