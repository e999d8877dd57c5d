import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from "react";
import styles from "./Field.module.css";

interface Common {
  label: ReactNode;
  hint?: ReactNode;
  /** What is wrong with what stands there. */
  error?: ReactNode;
}

function Frame({ id, label, hint, error, children }: Common & { id: string; children: ReactNode }) {
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      {hint && (
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
      )}
      {children}
      {error && (
        <p id={`${id}-error`} className={styles.error}>
          {error}
        </p>
      )}
    </div>
  );
}

function described(id: string, { hint, error }: Common) {
  const by = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].join(" ").trim();
  return { "aria-describedby": by || undefined, "aria-invalid": error ? true : undefined } as const;
}

export function Field({ label, hint, error, ...rest }: Common & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <input {...rest} {...described(id, { label, hint, error })} id={id} className={styles.input} />
    </Frame>
  );
}

export function Select({ label, hint, error, ...rest }: Common & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <select {...rest} {...described(id, { label, hint, error })} id={id} className={styles.input} />
    </Frame>
  );
}
