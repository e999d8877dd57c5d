import { Trans, useLingui } from "@lingui/react/macro";
import { Component, type ReactNode } from "react";
import { Button } from "../ui/Button";
import { Page } from "../ui/Page";

/** What is shown where a page fails, or a part of the app cannot be fetched: after an update its name is another. */
export class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? <Failed /> : this.props.children;
  }
}

function Failed() {
  const { t } = useLingui();
  return (
    <Page title={t`This page did not work`} narrow>
      <p>
        <Trans>
          Perhaps the connection was lost, or there is a newer version of this site. Nothing that you chose or paid is
          lost.
        </Trans>
      </p>
      <div>
        <Button onClick={() => window.location.reload()}>
          <Trans>Reload the page</Trans>
        </Button>
      </div>
    </Page>
  );
}
