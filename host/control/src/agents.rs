//! What agents ask: they report how their node is, and are told what it is to do as soon as that is something later than what they know.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use fleet::control::{self as wire, Call, respond};
use fleet::{Identity, Role, Tls};
use http::{Method, Response, StatusCode};
use rollout::limits as agreed;
use rollout::protocol::{LATENCY_BOUNDS_US, NodeKind, Report, SYNC};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::control::Shared;
use crate::error::Error;

pub(crate) async fn serve(shared: &Arc<Shared>, listener: TcpListener, tls: Tls, stop: CancellationToken) -> Result<(), Error> {
    let (shared, stopping) = (Arc::clone(shared), stop.clone());
    let answer = move |call: Call| {
        let (shared, stopping) = (Arc::clone(&shared), stopping.clone());
        async move { one(&shared, call, &stopping).await }
    };
    let options = wire::Options { body_bytes: agreed::REPORT_BYTES, drain: fleet::limits::DRAIN };
    wire::serve(listener, tls, options, answer, stop).await.map_err(|error| Error::Agents(error.to_string()))
}

async fn one(shared: &Shared, call: Call, stop: &CancellationToken) -> Response<Bytes> {
    let answer = routed(shared, call, stop).await;
    shared.metrics.report(match answer.status() {
        StatusCode::OK => "assigned",
        StatusCode::NO_CONTENT => "nothing",
        StatusCode::SERVICE_UNAVAILABLE => "elsewhere",
        _ => "refused",
    });
    answer
}

async fn routed(shared: &Shared, call: Call, stop: &CancellationToken) -> Response<Bytes> {
    if call.path != SYNC {
        return respond(StatusCode::NOT_FOUND, Bytes::new());
    }
    if call.method != Method::POST {
        return respond(StatusCode::METHOD_NOT_ALLOWED, Bytes::new());
    }
    match sync(shared, &call.peer, &call.body, stop).await {
        Ok(answer) => answer,
        Err((status, reason)) => {
            tracing::warn!(node = %call.peer, reason, "refused an agent's report");
            respond(status, serde_json::json!({ "reason": reason }).to_string().into())
        }
    }
}

async fn sync(
    shared: &Shared,
    peer: &Identity,
    body: &[u8],
    stop: &CancellationToken,
) -> Result<Response<Bytes>, (StatusCode, String)> {
    let report: Report = serde_json::from_slice(body).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    is_of(peer, &report).map_err(|reason| (StatusCode::FORBIDDEN, reason))?;
    is_sane(&report).map_err(|reason| (StatusCode::BAD_REQUEST, reason))?;
    let elsewhere = || Ok(respond(StatusCode::SERVICE_UNAVAILABLE, Bytes::new()));
    if shared.is_cut_off() {
        return elsewhere();
    }
    let node = peer.to_string();
    // As it was read, so that nothing is stored that nobody has looked at.
    let text = serde_json::to_string(&report).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    if !shared.heard.hear(&node, text) {
        return Err((StatusCode::SERVICE_UNAVAILABLE, format!("there are {} nodes: no more", crate::limits::NODES)));
    }
    let mut desired = shared.desired.subscribe();
    let until = Instant::now() + agreed::LONG_POLL;
    let _waiting = report.wait.then(|| shared.metrics.waiting());
    loop {
        let now = desired.borrow_and_update().clone();
        if now.stamp > report.known
            && let Some(assignment) = now.assignment(&node)
        {
            let json = serde_json::to_vec(&assignment).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
            return Ok(respond(StatusCode::OK, json.into()));
        }
        if !report.wait {
            return Ok(respond(StatusCode::NO_CONTENT, Bytes::new()));
        }
        tokio::select! {
            changed = desired.changed() => if changed.is_err() {
                return elsewhere();
            },
            () = tokio::time::sleep_until(until) => return Ok(respond(StatusCode::NO_CONTENT, Bytes::new())),
            () = stop.cancelled() => return elsewhere(),
            () = tokio::time::sleep(crate::limits::SILENT) => if shared.is_cut_off() {
                return elsewhere();
            },
        }
    }
}

