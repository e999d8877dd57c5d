import { Trans, useLingui } from "@lingui/react/macro";
import type { OwnEvent } from "../../api/organise";
import { categoryName } from "../../i18n/words";
import { formatMoney } from "../../lib/money";
import { formatSpan, formatWhen, formatZone } from "../../lib/time";
import type { QuestionForm } from "../../organise/form";
import { Accented } from "../../ui/Accented";
import { Cover } from "../../ui/Cover";
import { Logo } from "../../ui/Logo";
import { Notice } from "../../ui/Notice";
import page from "../event/EventPage.module.css";
import { RefundTerms } from "../event/RefundTerms";
import styles from "./Organise.module.css";

/** An event as its page will show it. */
export function Preview({ event, questions }: { event: OwnEvent; questions: QuestionForm[] }) {
  const { t, i18n } = useLingui();
  const language = i18n.locale;
  const country = new Intl.DisplayNames(language, { type: "region", fallback: "code" });
  return (
    <Accented accent={event.accent}>
      <section aria-label={t`Preview`} className={styles.stack}>
        <Notice tone="info" title={<Trans>This is how buyers will see it</Trans>} />
        <div className={page.head}>
          <Cover id={event.id} category={event.category} image={event.image} accent={event.accent} large />
          <div className={page.title}>
            <Logo logo={event.logo} />
            <p className={page.category}>{categoryName(event.category, (text) => i18n._(text))}</p>
            <h2 dir="auto">{event.title || t`No title yet`}</h2>
          </div>
        </div>
        <div className={page.columns}>
          <div className={page.about}>
            <dl className={page.facts}>
              <div>
                <dt>
                  <Trans>When</Trans>
                </dt>
                <dd>
                  <span>{formatSpan(event.starts_at, event.ends_at, language, event.timezone)}</span>
                  <span className={page.zone}>{formatZone(event.starts_at, language, event.timezone)}</span>
                </dd>
              </div>
              <div>
                <dt>
                  <Trans>Where</Trans>
                </dt>
                <dd>
                  <bdi>{event.venue.name}</bdi>
                  <span className={page.zone}>
                    <bdi>{event.venue.city}</bdi>
                    {event.venue.country && <>, {country.of(event.venue.country)}</>}
                  </span>
                </dd>
              </div>
            </dl>
            {event.description && (
              <div className={page.description}>
                <p dir="auto">{event.description}</p>
              </div>
            )}
            {questions.length > 0 && (
              <div className={styles.stack}>
                <h3>
                  <Trans>Questions to buyers</Trans>
                </h3>
                <ul className={styles.lines}>
                  {questions.map((question) => (
                    <li key={question.key}>
                      <bdi>{question.label}</bdi>
                      <span className={styles.faint}>
                        {question.per === "order" ? <Trans>Once per order</Trans> : <Trans>For each ticket</Trans>}
                      </span>
                    </li>
                  ))}
                </ul>
              </div>
            )}
          </div>
          <div className={page.tickets}>
            <h3>
              <Trans>Tickets</Trans>
            </h3>
            <ul className={styles.lines}>
              {event.ticket_types.map((type) => (
                <li key={type.id}>
                  <div>
                    <strong dir="auto">{type.name || t`No name yet`}</strong>
                    <p className={styles.faint}>
                      {type.paused ? (
                        <Trans>Taken off sale</Trans>
                      ) : type.sales_from ? (
                        <Trans>On sale from {formatWhen(type.sales_from, language, event.timezone)}</Trans>
                      ) : null}
                    </p>
                  </div>
                  <span className={styles.amount}>
                    {type.price === 0 ? (
                      <Trans>Free</Trans>
                    ) : (
                      formatMoney({ amount: type.price, currency: event.currency }, language)
                    )}
                  </span>
                </li>
              ))}
            </ul>
            <RefundTerms event={event} />
          </div>
        </div>
      </section>
    </Accented>
  );
}
