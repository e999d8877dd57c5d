import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { type FormEvent, useState } from "react";
import {
  type Message,
  type NewMessage,
  useMessagesInfiniteQuery,
  useSendMessageMutation,
  useTestMessageMutation,
} from "../../api/organise";
import { isProblem } from "../../api/problem";
import { ROUTES } from "../../app/routes";
import { useAccount } from "../../app/store";
import { formatWhen, ownZone } from "../../lib/time";
import { once } from "../../organise/once";
import { Badge } from "../../ui/Badge";
import { Button, LinkButton } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Checkbox, Choices, Field, Select, TextArea } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Empty, Panel } from "../../ui/Panel";
import styles from "./Organise.module.css";
import { Listed, useOwnEvent } from "./parts";
import { MESSAGE_STATE } from "./words";

/** How often the list is asked for while mails are on their way, in milliseconds. */
const FOLLOWED = 4_000;

export function Messages() {
  const { t } = useLingui();
  const event = useOwnEvent();
  const [busy, setBusy] = useState(false);
  const list = useMessagesInfiniteQuery(event.id, {
    refetchOnMountOrArgChange: true,
    pollingInterval: busy ? FOLLOWED : 0,
    skipPollingIfUnfocused: true,
  });
  const messages = list.data?.pages.flatMap((page) => page.items) ?? [];
  const underWay = messages.some((message) => message.state !== "done");
  if (underWay !== busy) setBusy(underWay);
  return (
    <Page title={t`Messages`}>
      <div className={styles.columns}>
        <Compose />
        <div className={styles.stack}>
          <h2>
            <Trans>Sent so far</Trans>
          </h2>
          <Listed
            state={list}
            empty={
              messages.length === 0 && (
                <Empty title={<Trans>No messages yet</Trans>}>
                  <p>
                    <Trans>Messages that you send appear here, with how many mails were sent.</Trans>
                  </p>
                </Empty>
              )
            }
          >
            <ul className={styles.stack}>
              {messages.map((message) => (
                <li key={message.id}>
                  <Sent message={message} />
                </li>
              ))}
            </ul>
          </Listed>
        </div>
      </div>
    </Page>
  );
}

function Sent({ message }: { message: Message }) {
  const { i18n } = useLingui();
  const event = useOwnEvent();
  const { name, tone } = MESSAGE_STATE[message.state];
  const { queued, sent, failed, unsubscribed } = message.counts;
  const types = message.to.ticket_type_ids
    ?.map((id) => event.ticket_types.find((type) => type.id === id)?.name)
    .filter((each) => each !== undefined);
  const lists = new Intl.ListFormat(i18n.locale, { type: "unit" });
  return (
    <article className={styles.figure}>
      <div className={styles.levelHead}>
        <h3 dir="auto">{message.subject}</h3>
        <Badge tone={tone}>{i18n._(name)}</Badge>
      </div>
      <p className={styles.faint}>
        {message.kind === "news" ? <Trans>News</Trans> : <Trans>About the tickets</Trans>}
        {" · "}
        {formatWhen(message.created_at, i18n.locale, ownZone())}
      </p>
      <p className={styles.faint}>
        {types ? <bdi>{lists.format(types)}</bdi> : <Trans>All ticket types</Trans>}
        {message.to.admitted === true && (
          <>
            {" · "}
            <Trans>who was let in</Trans>
          </>
        )}
        {message.to.admitted === false && (
          <>
            {" · "}
            <Trans>who was not let in</Trans>
          </>
        )}
        {!message.to.holders && (
          <>
            {" · "}
            <Trans>buyers alone</Trans>
          </>
        )}
      </p>
      <p>
        <Plural value={sent} one="# mail was sent" other="# mails were sent" />
        {queued > 0 && (
          <>
            {", "}
            <Plural value={queued} one="# waits" other="# wait" />
          </>
        )}
        {failed > 0 && (
          <>
            {", "}
            <Plural value={failed} one="# failed" other="# failed" />
          </>
        )}
        {unsubscribed > 0 && (
          <>
            {", "}
            <Plural value={unsubscribed} one="# wants no news" other="# want no news" />
          </>
        )}
      </p>
      <details>
        <summary>
          <Trans>What it says</Trans>
        </summary>
        <p className={styles.prose} dir="auto">
          {message.text}
        </p>
      </details>
    </article>
  );
}

