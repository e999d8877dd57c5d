/** What browsers with Trusted Types have, as far as it is needed here. */
interface Factory {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): {
    createScriptURL: (url: string) => unknown;
  };
}

/** The one policy that the page may have: it lets files of this site be scripts, and nothing else. */
const policy = (globalThis as { trustedTypes?: Factory }).trustedTypes?.createPolicy("marquee", {
  createScriptURL: (url) => {
    if (new URL(url, document.baseURI).origin !== window.location.origin) throw new TypeError("not of this site");
    return url;
  },
});

/** The address of a script of ours, as a worker takes it. */
export function scriptUrl(url: string): string {
  return (policy?.createScriptURL(url) ?? url) as string;
}
