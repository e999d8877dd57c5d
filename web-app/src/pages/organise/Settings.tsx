import { Trans, useLingui } from "@lingui/react/macro";
import { useChangeOrganiserMutation } from "../../api/organise";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Panel } from "../../ui/Panel";
import styles from "./Organise.module.css";
import { useOrganiser } from "./parts";

export function Settings() {
  const { t } = useLingui();
  const organiser = useOrganiser();
  const [change, { error, isLoading, isSuccess }] = useChangeOrganiserMutation();
  return (
    <Page title={t`Settings`} narrow>
      <Panel title={<Trans>How people know you</Trans>}>
        <form
          className={styles.form}
          onSubmit={(submitted) => {
            submitted.preventDefault();
            const form = new FormData(submitted.currentTarget);
            void change({
              organiser: organiser.id,
              change: {
                name: String(form.get("name")).trim(),
                contact_email: String(form.get("contact")).trim() || null,
              },
            });
          }}
        >
          <Field
            label={t`Name`}
            hint={t`Receipts already made keep the old name.`}
            name="name"
            defaultValue={organiser.name}
            required
            maxLength={100}
            dir="auto"
          />
          <Field
            label={t`Contact address (optional)`}
            hint={t`Answers to mails about your events go there; buyers see it.`}
            name="contact"
            type="email"
            defaultValue={organiser.contact ?? ""}
            maxLength={254}
            dir="ltr"
          />
          {error && <FailureNotice error={error} />}
          <div className={styles.buttons}>
            <Button type="submit" busy={isLoading}>
              <Trans>Save</Trans>
            </Button>
            <p role="status">{isSuccess && <Trans>Saved.</Trans>}</p>
          </div>
        </form>
      </Panel>
    </Page>
  );
}
