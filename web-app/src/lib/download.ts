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

/** Leads the browser to a file or to another site. */
export function leadTo(address: string): void {
  window.location.assign(address);
}
