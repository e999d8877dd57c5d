//! People whose account another region keeps, where their roles matter.

use std::sync::Arc;

use edge::{Body, Problem, Region};
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use runtime::{RequestBody, Switch};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::keep;
use crate::limits;

/// Nothing was done.
const RETRY: Problem = Problem::Unavailable(edge::limits::RETRY_AFTER_SECONDS);
/// Who somebody is: their id and roles.
const ME: &str = "/api/auth/me";
/// Whom they may organise for.
const ORGANISERS: &str = "/api/organisers";

/// A list of the API's.
#[derive(Deserialize)]
struct List {
    items: Vec<Value>,
}

/// A region's node that knows who its visitors are.
pub struct Visitors {
    node: Arc<dyn Region>,
    accounts: Arc<dyn Region>,
    traffic: Arc<Switch>,
}

impl Visitors {
    /// Before `node` answers what needs roles, `accounts` is asked for them.
    pub fn new(node: Arc<dyn Region>, accounts: Arc<dyn Region>, traffic: Arc<Switch>) -> Self {
        Self { node, accounts, traffic }
    }

    async fn answer(&self, mut request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
        let route = edge::route(self.traffic.current().routes(), &mut request)?;
        if route.roles
            && let Some(questions) = questions(&request)
            && let Some(refusal) = self.meet(questions).await?
        {
            return Ok(refusal);
        }
        self.node.handle(request).await
    }

    /// Learns who the caller is; what the region of the accounts says instead, where it knows no such person.
    async fn meet(&self, [me, organisers]: [Request<RequestBody>; 2]) -> Result<Option<Response<Body>>, Problem> {
        let (user, organisers) = tokio::try_join!(self.ask::<Value>(me), self.ask::<List>(organisers))?;
        let (user, organisers) = match (user, organisers) {
            (Ok(user), Ok(organisers)) => (user, organisers),
            (Err(refusal), _) | (_, Err(refusal)) => return Ok(Some(refusal)),
        };
        let document = serde_json::json!({ "user": user, "organisers": organisers.items });
        keep(&self.traffic, &document).await.map_err(|error| {
            tracing::warn!(error, "could not store a visitor's roles");
            RETRY
        })?;
        Ok(None)
    }

    /// Asks the region of the accounts. To ask has done nothing, and neither has anything else yet.
    async fn ask<T: DeserializeOwned>(&self, question: Request<RequestBody>) -> Result<Result<T, Response<Body>>, Problem> {
        let asked = tokio::time::timeout(limits::MEET, self.accounts.handle(question)).await;
        let response = asked.map_err(|_| RETRY)?.map_err(|_| RETRY)?;
        if response.status() != StatusCode::OK {
            return if response.status().is_server_error() { Err(RETRY) } else { Ok(Err(response)) };
        }
        let body = Limited::new(response.into_body(), limits::MIRROR_BYTES).collect().await.map_err(|_| RETRY)?;
        serde_json::from_slice(&body.to_bytes()).map(Ok).map_err(|_| Problem::Internal)
    }
}

/// What there is to ask about the caller of a request; none where it does not say who that is.
fn questions(request: &Request<RequestBody>) -> Option<[Request<RequestBody>; 2]> {
    let token = edge::credential(request.headers()).ok().flatten()?.token;
    let question = |path: &str| {
        // A browser's, too: what it says of itself concerns this request alone.
        let mut question =
            Request::get(format!("http://accounts{path}")).header(header::AUTHORIZATION, format!("Bearer {token}"));
        if let Some(id) = request.headers().get("x-request-id") {
            question = question.header("x-request-id", id);
        }
        question.body(runtime::empty()).ok()
    };
    Some([question(ME)?, question(ORGANISERS)?])
}

impl Region for Visitors {
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        Box::pin(self.answer(request))
    }
}
