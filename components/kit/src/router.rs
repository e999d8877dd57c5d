//! Methods and paths to handlers.

use crate::{Answer, Problem, Request, Response, config, hash, http::percent_decode, network, problem, refusal};
use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use std::{future::Future, pin::Pin};

/// What a pattern's names matched.
type Parameters = Vec<(&'static str, String)>;
type Handler = Box<dyn Fn(Request) -> Pin<Box<dyn Future<Output = Answer>>> + Send + Sync>;

struct Route {
    method: Method,
    pattern: &'static str,
    /// Only the host may ask.
    host: bool,
    handler: Handler,
}

/// A component's routes. A `:name` segment matches any one segment; the first route that matches wins.
#[derive(Default)]
pub struct Router {
    routes: Vec<Route>,
}

impl Router {
    /// No routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route.
    pub fn on<F>(self, method: Method, pattern: &'static str, handler: impl Fn(Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + 'static,
    {
        self.add(method, pattern, false, handler)
    }

    fn add<F>(
        mut self,
        method: Method,
        pattern: &'static str,
        host: bool,
        handler: impl Fn(Request) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Answer> + 'static,
    {
        self.routes.push(Route { method, pattern, host, handler: Box::new(move |request| Box::pin(handler(request))) });
        self
    }

    /// Adds a GET route; HEAD goes there too.
    pub fn get<F: Future<Output = Answer> + 'static>(
        self,
        pattern: &'static str,
        handler: impl Fn(Request) -> F + Send + Sync + 'static,
    ) -> Self {
        self.on(Method::GET, pattern, handler)
    }

    /// Adds a POST route.
    pub fn post<F: Future<Output = Answer> + 'static>(
        self,
        pattern: &'static str,
        handler: impl Fn(Request) -> F + Send + Sync + 'static,
    ) -> Self {
        self.on(Method::POST, pattern, handler)
    }

    /// Adds a POST route that only the host may ask for: to everybody else it is not there. The host says who it is with a secret of this process's
    /// (the variable `host_secret`); where it has none, as under stock Spin, nobody asks.
    pub fn host<F: Future<Output = Answer> + 'static>(
        self,
        pattern: &'static str,
        handler: impl Fn(Request) -> F + Send + Sync + Clone + 'static,
    ) -> Self {
        self.add(Method::POST, pattern, true, move |request| {
            let handler = handler.clone();
            async move {
                check_host(&request).await?;
                handler(request).await
            }
        })
    }

    /// Adds a PATCH route.
    pub fn patch<F: Future<Output = Answer> + 'static>(
        self,
        pattern: &'static str,
        handler: impl Fn(Request) -> F + Send + Sync + 'static,
    ) -> Self {
        self.on(Method::PATCH, pattern, handler)
    }

    /// Every route as the manifest names it, and whether only the host may ask for it.
    pub fn rows(&self) -> impl Iterator<Item = (String, bool)> {
        self.routes.iter().map(|route| (format!("{} {}", route.method, route.pattern), route.host))
    }

    /// The handler for a method and path, with what the pattern's names matched.
    fn find(&self, method: &Method, path: &str) -> Result<(&Handler, Parameters), Problem> {
        let mut allowed = Vec::new();
        for Route { method: allow, pattern, handler, .. } in &self.routes {
            let Some(parameters) = matches(pattern, path) else { continue };
            if allow == method {
                return Ok((handler, parameters));
            }
            allowed.push(allow.as_str());
            if allow == Method::GET {
                allowed.push("HEAD");
            }
        }
        if allowed.is_empty() {
            return Err(Problem::not_found());
        }
        allowed.sort_unstable();
        allowed.dedup();
        Err(Problem::new(problem::METHOD_NOT_ALLOWED, format!("{method} is not answered here."))
            .with("allow", allowed.join(", ")))
    }

    async fn answer<B>(&self, mut request: Request, query: &str, body: B) -> Answer
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (handler, parameters) = self.find(&request.method, &request.path)?;
        request.read(query, body).await?;
        request.parameters = parameters;
        handler(request).await
    }
}

