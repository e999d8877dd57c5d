//! The feed of a region, from whichever of its nodes can be asked.

use std::sync::Arc;

use bytes::Bytes;
use edge::feed::{Cursor, Error, Snapshot, Subscription};
use edge::limits::FEED_SILENCE;
use futures::{StreamExt as _, stream};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::Inner;
use super::call::{self, Failure};
use super::nodes::{ChosenNode, StartNode};
use crate::limits;
use crate::wire::FEED;
use crate::wire::feed::{self as wire, Frame};
use crate::wire::frames::Frames;

/// Opens it, at one node after the other.
pub(super) async fn open(inner: &Arc<Inner>, cursor: Option<Cursor>) -> Result<Subscription, Error> {
    let uri = uri(inner, cursor.as_ref())?;
    let (start, mut last) = (inner.nodes.begin(StartNode::Home), None);
    let until = Instant::now() + limits::NODE_WAIT;
    let mut error = Error::Unavailable("no node of the region can be asked".to_owned());
    for _ in 0..inner.nodes.len() {
        let Some(asked) = inner.nodes.wait(start, last, until).await else { break };
        last = Some(asked.at);
        match ask(inner, &asked, uri.clone(), cursor.is_some()).await {
            // Every node reads the same journal: none can do better.
            Err(Error::Gone) => return Err(Error::Gone),
            Err(failure) => error = failure,
            subscription => return subscription,
        }
    }
    Err(error)
}

fn uri(inner: &Inner, cursor: Option<&Cursor>) -> Result<http::Uri, Error> {
    let query = cursor.map_or_else(String::new, |Cursor { epoch, position }| {
        let mut query = url::form_urlencoded::Serializer::new("?".to_owned());
        query.append_pair("epoch", epoch).append_pair("after", &position.to_string());
        query.finish()
    });
    let uri = format!("https://{}{FEED}{query}", inner.host);
    uri.parse().map_err(|_| Error::Unavailable("its address cannot be written".to_owned()))
}

async fn ask(inner: &Inner, asked: &ChosenNode, uri: http::Uri, resuming: bool) -> Result<Subscription, Error> {
    let request = Request::get(uri).body(call::known(Bytes::new())).map_err(|error| Error::Unavailable(error.to_string()))?;
    let outcome = call::send(&asked.links.feed, request, limits::FEED_ANSWER).await;
    let kind = outcome.as_ref().map_or_else(Failure::as_str, |_| "answered");
    inner.metrics.fleet_request(&inner.region, "feed", kind);
    let response = match outcome {
        Ok(response) => response,
        Err(failure) => {
            asked.failed(&failure);
            let Failure::Lost(reason) = failure else {
                return Err(Error::Unavailable(format!("{} has no feed now", asked.node.name)));
            };
            return Err(Error::Unavailable(format!("{}: {reason}", asked.node.name)));
        }
    };
    match response.status() {
        StatusCode::OK => {}
        StatusCode::GONE => return Err(Error::Gone),
        status => return Err(Error::Unavailable(format!("{} answered {status}", asked.node.name))),
    }
    let mut reader = Reader { body: response.into_body(), frames: Frames::new(limits::FRAME_BYTES) };
    let snapshot = reader.begin(resuming).await?;
    let batches = stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        let batch = match reader.next().await {
            Ok(Frame::Batch(batch)) => Ok(Arc::new(batch)),
            Ok(Frame::Over(error)) | Err(error) => Err(error),
            Ok(_) => Err(out_of_turn()),
        };
        let rest = batch.is_ok().then_some(reader);
        Some((batch, rest))
    });
    Ok(Subscription { snapshot, batches: batches.boxed() })
}

/// Takes frames out of an answer.
struct Reader {
    body: Incoming,
    frames: Frames,
}

impl Reader {
    /// The snapshot, or that there is none.
    async fn begin(&mut self, resuming: bool) -> Result<Option<Snapshot>, Error> {
        let mut snapshot = match self.next().await? {
            Frame::Resumed if resuming => return Ok(None),
            Frame::Begin(epoch, position) => Snapshot { epoch, position, facts: Vec::new() },
            Frame::Over(error) => return Err(error),
            _ => return Err(out_of_turn()),
        };
        loop {
            match self.next().await? {
                Frame::Piece(facts) => snapshot.facts.extend(facts),
                Frame::End => return Ok(Some(snapshot)),
                Frame::Over(error) => return Err(error),
                _ => return Err(out_of_turn()),
            }
            if snapshot.facts.len() > limits::SNAPSHOT_FACTS {
                return Err(Error::Unavailable("the snapshot is larger than any may be".to_owned()));
            }
        }
    }

    /// The next frame. A feed that says nothing for [`FEED_SILENCE`] is dead.
    async fn next(&mut self) -> Result<Frame, Error> {
        loop {
            if let Some(frame) = self.frames.next().map_err(|error| Error::Unavailable(error.to_string()))? {
                return wire::read(&frame).map_err(|error| Error::Unavailable(error.to_string()));
            }
            let piece = tokio::time::timeout(FEED_SILENCE, self.body.frame()).await;
            match piece.map_err(|_| Error::Unavailable("it has fallen silent".to_owned()))? {
                Some(Ok(piece)) => {
                    if let Some(data) = piece.data_ref() {
                        self.frames.push(data);
                    }
                }
                Some(Err(error)) => return Err(Error::Unavailable(call::reason(&error))),
                None => return Err(Error::Ended),
            }
        }
    }
}

fn out_of_turn() -> Error {
    Error::Unavailable("the feed says things out of turn".to_owned())
}
