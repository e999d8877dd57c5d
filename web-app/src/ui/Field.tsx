import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from "react";
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
      <Notes id={id} hint={hint} />
      {children}
      <Notes id={id} error={error} />
    </div>
  );
}

function Notes({ id, hint, error }: Omit<Common, "label"> & { id: string }) {
  return (
    <>
      {hint && (
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className={styles.error}>
          {error}
        </p>
      )}
    </>
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

export function TextArea({ label, hint, error, ...rest }: Common & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <textarea rows={4} {...rest} {...described(id, { label, hint, error })} id={id} className={styles.input} />
    </Frame>
  );
}

export function Checkbox({ label, hint, error, ...rest }: Common & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div className={styles.field}>
      <div className={styles.choice}>
        <input {...rest} {...described(id, { label, hint, error })} id={id} type="checkbox" />
        <label htmlFor={id}>{label}</label>
      </div>
      <Notes id={id} hint={hint} error={error} />
    </div>
  );
}

interface Choice {
  value: string;
  label: ReactNode;
}

/** One of some, or several of them, each to be seen. */
export function Choices({
  label,
  hint,
  error,
  several = false,
  choices,
  chosen,
  disabled,
  onChange,
}: Common & {
  several?: boolean;
  choices: Choice[];
  chosen: string[];
  disabled?: boolean;
  onChange: (value: string, chosen: boolean) => void;
}) {
  const id = useId();
  return (
    <fieldset className={styles.field} aria-describedby={described(id, { label, hint, error })["aria-describedby"]}>
      <legend className={styles.legend}>{label}</legend>
      <div className={styles.choices}>
        {choices.map((choice) => (
          <label key={choice.value} className={styles.choice}>
            <input
              type={several ? "checkbox" : "radio"}
              name={id}
              checked={chosen.includes(choice.value)}
              disabled={disabled}
              onChange={({ target }) => onChange(choice.value, target.checked)}
            />
            <span>{choice.label}</span>
          </label>
        ))}
      </div>
      <Notes id={id} hint={hint} error={error} />
    </fieldset>
  );
}