/// The header with which the host says that it is the host.
const HOST_SECRET: &str = "marquee-host";

async fn check_host(request: &Request) -> Result<(), Problem> {
    let secret = config::optional("host_secret").await?.ok_or_else(Problem::not_found)?;
    let said = request.header(HOST_SECRET).unwrap_or_default();
    if hash::same_secret(said.as_bytes(), secret.as_bytes()) { Ok(()) } else { Err(Problem::not_found()) }
}

fn matches(pattern: &'static str, path: &str) -> Option<Parameters> {
    let mut parameters = Vec::new();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        match expected.strip_prefix(':') {
            Some(name) => parameters.push((name, percent_decode(segment, false).filter(|text| !text.is_empty())?)),
            None if expected == segment => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(parameters)
}

/// Answers a request of the host's by these routes: problems become documents, every answer carries its request id.
pub async fn serve(router: &Router, request: spin_sdk::http::Request) -> spin_sdk::http::Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let head = parts.method == Method::HEAD;
    let method = if head { Method::GET } else { parts.method };
    let client = network::client(&parts.headers);
    let request = Request::head(method.clone(), parts.uri.path(), parts.headers);
    let request_id = request.request_id.clone();
    let answer = router.answer(request, parts.uri.query().unwrap_or_default(), body).await;
    let response = match answer {
        Ok(response) => response,
        Err(mut problem) => {
            let path = parts.uri.path();
            if let Some(cause) = &problem.log {
                log(&format!("{request_id} {path}: {cause}"));
            }
            if let Some(user) = problem.refused.take() {
                let request_id = &request_id;
                refusal::note(refusal::Refused { user, method: &method, path, client, request_id }).await;
            }
            problem.into_response(path, &request_id)
        }
    };
    finish(response, head, request_id).into_http()
}

fn finish(mut response: Response, head: bool, request_id: String) -> Response {
    if head {
        // Without its length: a host may refuse one that the body does not have.
        response.body = Bytes::new();
    }
    // What nobody has thought about is kept by nobody.
    if !response.headers.iter().any(|(name, _)| *name == "cache-control") {
        response = response.header("cache-control", "no-store");
    }
    response.header("x-request-id", request_id)
}

/// A line for the operator. Never a secret, never a token.
#[expect(clippy::print_stderr, reason = "a component's log is its standard error")]
pub fn log(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn nothing(_: Request) -> Answer {
        Ok(Response::empty(204))
    }

    #[test]
    fn patterns_match_whole_paths() {
        for (pattern, path, names) in [
            ("/api/things", "/api/things", Some(vec![])),
            ("/api/things/:id", "/api/things/eu_1", Some(vec!["eu_1"])),
            ("/api/things/:id/close", "/api/things/a%20b/close", Some(vec!["a b"])),
            ("/api/things/:id", "/api/things/", None),
            ("/api/things/:id", "/api/things", None),
            ("/api/things/:id", "/api/things/%ff", None),
            ("/api/things", "/api/things/", None),
        ] {
            let found = matches(pattern, path).map(|all| all.into_iter().map(|(_, value)| value).collect::<Vec<_>>());
            assert_eq!(found, names.map(|all| all.into_iter().map(str::to_owned).collect()), "{pattern} {path}");
        }
    }

    #[test]
    fn the_wrong_method_is_told_the_right_ones() {
        let router = Router::new().get("/a", nothing).post("/a", nothing).get("/b", nothing);
        let problem = router.find(&Method::DELETE, "/a").err().unwrap();
        assert_eq!(problem.kind.status, 405);
        assert_eq!(problem.headers, [("allow", "GET, HEAD, POST".to_owned())]);
        assert_eq!(router.find(&Method::GET, "/c").err().unwrap().kind.status, 404);
        assert!(router.find(&Method::GET, "/b").is_ok());
    }
}
