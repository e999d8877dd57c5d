import { useLingui } from "@lingui/react/macro";
import styles from "./Quantity.module.css";

interface Properties {
  /** Of what. */
  name: string;
  value: number;
  max: number;
  onChange: (value: number) => void;
}

export function Quantity({ name, value, max, onChange }: Properties) {
  const { t } = useLingui();
  return (
    <fieldset className={styles.quantity} aria-label={name}>
      <button
        type="button"
        aria-label={t`One fewer: ${name}`}
        disabled={value <= 0}
        onClick={() => onChange(value - 1)}
      >
        −
      </button>
      <output aria-live="polite">{value}</output>
      <button
        type="button"
        aria-label={t`One more: ${name}`}
        disabled={value >= max}
        onClick={() => onChange(value + 1)}
      >
        +
      </button>
    </fieldset>
  );
}
