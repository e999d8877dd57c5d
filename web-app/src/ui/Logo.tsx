import { useState } from "react";
import type { EventLogo } from "../api";
import styles from "./Logo.module.css";

/** An event's logo, or nothing where it has none, or none that comes. Decoration beside its title, which says what it is. */
export function Logo({ logo }: { logo: EventLogo | null | undefined }) {
  const [failed, setFailed] = useState<string>();
  if (!logo || logo.url === failed) return null;
  return (
    <img
      className={styles.logo}
      src={logo.url}
      width={logo.width}
      height={logo.height}
      alt=""
      decoding="async"
      onError={() => setFailed(logo.url)}
    />
  );
}
