//! People whose account another region keeps, and programs, where it matters what they may do.

use std::sync::Arc;

use contracts::{Components as _, Identity as _, RequestBody, Traffic};
use edge::{Body, Identity, Problem, Region};
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, header};
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
/// The same, refused where their session has not proved lately whose it is.
const ME_RECENTLY: &str = "/api/auth/me?recent=true";
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
    identity: Identity,
}

impl<T: Traffic> Visitors<T> {
    /// Before `node` answers what needs roles, `accounts` is asked for them; `identity` tells people and programs apart.
    pub fn new(node: Arc<dyn Region>, accounts: Arc<dyn Region>, traffic: Arc<T>, identity: Identity) -> Self {
        Self { node, accounts, traffic, identity }
    }

    async fn answer(&self, mut request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
        let route = edge::route(self.traffic.current().routes(), &mut request)?;
        if route.roles
            && let Some(token) = edge::credential(request.headers()).ok().flatten().map(|credential| credential.token.to_owned())
        {
            let asking = Asking { token: &token, request_id: request.headers().get("x-request-id").cloned() };
            // One that is not good is refused by the node.
            let refusal = match self.identity.verify(token.clone()).await {
                Ok(claims) if claims.scope.is_some() => self.meet_program(&asking).await?,
                Ok(_) => self.meet(&asking, if route.recent { ME_RECENTLY } else { ME }).await?,
                Err(_) => None,
            };
            if let Some(refusal) = refusal {
                return Ok(refusal);
            }
        }
        self.node.handle(request).await
    }

    /// Learns who the caller is; what the region of the accounts says instead, where it knows no such person.
    async fn meet(&self, asking: &Asking<'_>, me: &str) -> Result<Option<Response<Body>>, Problem> {
        let (me, organisers) = (asking.question(me)?, asking.question(ORGANISERS)?);
        let (user, organisers) = tokio::try_join!(self.ask::<User>(me), self.ask::<Memberships>(organisers))?;
        let (user, organisers) = match (user, organisers) {
            (Ok(user), Ok(organisers)) => (user, organisers),
            (Err(refusal), _) | (_, Err(refusal)) => return Ok(Some(refusal)),
        };
        self.keep(Visitor { user: Some(user), organisers: organisers.items }).await
    }

    /// Learns which organiser a program acts for. What it may do its token says; that it may still do so, the region of the accounts says by answering.
    async fn meet_program(&self, asking: &Asking<'_>) -> Result<Option<Response<Body>>, Problem> {
        match self.ask::<Memberships>(asking.question(ORGANISERS)?).await? {
            Ok(organisers) => self.keep(Visitor { user: None, organisers: organisers.items }).await,
            Err(refusal) => Ok(Some(refusal)),
        }
    }

    async fn keep(&self, visitor: Visitor) -> Result<Option<Response<Body>>, Problem> {
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

/// Who asks about themselves.
struct Asking<'a> {
    token: &'a str,
    request_id: Option<HeaderValue>,
}

impl Asking<'_> {
    fn question(&self, path: &str) -> Result<Request<RequestBody>, Problem> {
        let mut question =
            Request::get(format!("http://accounts{path}")).header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        if let Some(id) = &self.request_id {
            question = question.header("x-request-id", id);
        }
        question.body(contracts::empty()).map_err(|_| Problem::Internal)
    }
}

impl<T: Traffic> Region for Visitors<T> {
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        Box::pin(self.answer(request))
    }
}
