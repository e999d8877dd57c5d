import { Trans, useLingui } from "@lingui/react/macro";
import { Navigate, Outlet, Route, Routes, useLocation, useParams } from "react-router";
import { useOrganisersQuery } from "../../api/organise";
import { ROUTES } from "../../app/routes";
import { useAccount } from "../../app/store";
import { LinkButton } from "../../ui/Button";
import { FailureNotice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { LoadingPage } from "../../ui/Skeleton";
import { Tabs } from "../../ui/Tabs";
import { NotFound } from "../NotFound";
import { Attendees } from "./Attendees";
import { Dashboard } from "./Dashboard";
import { EditEvent, NewEventPage } from "./EditEvent";
import { Embed } from "./Embed";
import { EventFrame } from "./EventFrame";
import { Events } from "./Events";
import { Home } from "./Home";
import { Keys } from "./Keys";
import { Messages } from "./Messages";
import { OrderPage } from "./Order";
import { Orders } from "./Orders";
import styles from "./Organise.module.css";
import { Crumbs, Guard, OrganiserProvider, organiserOf, useOrganiser } from "./parts";
import { Sell } from "./Sell";
import { Settings } from "./Settings";
import { Team } from "./Team";
import { Webhooks } from "./Webhooks";

/** The pages of those who put events on. */
export default function Organise() {
  const { t } = useLingui();
  const account = useAccount();
  const { pathname, search, hash } = useLocation();
  if (account.state === "out") return <Navigate to={ROUTES.login} state={{ to: pathname + search + hash }} replace />;
  if (account.state === "loading") return <LoadingPage />;
  if (account.state === "failed")
    return (
      <Page title={t`Organise`} narrow>
        <FailureNotice error={account.error} retry={account.retry} />
      </Page>
    );
  if (account.user.guest)
    return (
      <Page title={t`Organise`} narrow>
        <p>
          <Trans>You need an account to put events on. You are here as a guest.</Trans>
        </p>
        <div>
          <LinkButton to={ROUTES.register} state={{ to: ROUTES.organise }}>
            <Trans>Make an account</Trans>
          </LinkButton>
        </div>
      </Page>
    );
  return (
    <Routes>
      <Route index element={<Home />} />
      <Route path=":organiser" element={<Scope />}>
        <Route element={<OrganiserFrame />}>
          <Route index element={<Events />} />
          <Route
            path="team"
            element={
              <Guard needs="manage-team">
                <Team />
              </Guard>
            }
          />
          <Route
            path="webhooks"
            element={
              <Guard needs="manage-webhooks">
                <Webhooks />
              </Guard>
            }
          />
          <Route
            path="keys"
            element={
              <Guard needs="manage-programs">
                <Keys />
              </Guard>
            }
          />
          <Route
            path="settings"
            element={
              <Guard needs="manage-team">
                <Settings />
              </Guard>
            }
          />
          <Route
            path="new"
            element={
              <Guard needs="edit-events">
                <NewEventPage />
              </Guard>
            }
          />
        </Route>
        <Route path="events/:event" element={<EventFrame />}>
          <Route index element={<Dashboard />} />
          <Route
            path="edit"
            element={
              <Guard needs="edit-events">
                <EditEvent />
              </Guard>
            }
          />
          <Route
            path="orders"
            element={
              <Guard needs="see-orders">
                <Orders />
              </Guard>
            }
          />
          <Route
            path="orders/:order"
            element={
              <Guard needs="see-orders">
                <OrderPage />
              </Guard>
            }
          />
          <Route
            path="sell"
            element={
              <Guard needs="edit-orders">
                <Sell />
              </Guard>
            }
          />
          <Route
            path="attendees"
            element={
              <Guard needs="see-attendees">
                <Attendees />
              </Guard>
            }
          />
          <Route
            path="messages"
            element={
              <Guard needs="send-messages">
                <Messages />
              </Guard>
            }
          />
          <Route
            path="embed"
            element={
              <Guard needs="edit-events">
                <Embed />
              </Guard>
            }
          />
          <Route path="*" element={<NotFound />} />
        </Route>
        <Route path="*" element={<NotFound />} />
      </Route>
      <Route path="*" element={<NotFound />} />
    </Routes>
  );
}

/** Which organiser all of this is about, and what one may do for it. */
function Scope() {
  const { t } = useLingui();
  const { organiser: id = "" } = useParams();
  const { data, error, refetch } = useOrganisersQuery();
  const found = data?.items.find((organiser) => organiser.id === id);
  if (found)
    return (
      <OrganiserProvider value={organiserOf(found)}>
        <Outlet />
      </OrganiserProvider>
    );
  if (data) return <NotFound />;
  if (!error) return <LoadingPage />;
  return (
    <Page title={t`Organise`} narrow>
      <FailureNotice error={error} retry={refetch} />
    </Page>
  );
}

/** What is around the pages of an organiser. */
function OrganiserFrame() {
  const { t } = useLingui();
  const organiser = useOrganiser();
  const base = `/organise/${organiser.id}`;
  const tabs = [
    { to: base, label: t`Events`, end: true, shown: true },
    { to: `${base}/team`, label: t`Team`, shown: organiser.may("manage-team") },
    { to: `${base}/webhooks`, label: t`Webhooks`, shown: organiser.may("manage-webhooks") },
    { to: `${base}/keys`, label: t`API keys`, shown: organiser.may("manage-programs") },
    { to: `${base}/settings`, label: t`Settings`, shown: organiser.may("manage-team") },
  ].filter((tab) => tab.shown);
  return (
    <>
      <div className={styles.head}>
        <Crumbs steps={[{ to: ROUTES.organise, label: t`My organisations` }]} />
        <div className={styles.what}>
          <p className={styles.whatName}>
            <bdi>{organiser.name}</bdi>
          </p>
        </div>
        {tabs.length > 1 && <Tabs label={organiser.name} tabs={tabs} />}
      </div>
      <Outlet />
    </>
  );
}
