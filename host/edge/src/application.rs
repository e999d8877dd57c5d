//! What answers requests: an application's components here, or the region.

use std::sync::Arc;

use bytes::Bytes;
use contracts::{BoxError, Components, Failure, RequestBody};
use futures::future::BoxFuture;
use http::{Request, Response};
use manifest::{Route, Routes};
use telemetry::{FailureKind, Metrics};

use crate::body::Body;
use crate::limits::RETRY_AFTER_SECONDS;
use crate::problem::Problem;

/// The region, as an edge reaches it.
pub trait Region: Send + Sync + 'static {
    /// Has the region answer. Where the request carries `Marquee-Seen`, the region first catches up with it.
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>>;
}

/// The route of a request, which travels with it: found by the edge of this process, or, where another node hands the request over, here. No other
/// node is believed what a route is.
///
/// # Errors
/// There is none.
pub fn route<B>(routes: &Routes, request: &mut Request<B>) -> Result<Arc<Route>, Problem> {
    if let Some(route) = request.extensions().get::<Arc<Route>>() {
        return Ok(Arc::clone(route));
    }
    let route = Arc::clone(routes.find(request.method(), request.uri().path())?);
    request.extensions_mut().insert(Arc::clone(&route));
    Ok(route)
}

/// Has a component answer, and says what it is if it does not. `request_id` is for the log.
pub async fn answer<C: Components>(
    components: &C,
    component: &str,
    request: Request<RequestBody>,
    metrics: &Metrics,
    request_id: &str,
) -> Result<Response<Body>, Problem> {
    let failure = match taken(components.handle(component, request).await).await {
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

/// An answer of which its client takes what was taken from the component before: see [`Body::taken`].
async fn taken<B>(answered: Result<Response<B>, Failure>) -> Result<Response<Body>, Failure>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let (head, body) = answered?.into_parts();
    let broken_off = |error| Failure::Faulted(format!("its answer broke off: {error}").into());
    Ok(Response::from_parts(head, Body::taken(body).await.map_err(broken_off)?))
}

fn retry_after(failure: &Failure) -> u32 {
    let seconds = failure.retry_after().map_or(RETRY_AFTER_SECONDS.into(), |wait| wait.as_secs().max(1));
    u32::try_from(seconds).unwrap_or(RETRY_AFTER_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;
    use manifest::{Manifest, Methods, VariableSources};

    #[test]
    fn a_route_is_resolved_once_per_request() {
        let text = r#"
spin_manifest_version = 2
[application]
name = "a"
[[trigger.http]]
route = "/login"
component = "c"
[component.c]
source = "c.wasm"
[component.c.tool.marquee.routes]
"POST /login" = { runs = "accounts", rate = "attempts" }
"#;
        let manifest = Manifest::parse(text, std::path::Path::new("spin.toml"), &VariableSources::new()).unwrap();
        let request = |method: Method, path: &str| Request::builder().method(method).uri(path).body(()).unwrap();
        let mut login = request(Method::POST, "/login");
        let found = route(&manifest.routes, &mut login).unwrap();
        assert_eq!(found.to_string(), "POST /login");
        // Another version has no such route: the one that it began with counts.
        assert!(Arc::ptr_eq(&found, &route(&Routes::default(), &mut login).unwrap()));
        let allowed = Methods::default().with(&Method::POST);
        for (method, path, problem) in
            [(Method::GET, "/login", Problem::MethodNotAllowed(allowed)), (Method::POST, "/nowhere", Problem::NotFound)]
        {
            assert_eq!(route(&manifest.routes, &mut request(method, path)).unwrap_err(), problem, "{path}");
        }
    }
}
