import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "react-router";
import { type ListedUser, type UserFilter, useUsersInfiniteQuery } from "../../api/admin";
import { formatDay, ownZone } from "../../lib/time";
import { Field, Select } from "../../ui/Field";
import { Page } from "../../ui/Page";
import { type Column, Table } from "../../ui/Table";
import styles from "./Admin.module.css";
import { Id, Listed, Standing, useFilters } from "./parts";
import { ROLE } from "./words";

const ROLES = ["organiser", "admin"] as const;

export function Users() {
  const { t, i18n } = useLingui();
  const { settled, field } = useFilters(["search", "role", "state"]);
  const role = ROLES.find((each) => each === settled.role);
  const filter: UserFilter = {
    ...(settled.search && { search: settled.search }),
    ...(role && { role }),
    ...(settled.state && { suspended: settled.state === "suspended" }),
  };
  const list = useUsersInfiniteQuery(filter, { refetchOnMountOrArgChange: true });
  const users = list.currentData?.pages.flatMap((page) => page.items) ?? [];
  const columns: Column<ListedUser>[] = [
    {
      key: "name",
      title: t`Name`,
      names: true,
      cell: (user) => (
        <>
          <Link to={`/admin/users/${user.id}`}>
            <bdi>{user.name || t`No name given`}</bdi>
          </Link>
          <p className={styles.faint}>
            <Id>{user.id}</Id>
          </p>
        </>
      ),
    },
    { key: "email", title: t`Email`, cell: (user) => <bdi>{user.email}</bdi> },
    { key: "standing", title: t`Roles and state`, cell: (user) => <Standing user={user} /> },
    { key: "since", title: t`Since`, cell: (user) => formatDay(user.created_at, i18n.locale, ownZone()) },
  ];
  return (
    <Page title={t`Users`}>
      <search className={styles.filters}>
        <Field
          label={t`Search users`}
          hint={t`A part of the address, or the whole id`}
          type="search"
          maxLength={100}
          dir="auto"
          {...field("search")}
        />
        <Select label={t`Role`} {...field("role")}>
          <option value="">{t`Any`}</option>
          {ROLES.map((each) => (
            <option key={each} value={each}>
              {i18n._(ROLE[each])}
            </option>
          ))}
        </Select>
        <Select label={t`State`} {...field("state")}>
          <option value="">{t`Any`}</option>
          <option value="suspended">{t`Suspended`}</option>
          <option value="active">{t`Not suspended`}</option>
        </Select>
      </search>
      <Listed state={list} count={users.length} none={<Trans>Nobody fits this</Trans>}>
        <Table caption={t`Users`} columns={columns} rows={users} rowKey={(user) => user.id} />
      </Listed>
    </Page>
  );
}
