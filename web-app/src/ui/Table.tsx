import type { ReactNode } from "react";
import styles from "./Table.module.css";

export interface Column<Row> {
  /** Unique among the columns. */
  key: string;
  title: string;
  cell: (row: Row) => ReactNode;
  /** A figure or an amount: it stands at the end, digits below digits. */
  figure?: boolean;
  /** What the row is called; one column. */
  names?: boolean;
  /** The title need not be seen: it is plain what stands there. */
  plain?: boolean;
}

interface Properties<Row> {
  /** What it lists, for who cannot see what stands above it. */
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
}

/** A table; on narrow screens each row is a card that names its cells. The roles keep it a table there, too. */
export function Table<Row>({ caption, columns, rows, rowKey }: Properties<Row>) {
  return (
    // biome-ignore-start lint/a11y/noRedundantRoles: a table that is not laid out as one is none to some browsers
    <table className={styles.table} role="table">
      <caption className="visually-hidden">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => (
            <th key={column.key} scope="col" role="columnheader" className={column.figure ? styles.figure : undefined}>
              <span className={column.plain ? "visually-hidden" : undefined}>{column.title}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={rowKey(row)} role="row">
            {columns.map((column) => {
              const inside = (
                <>
                  {!column.names && !column.plain && (
                    <span className={styles.label} aria-hidden="true">
                      {column.title}
                    </span>
                  )}
                  <div className={styles.value}>{column.cell(row)}</div>
                </>
              );
              const look = [column.figure && styles.figure, column.names && styles.names].filter(Boolean).join(" ");
              return column.names ? (
                <th key={column.key} scope="row" role="rowheader" className={look}>
                  {inside}
                </th>
              ) : (
                <td key={column.key} role="cell" className={look}>
                  {inside}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
    // biome-ignore-end lint/a11y/noRedundantRoles: as above
  );
}
