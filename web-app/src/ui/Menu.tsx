import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Button } from "./Button";
import styles from "./Menu.module.css";

/** What else can be done: buttons and links behind a button. Escape, a choice, and whatever happens elsewhere close it. */
export function Menu({ label, children }: { label: ReactNode; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const [side, setSide] = useState<"start" | "end">("end");
  const frame = useRef<HTMLDivElement>(null);
  const id = useId();
  // It opens towards the middle of the screen, where there is room.
  const toggle = () => {
    const element = frame.current;
    if (element) {
      const { left, right } = element.getBoundingClientRect();
      const leftHalf = (left + right) / 2 < document.documentElement.clientWidth / 2;
      setSide(leftHalf === (getComputedStyle(element).direction === "ltr") ? "start" : "end");
    }
    setOpen(!open);
  };
  useEffect(() => {
    if (!open) return;
    const elsewhere = ({ target }: Event) => {
      if (!frame.current?.contains(target as Node)) setOpen(false);
    };
    const close = ({ key }: KeyboardEvent) => {
      if (key !== "Escape") return;
      setOpen(false);
      frame.current?.querySelector("button")?.focus();
    };
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("focusin", elsewhere);
    document.addEventListener("keydown", close);
    return () => {
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("focusin", elsewhere);
      document.removeEventListener("keydown", close);
    };
  }, [open]);
  return (
    <div ref={frame} className={styles.menu}>
      <Button look="quiet" aria-expanded={open} aria-controls={id} onClick={toggle}>
        {label}
        <span className={styles.sign} aria-hidden="true" />
      </Button>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: a key that chooses something in it clicks */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: what is clicked is in it */}
      <div id={id} className={styles.items} data-side={side} hidden={!open} onClick={() => setOpen(false)}>
        {children}
      </div>
    </div>
  );
}
