import { useLingui } from "@lingui/react/macro";
import { Navigate, Outlet, Route, Routes, useLocation } from "react-router";
import { ROUTES } from "../../app/routes";
import { useAccount } from "../../app/store";
import { FailureNotice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { LoadingPage } from "../../ui/Skeleton";
import { Tabs } from "../../ui/Tabs";
import { NotFound } from "../NotFound";
import styles from "./Admin.module.css";
import { AuditLog } from "./AuditLog";
import { Breakers } from "./Breakers";
import { OrganiserPage } from "./Organiser";
import { Organisers } from "./Organisers";
import { Regions } from "./Regions";
import { UserPage } from "./User";
import { Users } from "./Users";

/** The pages of those who run the platform. To anybody else there is nothing here, as the API says nothing to them. */
export default function Admin() {
  const { t } = useLingui();
  const account = useAccount();
  const { pathname, search, hash } = useLocation();
  if (account.state === "out") return <Navigate to={ROUTES.login} state={{ to: pathname + search + hash }} replace />;
  if (account.state === "loading") return <LoadingPage />;
  if (account.state === "failed")
    return (
      <Page title={t`Administration`} narrow>
        <FailureNotice error={account.error} retry={account.retry} />
      </Page>
    );
  if (!account.user.roles.includes("admin")) return <NotFound />;
  return (
    <Routes>
      <Route element={<Frame />}>
        <Route index element={<Navigate to="users" replace />} />
        <Route path="users" element={<Users />} />
        <Route path="users/:id" element={<UserPage />} />
        <Route path="organisers" element={<Organisers />} />
        <Route path="organisers/:id" element={<OrganiserPage />} />
        <Route path="audit" element={<AuditLog />} />
        <Route path="regions" element={<Regions />} />
        <Route path="breakers" element={<Breakers />} />
      </Route>
      <Route path="*" element={<NotFound />} />
    </Routes>
  );
}

function Frame() {
  const { t } = useLingui();
  const to = (part: string) => `${ROUTES.admin}/${part}`;
  const tabs = [
    { to: to("users"), label: t`Users` },
    { to: to("organisers"), label: t`Organisers` },
    { to: to("audit"), label: t`Audit log` },
    { to: to("regions"), label: t`Regions` },
    { to: to("breakers"), label: t`Circuit breakers` },
  ];
  return (
    <>
      <div className={styles.head}>
        <p className={styles.what}>{t`Administration`}</p>
        <Tabs label={t`Administration`} tabs={tabs} />
      </div>
      <Outlet />
    </>
  );
}
