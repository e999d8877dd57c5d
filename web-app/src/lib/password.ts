/** What the API asks of a password: said before it is sent. */
export const PASSWORD = { least: 8, most: 256 } as const;

export function isFit(password: string, email = ""): boolean {
  const length = [...password.normalize("NFC")].length;
  const same = new Set(password).size === 1;
  return length >= PASSWORD.least && length <= PASSWORD.most && !same && password.toLowerCase() !== email.toLowerCase();
}
