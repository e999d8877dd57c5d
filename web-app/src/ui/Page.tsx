import { type ReactNode, useEffect, useRef } from "react";
import { NavigationType, useNavigationType } from "react-router";
import styles from "./Page.module.css";

/** Whether somebody has come from another page of the app: the first one is announced by the browser. */
let moved = false;

interface Properties {
  /** What the page is called, in its heading and in the tab; nothing while that is not known. */
  title: string | undefined;
  /** Where the heading is drawn by the page itself, which then gives it this element's id. */
  heading?: ReactNode;
  narrow?: boolean;
  children: ReactNode;
}

/** A page: its title, and its heading as the place where reading goes on after a click. */
export function Page({ title, heading, narrow = false, children }: Properties) {
  const main = useRef<HTMLDivElement>(null);
  const came = useNavigationType();
  const ready = title !== undefined;

  useEffect(() => {
    document.title = title === undefined ? "Marquee" : `${title} · Marquee`;
  }, [title]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: how somebody came counts when the page appears, and not when that changes under it
  useEffect(() => {
    if (!ready) return;
    if (moved) {
      if (came !== NavigationType.Pop) window.scrollTo(0, 0);
      main.current?.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
    }
    moved = true;
  }, [ready]);

  return (
    <div ref={main} className={narrow ? styles.narrow : styles.page}>
      {heading ?? (title !== undefined && <h1 tabIndex={-1}>{title}</h1>)}
      {children}
    </div>
  );
}
