import { Trans, useLingui } from "@lingui/react/macro";
import { createContext, type FormEvent, type ReactNode, useContext, useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { type Export, exported, type OwnEvent, type TeamRole, useReauthenticateMutation } from "../../api/organise";
import { isProblem } from "../../api/problem";
import { save } from "../../lib/download";
import { may, type Permitted } from "../../organise/permissions";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Menu } from "../../ui/Menu";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Skeleton } from "../../ui/Skeleton";
import styles from "./Organise.module.css";

export interface Organiser {
  id: string;
  name: string;
  contact: string | undefined;
  role: TeamRole | undefined;
  may: (what: Permitted) => boolean;
}

const OrganiserContext = createContext<Organiser>({
  id: "",
  name: "",
  contact: undefined,
  role: undefined,
  may: () => false,
});
export const OrganiserProvider = OrganiserContext.Provider;
export const useOrganiser = () => useContext(OrganiserContext);

export const organiserOf = (of: { id: string; name: string; contact_email?: string; role?: TeamRole }): Organiser => ({
  id: of.id,
  name: of.name,
  contact: of.contact_email,
  role: of.role,
  may: (what) => may(of.role, what),
});

const EventContext = createContext<OwnEvent | null>(null);
export const EventProvider = EventContext.Provider;

/** The event that the page is about. */
export function useOwnEvent(): OwnEvent {
  const event = useContext(EventContext);
  if (!event) throw new Error("outside of an event's pages");
  return event;
}

/** A page for who may do something; what one may not do is not offered, but an address can be typed. */
export function Guard({ needs, children }: { needs: Permitted; children: ReactNode }) {
  const { t } = useLingui();
  const organiser = useOrganiser();
  if (organiser.may(needs)) return children;
  return (
    <Page title={t`Not for your role`} narrow>
      <Notice tone="unknown" title={<Trans>Your role in this team does not permit this</Trans>}>
        <p>
          <Trans>An owner of the team can give you another role.</Trans>
        </p>
        <Link to={`/organise/${organiser.id}`}>
          <Trans>Back to {organiser.name}</Trans>
        </Link>
      </Notice>
    </Page>
  );
}

/** Where one is, from the top. */
export function Crumbs({ steps }: { steps: { to: string; label: string }[] }) {
  const { t } = useLingui();
  return (
    <nav aria-label={t`Where you are`} className={styles.crumbs}>
      <ol>
        {steps.map((step) => (
          <li key={step.to}>
            <Link to={step.to}>
              <bdi>{step.label}</bdi>
            </Link>
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** What is there of a list: its rows, bones of them, why there are none, and how there are more. */
export function Listed({
  state,
  empty,
  children,
}: {
  state: {
    data?: unknown;
    error?: unknown;
    isFetching: boolean;
    hasNextPage?: boolean;
    isFetchingNextPage?: boolean;
    fetchNextPage?: () => unknown;
    refetch: () => unknown;
  };
  /** What is said where there is nothing; false: there is something. */
  empty: ReactNode | false;
  children: ReactNode;
}) {
  const { t } = useLingui();
  return (
    <>
      {state.error !== undefined && <FailureNotice error={state.error} retry={() => void state.refetch()} />}
      {state.data === undefined && state.error === undefined && (
        <div role="status" aria-label={t`Loading`} className={styles.stack}>
          <Skeleton height="4rem" />
          <Skeleton height="4rem" />
          <Skeleton height="4rem" />
        </div>
      )}
      {state.data !== undefined && empty === false && children}
      {state.data !== undefined && empty !== false && !state.isFetchingNextPage && empty}
      {state.hasNextPage && state.data !== undefined && (
        <div>
          <Button look="quiet" busy={state.isFetchingNextPage ?? false} onClick={() => void state.fetchNextPage?.()}>
            <Trans>Show more</Trans>
          </Button>
        </div>
      )}
    </>
  );
}

/** Saves a list as a file. */
export function ExportMenu({ what, name }: { what: Export; name: string }) {
  const { t } = useLingui();
  const [state, setState] = useState<{ busy: boolean; error?: unknown }>({ busy: false });
  const write = async (format: "csv" | "json") => {
    setState({ busy: true });
    try {
      save(await exported(what, format), `${name}.${format}`);
      setState({ busy: false });
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return (
    <div>
      <Menu label={state.busy ? t`Being exported…` : t`Export`}>
        <button type="button" onClick={() => void write("csv")}>
          <Trans>As CSV, for spreadsheets</Trans>
        </button>
        <button type="button" onClick={() => void write("json")}>
          <Trans>As JSON, for programs</Trans>
        </button>
      </Menu>
      {state.error !== undefined && <FailureNotice error={state.error} />}
    </div>
  );
}

/** What is shown once, with a way to copy it. */
export function Secret({ text }: { text: string }) {
  return (
    <div className={styles.stack}>
      <code className={styles.secret} dir="ltr">
        {text}
      </code>
      <CopyButton text={text} />
    </div>
  );
}

/** Copies what stands beside it. */
export function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState<string | null>(null);
  return (
    <div className={styles.buttons}>
      <Button
        look="quiet"
        onClick={async () => {
          try {
            await navigator.clipboard.writeText(text);
            setCopied(text);
          } catch {
            // The browser does not permit it: it is there to be marked.
          }
        }}
      >
        <Trans>Copy</Trans>
      </Button>
      <p role="status">{copied === text && <Trans>Copied.</Trans>}</p>
    </div>
  );
}

/**
 * For writes that ask who one is once more: where the answer is that, the password is asked for and the write done again.
 * `dialog` is to stand on the page.
 */
export function useProof() {
  const [ask, setAsk] = useState<{ tell: (proved: boolean) => void } | null>(null);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => () => latest.current?.tell(false), []);
  const proved = async <Answer extends { error?: unknown }>(write: () => Promise<Answer>): Promise<Answer> => {
    const answer = await write();
    if (!isProblem(answer.error, "/problems/reauthentication-required")) return answer;
    const shown = await new Promise<boolean>((tell) => setAsk({ tell }));
    setAsk(null);
    return shown ? write() : answer;
  };
  return { proved, dialog: <ProofDialog ask={ask} /> };
}

function ProofDialog({ ask }: { ask: { tell: (proved: boolean) => void } | null }) {
  const { t } = useLingui();
  const [send, { error, isLoading, reset }] = useReauthenticateMutation();
  const [second, setSecond] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const code = String(form.get("code") ?? "").trim();
    const shown = code === "" ? {} : /^\d{3} ?\d{3}$/.test(code) ? { code } : { recovery_code: code };
    const answer = await send({ password: String(form.get("password")), ...shown });
    if (isProblem(answer.error, "/problems/second-factor-required")) setSecond(true);
    if (!answer.error) ask?.tell(true);
  };
  return (
    <Dialog
      title={<Trans>Show that it is you</Trans>}
      open={ask !== null}
      onClose={() => {
        reset();
        ask?.tell(false);
      }}
    >
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <p>
          <Trans>This can hand over what belongs to the team. It asks for your password once more.</Trans>
        </p>
        <Field label={t`Password`} name="password" type="password" autoComplete="current-password" required autoFocus />
        {second && (
          <Field
            label={t`Code of your app, or a recovery code`}
            name="code"
            autoComplete="one-time-code"
            required
            maxLength={40}
            dir="ltr"
          />
        )}
        {error && !isProblem(error, "/problems/second-factor-required") && <FailureNotice error={error} />}
        <div className={styles.buttons}>
          <Button type="submit" busy={isLoading}>
            <Trans>Go on</Trans>
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
