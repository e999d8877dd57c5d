import { Trans, useLingui } from "@lingui/react/macro";
import { Page } from "../ui/Page";

export default function Accessibility() {
  const { t } = useLingui();
  return (
    <Page title={t`Accessibility`} narrow>
      <p>
        <Trans>
          Everybody should be able to find an event and buy a ticket here. We build these pages to the Web Content
          Accessibility Guidelines 2.2, level AA.
        </Trans>
      </p>
      <h2>
        <Trans>What that means</Trans>
      </h2>
      <ul>
        <li>
          <Trans>Everything works with the keyboard alone, and the place where you are can be seen.</Trans>
        </li>
        <li>
          <Trans>
            Screen readers are told what things are called, what has changed, and how long a hold still lasts.
          </Trans>
        </li>
        <li>
          <Trans>Text can be enlarged to 200 %, and pages fit a screen of 320 pixels.</Trans>
        </li>
        <li>
          <Trans>The pages follow your settings for dark mode, high contrast and reduced motion.</Trans>
        </li>
      </ul>
      <h2>
        <Trans>What is tested, and what is not</Trans>
      </h2>
      <p>
        <Trans>
          Each page is checked by a program (axe) whenever the app is built. That finds many faults and not all.
          Descriptions of events are written by their organisers. PDF tickets are not tagged for screen readers: use the
          ticket on its page instead.
        </Trans>
      </p>
      <p>
        <Trans>
          If something does not work for you, tell whoever runs this site, and the organiser of the event if it is about
          that.
        </Trans>
      </p>
    </Page>
  );
}
