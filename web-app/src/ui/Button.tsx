import type { ButtonHTMLAttributes } from "react";
import { Link, type LinkProps } from "react-router";
import styles from "./Button.module.css";

export type Look = "strong" | "quiet" | "plain";

interface Properties extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  /** Under way: it takes no further click and keeps the focus, which a disabled button loses. */
  busy?: boolean;
}

export function Button({
  look = "strong",
  busy = false,
  className = "",
  onClick,
  type = "button",
  ...rest
}: Properties) {
  return (
    <button
      {...rest}
      type={type}
      className={`${styles.button} ${styles[look]} ${className}`}
      aria-disabled={busy || undefined}
      data-busy={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
    />
  );
}

export function LinkButton({ look = "strong", className = "", ...rest }: LinkProps & { look?: Look }) {
  return <Link {...rest} className={`${styles.button} ${styles[look]} ${className}`} />;
}
