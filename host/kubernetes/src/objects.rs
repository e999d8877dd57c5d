//! What there is of the resource in a namespace: read whole, watched for a minute, and read anew. So what a watch could lose is lost for a minute at most,
//! and an end that says nothing is noticed.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use kube::Api;
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use telemetry::{Kubernetes, jittered};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::limits;

/// Objects by their uid; none while the server does not answer.
pub(crate) type Objects = Option<BTreeMap<String, DynamicObject>>;

/// Follows them until `stop`.
pub(crate) async fn follow(
    api: Api<DynamicObject>,
    known: &watch::Sender<Objects>,
    metrics: &Kubernetes,
    stop: &CancellationToken,
) {
    let (first, most) = limits::AWAY;
    let (mut pause, mut said) = (first, None::<String>);
    while !stop.is_cancelled() {
        let followed = tokio::select! {
            () = stop.cancelled() => return,
            followed = one(&api, known, metrics) => followed,
        };
        let Err(error) = followed else {
            if said.take().is_some() {
                tracing::info!("Kubernetes' API answers again");
            }
            pause = first;
            continue;
        };
        let error = error.to_string();
        // Once for each reason, not for each try.
        if said.as_ref() != Some(&error) {
            tracing::warn!(
                error,
                "objects of Kubernetes are not followed now: rollouts go on, and what objects say counts later"
            );
        }
        // What it was is said with the next failure, unless a read has succeeded since.
        if known.borrow().is_some() {
            pause = first;
        }
        said = Some(error);
        metrics.connected(false);
        metrics.failed("watch");
        known.send_replace(None);
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(jittered(pause)) => {}
        }
        pause = pause.saturating_mul(2).min(most);
    }
}

/// Reads them, and watches until the watch ends.
async fn one(api: &Api<DynamicObject>, known: &watch::Sender<Objects>, metrics: &Kubernetes) -> Result<(), Error> {
    let list = bounded(api.list(&ListParams::default().limit(limits::OBJECTS))).await?;
    let version = list.metadata.resource_version.unwrap_or_default();
    let all: BTreeMap<String, DynamicObject> =
        list.items.into_iter().filter_map(|object| Some((uid(&object)?, object))).collect();
    known.send_replace(Some(all));
    metrics.connected(true);
    let parameters = WatchParams::default().timeout(limits::WATCH_SECONDS);
    let mut events = bounded(api.watch(&parameters, &version)).await?.boxed();
    while let Some(event) = quiet(limits::SILENT, events.try_next()).await? {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => change(known, |all| {
                let uid = uid(&object)?;
                let most = usize::try_from(limits::OBJECTS).unwrap_or(usize::MAX);
                if all.len() < most || all.contains_key(&uid) {
                    all.insert(uid, object);
                }
                Some(())
            }),
            WatchEvent::Deleted(object) => change(known, |all| all.remove(&uid(&object)?).map(drop)),
            WatchEvent::Bookmark(_) => {}
            // The history that was asked for is gone: what is there is read anew.
            WatchEvent::Error(status) if status.code == 410 => return Ok(()),
            WatchEvent::Error(status) => return Err(Error::Api(format!("{} ({})", status.message, status.code))),
        }
    }
    Ok(())
}

fn change(known: &watch::Sender<Objects>, apply: impl FnOnce(&mut BTreeMap<String, DynamicObject>) -> Option<()>) {
    known.send_if_modified(|known| known.as_mut().and_then(apply).is_some());
}

fn uid(object: &DynamicObject) -> Option<String> {
    object.metadata.uid.clone()
}

/// Waits for an answer, and not for ever.
pub(crate) async fn bounded<T>(answer: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    quiet(limits::CALL, answer).await
}

async fn quiet<T>(patience: Duration, answer: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    match timeout(patience, answer).await {
        Ok(answer) => answer.map_err(Error::from),
        Err(_) => Err(Error::Api(format!("no answer within {} s", patience.as_secs()))),
    }
}
