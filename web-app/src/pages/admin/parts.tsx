import { Trans, useLingui } from "@lingui/react/macro";
import { type ReactNode, useEffect, useState } from "react";
import { Link, useSearchParams } from "react-router";
import type { ListedUser } from "../../api/admin";
import { useSettled } from "../../lib/hooks";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { FailureNotice } from "../../ui/Notice";
import { Empty } from "../../ui/Panel";
import { Skeleton } from "../../ui/Skeleton";
import styles from "./Admin.module.css";
import { ROLE } from "./words";

/** What a list is looked through for: it stands in the address, and is asked for once nobody types any more. */
export function useFilters<Name extends string>(names: readonly Name[]) {
  const [search, setSearch] = useSearchParams();
  const [typed, setTyped] = useState(
    () => Object.fromEntries(names.map((name) => [name, search.get(name) ?? ""])) as Record<Name, string>,
  );
  const text = useSettled(JSON.stringify(names.map((name) => [name, typed[name].trim()])), 300);
  useEffect(() => {
    const filled = (JSON.parse(text) as [Name, string][]).filter(([, value]) => value !== "");
    setSearch(new URLSearchParams(filled), { replace: true });
  }, [text, setSearch]);
  const settled = Object.fromEntries(
    (JSON.parse(text) as [Name, string][]).filter(([, value]) => value !== ""),
  ) as Partial<Record<Name, string>>;
  const change = (name: Name, value: string) => setTyped((before) => ({ ...before, [name]: value }));
  /** For a field or a list to choose from. */
  const field = (name: Name) => ({
    value: typed[name],
    onChange: ({ target }: { target: { value: string } }) => change(name, target.value),
  });
  return { settled, field, change };
}

interface ListState {
  data?: unknown;
  currentData?: unknown;
  error?: unknown;
  hasNextPage?: boolean;
  isFetchingNextPage?: boolean;
  fetchNextPage?: () => unknown;
  refetch: () => unknown;
}

/** What is there of a list: its rows, bones of them, that there are none, and how there are more. */
export function Listed({
  state,
  count,
  none,
  more,
  children,
}: {
  state: ListState;
  count: number;
  none: ReactNode;
  /** What the button says that fetches more, where that is not just more of the same. */
  more?: ReactNode;
  children: ReactNode;
}) {
  const { t } = useLingui();
  const there = state.currentData !== undefined;
  return (
    <>
      {state.error !== undefined && <FailureNotice error={state.error} retry={() => void state.refetch()} />}
      {!there && state.error === undefined && (
        <div role="status" aria-label={t`Loading`} className={styles.stack}>
          <Skeleton height="4rem" />
          <Skeleton height="4rem" />
          <Skeleton height="4rem" />
        </div>
      )}
      {there && count > 0 && children}
      {there && count === 0 && <Empty title={none} />}
      {there && state.hasNextPage && (
        <div>
          <Button look="quiet" busy={state.isFetchingNextPage ?? false} onClick={() => void state.fetchNextPage?.()}>
            {more ?? <Trans>Show more</Trans>}
          </Button>
        </div>
      )}
    </>
  );
}

/** An id, as it is written everywhere. */
export function Id({ children }: { children: string }) {
  return (
    <code className={styles.id} dir="ltr">
      {children}
    </code>
  );
}

/** Something that an id names, with a way to it where it has a page here. */
export function Named({ id }: { id: string }) {
  // Ids do not say what they are of; the page of users knows whether it is one of them.
  return /^[a-z0-9]{1,16}_[a-z0-9]+$/.test(id) ? (
    <Link to={`/admin/users/${id}`}>
      <Id>{id}</Id>
    </Link>
  ) : (
    <Id>{id}</Id>
  );
}

/** Roles beyond what everybody has, and what is unusual about an account. */
export function Standing({ user }: { user: Pick<ListedUser, "roles" | "guest" | "suspended_at" | "email_verified"> }) {
  const { i18n } = useLingui();
  return (
    <span className={styles.badges}>
      {user.suspended_at !== undefined && (
        <Badge tone="bad">
          <Trans>Suspended</Trans>
        </Badge>
      )}
      {user.guest && (
        <Badge tone="quiet">
          <Trans>Guest</Trans>
        </Badge>
      )}
      {user.roles
        .filter((role) => role !== "user")
        .map((role) => (
          <Badge key={role} tone={role === "admin" ? "wait" : "good"}>
            {i18n._(ROLE[role])}
          </Badge>
        ))}
      {!user.email_verified && (
        <Badge tone="quiet">
          <Trans>Address not verified</Trans>
        </Badge>
      )}
    </span>
  );
}
