import { Trans, useLingui } from "@lingui/react/macro";
import { Link, Navigate } from "react-router";
import { ROUTES } from "../../app/routes";
import { useAccount } from "../../app/store";
import { Page } from "../../ui/Page";
import styles from "./Account.module.css";
import { useDestination } from "./Login";
import { RegisterForm } from "./RegisterForm";

export default function Register() {
  const { t } = useLingui();
  const account = useAccount();
  const to = useDestination();
  if (account.state === "in" && !account.user.guest) return <Navigate to={to} replace />;
  return (
    <Page title={t`Make an account`} narrow>
      <div className={styles.panel}>
        <RegisterForm email={account.state === "in" ? account.user.email : ""} />
      </div>
      <p>
        <Trans>
          You have one already?{" "}
          <Link to={ROUTES.login} state={{ to }}>
            Log in
          </Link>
          .
        </Trans>
      </p>
    </Page>
  );
}
