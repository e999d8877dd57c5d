import { Trans, useLingui } from "@lingui/react/macro";
import { useCallback, useEffect, useRef, useState } from "react";
import { Link, useNavigate } from "react-router";
import { useOpenGuestOrderMutation, useSendGuestLinksMutation } from "../../api/guests";
import { isProblem } from "../../api/problem";
import { ROUTES } from "../../app/routes";
import { isGuest, useAccount, useSession } from "../../app/store";
import { useTokenOfLink } from "../../lib/fragment";
import { Button, LinkButton } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { LoadingPage } from "../../ui/Skeleton";
import styles from "../account/Account.module.css";

/** Opens an order that was bought as a guest: by the link of a mail, by its code, or by another mail. */
export default function GuestOrder() {
  const { t } = useLingui();
  const navigate = useNavigate();
  const session = useSession();
  const account = useAccount();
  const linked = useTokenOfLink();
  const [open, { error, isLoading, isSuccess, isUninitialized }] = useOpenGuestOrderMutation();
  const enter = useCallback(
    async (token: string) => {
      const { data } = await open({ token });
      if (!data) return;
      session.begin(data.user);
      navigate(`/orders/${data.booking_id}`, { replace: true });
    },
    [navigate, open, session.begin],
  );

  // To open an order is to be its guest: whoever is logged in is asked first.
  const member = account.state === "in" && !isGuest(account);
  const begun = useRef(false);
  const ready = linked !== "" && account.state !== "loading" && !member;
  useEffect(() => {
    if (!ready || begun.current) return;
    begun.current = true;
    void enter(linked);
  }, [ready, linked, enter]);

  if (linked !== "" && (account.state === "loading" || isLoading || isSuccess || (isUninitialized && !member)))
    return <LoadingPage />;
  return (
    <Page title={t`Your order as a guest`} narrow>
      {linked !== "" && member && isUninitialized ? (
        <Notice tone="info" title={<Trans>You are logged in as {account.user.email}</Trans>}>
          <p>
            <Trans>
              To open this order with its link logs you out here. If you bought it with this address, it is under “My
              tickets” already.
            </Trans>
          </p>
          <div className={styles.buttons}>
            <LinkButton to={ROUTES.orders}>
              <Trans>My tickets</Trans>
            </LinkButton>
            <Button look="quiet" onClick={() => void enter(linked)}>
              <Trans>Log out and open the order</Trans>
            </Button>
          </div>
        </Notice>
      ) : (
        <>
          {error && (
            <FailureNotice error={error} {...(linked && { retry: () => void enter(linked) })}>
              {isProblem(error, "/problems/token-invalid") && (
                <p>
                  <Trans>
                    If the order is in your account by now, <Link to={ROUTES.login}>log in</Link> to see it.
                  </Trans>
                </p>
              )}
            </FailureNotice>
          )}
          <Again />
          <ByCode enter={enter} busy={isLoading} token={linked} />
        </>
      )}
    </Page>
  );
}

function Again() {
  const { t } = useLingui();
  const [send, { error, isLoading, isSuccess, originalArgs }] = useSendGuestLinksMutation();
  return (
    <section className={styles.panel} aria-labelledby="again">
      <h2 id="again">
        <Trans>Have the link sent again</Trans>
      </h2>
      {isSuccess ? (
        <Notice tone="good" live title={<Trans>Look into your mail</Trans>}>
          <p>
            <Trans>
              If something was bought as a guest with {originalArgs?.email} that can still be opened, a mail is on its
              way.
            </Trans>
          </p>
        </Notice>
      ) : (
        <form
          className={styles.form}
          onSubmit={(event) => {
            event.preventDefault();
            void send({ email: String(new FormData(event.currentTarget).get("email")) });
          }}
        >
          <p>
            <Trans>
              We send a mail that opens each order of this address, until 30 days after its event. What belongs to an
              account is there instead.
            </Trans>
          </p>
          <Field label={t`Email`} name="email" type="email" autoComplete="email" required maxLength={254} />
          {error && <FailureNotice error={error} />}
          <div className={styles.buttons}>
            <Button type="submit" busy={isLoading}>
              <Trans>Send the mail</Trans>
            </Button>
          </div>
        </form>
      )}
    </section>
  );
}

function ByCode({ enter, busy, token }: { enter: (token: string) => Promise<void>; busy: boolean; token: string }) {
  const { t } = useLingui();
  const [text, setText] = useState(token);
  return (
    <section className={styles.panel} aria-labelledby="code">
      <h2 id="code">
        <Trans>Open it with the code</Trans>
      </h2>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          void enter(text.trim());
        }}
      >
        <Field
          label={t`Code of the mail`}
          hint={t`The long one, with all of its letters.`}
          value={text}
          onChange={({ target }) => setText(target.value)}
          autoComplete="off"
          spellCheck={false}
          required
          maxLength={200}
          dir="ltr"
        />
        <div className={styles.buttons}>
          <Button type="submit" look="quiet" busy={busy}>
            <Trans>Open the order</Trans>
          </Button>
        </div>
      </form>
    </section>
  );
}
