//! Requests into instances.
//!
//! wasmtime's `ProxyHandler` keeps a component's instances and hands each request to one that takes it, making another
//! where none does. Around it stand: a `Gate`, so that only so many requests are in it (it takes any number); the instance's `lifecycle`, so that a
//! request that lost its instance knows why; and a second try, by itself, for a read that died beside another's trap.

mod body;
mod lifecycle;
mod stats;
mod worker;

pub use body::ResponseBody;
pub use stats::Stats;
pub(crate) use worker::reason;

use crate::gate::Gate;
use crate::instance::Template;
use capabilities::InstanceState;
use contracts::{Failure, RequestBody};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, Uri, header};
use http_body::Body as _;
use lifecycle::{InstanceEnd, Lifecycle};
use std::sync::{Arc, OnceLock};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::{ExpirationError, InstantiationError, ProxyHandler, ProxyPre, TrapOrPanicError};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use worker::InstanceFactory;

/// One component in one role.
pub(crate) struct Handler {
    gate: Gate,
    counters: Arc<stats::Counters>,
    instances: ProxyHandler<InstanceFactory>,
    /// Where requests share instances: others, that take one request each and no second.
    alone: Option<ProxyHandler<InstanceFactory>>,
}

/// A request's slot, and the instance it got into. Both the guest's task and the response hold it: the slot is free again
/// when neither the guest nor the client has anything left to do.
pub(crate) struct Ticket {
    _slot: Slot,
    lifecycle: OnceLock<Arc<Lifecycle>>,
}

enum Slot {
    Own {
        _permit: OwnedSemaphorePermit,
    },
    /// A retry runs in the slot of the first attempt.
    Of {
        _first: Arc<Ticket>,
    },
}

impl Ticket {
    fn new(slot: Slot) -> Arc<Self> {
        Arc::new(Self { _slot: slot, lifecycle: OnceLock::new() })
    }
}

impl Handler {
    pub(crate) fn new(template: Arc<Template>, pre: &Arc<ProxyPre<InstanceState>>, retired: &CancellationToken) -> Self {
        // Built for WASI 0.2, a component expects an instance for each request, as other hosts give it, and can do one thing at a time.
        let (concurrency, reuse) = match **pre {
            ProxyPre::P2(_) => (1, 1),
            ProxyPre::P3(_) => (template.tool.concurrency, template.tool.reuse),
        };
        let counters = Arc::new(stats::Counters::default());
        let proxy = |concurrency: u32, reuse: u32| {
            ProxyHandler::new(InstanceFactory {
                template: Arc::clone(&template),
                pre: Arc::clone(pre),
                concurrency: concurrency as usize,
                reuse: reuse as usize,
                counters: Arc::clone(&counters),
                retired: retired.clone(),
            })
        };
        Self {
            gate: Gate::new(template.tool.instances, concurrency),
            instances: proxy(concurrency, reuse),
            alone: (concurrency > 1).then(|| proxy(1, 1)),
            counters,
        }
    }

    pub(crate) async fn handle(&self, request: Request<RequestBody>) -> Result<Response<ResponseBody>, Failure> {
        let permit = self.gate.enter().await?;
        let mut request = request.map(body::readable);
        name_host(&mut request);
        let again = self.alone.as_ref().and_then(|alone| Some((alone, copy(&request)?)));
        let ticket = Ticket::new(Slot::Own { _permit: permit });
        let end = match attempt(&self.instances, request, &ticket).await {
            Ok(response) => return Ok(respond(response, ticket)),
            Err(end) => end,
        };
        match again {
            Some((alone, request)) if end.shared && matches!(end.failure, Failure::Trapped(_) | Failure::OutOfMemory) => {
                let ticket = Ticket::new(Slot::Of { _first: ticket });
                let response = attempt(alone, request, &ticket).await.map_err(|end| end.failure)?;
                Ok(respond(response, ticket))
            }
            _ => Err(end.failure),
        }
    }

    /// Makes an instance and drops it.
    pub(crate) async fn check(&self) -> Result<(), Failure> {
        match self.instances.state().make().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Instantiation(reason(&error))),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats { in_flight: self.gate.in_flight(), waiting: self.gate.waiting(), ..Stats::default() };
        self.counters.fill(&mut stats);
        stats
    }
}

async fn attempt(
    instances: &ProxyHandler<InstanceFactory>,
    request: Request<WasiBody>,
    ticket: &Arc<Ticket>,
) -> Result<Response<WasiBody>, InstanceEnd> {
    let error = match instances.handle(Arc::clone(ticket), request).await {
        Ok(response) => return Ok(response),
        Err(error) => error,
    };
    let failure = if error.is::<TrapOrPanicError>() {
        match ticket.lifecycle.get() {
            Some(lifecycle) => return Err(lifecycle.end().await),
            None => Failure::Trapped("its worker ended before it began".into()),
        }
    } else if error.is::<ExpirationError>() {
        Failure::TimedOut
    } else if let Some(error) = error.downcast_ref::<InstantiationError<Arc<Ticket>>>() {
        tracing::warn!(error = format!("{:#}", error.error), "an instance could not be made");
        Failure::Instantiation(reason(&error.error))
    } else if instances.state().is_p2()
        && !error.is::<ErrorCode>()
        && let Some(lifecycle) = ticket.lifecycle.get()
    {
        // Without an answer, and without a word that it gives none: how the instance ended says why.
        return Err(lifecycle.end().await);
    } else {
        Failure::Faulted(reason(&error))
    };
    Err(InstanceEnd { failure, shared: false })
}

fn respond(response: Response<WasiBody>, ticket: Arc<Ticket>) -> Response<ResponseBody> {
    response.map(|body| ResponseBody::new(body, ticket))
}

/// A request that may be sent twice, to be sent again: safe, and without a body.
fn copy(request: &Request<WasiBody>) -> Option<Request<WasiBody>> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if !safe || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(body::empty());
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    Some(copy)
}

/// In wasi:http the host is part of the request's target, and the `Host` header is the host's own business: a guest never
/// sees it. A request off the wire has it there only.
fn name_host(request: &mut Request<WasiBody>) {
    if request.uri().authority().is_some() {
        return;
    }
    let host = request.headers().get(header::HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let Some(authority) = host else { return };
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.authority = Some(authority);
    parts.scheme.get_or_insert(Scheme::HTTP);
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    // With all three parts there, nothing is missing that could make this fail.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt as _, Full};

    #[test]
    fn the_host_header_becomes_part_of_the_target() {
        let cases = [
            ("/a?b=c", Some("example.com:8080"), "http://example.com:8080/a?b=c"),
            ("https://there.example/a", Some("example.com"), "https://there.example/a"),
            ("/a", Some("not a host"), "/a"),
            ("/a", None, "/a"),
        ];
        for (target, host, expected) in cases {
            let mut request = Request::get(target).body(body::empty()).unwrap();
            if let Some(host) = host {
                request.headers_mut().insert(header::HOST, host.parse().unwrap());
            }
            name_host(&mut request);
            assert_eq!(request.uri().to_string(), expected);
        }
    }

    #[test]
    fn only_reads_without_a_body_are_sent_twice() {
        let with = |method: Method, body: WasiBody| {
            let mut request = Request::new(body);
            *request.method_mut() = method;
            copy(&request).is_some()
        };
        let full = || Full::new(bytes::Bytes::from_static(b"x")).map_err(|never| match never {}).boxed_unsync();
        assert!(with(Method::GET, body::empty()) && with(Method::HEAD, body::empty()));
        assert!(!with(Method::POST, body::empty()) && !with(Method::GET, full()));
    }
}
