import { Trans, useLingui } from "@lingui/react/macro";
import { createElement, useEffect, useState } from "react";
import { LANGUAGES } from "../../i18n/languages";
import { snippetOf } from "../../organise/snippet";
import { Select } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Panel } from "../../ui/Panel";
import styles from "./Organise.module.css";
import { CopyButton, useOwnEvent } from "./parts";

/** The properties that a page may choose: a test holds them against those that the element has. */
export const PROPERTIES = [
  "--marquee-accent",
  "--marquee-on-accent",
  "--marquee-background",
  "--marquee-color",
  "--marquee-faint",
  "--marquee-line",
  "--marquee-alert",
  "--marquee-ring",
  "--marquee-radius",
  "--marquee-button-radius",
  "--marquee-space",
  "--marquee-font",
] as const;

/** How an event is shown, with its tickets, on a site of the organiser's own. */
export function Embed() {
  const { t } = useLingui();
  const event = useOwnEvent();
  const [language, setLanguage] = useState("");
  const origin = window.location.origin;
  const snippet = snippetOf({ origin, event: event.id, link: event.title, language });
  return (
    <Page title={t`Embed`}>
      {event.status === "draft" && (
        <Notice tone="unknown" title={<Trans>Nobody sees a draft</Trans>}>
          <p>
            <Trans>You can put this into your page now. It shows the event once you have published it.</Trans>
          </p>
        </Notice>
      )}
      <div className={styles.columns}>
        <div className={styles.stack}>
          <Panel title={<Trans>Into your page</Trans>}>
            <p className={styles.hint}>
              <Trans>
                This shows the event on your own site: when and where, what is left, and a choice of tickets. Who goes
                on comes to the checkout here, with what was chosen. Without script there is a plain link.
              </Trans>
            </p>
            <Select label={t`Language`} value={language} onChange={({ target }) => setLanguage(target.value)}>
              <option value="">{t`As your page says`}</option>
              {Object.entries(LANGUAGES).map(([tag, { name }]) => (
                <option key={tag} value={tag} lang={tag}>
                  {name}
                </option>
              ))}
            </Select>
            <pre className={styles.pre} dir="ltr">
              <code>{snippet}</code>
            </pre>
            <CopyButton text={snippet} />
          </Panel>
          <Panel title={<Trans>How it looks</Trans>}>
            <p className={styles.hint}>
              <Trans>It takes these properties from your style sheet, set on the element or around it:</Trans>
            </p>
            <ul className={styles.names} dir="ltr">
              {PROPERTIES.map((name) => (
                <li key={name}>
                  <code>{name}</code>
                </li>
              ))}
            </ul>
            <pre className={styles.pre} dir="ltr">
              <code>{"marquee-event {\n  --marquee-accent: #0b6e4f;\n  --marquee-on-accent: #fff;\n}"}</code>
            </pre>
            <p className={styles.hint}>
              <Trans>Choose the two accents so that one can be read on the other.</Trans>
            </p>
          </Panel>
          <Panel title={<Trans>If your site has a Content Security Policy</Trans>}>
            <p className={styles.hint}>
              <Trans>Permit this address for scripts and for connections. Nothing else is needed.</Trans>
            </p>
            <pre className={styles.pre} dir="ltr">
              <code>{`script-src ${origin}; connect-src ${origin}`}</code>
            </pre>
          </Panel>
        </div>
        {event.status !== "draft" && (
          <Panel title={<Trans>Preview</Trans>}>
            <Shown id={event.id} language={language} />
          </Panel>
        )}
      </div>
    </Page>
  );
}

/** The element as another site has it. */
function Shown({ id, language }: { id: string; language: string }) {
  useEffect(() => {
    // It is no part of the app, which has it from where everybody has it.
    const script = new URL("/embed.js", window.location.href).href;
    import(/* @vite-ignore */ script).catch(() => undefined);
  }, []);
  return createElement("marquee-event", { event: id, "heading-level": "3", ...(language && { lang: language }) });
}
