import type { CSSProperties, ReactNode } from "react";
import { coverOf } from "../lib/cover";
import styles from "./Cover.module.css";

/** A cover for an event without a picture. Decoration: what stands on it is said elsewhere, too. */
export function Cover({
  id,
  category,
  large = false,
  children,
}: {
  id: string;
  category: string;
  large?: boolean;
  children?: ReactNode;
}) {
  const cover = coverOf(id, category);
  const variables = {
    "--hue": cover.hue,
    "--second": cover.second,
    "--x": `${cover.x}%`,
    "--y": `${cover.y}%`,
    "--tilt": `${cover.tilt}deg`,
  } as CSSProperties;
  return (
    <div className={`${styles.cover} ${large ? styles.large : ""}`} data-pattern={cover.pattern} style={variables}>
      {children}
    </div>
  );
}
