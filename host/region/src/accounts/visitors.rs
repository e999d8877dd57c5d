//! People whose account another region keeps, where their roles matter.

use std::sync::Arc;

use contracts::{Components as _, RequestBody, Traffic};
use edge::{Body, Problem, Region};
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use vocabulary::accounts::{Membership, User, Visitor};

use super::Accounts;
use crate::limits;

/// Nothing was done.
const RETRY: Problem = Problem::Unavailable(edge::limits::RETRY_AFTER_SECONDS);
/// Who somebody is: their id and roles.
const ME: &str = "/api/auth/me";
/// Whom they may organise for.
const ORGANISERS: &str = "/api/organisers";

/// What [`ORGANISERS`] answers: there is one page.
#[derive(Deserialize)]
struct Memberships {
    items: Vec<Membership>,
}

/// A region's node that knows who its visitors are.
pub struct Visitors<T> {
    node: Arc<dyn Region>,
    accounts: Arc<dyn Region>,
    traffic: Arc<T>,
}

impl<T: Traffic> Visitors<T> {
    /// Before `node` answers what needs roles, `accounts` is asked for them.
    pub fn new(node: Arc<dyn Region>, accounts: Arc<dyn Region>, traffic: Arc<T>) -> Self {
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
        let (user, organisers) = tokio::try_join!(self.ask::<User>(me), self.ask::<Memberships>(organisers))?;
        let (user, organisers) = match (user, organisers) {
            (Ok(user), Ok(organisers)) => (user, organisers),
            (Err(refusal), _) | (_, Err(refusal)) => return Ok(Some(refusal)),
        };
        let visitor = Visitor { user, organisers: organisers.items };
        let accounts = Accounts::of(&*self.traffic);
        let put = async { accounts.component()?.put_visitor(visitor).await };
        put.await.map_err(|error| {
            tracing::warn!(%error, "could not store a visitor's roles");
            RETRY
        })?;
        Ok(None)
    }

    /// Asks the region of the accounts. To ask has done nothing, and neither has anything else yet.
    async fn ask<A: DeserializeOwned>(&self, question: Request<RequestBody>) -> Result<Result<A, Response<Body>>, Problem> {
        let asked = tokio::time::timeout(limits::ACCOUNTS_ANSWER, self.accounts.handle(question)).await;
        let response = asked.map_err(|_| RETRY)?.map_err(|_| RETRY)?;
        if response.status() != StatusCode::OK {
            return if response.status().is_server_error() { Err(RETRY) } else { Ok(Err(response)) };
        }
        let body = Limited::new(response.into_body(), limits::VISITOR_BYTES).collect().await.map_err(|_| RETRY)?;
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
        question.body(contracts::empty()).ok()
    };
    Some([question(ME)?, question(ORGANISERS)?])
}

impl<T: Traffic> Region for Visitors<T> {
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        Box::pin(self.answer(request))
    }
}
