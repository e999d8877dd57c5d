import { Trans, useLingui } from "@lingui/react/macro";
import { Link, Navigate, useLocation } from "react-router";
import { ROUTES } from "../../app/routes";
import { useAccount } from "../../app/store";
import { Page } from "../../ui/Page";
import styles from "./Account.module.css";
import { LoginForm } from "./LoginForm";

/** Where somebody was on the way to. Only pages of the app: what an address says must lead nowhere else. */
export function useDestination(): string {
  const { state } = useLocation();
  const to = (state as { to?: unknown } | null)?.to;
  return typeof to === "string" && to.startsWith("/") && !to.startsWith("//") ? to : ROUTES.orders;
}

export default function Login() {
  const { t } = useLingui();
  const account = useAccount();
  const to = useDestination();
  if (account.state === "in" && !account.user.guest) return <Navigate to={to} replace />;
  return (
    <Page title={t`Log in`} narrow>
      <div className={styles.panel}>
        <LoginForm />
      </div>
      <p>
        <Trans>
          New here?{" "}
          <Link to={ROUTES.register} state={{ to }}>
            Make an account
          </Link>
          .
        </Trans>
      </p>
      <p>
        <Trans>
          Bought as a guest? <Link to={ROUTES.guestOrder}>Open your order</Link> without an account.
        </Trans>
      </p>
    </Page>
  );
}
