import { Trans, useLingui } from "@lingui/react/macro";
import { type EventPage, type Filters, type ListedEvent, useFacetsQuery } from "../../api";
import { parseMoney } from "../../lib/money";
import { Field, Select } from "../../ui/Field";
import styles from "./Discover.module.css";
import type { Search } from "./filters";

interface Properties {
  search: Search;
  change: (changes: Partial<Search>) => void;
  filters: Filters;
  facets: EventPage["facets"] | undefined;
  events: ListedEvent[];
}

/** Offered before any event was seen in them. */
const CURRENCIES = ["EUR", "GBP", "USD"];

export function FilterPanel({ search, change, filters, facets, events }: Properties) {
  const { t, i18n } = useLingui();
  const { city: _city, ...elsewhere } = filters;
  const wider = useFacetsQuery(elsewhere, { skip: !search.city });
  const cities = Object.entries((search.city ? wider.currentData : facets)?.city ?? {});
  cities.sort(([a], [b]) => a.localeCompare(b, i18n.locale));
  const currencies = new Set([...CURRENCIES, ...events.map((event) => event.currency)]);
  if (search.currency) currencies.add(search.currency);
  const names = new Intl.DisplayNames(i18n.locale, { type: "currency" });
  const bad = (text: string) => text !== "" && parseMoney(text, search.currency || "EUR") === null;
  const amount = t`Type an amount, as 20 or 12.50`;

  return (
    <details className={styles.panel} open={window.matchMedia("(min-width: 60rem)").matches}>
      <summary>
        <Trans>Filters</Trans>
      </summary>
      <div className={styles.filters}>
        {/* A calendar has its own days, and their order. */}
        {search.view === "list" && (
          <Select
            label={t`When`}
            value={search.days}
            onChange={({ target }) => change({ days: target.value as Search["days"] })}
          >
            <option value="any">{t`Any day`}</option>
            <option value="today">{t`Today`}</option>
            <option value="weekend">{t`This weekend`}</option>
            <option value="week">{t`The next 7 days`}</option>
            <option value="month">{t`The next 30 days`}</option>
            <option value="own">{t`From … to …`}</option>
          </Select>
        )}
        {search.view === "list" && search.days === "own" && (
          <>
            <Field
              label={t`From`}
              type="date"
              value={search.from}
              max={search.to}
              onChange={({ target }) => change({ from: target.value })}
            />
            <Field
              label={t`To`}
              type="date"
              value={search.to}
              min={search.from}
              onChange={({ target }) => change({ to: target.value })}
            />
          </>
        )}
        <Select label={t`City`} value={search.city} onChange={({ target }) => change({ city: target.value })}>
          <option value="">{t`All cities`}</option>
          {search.city && !cities.some(([city]) => city === search.city) && (
            <option value={search.city}>{search.city}</option>
          )}
          {cities.map(([city, count]) => (
            <option key={city} value={city}>
              {city} ({i18n.number(count)})
            </option>
          ))}
        </Select>
        <Select
          label={t`Currency`}
          hint={t`Prices are compared within one currency.`}
          value={search.currency}
          onChange={({ target }) =>
            change(
              target.value
                ? { currency: target.value }
                : { currency: "", min: "", max: "", sort: search.sort.endsWith("price") ? "" : search.sort },
            )
          }
        >
          <option value="">{t`All currencies`}</option>
          {[...currencies].sort().map((code) => (
            <option key={code} value={code}>
              {code} – {names.of(code)}
            </option>
          ))}
        </Select>
        {search.currency && (
          <div className={styles.pair}>
            <Field
              label={t`Price from`}
              inputMode="decimal"
              value={search.min}
              error={bad(search.min) && amount}
              onChange={({ target }) => change({ min: target.value })}
            />
            <Field
              label={t`Price to`}
              inputMode="decimal"
              value={search.max}
              error={bad(search.max) && amount}
              onChange={({ target }) => change({ max: target.value })}
            />
          </div>
        )}
        {search.view === "list" && (
          <Select
            label={t`Sort by`}
            value={search.sort || "starts_at"}
            onChange={({ target }) => change({ sort: target.value === "starts_at" ? "" : target.value })}
          >
            <option value="starts_at">{t`Date, soonest first`}</option>
            <option value="-starts_at">{t`Date, latest first`}</option>
            <option value="title">{t`Title`}</option>
            {search.currency && <option value="price">{t`Price, lowest first`}</option>}
            {search.currency && <option value="-price">{t`Price, highest first`}</option>}
          </Select>
        )}
        <label className={styles.check}>
          <input
            type="checkbox"
            checked={search.available}
            onChange={({ target }) => change({ available: target.checked })}
          />
          <Trans>Only with tickets left</Trans>
        </label>
      </div>
    </details>
  );
}
