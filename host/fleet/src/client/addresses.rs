//! Users' addresses, from whichever node of the region of the accounts can be asked.

use std::sync::Arc;

use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::Instant;
use vocabulary::accounts::{Address, Error};

use super::Inner;
use super::call::{self, Failure};
use super::nodes::{ChosenNode, StartNode};
use crate::limits;
use crate::wire::{ADDRESSES, addresses as wire};

pub(super) async fn ask(inner: &Arc<Inner>, users: Vec<String>) -> Result<Vec<Address>, Error> {
    let (start, mut last) = (inner.nodes.begin(StartNode::Turn), None);
    let until = Instant::now() + limits::NODE_WAIT;
    let mut error = Error::Failed("no node of the region can be asked".to_owned());
    for _ in 0..limits::FORWARD_TRIES {
        let Some(asked) = inner.nodes.wait(start, last, until).await else { break };
        last = Some(asked.at);
        match attempt(inner, &asked, &users).await {
            Err(Error::Failed(reason)) => error = Error::Failed(format!("{}: {reason}", asked.node.name)),
            answered => return answered,
        }
    }
    Err(error)
}

async fn attempt(inner: &Inner, asked: &ChosenNode, users: &[String]) -> Result<Vec<Address>, Error> {
    let failed = |reason: &dyn std::fmt::Display| Error::Failed(reason.to_string());
    let request = Request::post(format!("https://{}{ADDRESSES}", inner.host)).body(call::known(wire::request(users)));
    let outcome = call::send(&asked.links.forward, request.map_err(|error| failed(&error))?, limits::ADDRESSES_ANSWER).await;
    let kind = outcome.as_ref().map_or_else(Failure::as_str, |_| "answered");
    inner.metrics.fleet_request(&inner.region, "addresses", kind);
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
    wire::read_answer(&body.map_err(|error| failed(&error))?.to_bytes()).map_err(|error| failed(&error))
}
