import { type CSSProperties, type ReactNode, useState } from "react";
import type { EventImage } from "../api";
import { hueOf } from "../lib/accent";
import { coverOf } from "../lib/cover";
import styles from "./Cover.module.css";

/** How wide a cover is drawn: a card's, and the one over all of a page. */
const CARD = "(min-width: 40rem) 24rem, 100vw";
const PAGE = "(min-width: 76rem) 76rem, 100vw";

/** An event's picture, or a pattern where it has none, or none that comes. Decoration: what stands on it, and the title, are said elsewhere, too. */
export function Cover({
  id,
  category,
  image,
  accent,
  large = false,
  children,
}: {
  id: string;
  category: string;
  image?: EventImage | null | undefined;
  /** The event's colour. */
  accent?: string | undefined;
  large?: boolean;
  children?: ReactNode;
}) {
  const [failed, setFailed] = useState<string>();
  const cover = coverOf(id, category, accent === undefined ? null : hueOf(accent));
  const variables = {
    "--hue": cover.hue,
    "--second": cover.second,
    "--x": `${cover.x}%`,
    "--y": `${cover.y}%`,
    "--tilt": `${cover.tilt}deg`,
  } as CSSProperties;
  return (
    <div className={`${styles.cover} ${large ? styles.large : ""}`} data-pattern={cover.pattern} style={variables}>
      {image && image.url !== failed && (
        <img
          className={styles.picture}
          src={image.url}
          srcSet={image.sizes.map((file) => `${file.url} ${file.width}w`).join(", ")}
          sizes={large ? PAGE : CARD}
          width={image.width}
          height={image.height}
          alt=""
          loading={large ? "eager" : "lazy"}
          decoding="async"
          onError={() => setFailed(image.url)}
        />
      )}
      {children}
    </div>
  );
}