function Compose() {
  const { t } = useLingui();
  const event = useOwnEvent();
  const account = useAccount();
  const [kind, setKind] = useState<NewMessage["kind"]>("service");
  const [types, setTypes] = useState<string[]>([]);
  const [ready, setReady] = useState<NewMessage | null>(null);
  const [told, setTold] = useState<"test" | "sent" | null>(null);
  const [send, sending] = useSendMessageMutation();
  const [test, testing] = useTestMessageMutation();
  if (event.status !== "published")
    return (
      <Panel title={<Trans>Write a message</Trans>}>
        <p>
          <Trans>Messages are for published events only. Whoever had tickets for a cancelled one has had a mail.</Trans>
        </p>
      </Panel>
    );
  if (account.state === "in" && !account.user.email_verified)
    return (
      <Panel title={<Trans>Write a message</Trans>}>
        <Notice tone="unknown" title={<Trans>Confirm your address first</Trans>}>
          <p>
            <Trans>Whoever writes to many people must first confirm their own address.</Trans>
          </p>
          <LinkButton to={ROUTES.verifyEmail}>
            <Trans>Confirm my address</Trans>
          </LinkButton>
        </Notice>
      </Panel>
    );
  const messageOf = (element: HTMLFormElement): NewMessage => {
    const form = new FormData(element);
    const admitted = form.get("admitted");
    return {
      kind,
      subject: String(form.get("subject")).trim(),
      text: String(form.get("text")).replaceAll("\r\n", "\n").trim(),
      to: {
        ...(types.length > 0 && { ticket_type_ids: types }),
        ...(admitted !== "any" && { admitted: admitted === "in" }),
        holders: form.get("holders") === "on",
      },
    };
  };
  const error = testing.error ?? sending.error;
  return (
    <Panel title={<Trans>Write a message</Trans>}>
      <form
        id="message"
        className={styles.form}
        onSubmit={(submitted: FormEvent<HTMLFormElement>) => {
          submitted.preventDefault();
          setTold(null);
          setReady(messageOf(submitted.currentTarget));
        }}
      >
        <Choices
          label={t`What it is`}
          hint={
            kind === "service"
              ? t`It goes to everybody who has a ticket.`
              : t`It goes to nobody who wants no news of you, and each mail has a link that ends them.`
          }
          choices={[
            { value: "service", label: t`About the tickets: a time, a door, what to bring` },
            { value: "news", label: t`News: anything else` },
          ]}
          chosen={[kind]}
          onChange={(value) => setKind(value === "news" ? "news" : "service")}
        />
        {event.ticket_types.length > 1 && (
          <Choices
            several
            label={t`Who has one of these tickets`}
            hint={t`None chosen: all ticket types.`}
            choices={event.ticket_types.map((type) => ({ value: type.id, label: type.name }))}
            chosen={types}
            onChange={(type, chosen) => setTypes(chosen ? [...types, type] : types.filter((each) => each !== type))}
          />
        )}
        <Select label={t`At the door`} name="admitted">
          <option value="any">{t`Let in or not`}</option>
          <option value="in">{t`Who was let in`}</option>
          <option value="out">{t`Who was not let in`}</option>
        </Select>
        <Checkbox label={t`Also to whom tickets were passed on`} name="holders" defaultChecked />
        <Field label={t`Subject`} name="subject" required maxLength={150} dir="auto" />
        <TextArea
          label={t`Text`}
          hint={t`Plain text. Addresses of the web become links.`}
          name="text"
          required
          maxLength={10_000}
          rows={8}
          dir="auto"
        />
        {error && ready === null && <Refused error={error} />}
        <div className={styles.buttons}>
          <Button type="submit" busy={sending.isLoading}>
            <Trans>Send…</Trans>
          </Button>
          <Button
            look="quiet"
            busy={testing.isLoading}
            onClick={async ({ currentTarget }) => {
              const element = currentTarget.closest("form");
              if (!element?.reportValidity()) return;
              setTold(null);
              const answer = await test({ event: event.id, message: messageOf(element) });
              if (!answer.error) setTold("test");
            }}
          >
            <Trans>Send me a test</Trans>
          </Button>
          <p role="status">
            {told === "test" && <Trans>A test is on its way to you.</Trans>}
            {told === "sent" && <Trans>Your message is on its way.</Trans>}
          </p>
        </div>
      </form>
      <Confirm
        title={<Trans>Send this message?</Trans>}
        open={ready !== null}
        onClose={() => {
          sending.reset();
          setReady(null);
        }}
        action={<Trans>Send it</Trans>}
        leave={<Trans>Not yet</Trans>}
        busy={sending.isLoading}
        onConfirm={async () => {
          if (!ready) return;
          const answer = await once(`message.${event.id}`, ready, (key) =>
            send({ event: event.id, message: ready, key }),
          );
          if (answer.error) return;
          setReady(null);
          setTold("sent");
          document.querySelector<HTMLFormElement>("#message")?.reset();
          setTypes([]);
        }}
      >
        <p>
          <Trans>
            It is sent at once, one mail for each address, in the name of your organisation. A mail cannot be taken
            back.
          </Trans>
        </p>
        <p>
          <strong dir="auto">{ready?.subject}</strong>
        </p>
        {sending.error && <Refused error={sending.error} />}
      </Confirm>
    </Panel>
  );
}

function Refused({ error }: { error: unknown }) {
  return (
    <FailureNotice error={error}>
      {isProblem(error, "/problems/rate-limited") && (
        <p>
          <Trans>An event sends five messages a day, and each of you ten tests an hour.</Trans>
        </p>
      )}
    </FailureNotice>
  );
}
