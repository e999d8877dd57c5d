import { useEffect, useState } from "react";

/** The token behind the `#` of a link in a mail. No server sees it, and it is taken out of the address at once. */
export function useTokenOfLink(): string {
  const [token] = useState(() => new URLSearchParams(window.location.hash.slice(1)).get("token") ?? "");
  useEffect(() => {
    if (window.location.hash) window.history.replaceState(window.history.state, "", window.location.pathname);
  }, []);
  return token;
}
