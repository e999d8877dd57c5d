//! What edges hand over to the region: requests that need its database, and reads whose reader has seen more than an edge knows.

use std::sync::Arc;
use std::time::Instant;

use contracts::{Components as _, RequestBody, Traffic};
use edge::{Body, Problem, Region, Replica, answer};
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response};
use manifest::RunLocation;
use read_model::Seen;
use telemetry::{Metrics, RequestLabels, Role};

use crate::limits;
use crate::sequencer::SequencerWaker;

/// A region's node, as edges in the same process reach it.
pub struct Node<T> {
    traffic: Arc<T>,
    replica: Replica,
    wake: SequencerWaker,
    metrics: Arc<Metrics>,
}

impl<T: Traffic> Node<T> {
    /// A node that answers by the version that has the traffic, with the replica that its components read.
    #[must_use]
    pub fn new(traffic: Arc<T>, replica: Replica, wake: SequencerWaker, metrics: Arc<Metrics>) -> Self {
        Self { traffic, replica, wake, metrics }
    }

    async fn answer(&self, mut request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
        let started = Instant::now();
        let _in_flight = self.metrics.enter(Role::Region);
        let method = request.method().clone();
        let components = self.traffic.current();
        let route = edge::route(components.routes(), &mut request)?;
        // What has its place here reads the database itself; only what an edge could have answered reads the replica.
        let read = method == Method::GET && route.runs == RunLocation::Edge;
        let (seen, stale) = if read { self.catch_up(request.headers()).await } else { (None, false) };
        let request_id = request.headers().get("x-request-id").cloned();
        let request_id = request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
        let mut answered = answer(&*components, &route.component, request, &self.metrics, request_id).await;
        if let (true, Ok(response)) = (read, &mut answered) {
            edge::shown(&self.replica, seen, stale, response);
        }
        let status = answered.as_ref().map_or_else(|problem| problem.status(), Response::status);
        let labels =
            RequestLabels { route: &route.template, method: method.as_str(), status: status.as_u16(), role: Role::Region };
        self.metrics.request(labels, started.elapsed());
        answered
    }

    /// Waits until the replica has what the reader has seen: that, and whether it was in vain.
    async fn catch_up(&self, headers: &HeaderMap) -> (Option<Seen>, bool) {
        let Some(token) = headers.get(edge::MARQUEE_SEEN).and_then(|token| token.to_str().ok()) else { return (None, false) };
        let seen = Seen::parse(token);
        let mut stale = false;
        if !self.replica.has(&seen, None) {
            self.wake.now();
            stale = !self.replica.catch_up(&seen, None, limits::CATCH_UP).await;
        }
        (Some(seen), stale)
    }
}

impl<T: Traffic> Region for Node<T> {
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        Box::pin(self.answer(request))
    }
}
