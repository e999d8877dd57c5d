import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "react-router";
import { type Organiser, useAllOrganisersInfiniteQuery } from "../../api/admin";
import { Field } from "../../ui/Field";
import { Page } from "../../ui/Page";
import { type Column, Table } from "../../ui/Table";
import styles from "./Admin.module.css";
import { Id, Listed, useFilters } from "./parts";

export function Organisers() {
  const { t } = useLingui();
  const { settled, field } = useFilters(["search"]);
  const list = useAllOrganisersInfiniteQuery(settled, { refetchOnMountOrArgChange: true });
  const organisers = list.currentData?.pages.flatMap((page) => page.items) ?? [];
  const columns: Column<Organiser>[] = [
    {
      key: "name",
      title: t`Name`,
      names: true,
      cell: (organiser) => (
        <Link to={`/admin/organisers/${organiser.id}`}>
          <bdi>{organiser.name}</bdi>
        </Link>
      ),
    },
    {
      key: "contact",
      title: t`Contact address`,
      cell: (organiser) => <bdi>{organiser.contact_email ?? t`None`}</bdi>,
    },
    { key: "id", title: t`Id`, cell: (organiser) => <Id>{organiser.id}</Id> },
  ];
  return (
    <Page title={t`Organisers`}>
      <search className={styles.filters}>
        <Field
          label={t`Search organisers`}
          hint={t`A part of the name, or the whole id`}
          type="search"
          maxLength={100}
          dir="auto"
          {...field("search")}
        />
      </search>
      <Listed state={list} count={organisers.length} none={<Trans>No organiser fits this</Trans>}>
        <Table caption={t`Organisers`} columns={columns} rows={organisers} rowKey={(organiser) => organiser.id} />
      </Listed>
    </Page>
  );
}
