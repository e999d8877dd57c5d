import { Trans, useLingui } from "@lingui/react/macro";
import { ROUTES } from "../app/routes";
import { LinkButton } from "../ui/Button";
import { Page } from "../ui/Page";

export function NotFound() {
  const { t } = useLingui();
  return (
    <Page title={t`There is nothing here`} narrow>
      <p>
        <Trans>The address may be mistyped, or what was here is gone.</Trans>
      </p>
      <div>
        <LinkButton to={ROUTES.discover}>
          <Trans>See what is on</Trans>
        </LinkButton>
      </div>
    </Page>
  );
}
