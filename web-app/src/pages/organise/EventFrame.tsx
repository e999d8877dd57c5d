import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Link, Outlet, useLocation, useParams } from "react-router";
import { type OwnEvent, useCancelEventMutation, useOwnEventQuery, usePublishEventMutation } from "../../api/organise";
import { isProblem } from "../../api/problem";
import { ROUTES } from "../../app/routes";
import { useNow } from "../../lib/hooks";
import { formatWhen } from "../../lib/time";
import { once } from "../../organise/once";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Checkbox } from "../../ui/Field";
import { Menu } from "../../ui/Menu";
import { FailureNotice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { LoadingPage } from "../../ui/Skeleton";
import { Tabs } from "../../ui/Tabs";
import { NotFound } from "../NotFound";
import { CopyDialog } from "./CopyDialog";
import styles from "./Organise.module.css";
import { Crumbs, EventProvider, useOrganiser } from "./parts";
import { STANDING, standingOf } from "./words";

/** What is around the pages of an event. */
export function EventFrame() {
  const { t } = useLingui();
  const organiser = useOrganiser();
  const { event: id = "" } = useParams();
  const {
    currentData: event,
    error,
    refetch,
  } = useOwnEventQuery({ organiser: organiser.id, event: id }, { refetchOnMountOrArgChange: true });
  if (event)
    return (
      <EventProvider value={event}>
        <Head event={event} />
        <Outlet />
      </EventProvider>
    );
  if (isProblem(error, "/problems/not-found", "/problems/invalid-request")) return <NotFound />;
  if (!error) return <LoadingPage />;
  return (
    <Page title={t`Event`} narrow>
      <FailureNotice error={error} retry={refetch} />
    </Page>
  );
}

function Head({ event }: { event: OwnEvent }) {
  const { t, i18n } = useLingui();
  const organiser = useOrganiser();
  const { pathname } = useLocation();
  const now = useNow(60_000);
  const [asked, setAsked] = useState<"publish" | "copy" | "cancel" | null>(null);
  const standing = standingOf(event, now);
  const { name, tone } = STANDING[standing];
  const base = `/organise/${organiser.id}/events/${event.id}`;
  const edits = organiser.may("edit-events");
  const tabs = [
    { to: base, label: t`Overview`, end: true, shown: true },
    { to: `${base}/edit`, label: t`Edit`, shown: edits && standing !== "cancelled" },
    { to: `${base}/orders`, label: t`Orders`, shown: organiser.may("see-orders") && event.status !== "draft" },
    { to: `${base}/attendees`, label: t`Attendees`, shown: organiser.may("see-attendees") && event.status !== "draft" },
    { to: `${base}/sell`, label: t`Counter`, shown: organiser.may("edit-orders") && standing === "on-sale" },
    { to: `${base}/messages`, label: t`Messages`, shown: organiser.may("send-messages") && event.status !== "draft" },
    { to: `${base}/embed`, label: t`Embed`, shown: edits && standing !== "cancelled" },
  ].filter((tab) => tab.shown);
  return (
    <div className={styles.head}>
      <Crumbs
        steps={[
          { to: ROUTES.organise, label: t`My organisations` },
          { to: `/organise/${organiser.id}`, label: organiser.name },
        ]}
      />
      <div className={styles.what}>
        <p className={styles.whatName}>
          <bdi>{event.title}</bdi>
        </p>
        <Badge tone={tone}>{i18n._(name)}</Badge>
        <p className={styles.faint}>{formatWhen(event.starts_at, i18n.locale, event.timezone)}</p>
        {(edits || event.status !== "draft") && (
          <div className={`${styles.buttons} ${styles.push}`}>
            {/* In the editor what is typed comes first. */}
            {edits && event.status === "draft" && pathname !== `${base}/edit` && (
              <Button onClick={() => setAsked("publish")}>
                <Trans>Publish…</Trans>
              </Button>
            )}
            <Menu label={<Trans>More</Trans>}>
              {event.status !== "draft" && (
                <Link to={`/e/${event.id}`}>
                  <Trans>Its public page</Trans>
                </Link>
              )}
              {edits && (
                <button type="button" onClick={() => setAsked("copy")}>
                  <Trans>Duplicate or repeat…</Trans>
                </button>
              )}
              {edits && standing !== "cancelled" && (
                <button type="button" onClick={() => setAsked("cancel")}>
                  <Trans>Cancel the event…</Trans>
                </button>
              )}
            </Menu>
          </div>
        )}
      </div>
      <Tabs label={event.title} tabs={tabs} />
      <Publish event={event} open={asked === "publish"} onClose={() => setAsked(null)} />
      <CopyDialog event={event} open={asked === "copy"} onClose={() => setAsked(null)} />
      <Cancel event={event} open={asked === "cancel"} onClose={() => setAsked(null)} />
    </div>
  );
}

export function Publish({ event, open, onClose }: { event: OwnEvent; open: boolean; onClose: () => void }) {
  const [publish, { error, isLoading, reset }] = usePublishEventMutation();
  const { id, revision } = event;
  return (
    <Confirm
      title={<Trans>Publish this event?</Trans>}
      open={open}
      onClose={() => {
        reset();
        onClose();
      }}
      action={<Trans>Publish</Trans>}
      leave={<Trans>Not yet</Trans>}
      busy={isLoading}
      onConfirm={async () => {
        const answer = await once(`publish.${id}`, revision, (key) => publish({ event: id, revision, key }));
        if (!answer.error) onClose();
      }}
    >
      <p>
        <Trans>Everybody can see it then, and its tickets go on sale at their times.</Trans>
      </p>
      <p>
        <Trans>
          From then on its currency stays as it is, and no ticket type can be removed: only taken off sale. It cannot
          become a draft again, only be cancelled.
        </Trans>
      </p>
      {error && <FailureNotice error={error} />}
    </Confirm>
  );
}

function Cancel({ event, open, onClose }: { event: OwnEvent; open: boolean; onClose: () => void }) {
  const { t } = useLingui();
  const [cancel, { error, isLoading, reset }] = useCancelEventMutation();
  const { id, revision } = event;
  return (
    <Confirm
      title={<Trans>Cancel this event?</Trans>}
      open={open}
      onClose={() => {
        reset();
        onClose();
      }}
      action={<Trans>Cancel the event</Trans>}
      leave={<Trans>Leave it as it is</Trans>}
      busy={isLoading}
      onConfirm={async () => {
        const answer = await once(`cancel.${id}`, revision, (key) => cancel({ event: id, revision, key }));
        if (!answer.error) onClose();
      }}
    >
      {event.status === "draft" ? (
        <p>
          <Trans>Nobody but your team has seen it. It cannot be published any more.</Trans>
        </p>
      ) : (
        <>
          <p>
            <Trans>
              The sale ends, all orders are cancelled, and everything that was paid goes back. Buyers get a mail. This
              cannot be taken back.
            </Trans>
          </p>
          <Checkbox label={t`I know that all orders are cancelled and refunded.`} required />
        </>
      )}
      {error && <FailureNotice error={error} />}
    </Confirm>
  );
}
