import { Trans, useLingui } from "@lingui/react/macro";
import { type ReactNode, useEffect, useState } from "react";
import { Link, NavLink } from "react-router";
import { change } from "../i18n";
import { isLanguage, LANGUAGES } from "../i18n/languages";
import { Notice } from "../ui/Notice";
import styles from "./Layout.module.css";
import { ROUTES } from "./routes";
import { isGuest, useAccount } from "./store";

/** What is around every page. */
export function Layout({ children }: { children: ReactNode }) {
  const { t, i18n } = useLingui();
  const account = useAccount();
  const online = useOnline();
  return (
    <>
      <a className={styles.skip} href="#main">
        <Trans>Skip to content</Trans>
      </a>
      <header className={styles.header}>
        <div className={styles.bar}>
          <Link to={ROUTES.discover} className={styles.brand}>
            <img src="/favicon.svg" alt="" width="34" height="34" />
            Marquee
          </Link>
          <nav aria-label={t`Site`}>
            <ul>
              <li>
                <NavLink to={ROUTES.discover} end>
                  <Trans>Discover</Trans>
                </NavLink>
              </li>
              <li>
                <NavLink to={ROUTES.orders}>
                  <Trans>My tickets</Trans>
                </NavLink>
              </li>
              {account.state === "in" && (
                <li>
                  <NavLink to={ROUTES.organise}>
                    <Trans>Organise</Trans>
                  </NavLink>
                </li>
              )}
              <li>
                {account.state === "out" ? (
                  <NavLink to={ROUTES.login}>
                    <Trans>Log in</Trans>
                  </NavLink>
                ) : (
                  <NavLink to={ROUTES.account}>
                    {isGuest(account) ? <Trans>Guest</Trans> : <Trans>Account</Trans>}
                  </NavLink>
                )}
              </li>
            </ul>
          </nav>
        </div>
      </header>
      {!online && (
        <div className={styles.offline}>
          <Notice tone="unknown" live title={<Trans>You are offline</Trans>}>
            <p>
              <Trans>What you see may be out of date. What you chose is kept.</Trans>
            </p>
          </Notice>
        </div>
      )}
      <main id="main" tabIndex={-1} className={styles.main}>
        {children}
      </main>
      <footer className={styles.footer}>
        <div className={styles.bar}>
          <p className={styles.line}>
            <Trans>Marquee. Every seat is sold once.</Trans>
          </p>
          <ul>
            <li>
              <Link to={ROUTES.organise}>
                <Trans>Sell tickets</Trans>
              </Link>
            </li>
            <li>
              <Link to={ROUTES.accessibility}>
                <Trans>Accessibility</Trans>
              </Link>
            </li>
            {account.state === "in" && account.user.roles.includes("organiser") && (
              <li>
                <Link to={ROUTES.door}>
                  <Trans>Door</Trans>
                </Link>
              </li>
            )}
            {account.state === "in" && account.user.roles.includes("admin") && (
              <li>
                <Link to={ROUTES.admin}>
                  <Trans>Administration</Trans>
                </Link>
              </li>
            )}
            <li>
              <a href="/developers">
                <Trans>For developers</Trans>
              </a>
            </li>
          </ul>
          <label className={styles.language}>
            <span>
              <Trans>Language</Trans>
            </span>
            <select
              value={i18n.locale}
              onChange={({ target }) => {
                if (isLanguage(target.value)) void change(target.value);
              }}
            >
              {Object.entries(LANGUAGES).map(([tag, language]) => (
                <option key={tag} value={tag} lang={tag}>
                  {language.name}
                </option>
              ))}
            </select>
          </label>
        </div>
      </footer>
    </>
  );
}

function useOnline(): boolean {
  const [online, set] = useState(navigator.onLine);
  useEffect(() => {
    const look = () => set(navigator.onLine);
    window.addEventListener("online", look);
    window.addEventListener("offline", look);
    return () => {
      window.removeEventListener("online", look);
      window.removeEventListener("offline", look);
    };
  }, []);
  return online;
}
