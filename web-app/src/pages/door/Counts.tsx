import { Trans, useLingui } from "@lingui/react/macro";
import { useDoorCountsQuery } from "../../api/door";
import type { Post } from "../../door/desk";
import { Dialog } from "../../ui/Dialog";
import { FailureNotice } from "../../ui/Notice";
import { Skeleton } from "../../ui/Skeleton";
import styles from "./Door.module.css";

/** How many were let in at each gate, as the server knows it now. */
export function Counts({ open, post, onClose }: { open: boolean; post: Post; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title={<Trans>Let in by gate</Trans>}>
      <Table post={post} />
    </Dialog>
  );
}

function Table({ post }: { post: Post }) {
  const { i18n } = useLingui();
  const { data, error, refetch } = useDoorCountsQuery({ event: post.event.id, list: post.list.id });
  if (error) return <FailureNotice error={error} retry={refetch} />;
  if (!data) return <Skeleton lines={3} />;
  if (data.length === 0) {
    return (
      <p>
        <Trans>Nobody was let in by this list yet.</Trans>
      </p>
    );
  }
  return (
    <table className={styles.table}>
      <thead>
        <tr>
          <th scope="col">
            <Trans>Gate</Trans>
          </th>
          <th scope="col">
            <Trans>Tickets</Trans>
          </th>
        </tr>
      </thead>
      <tbody>
        {data.map(({ gate, count }) => (
          <tr key={gate ?? ""}>
            <th scope="row" dir="auto">
              {gate ?? "–"}
            </th>
            <td>{i18n.number(count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
