//! Addresses of people whose account another region keeps: asked for when there is mail for them.

use std::sync::Arc;

use bytes::Bytes;
use contracts::RequestBody;
use edge::{Body, Problem, Region};
use fleet::{Identity, Role};
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use region::Runner;
use runtime::Switch;
use serde_json::{Value, json};
use telemetry::Metrics;
use tokio_util::sync::CancellationToken;

use super::keep;
use crate::limits;

/// Asks the region of the accounts, on the node that runs what a region runs once.
pub struct ContactLookup {
    accounts: Arc<dyn Region>,
    traffic: Arc<Switch>,
    runner: Runner,
}

impl ContactLookup {
    /// Asks `accounts` for whom the component that has the traffic wants to know.
    pub fn new(accounts: Arc<dyn Region>, traffic: Arc<Switch>, runner: Runner) -> Self {
        Self { accounts, traffic, runner }
    }

    /// Asks every now and then until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(limits::ADDRESSES) => {}
            }
            if self.runner.leads()
                && let Err(error) = self.ask().await
            {
                tracing::debug!(error, "addresses are asked for again");
            }
        }
    }

    async fn ask(&self) -> Result<(), String> {
        let unknown = keep(&self.traffic, &json!({ "unknown": true })).await?;
        let Some(unknown) = unknown.get("unknown").filter(|ids| ids.as_array().is_some_and(|ids| !ids.is_empty())) else {
            return Ok(());
        };
        let application = self.traffic.current();
        let route = application.mirror().ok_or("no component keeps accounts")?;
        let request = Request::post(format!("http://accounts{}", route.path))
            .header(header::CONTENT_TYPE, "application/json")
            .body(edge::known(Bytes::from(json!({ "contacts_of": unknown }).to_string())))
            .map_err(|error| error.to_string())?;
        let asked = tokio::time::timeout(limits::MEET, self.accounts.handle(request)).await;
        let response = asked.map_err(|_| "it took too long".to_owned())?.map_err(|problem| format!("{problem:?}"))?;
        if response.status() != StatusCode::OK {
            return Err(format!("answered {}", response.status()));
        }
        let body = Limited::new(response.into_body(), limits::MIRROR_BYTES).collect().await.map_err(|error| error.to_string())?;
        let told: Value = serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())?;
        keep(&self.traffic, &json!({ "contacts": told.get("contacts") })).await.map(drop)
    }
}

/// A node of the region of the accounts, which tells other regions' nodes. Edges, and who is behind them, are told nothing.
pub struct AccountsNode {
    node: Arc<dyn Region>,
    traffic: Arc<Switch>,
    metrics: Arc<Metrics>,
}

impl AccountsNode {
    /// `node` answers everything else.
    pub fn new(node: Arc<dyn Region>, traffic: Arc<Switch>, metrics: Arc<Metrics>) -> Self {
        Self { node, traffic, metrics }
    }

    async fn answer(&self, mut request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
        let region = request.extensions().get::<Identity>().is_some_and(|peer| peer.role() == Role::Region);
        if region && request.method() == Method::POST {
            let application = self.traffic.current();
            if let Some(route) = application.mirror()
                && request.uri().path() == route.path
            {
                route.sign(&mut request);
                return edge::answer(&*application, &route.component, request, &self.metrics, "").await;
            }
        }
        self.node.handle(request).await
    }
}

impl Region for AccountsNode {
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        Box::pin(self.answer(request))
    }
}