/// Whether a report is of who has sent it.
fn is_of(peer: &Identity, report: &Report) -> Result<(), String> {
    let fits = match peer.role() {
        Role::Edge => report.node.kind == NodeKind::Edge,
        // Workers have the certificate of a node of their region.
        Role::Region => report.node.kind != NodeKind::Edge,
        Role::Control => false,
    };
    if !fits {
        return Err(format!("{peer} reports as a node of another kind"));
    }
    match peer.region() {
        Some(region) if region != report.node.region => Err(format!("{peer} reports as a node of another region")),
        _ => Ok(()),
    }
}

/// Whether a report can be meant so.
fn is_sane(report: &Report) -> Result<(), String> {
    if report.releases.len() > agreed::RELEASES || report.serving.len() > agreed::RELEASES {
        return Err(format!("it has more than {} releases", agreed::RELEASES));
    }
    let known: BTreeSet<_> = report.releases.iter().map(|one| one.release).collect();
    if known.len() != report.releases.len() {
        return Err("it has a release twice".to_owned());
    }
    let weight: u32 = report.serving.iter().map(|share| u32::from(share.weight)).sum();
    if !report.serving.is_empty() && weight != 100 {
        return Err(format!("what serves is {weight} % together"));
    }
    match report.releases.iter().find(|one| one.counters.latency.len() > LATENCY_BOUNDS_US.len() + 1) {
        Some(one) => Err(format!("release {} has more buckets of latency than there are", one.release.0)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rollout::protocol::{Counters, NodeDescription, Phase, ReleaseId, ReleaseReport, Share, Stamp};

    use super::*;

    fn report(kind: NodeKind, region: &str) -> Report {
        let node = NodeDescription {
            kind,
            region: region.to_owned(),
            labels: BTreeMap::new(),
            host: "0.1.0".to_owned(),
            interfaces: BTreeSet::new(),
            ledger_wire: 1,
            schema: None,
            variables: BTreeSet::new(),
        };
        Report { node, boot: 1, known: Stamp::default(), releases: Vec::new(), serving: Vec::new(), wait: false }
    }

    #[test]
    fn a_node_reports_for_itself_alone() {
        let edge = Identity::edge_node("edge-0").unwrap();
        let region = Identity::region_node("eu", "eu-1").unwrap();
        for (peer, kind, of, fits) in [
            (&edge, NodeKind::Edge, "eu", true),
            (&edge, NodeKind::Region, "eu", false),
            (&edge, NodeKind::Worker, "eu", false),
            (&region, NodeKind::Region, "eu", true),
            (&region, NodeKind::Worker, "eu", true),
            (&region, NodeKind::Region, "us", false),
            (&region, NodeKind::Edge, "eu", false),
        ] {
            assert_eq!(is_of(peer, &report(kind, of)).is_ok(), fits, "{peer} {kind:?} {of}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let one = |release| ReleaseReport { release: ReleaseId(release), phase: Phase::Ready, counters: Counters::default() };
        let share = |weight| Share { release: ReleaseId(1), weight };
        let with = |change: &dyn Fn(&mut Report)| {
            let mut report = report(NodeKind::Edge, "eu");
            change(&mut report);
            is_sane(&report)
        };
        assert!(with(&|report| report.releases = vec![one(1), one(2)]).is_ok());
        assert!(with(&|report| report.releases = vec![one(1), one(1)]).is_err());
        assert!(with(&|report| report.releases = (0..9).map(one).collect()).is_err());
        assert!(with(&|report| report.serving = vec![share(90), share(10)]).is_ok());
        assert!(with(&|report| report.serving = vec![share(90)]).is_err());
        let long = ReleaseReport {
            counters: Counters { latency: vec![0; LATENCY_BOUNDS_US.len() + 2], ..Counters::default() },
            ..one(1)
        };
        assert!(with(&|report| report.releases = vec![long.clone()]).is_err());
    }
}
