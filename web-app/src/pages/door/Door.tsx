import { useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Navigate } from "react-router";
import { ROUTES } from "../../app/routes";
import { isGuest, useAccount } from "../../app/store";
import type { Post } from "../../door/desk";
import { changeSettings, settings } from "../../door/settings";
import { FailureNotice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { LoadingPage } from "../../ui/Skeleton";
import { Gate } from "./Gate";
import { Setup } from "./Setup";

/** For who lets people in. Once it was set up it goes on without a network, whatever is known of who is logged in. */
export default function Door() {
  const { t } = useLingui();
  const account = useAccount();
  const [post, setPost] = useState<Post | null>(() => settings().post);
  if (account.state === "out" || isGuest(account))
    return <Navigate to={ROUTES.login} state={{ to: ROUTES.door }} replace />;
  if (account.state === "loading") return <LoadingPage />;
  const choose = (chosen: Post | null) => {
    changeSettings({ post: chosen, ...(chosen && { gate: chosen.gate }) });
    setPost(chosen);
  };
  if (post)
    return <Gate key={`${post.event.id}/${post.list.id}/${post.gate}`} post={post} onLeave={() => choose(null)} />;
  return (
    <Page title={t`Door`} narrow>
      {account.state === "failed" ? (
        <FailureNotice error={account.error} retry={account.retry} />
      ) : (
        <Setup onChoose={choose} />
      )}
    </Page>
  );
}
