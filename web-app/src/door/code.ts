/**
 * Ticket codes, as `components/ticket-code` says every byte of them: `REGION.T1.BOOKING.NUMBER-GENERATION.SIGNED`, where the last part is base32 of
 * 5 bytes of the key's id, 8 of the event's hash, 8 of the ticket type's, and the Ed25519 signature over domain, reference and these 21.
 */
export interface Code {
  /** What stands before the last full stop: which ticket, without a proof. */
  reference: string;
  kid: string;
  head: Uint8Array<ArrayBuffer>;
  signature: Uint8Array<ArrayBuffer>;
}

export interface Key {
  kid: string;
  /** The public key, base64url. */
  x: string;
}

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DOMAIN = "marquee ticket 1\n";
const REFERENCE = /^[A-Z0-9]+\.T1\.[A-Z0-9]+\.[1-9][0-9]{0,4}-[1-9][0-9]{0,4}$/;
/** Letters of the signed part: 85 bytes, five bits each. */
const LETTERS = 136;
const KID = 5;
const TAG = 8;
const HEAD = KID + 2 * TAG;

const bytesOf = (text: string) => new TextEncoder().encode(text);

function base32(text: string): Uint8Array<ArrayBuffer> | null {
  const bytes = new Uint8Array((text.length * 5) >> 3);
  let [bits, value, at] = [0, 0, 0];
  for (const letter of text) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) return null;
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at] = (value >> bits) & 0xff;
      at += 1;
    }
  }
  return bytes;
}

/** As codes are compared: in capitals, without what a scanner puts around. */
export function plain(text: string): string {
  return text.trim().toUpperCase();
}

/** Reads a code; nothing where it is not written as one. Whether it is good only [`isSigned`] tells. */
export function parse(text: string): Code | null {
  const code = plain(text);
  const dot = code.lastIndexOf(".");
  const [reference, tail] = [code.slice(0, dot), code.slice(dot + 1)];
  if (tail.length !== LETTERS || !REFERENCE.test(reference)) return null;
  const bytes = base32(tail);
  return bytes && { reference, kid: tail.slice(0, 8), head: bytes.slice(0, HEAD), signature: bytes.slice(HEAD) };
}

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(text)));
}

/** What a list for scanners has instead of a code, of a code with its signature or without; nothing where it is neither. */
export async function hashOf(text: string): Promise<string | null> {
  const reference = parse(text)?.reference ?? plain(text);
  if (!REFERENCE.test(reference)) return null;
  return Array.from(await sha256(reference), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function isTag(code: Code, from: number, id: string): Promise<boolean> {
  const tag = (await sha256(id)).slice(0, TAG);
  return tag.every((byte, index) => byte === code.head[from + index]);
}

export const isForEvent = (code: Code, event: string) => isTag(code, KID, event);
export const isOfType = (code: Code, type: string) => isTag(code, KID + TAG, type);

const importKey = (x: string) =>
  crypto.subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x }, "Ed25519", false, ["verify"]);

/** Whether this key has signed it. */
export async function isSigned(code: Code, key: Key): Promise<boolean> {
  const reference = bytesOf(DOMAIN + code.reference);
  const signed = new Uint8Array(reference.length + code.head.length);
  signed.set(reference);
  signed.set(code.head, reference.length);
  return crypto.subtle.verify("Ed25519", await importKey(key.x), code.signature, signed);
}

let able: Promise<boolean> | undefined;

/** Whether this browser can verify Ed25519 at all: without it nothing can be decided without a network. */
export function canVerify(): Promise<boolean> {
  able ??= (async () => {
    try {
      // A key of RFC 8037, appendix A.
      await importKey("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
      return true;
    } catch {
      return false;
    }
  })();
  return able;
}
