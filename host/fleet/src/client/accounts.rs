//! What is asked of whichever node of the region of the accounts can be asked: users' addresses, whose accounts were erased, and news of guests.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::Instant;
use vocabulary::accounts::{Address, Erasure, Error, GuestClaim, GuestExchange};

use super::Inner;
use super::call::{self, Failure};
use super::nodes::{ChosenNode, StartNode};
use crate::limits;
use crate::wire::{ADDRESSES, ERASURES, GUESTS, accounts as wire};

/// A question: where it goes, what metrics call it, and how its answer is read.
struct Question<A> {
    path: &'static str,
    name: &'static str,
    body: Bytes,
    read: fn(&[u8]) -> Result<A, wire::Error>,
}

pub(super) async fn addresses(inner: &Arc<Inner>, users: Vec<String>) -> Result<Vec<Address>, Error> {
    ask(inner, Question { path: ADDRESSES, name: "addresses", body: wire::write(&users), read: wire::read_addresses }).await
}

/// Whose accounts were erased after this. Which region asks its certificate says.
pub(super) async fn erasures(inner: &Arc<Inner>, sequence: i64) -> Result<Vec<Erasure>, Error> {
    ask(inner, Question { path: ERASURES, name: "erasures", body: wire::write(&sequence), read: wire::read_erasures }).await
}

pub(super) async fn guests(inner: &Arc<Inner>, exchange: GuestExchange) -> Result<Vec<GuestClaim>, Error> {
    ask(inner, Question { path: GUESTS, name: "guests", body: wire::write(&exchange), read: wire::read_claims }).await
}

async fn ask<A>(inner: &Arc<Inner>, question: Question<A>) -> Result<A, Error> {
    let (start, mut last) = (inner.nodes.begin(StartNode::Turn), None);
    let until = Instant::now() + limits::NODE_WAIT;
    let mut error = Error::Failed("no node of the region can be asked".to_owned());
    for _ in 0..limits::FORWARD_TRIES {
        let Some(asked) = inner.nodes.wait(start, last, until).await else { break };
        last = Some(asked.at);
        match attempt(inner, &asked, &question).await {
            Err(Error::Failed(reason)) => error = Error::Failed(format!("{}: {reason}", asked.node.name)),
            answered => return answered,
        }
    }
    Err(error)
}

async fn attempt<A>(inner: &Inner, asked: &ChosenNode, question: &Question<A>) -> Result<A, Error> {
    let failed = |reason: &dyn std::fmt::Display| Error::Failed(reason.to_string());
    let request = Request::post(format!("https://{}{}", inner.host, question.path)).body(call::known(question.body.clone()));
    let outcome = call::send(&asked.links.forward, request.map_err(|error| failed(&error))?, limits::ACCOUNTS_ANSWER).await;
    let kind = outcome.as_ref().map_or_else(Failure::as_str, |_| "answered");
    inner.metrics.fleet_request(&inner.region, question.name, kind);
    let response = match outcome {
        Ok(response) => response,
        Err(failure) => {
            asked.failed(&failure);
            return Err(failed(&match failure {
                Failure::Lost(reason) => reason,
                other => other.as_str().to_owned(),
            }));
        }
    };
    asked.succeeded();
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(Error::NotHere),
        status => return Err(failed(&status)),
    }
    let body = Limited::new(response.into_body(), limits::ACCOUNTS_BYTES).collect();
    let body = tokio::time::timeout(limits::ACCOUNTS_ANSWER, body).await.map_err(|error| failed(&error))?;
    (question.read)(&body.map_err(|error| failed(&error))?.to_bytes()).map_err(|error| failed(&error))
}
