import type { CSSProperties, ReactNode } from "react";
import { accentTokens } from "../lib/accent";
import styles from "./Accented.module.css";

/** What belongs to an event, in its colour where it has one. React sets each property by itself: no style is written into the page's text. */
export function Accented({ accent, children }: { accent: string | undefined; children: ReactNode }) {
  const tokens = accentTokens(accent);
  if (!tokens) return children;
  return (
    <div className={styles.accented} style={tokens as CSSProperties}>
      {children}
    </div>
  );
}
