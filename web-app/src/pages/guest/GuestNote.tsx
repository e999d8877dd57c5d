import { Trans } from "@lingui/react/macro";
import { Link } from "react-router";
import { ROUTES } from "../../app/routes";
import { Notice } from "../../ui/Notice";

/** What a guest has of an account, and how what they bought comes into it. */
export function GuestNote({ email }: { email: string }) {
  return (
    <Notice tone="info" title={<Trans>You are here as a guest</Trans>}>
      <p>
        <Trans>
          The mail to {email} opens this order again. To have all of your orders in one place, and to pass tickets on,{" "}
          <Link to={ROUTES.register}>make an account</Link> with this address or <Link to={ROUTES.login}>log in</Link>:
          what you bought comes along once the address is confirmed.
        </Trans>
      </p>
    </Notice>
  );
}
