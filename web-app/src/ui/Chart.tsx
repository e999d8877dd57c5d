import { useId } from "react";
import styles from "./Chart.module.css";

export interface ChartBar {
  key: string;
  /** When, as people read it. */
  label: string;
  value: number;
  /** The value as people read it. */
  text: string;
}

interface Properties {
  /** What it shows, in a sentence that says the most important of it. */
  label: string;
  /** What a bar stands for, and how high it is: the table's titles. */
  titles: [string, string];
  /** What opens the table. */
  table: string;
  bars: ChartBar[];
  /** Whether time goes from the right. */
  rtl: boolean;
}

const [WIDTH, HEIGHT] = [640, 200];
/** Room above the highest bar for what it is. */
const HEAD = 22;

/** Bars over time. Who cannot see them has the same as a table, which everybody can open. */
export function Chart({ label, titles, table, bars, rtl }: Properties) {
  const id = useId();
  const most = Math.max(1, ...bars.map((bar) => bar.value));
  const step = WIDTH / Math.max(1, bars.length);
  const width = Math.min(56, step * 0.7);
  const height = (value: number) => (value / most) * (HEIGHT - HEAD);
  const highest = bars.reduce((best, bar, index) => (bar.value > (bars[best]?.value ?? 0) ? index : best), 0);
  const middle = (index: number) => ((rtl ? bars.length - 1 - index : index) + 0.5) * step;
  const [first, last] = [bars[0], bars.at(-1)];
  return (
    <figure className={styles.chart}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-labelledby={id}>
        <title id={id}>{label}</title>
        {[0.5, 1].map((part) => (
          <line
            key={part}
            className={styles.guide}
            x1="0"
            x2={WIDTH}
            y1={HEIGHT - height(most * part)}
            y2={HEIGHT - height(most * part)}
          />
        ))}
        {bars.map((bar, index) => (
          <rect
            key={bar.key}
            className={styles.bar}
            x={middle(index) - width / 2}
            y={HEIGHT - Math.max(bar.value > 0 ? 3 : 0, height(bar.value))}
            width={width}
            height={Math.max(bar.value > 0 ? 3 : 0, height(bar.value))}
            rx={Math.min(4, width / 3)}
          >
            <title>{`${bar.label}: ${bar.text}`}</title>
          </rect>
        ))}
        <line className={styles.ground} x1="0" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        {(bars[highest]?.value ?? 0) > 0 && (
          <text
            className={styles.text}
            x={Math.min(Math.max(middle(highest), 40), WIDTH - 40)}
            y={HEAD - 8}
            textAnchor="middle"
          >
            {bars[highest]?.text}
          </text>
        )}
      </svg>
      <div className={styles.axis} aria-hidden="true">
        <span>{first?.label}</span>
        {bars.length > 1 && <span>{last?.label}</span>}
      </div>
      <details className={styles.more}>
        <summary>{table}</summary>
        <table>
          <caption className="visually-hidden">{label}</caption>
          <thead>
            <tr>
              <th scope="col">{titles[0]}</th>
              <th scope="col">{titles[1]}</th>
            </tr>
          </thead>
          <tbody>
            {bars.map((bar) => (
              <tr key={bar.key}>
                <th scope="row">{bar.label}</th>
                <td>{bar.text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
