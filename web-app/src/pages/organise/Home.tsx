import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import {
  type Membership,
  useAcceptInvitationMutation,
  useFoundOrganiserMutation,
  useOrganisersQuery,
  useOwnInvitationsQuery,
  useRemoveMemberMutation,
} from "../../api/organise";
import { ROUTES } from "../../app/routes";
import { useAccount } from "../../app/store";
import { useTokenOfLink } from "../../lib/fragment";
import { formatDay, ownZone } from "../../lib/time";
import { once } from "../../organise/once";
import { Badge } from "../../ui/Badge";
import { Button, LinkButton } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Empty, Panel } from "../../ui/Panel";
import styles from "./Organise.module.css";
import { Listed, useProof } from "./parts";
import { ROLE } from "./words";

/** For whom somebody organises, and how they begin to. */
export function Home() {
  const { t } = useLingui();
  const account = useAccount();
  const organisers = useOrganisersQuery(undefined, { refetchOnMountOrArgChange: true });
  const items = organisers.data?.items ?? [];
  const unverified = account.state === "in" && !account.user.email_verified;
  return (
    <Page title={t`My organisations`}>
      <Invitations unverified={unverified} />
      <Listed
        state={organisers}
        empty={
          items.length === 0 && (
            <Empty title={<Trans>You are not in a team yet</Trans>}>
              <p>
                <Trans>
                  Start an organisation below and sell tickets for your events, or join a team that invites you.
                </Trans>
              </p>
            </Empty>
          )
        }
      >
        <ul className={styles.cards}>
          {items.map((organiser) => (
            <li key={organiser.id}>
              <Organisation organiser={organiser} />
            </li>
          ))}
        </ul>
      </Listed>
      <div className={styles.columns}>
        <Found />
        <AcceptByMail />
      </div>
    </Page>
  );
}

function Organisation({ organiser }: { organiser: Membership }) {
  const { i18n } = useLingui();
  const account = useAccount();
  const { proved, dialog } = useProof();
  const [asked, setAsked] = useState(false);
  const [leave, { error, isLoading, reset }] = useRemoveMemberMutation();
  const user = account.state === "in" ? account.user.id : "";
  return (
    <article className={styles.card}>
      <h2 className={styles.cardName} dir="auto">
        <Link to={`/organise/${organiser.id}`}>{organiser.name}</Link>
      </h2>
      {organiser.role && (
        <>
          <Badge tone={organiser.role === "owner" ? "good" : "quiet"}>{i18n._(ROLE[organiser.role].name)}</Badge>
          <p className={styles.faint}>{i18n._(ROLE[organiser.role].may)}</p>
        </>
      )}
      <div className={styles.above}>
        <Button look="plain" onClick={() => setAsked(true)}>
          <Trans>Leave the team…</Trans>
        </Button>
      </div>
      <Confirm
        title={<Trans>Leave {organiser.name}?</Trans>}
        open={asked}
        onClose={() => {
          setAsked(false);
          reset();
        }}
        action={<Trans>Leave the team</Trans>}
        leave={<Trans>Stay</Trans>}
        busy={isLoading}
        onConfirm={async () => {
          const answer = await proved(() => leave({ organiser: organiser.id, user }));
          if (!answer.error) setAsked(false);
        }}
      >
        <p>
          <Trans>You no longer see its events and orders. Only an owner can invite you again.</Trans>
        </p>
        <p>
          <Trans>The last owner cannot leave.</Trans>
        </p>
        {error && <FailureNotice error={error} />}
      </Confirm>
      {dialog}
    </article>
  );
}

function Invitations({ unverified }: { unverified: boolean }) {
  const { i18n } = useLingui();
  const navigate = useNavigate();
  const { data, error, refetch } = useOwnInvitationsQuery(undefined, { refetchOnMountOrArgChange: true });
  const [accept, accepting] = useAcceptInvitationMutation();
  if (error) return <FailureNotice error={error} retry={refetch} />;
  if (!data || data.items.length === 0)
    return unverified ? (
      <Notice tone="info" title={<Trans>Somebody has invited you?</Trans>}>
        <p>
          <Trans>Confirm your address, and invitations to it appear here.</Trans>
        </p>
        <LinkButton look="quiet" to={ROUTES.verifyEmail}>
          <Trans>Confirm my address</Trans>
        </LinkButton>
      </Notice>
    ) : null;
  return (
    <Panel title={<Trans>Invitations</Trans>}>
      {accepting.error && <FailureNotice error={accepting.error} />}
      <ul className={styles.lines}>
        {data.items.map((invitation) => {
          const role = i18n._(ROLE[invitation.role].name);
          const until = formatDay(invitation.expires_at, i18n.locale, ownZone());
          return (
            <li key={invitation.id}>
              <div>
                <p>
                  <strong>
                    <bdi>{invitation.organiser.name}</bdi>
                  </strong>
                </p>
                <p className={styles.faint}>
                  <Trans>
                    {role}, until {until}
                  </Trans>
                </p>
              </div>
              <Button
                busy={accepting.isLoading}
                onClick={async () => {
                  const { data: joined } = await accept({ id: invitation.id });
                  if (joined) navigate(`/organise/${joined.id}`);
                }}
              >
                <Trans>Join the team</Trans>
              </Button>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

function Found() {
  const { t } = useLingui();
  const navigate = useNavigate();
  const [found, { error, isLoading }] = useFoundOrganiserMutation();
  return (
    <Panel title={<Trans>Start an organisation</Trans>}>
      <form
        className={styles.form}
        onSubmit={async (event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          const body = {
            name: String(form.get("name")).trim(),
            contact_email: String(form.get("contact")).trim() || null,
          };
          const { data } = await once("found", body, (key) => found({ ...body, key }));
          if (data) navigate(`/organise/${data.id}`);
        }}
      >
        <Field
          label={t`Name`}
          hint={t`As people know it: it is shown on mails and receipts.`}
          name="name"
          required
          maxLength={100}
        />
        <Field
          label={t`Contact address (optional)`}
          hint={t`Answers to mails about your events go there; buyers see it.`}
          name="contact"
          type="email"
          autoComplete="email"
          maxLength={254}
        />
        {error && <FailureNotice error={error} />}
        <div>
          <Button type="submit" busy={isLoading}>
            <Trans>Start it</Trans>
          </Button>
        </div>
      </form>
    </Panel>
  );
}

/** The mail of an invitation has a code, which counts for its address alone. */
function AcceptByMail() {
  const { t } = useLingui();
  const navigate = useNavigate();
  const token = useTokenOfLink();
  const [accept, { error, isLoading }] = useAcceptInvitationMutation();
  return (
    <Panel title={<Trans>Invited by mail?</Trans>}>
      <form
        className={styles.form}
        onSubmit={async (event) => {
          event.preventDefault();
          const text = String(new FormData(event.currentTarget).get("token")).trim();
          const { data } = await accept({ token: text });
          if (data) navigate(`/organise/${data.id}`);
        }}
      >
        <Field
          label={t`Code of the invitation`}
          hint={t`Log in with the address that the mail came to.`}
          name="token"
          defaultValue={token}
          required
          maxLength={117}
          autoComplete="off"
          dir="ltr"
        />
        {error && <FailureNotice error={error} />}
        <div>
          <Button type="submit" look="quiet" busy={isLoading}>
            <Trans>Accept</Trans>
          </Button>
        </div>
      </form>
    </Panel>
  );
}
