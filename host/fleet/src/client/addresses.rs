//! Users' addresses, and whose accounts were erased, from whichever node of the region of the accounts can be asked.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use vocabulary::accounts::{Address, Erasure, Error};

use super::Inner;
use super::call::{self, Failure};
use super::nodes::{ChosenNode, StartNode};
use crate::limits;
use crate::wire::{ADDRESSES, ERASURES, addresses as wire};

/// How these users are written to.
pub(super) async fn of(inner: &Arc<Inner>, users: Vec<String>) -> Result<Vec<Address>, Error> {
    ask(inner, &Question { path: ADDRESSES, kind: "addresses", body: wire::list(&users) }).await
}

/// Whose accounts were erased after this. Which region asks its certificate says.
pub(super) async fn erasures(inner: &Arc<Inner>, sequence: i64) -> Result<Vec<Erasure>, Error> {
    ask(inner, &Question { path: ERASURES, kind: "erasures", body: wire::sequence(sequence) }).await
}

struct Question {
    path: &'static str,
    /// What metrics call it.
    kind: &'static str,
    body: Bytes,
}

async fn ask<T: DeserializeOwned>(inner: &Arc<Inner>, question: &Question) -> Result<Vec<T>, Error> {
    let (start, mut last) = (inner.nodes.begin(StartNode::Turn), None);
    let until = Instant::now() + limits::NODE_WAIT;
    let mut error = Error::Failed("no node of the region can be asked".to_owned());
    for _ in 0..limits::FORWARD_TRIES {
        let Some(asked) = inner.nodes.wait(start, last, until).await else { break };
        last = Some(asked.at);
        match attempt(inner, &asked, question).await {
            Err(Error::Failed(reason)) => error = Error::Failed(format!("{}: {reason}", asked.node.name)),
            answered => return answered,
        }
    }
    Err(error)
}

async fn attempt<T: DeserializeOwned>(inner: &Inner, asked: &ChosenNode, question: &Question) -> Result<Vec<T>, Error> {
    let Question { path, kind: what, body } = question;
    let failed = |reason: &dyn std::fmt::Display| Error::Failed(reason.to_string());
    let request = Request::post(format!("https://{}{path}", inner.host)).body(call::known(body.clone()));
    let outcome = call::send(&asked.links.forward, request.map_err(|error| failed(&error))?, limits::ADDRESSES_ANSWER).await;
    let kind = outcome.as_ref().map_or_else(Failure::as_str, |_| "answered");
    inner.metrics.fleet_request(&inner.region, what, kind);
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
    let body = Limited::new(response.into_body(), limits::ADDRESSES_BYTES).collect();
    let body = tokio::time::timeout(limits::ADDRESSES_ANSWER, body).await.map_err(|error| failed(&error))?;
    wire::read_list(&body.map_err(|error| failed(&error))?.to_bytes()).map_err(|error| failed(&error))
}
