import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { type Event, useAvailabilityQuery, useEventQuery } from "../../api";
import { requestFile } from "../../api/fetch";
import { isProblem } from "../../api/problem";
import { useFollow } from "../../app/useFollow";
import { chosen, useCheckout } from "../../checkout/state";
import { categoryName } from "../../i18n/words";
import { save } from "../../lib/download";
import { formatMoney } from "../../lib/money";
import { differs, formatClock, formatSpan, formatZone, ownZone } from "../../lib/time";
import { Accented } from "../../ui/Accented";
import { Button } from "../../ui/Button";
import { Cover } from "../../ui/Cover";
import { Logo } from "../../ui/Logo";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { LoadingPage } from "../../ui/Skeleton";
import { NotFound } from "../NotFound";
import styles from "./EventPage.module.css";
import { RefundTerms } from "./RefundTerms";
import { TicketPicker } from "./TicketPicker";

export function EventPage() {
  const { id = "" } = useParams();
  const { data: event, error, refetch } = useEventQuery(id);
  if (event) return <Found event={event} />;
  if (isProblem(error, "/problems/not-found", "/problems/invalid-request")) return <NotFound />;
  return error ? <Failed error={error} retry={refetch} /> : <LoadingPage />;
}

function Failed({ error, retry }: { error: unknown; retry: () => void }) {
  const { t } = useLingui();
  return (
    <Page title={t`Event`} narrow>
      <FailureNotice error={error} retry={retry} />
    </Page>
  );
}

function Found({ event }: { event: Event }) {
  const { t, i18n } = useLingui();
  const navigate = useNavigate();
  const [checkout, update] = useCheckout(event.id);
  const { data: availability, error } = useAvailabilityQuery(event.id, {
    refetchOnReconnect: true,
    refetchOnFocus: true,
  });
  useFollow("availability", event.id);
  const cancelled = event.status === "cancelled";
  const { count, total } = chosen(event, checkout.items);
  const price = formatMoney({ amount: total, currency: event.currency }, i18n.locale);

  return (
    <Accented accent={event.accent}>
      <Page
        title={event.title}
        heading={
          <div className={styles.head}>
            <Cover id={event.id} category={event.category} image={event.image} accent={event.accent} large />
            <div className={styles.title}>
              <Logo logo={event.logo} />
              <p className={styles.category}>{categoryName(event.category, (text) => i18n._(text))}</p>
              <h1 tabIndex={-1} dir="auto">
                {event.title}
              </h1>
            </div>
          </div>
        }
      >
        <div className={styles.columns}>
          <div className={styles.about}>
            {cancelled && (
              <Notice tone="bad" title={<Trans>This event was cancelled</Trans>}>
                <p>
                  <Trans>Nothing can be bought any more. Who has paid gets the money back.</Trans>
                </p>
              </Notice>
            )}
            <Facts event={event} />
            {event.description && (
              <section className={styles.description} aria-labelledby="about">
                <h2 id="about">
                  <Trans>About this event</Trans>
                </h2>
                <p dir="auto">{event.description}</p>
              </section>
            )}
            <Actions event={event} />
          </div>

          <section className={styles.tickets} aria-labelledby="tickets">
            <h2 id="tickets">
              <Trans>Tickets</Trans>
            </h2>
            {!cancelled && (
              <>
                <TicketPicker
                  event={event}
                  availability={availability}
                  items={checkout.items}
                  onChange={(items) => update.choose(items)}
                />
                <p className={styles.fresh}>
                  {error && !availability ? (
                    <Trans>What is left is not known just now.</Trans>
                  ) : availability ? (
                    <Trans>
                      What is left, as of{" "}
                      <time dateTime={availability.as_of}>{formatClock(availability.as_of, i18n.locale)}</time>
                    </Trans>
                  ) : (
                    <Trans>Looking what is left…</Trans>
                  )}
                </p>
                <RefundTerms event={event} />
                <Button disabled={count === 0} onClick={() => navigate(`/checkout/${event.id}/details`)}>
                  {count === 0 ? t`Choose tickets` : total === 0 ? t`Continue` : t`Continue: ${price}`}
                </Button>
              </>
            )}
            {cancelled && (
              <p>
                <Trans>None are for sale.</Trans>
              </p>
            )}
          </section>
        </div>
      </Page>
    </Accented>
  );
}

function Facts({ event }: { event: Event }) {
  const { i18n } = useLingui();
  const language = i18n.locale;
  const own = ownZone();
  const country = new Intl.DisplayNames(language, { type: "region", fallback: "code" });
  return (
    <dl className={styles.facts}>
      <div>
        <dt>
          <Trans>When</Trans>
        </dt>
        <dd>
          <time dateTime={event.starts_at}>{formatSpan(event.starts_at, event.ends_at, language, event.timezone)}</time>
          <span className={styles.zone}>{formatZone(event.starts_at, language, event.timezone)}</span>
          {differs(event.starts_at, event.timezone, own) && (
            <span className={styles.zone}>
              <Trans>Where you are: {formatSpan(event.starts_at, event.ends_at, language, own)}</Trans>
            </span>
          )}
        </dd>
      </div>
      <div>
        <dt>
          <Trans>Where</Trans>
        </dt>
        <dd>
          <span>
            <bdi>{event.venue.name}</bdi>
          </span>
          <span className={styles.zone}>
            <bdi>{event.venue.city}</bdi>, {country.of(event.venue.country)}
          </span>
        </dd>
      </div>
    </dl>
  );
}

function Actions({ event }: { event: Event }) {
  const { t } = useLingui();
  const [copied, setCopied] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const share = async () => {
    const url = new URL(`/e/${event.id}`, window.location.href).href;
    try {
      if (navigator.share) {
        await navigator.share({ title: event.title, url });
      } else {
        await navigator.clipboard.writeText(url);
        setCopied(true);
      }
    } catch {
      // They changed their mind, or the browser does not permit it: the address is above, as everywhere.
    }
  };
  const calendar = async () => {
    try {
      setError(null);
      save(await requestFile(`/api/events/${event.id}`, "text/calendar"), "event.ics");
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <div className={styles.actions}>
      <Button look="quiet" onClick={() => void share()}>
        <Trans>Share</Trans>
      </Button>
      <Button look="quiet" onClick={() => void calendar()}>
        <Trans>Add to calendar</Trans>
      </Button>
      <p role="status">{copied ? t`The address was copied.` : ""}</p>
      {error !== null && <FailureNotice error={error} retry={() => void calendar()} />}
    </div>
  );
}
