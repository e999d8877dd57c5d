//! What answers requests: an application's components here, or the region.

use std::sync::Arc;

use futures::future::BoxFuture;
use http::{Request, Response};
use runtime::{Failure, RequestBody, Routes};
use telemetry::{FailureKind, Metrics};

use crate::body::Body;
use crate::limits::RETRY_AFTER_SECONDS;
use crate::problem::Problem;

/// One version of an application in this node's role.
pub trait Components: Send + Sync + 'static {
    /// Which component answers what.
    fn routes(&self) -> &Routes;
    /// Has a component answer.
    fn handle(
        &self,
        component: &str,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Body>, Failure>> + Send;
}

/// Says which version takes a request that comes now. It is answered by that one, whatever is switched to meanwhile.
pub trait Traffic: Send + Sync + 'static {
    /// See [`Components`].
    type Components: Components;
    /// The version that takes new requests.
    fn current(&self) -> Arc<Self::Components>;
}

impl Components for runtime::Application {
    fn routes(&self) -> &Routes {
        Self::routes(self)
    }

    async fn handle(&self, component: &str, request: Request<RequestBody>) -> Result<Response<Body>, Failure> {
        let (head, body) = Self::handle(self, component, request).await?.into_parts();
        let body = Body::taken(body).await.map_err(|error| Failure::Faulted(format!("its answer broke off: {error}").into()))?;
        Ok(Response::from_parts(head, body))
    }
}

impl Traffic for runtime::Switch {
    type Components = runtime::Application;

    fn current(&self) -> Arc<runtime::Application> {
        Self::current(self)
    }
}

/// The region, as an edge reaches it.
pub trait Region: Send + Sync + 'static {
    /// Has the region answer. Where the request carries `Marquee-Seen`, the region first catches up with it.
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>>;
}

/// Has a component answer, and says what it is if it does not. `request_id` is for the log.
pub async fn answer<C: Components>(
    components: &C,
    component: &str,
    request: Request<RequestBody>,
    metrics: &Metrics,
    request_id: &str,
) -> Result<Response<Body>, Problem> {
    let failure = match components.handle(component, request).await {
        Ok(response) => return Ok(response),
        Err(failure) => failure,
    };
    let (problem, kind) = match &failure {
        Failure::Trapped(_) | Failure::Faulted(_) => (Problem::ComponentFailed, FailureKind::Trap),
        Failure::TimedOut => (Problem::TimedOut, FailureKind::Timeout),
        Failure::OutOfMemory => (Problem::OutOfMemory, FailureKind::Memory),
        Failure::Instantiation(_) | Failure::Overloaded => {
            (Problem::Unavailable(retry_after(&failure)), FailureKind::Unavailable)
        }
        Failure::NoComponent(_) => return Err(Problem::NotFound),
    };
    metrics.wasm_failure(component, kind);
    // Overload is a state of the node, which metrics tell; a line for each request would only add to it.
    if !matches!(failure, Failure::Overloaded) {
        tracing::warn!(component, request_id, error = %failure, "a component failed a request");
    }
    Err(problem)
}

fn retry_after(failure: &Failure) -> u32 {
    let seconds = failure.retry_after().map_or(RETRY_AFTER_SECONDS.into(), |wait| wait.as_secs().max(1));
    u32::try_from(seconds).unwrap_or(RETRY_AFTER_SECONDS)
}
