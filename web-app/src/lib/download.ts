/** Has the browser keep a file. */
export function save(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // Whoever reads it has begun by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
