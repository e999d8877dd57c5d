/** What a browser's authenticator gives, as the API takes it. */
interface Made {
  toJSON(): unknown;
}

/** Whether this browser, on this page, can use passkeys: it takes https, or the machine itself. */
export function passkeysHere(): boolean {
  return (
    window.isSecureContext &&
    typeof PublicKeyCredential !== "undefined" &&
    "parseCreationOptionsFromJSON" in PublicKeyCredential
  );
}

/** Why there is no passkey: whoever was asked said no, or took too long; it is there already; or this address may have none. */
export type Refusal = "dismissed" | "exists" | "unfit";

function refusal(caught: unknown): Refusal {
  const name = caught instanceof Error ? caught.name : "";
  if (name === "InvalidStateError") return "exists";
  return name === "NotAllowedError" || name === "AbortError" ? "dismissed" : "unfit";
}

/** Has the browser make a passkey. */
export async function makePasskey(options: unknown): Promise<{ credential: unknown } | { refused: Refusal }> {
  try {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
      options as PublicKeyCredentialCreationOptionsJSON,
    );
    const made = (await navigator.credentials.create({ publicKey })) as unknown as Made | null;
    return made ? { credential: made.toJSON() } : { refused: "dismissed" };
  } catch (caught) {
    return { refused: refusal(caught) };
  }
}

/** Has the browser ask for one of the passkeys that somebody has. */
export async function askForPasskey(options: unknown): Promise<{ credential: unknown } | { refused: Refusal }> {
  try {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options as PublicKeyCredentialRequestOptionsJSON);
    const used = (await navigator.credentials.get({ publicKey })) as unknown as Made | null;
    return used ? { credential: used.toJSON() } : { refused: "dismissed" };
  } catch (caught) {
    return { refused: refusal(caught) };
  }
}
