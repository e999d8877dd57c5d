import { Trans } from "@lingui/react/macro";
import { useEffect, useState } from "react";
import { useNavigate } from "react-router";
import { Confirm } from "../../ui/Confirm";

/**
 * Asks before somebody leaves what they have not saved: by a link of the app, or by closing the page. Who goes back in the browser's history finds it
 * when they return, since the editor keeps it in the tab's storage.
 */
export function useUnsaved(dirty: boolean, discard: () => void) {
  const navigate = useNavigate();
  const [to, setTo] = useState<string | null>(null);
  useEffect(() => {
    if (!dirty) return;
    const close = (event: BeforeUnloadEvent) => event.preventDefault();
    const click = (event: MouseEvent) => {
      const link = (event.target as Element | null)?.closest?.("a");
      if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      const url = new URL(link.href, window.location.href);
      if (link.target === "_blank" || link.download || url.origin !== window.location.origin) return;
      // Within the page, as to its content.
      if (url.pathname === window.location.pathname) return;
      event.preventDefault();
      event.stopPropagation();
      setTo(url.pathname + url.search + url.hash);
    };
    window.addEventListener("beforeunload", close);
    document.addEventListener("click", click, true);
    return () => {
      window.removeEventListener("beforeunload", close);
      document.removeEventListener("click", click, true);
    };
  }, [dirty]);
  return (
    <Confirm
      title={<Trans>Leave without saving?</Trans>}
      open={to !== null}
      onClose={() => setTo(null)}
      action={<Trans>Discard the changes and leave</Trans>}
      leave={<Trans>Stay here</Trans>}
      onConfirm={() => {
        if (to === null) return;
        discard();
        setTo(null);
        navigate(to);
      }}
    >
      <p>
        <Trans>What you have changed here is not saved.</Trans>
      </p>
    </Confirm>
  );
}
