//! Methods and paths to handlers.

use crate::{Answer, Problem, Request, Response, http::percent_decode, problem};
use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use std::{future::Future, pin::Pin};

/// What a pattern's names matched.
type Parameters = Vec<(&'static str, String)>;
type Handler = Box<dyn Fn(Request) -> Pin<Box<dyn Future<Output = Answer>>> + Send + Sync>;

/// A component's routes. A `:name` segment matches any one segment; the first route that matches wins.
#[derive(Default)]
pub struct Router {
    routes: Vec<(Method, &'static str, Handler)>,
}

impl Router {
    /// No routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route.
    pub fn on<F>(mut self, method: Method, pattern: &'static str, handler: impl Fn(Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + 'static,
    {
        self.routes.push((method, pattern, Box::new(move |request| Box::pin(handler(request)))));
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

    /// Adds a PATCH route.
    pub fn patch<F: Future<Output = Answer> + 'static>(
        self,
        pattern: &'static str,
        handler: impl Fn(Request) -> F + Send + Sync + 'static,
    ) -> Self {
        self.on(Method::PATCH, pattern, handler)
    }

    /// The handler for a method and path, with what the pattern's names matched.
    fn find(&self, method: &Method, path: &str) -> Result<(&Handler, Parameters), Problem> {
        let mut allowed = Vec::new();
        for (allow, pattern, handler) in &self.routes {
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
    let request = Request::head(method, parts.uri.path(), parts.headers);
    let request_id = request.request_id.clone();
    let answer = router.answer(request, parts.uri.query().unwrap_or_default(), body).await;
    let response = answer.unwrap_or_else(|problem| {
        if let Some(cause) = &problem.log {
            log(&format!("{request_id} {}: {cause}", parts.uri.path()));
        }
        problem.into_response(parts.uri.path(), &request_id)
    });
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
