import { requestPart } from "./fetch";

/** A list as one CSV file, in as many requests as it takes; throws a [`Failure`]. */
export async function requestTable(path: string): Promise<Blob> {
  // Reading takes away the mark by which spreadsheets know the encoding.
  const parts = ["\ufeff"];
  for (let next: string | null = path; next !== null; ) {
    const part: { file: Blob; next: string | null } = await requestPart(next, "text/csv");
    const text = await part.file.text();
    // Each page has the names of its columns, and the first one says them for all.
    parts.push(parts.length === 1 ? text : text.slice(text.indexOf("\n") + 1));
    next = part.next;
  }
  return new Blob(parts, { type: "text/csv;charset=utf-8" });
}
