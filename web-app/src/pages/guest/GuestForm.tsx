import { Trans, useLingui } from "@lingui/react/macro";
import { useBeginAsGuestMutation } from "../../api/guests";
import { useSession } from "../../app/store";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice } from "../../ui/Notice";
import styles from "../account/Account.module.css";
import { InsecureNotice } from "../account/LoginForm";

/** Begins a checkout with an address alone. */
export function GuestForm() {
  const { t } = useLingui();
  const session = useSession();
  const [begin, { error, isLoading }] = useBeginAsGuestMutation();
  return (
    <form
      className={styles.form}
      onSubmit={async (event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        const name = String(form.get("name")).trim();
        const { data } = await begin({ email: String(form.get("email")), ...(name && { name }) });
        if (data) session.begin(data.user);
      }}
    >
      <InsecureNotice />
      <Field
        label={t`Email`}
        hint={t`Your tickets go there. The mail opens your order again, without a password.`}
        name="email"
        type="email"
        autoComplete="email"
        required
        maxLength={254}
      />
      <Field label={t`Name (if you like)`} name="name" autoComplete="name" maxLength={100} />
      <p className={styles.term}>
        <Trans>
          If you have an account with this address, or make one later, the order comes into it once the address is
          confirmed.
        </Trans>
      </p>
      {error && <FailureNotice error={error} />}
      <div className={styles.buttons}>
        <Button type="submit" busy={isLoading}>
          <Trans>Continue as a guest</Trans>
        </Button>
      </div>
    </form>
  );
}
