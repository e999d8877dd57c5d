//! Methods and paths to handlers.

use crate::{
    Answer, Problem, Request, Response, browser, config, hash, http::percent_decode, id, limits, network, problem, refusal,
};
use browser_policy::Cors;
use bytes::Bytes;
use http::{HeaderValue, Method, header, request};
use http_body_util::{BodyExt, Full};
use std::{
    future::Future,
    pin::{Pin, pin},
};

/// What a pattern's names matched.
type Parameters = Vec<(&'static str, String)>;
type Handler = Box<dyn Fn(Request) -> Pin<Box<dyn Future<Output = Answer>>> + Send + Sync>;

struct Route {
    method: Method,
    pattern: &'static str,
    /// Only the host may ask.
    host: bool,
    /// Bytes of a body.
    body: usize,
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
        self.add(method, pattern, false, limits::BODY_BYTES, handler)
    }

    fn add<F>(
        mut self,
        method: Method,
        pattern: &'static str,
        host: bool,
        body: usize,
        handler: impl Fn(Request) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Answer> + 'static,
    {
        self.routes.push(Route { method, pattern, host, body, handler: Box::new(move |request| Box::pin(handler(request))) });
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
    /// (the variable `host_secret`); where it has none, as under stock Spin, it is never called.
    pub fn host<F: Future<Output = Answer> + 'static>(
        self,
        pattern: &'static str,
        handler: impl Fn(Request) -> F + Send + Sync + Clone + 'static,
    ) -> Self {
        self.add(Method::POST, pattern, true, limits::BODY_BYTES, move |request| {
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

    /// Adds a PUT route whose body is a file of at most so many bytes.
    pub fn file<F: Future<Output = Answer> + 'static>(
        self,
        pattern: &'static str,
        bytes: usize,
        handler: impl Fn(Request) -> F + Send + Sync + 'static,
    ) -> Self {
        self.add(Method::PUT, pattern, false, bytes, handler)
    }

    /// Adds a DELETE route.
    pub fn delete<F: Future<Output = Answer> + 'static>(
        self,
        pattern: &'static str,
        handler: impl Fn(Request) -> F + Send + Sync + 'static,
    ) -> Self {
        self.on(Method::DELETE, pattern, handler)
    }

    /// Every route as the manifest names it, and whether only the host may ask for it.
    pub fn rows(&self) -> impl Iterator<Item = (String, bool)> {
        self.routes.iter().map(|route| (format!("{} {}", route.method, route.pattern), route.host))
    }

    /// The route for a method and path, with what the pattern's names matched.
    fn find(&self, method: &Method, path: &str) -> Result<(&Route, Parameters), Problem> {
        let mut allowed = Vec::new();
        for route in &self.routes {
            let Some(parameters) = matches(route.pattern, path) else { continue };
            if route.method == method {
                return Ok((route, parameters));
            }
            allowed.push(route.method.as_str());
            if route.method == Method::GET {
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

    /// A path as it may be written down for good: of what its route leaves open ids and numbers alone, for the rest may be anything that somebody typed.
    fn shown(&self, method: &Method, path: &str) -> String {
        let route = self.routes.iter().find(|route| route.method == *method && matches(route.pattern, path).is_some());
        let Some(route) = route else { return String::new() };
        let segment = |(expected, segment): (&'static str, &str)| {
            let plain = id::valid(segment) || (!segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()));
            if expected.starts_with(':') && plain { segment.to_owned() } else { expected.to_owned() }
        };
        route.pattern.split('/').zip(path.split('/')).map(segment).collect::<Vec<_>>().join("/")
    }

    async fn answer<B>(&self, mut request: Request, query: &str, body: B) -> Answer
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut body = pin!(body);
        let checked = browser::check(&request.method, &request.headers);
        let found = match checked.and_then(|()| self.find(&request.method, &request.path)) {
            Ok(found) => request.read(query, body.as_mut(), found.0.body).await.map(|()| found),
            Err(problem) => Err(problem),
        };
        match found {
            Ok((route, parameters)) => {
                request.parameters = parameters;
                (route.handler)(request).await
            }
            Err(problem) => {
                if !request.waits() {
                    skip(body).await;
                }
                Err(problem)
            }
        }
    }
}

/// Drains an unused body, up to [`limits::UNREAD_BYTES`]: else the connection may close on a client that is still writing, and that never sees
/// why.
async fn skip<B: http_body::Body<Data = Bytes>>(mut body: Pin<&mut B>) {
    let mut left = limits::UNREAD_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
        left = rest;
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

/// Answers a request of the host's by these routes: problems become documents, and every answer carries its length, its request id, and what
/// browsers are to be told.
pub async fn serve(router: &Router, request: spin_sdk::http::Request) -> spin_sdk::http::Response<Full<Bytes>> {
    let cors = browser::cors().await;
    let (mut parts, body) = request.into_parts();
    // wasi:http carries the authority beside the headers: links back to us are made from it, and a page of ours is told by it.
    let authority = parts.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(authority) = authority {
        parts.headers.insert(header::HOST, authority);
    }
    respond(router, cors, parts, body).await
}

async fn respond<B>(router: &Router, cors: &Cors, parts: request::Parts, body: B) -> http::Response<Full<Bytes>>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let credentials = parts.headers.contains_key(header::AUTHORIZATION) || parts.headers.contains_key(header::COOKIE);
    let grant = cors.grant(&parts.method, parts.headers.get(header::ORIGIN), credentials);
    let preflight = cors.preflight(&parts.method, &parts.headers);
    let head = parts.method == Method::HEAD;
    let method = if head { Method::GET } else { parts.method };
    let client = network::client(&parts.headers);
    let request = Request::head(method.clone(), parts.uri.path(), parts.headers);
    let request_id = request.request_id.clone();
    if let Some(headers) = preflight {
        let mut response = finish(Response::empty(204), request_id).into_http();
        response.headers_mut().extend(headers);
        browser_policy::harden(response.headers_mut());
        return response;
    }
    let answer = router.answer(request, parts.uri.query().unwrap_or_default(), body).await;
    let response = match answer {
        Ok(response) => response,
        Err(mut problem) => {
            let path = parts.uri.path();
            if let Some(cause) = &problem.log {
                log(&format!("{request_id} {path}: {cause}"));
            }
            if let Some(user) = problem.refused.take() {
                let (request_id, path) = (&request_id, router.shown(&method, path));
                refusal::note(refusal::RefusedRequest { user, method: &method, path: &path, client, request_id }).await;
            }
            problem.into_response(path, &request_id)
        }
    };
    let mut response = finish(response, request_id).into_http();
    if head {
        // Without its length: a host may refuse one that the body does not have.
        *response.body_mut() = Full::default();
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    cors.apply(grant, response.headers_mut());
    browser_policy::harden(response.headers_mut());
    response
}

fn finish(mut response: Response, request_id: String) -> Response {
    // Not cached by default.
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
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::{Context, Poll, Waker},
    };

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
    fn a_wrong_method_gets_405_with_allow() {
        let router = Router::new().get("/a", nothing).post("/a", nothing).get("/b", nothing);
        let problem = router.find(&Method::DELETE, "/a").err().unwrap();
        assert_eq!(problem.kind.status, 405);
        assert_eq!(problem.headers, [("allow", "GET, HEAD, POST".to_owned())]);
        assert_eq!(router.find(&Method::GET, "/c").err().unwrap().kind.status, 404);
        assert!(router.find(&Method::GET, "/b").is_ok());
    }

    #[test]
    fn nothing_that_somebody_typed_into_a_path_is_written_down() {
        let router = Router::new().get("/a/:id/b/:number", nothing).post("/a/:id/b/:number", nothing);
        for (path, shown) in [
            ("/a/eu_06f9/b/12", "/a/eu_06f9/b/12"),
            ("/a/ada@example.com/b/Ada", "/a/:id/b/:number"),
            ("/a/ada%40example.com/b/1", "/a/:id/b/1"),
            ("/c/Ada", ""),
        ] {
            assert_eq!(router.shown(&Method::POST, path), shown);
        }
    }

    /// A body that comes in pieces, and counts those that were taken.
    struct Pieces<'a> {
        left: usize,
        taken: &'a AtomicUsize,
    }

    const PIECE: usize = 64 * 1024;

    impl http_body::Body for Pieces<'_> {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
            self.left = left;
            self.taken.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from(vec![0; PIECE])))))
        }
    }

    /// Two routes: one that takes a body, and one that answers as the path says.
    fn router() -> Router {
        let show = async |request: Request| match request.parameter("what") {
            "nothing" => Ok(Response::empty(204)),
            "known" => Ok(Response::empty(304)),
            "page" => Ok(Response::new(200, "text/html", "<p>Grüezi</p>")),
            what => Response::json(200, &what),
        };
        Router::new().get("/show/:what", show).post("/take", async |request: Request| Response::json(200, &request.body.len()))
    }

    /// The answer, and how many pieces of the body were taken for it.
    fn asked(method: Method, path: &str, headers: &[(&str, &str)], pieces: usize) -> (http::Response<Full<Bytes>>, usize) {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let (router, taken, cors) = (router(), AtomicUsize::new(0), Cors::parse("https://shop.example").unwrap());
        let answering = pin!(respond(&router, &cors, parts, Pieces { left: pieces, taken: &taken }));
        let Poll::Ready(answer) = answering.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("nothing is waited for")
        };
        (answer, taken.load(Ordering::Relaxed))
    }

    fn body(answer: http::Response<Full<Bytes>>) -> Bytes {
        let Poll::Ready(body) = pin!(answer.into_body().collect()).poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it is whole")
        };
        body.unwrap().to_bytes()
    }

    #[test]
    fn every_answer_has_a_content_length() {
        for (method, path, status) in [
            (Method::GET, "/show/page", 200),
            (Method::GET, "/show/json", 200),
            (Method::POST, "/take", 200),
            (Method::GET, "/nowhere", 404),
            (Method::DELETE, "/take", 405),
        ] {
            let (answer, _) = asked(method, path, &[], 1);
            let length: usize = answer.headers()[header::CONTENT_LENGTH].to_str().unwrap().parse().unwrap();
            assert_eq!((answer.status().as_u16(), body(answer).len()), (status, length), "{path}");
        }
        for (method, path) in [(Method::GET, "/show/nothing"), (Method::GET, "/show/known"), (Method::HEAD, "/show/page")] {
            let (answer, _) = asked(method, path, &[], 0);
            assert!(!answer.headers().contains_key(header::CONTENT_LENGTH) && body(answer).is_empty(), "{path}");
        }
    }

    #[test]
    fn a_refused_body_is_drained_unless_the_client_expects_continue() {
        let (most, enough) = (limits::UNREAD_BYTES / PIECE, limits::BODY_BYTES / PIECE);
        for (method, path, headers, sent, status, taken) in [
            (Method::POST, "/take", &[][..], enough, 200, enough),
            (Method::POST, "/take", &[], enough + 9, 413, enough + 9),
            (Method::POST, "/take", &[("content-length", "9999999")], 9, 413, 9),
            (Method::POST, "/take?q=%", &[], 9, 400, 9),
            (Method::POST, "/nowhere", &[], 9, 404, 9),
            (Method::DELETE, "/take", &[], 9, 405, 9),
            // Not for ever: one more shows that it is too much.
            (Method::POST, "/nowhere", &[], 2 * most, 404, most + 1),
            (Method::POST, "/take", &[("content-length", "9999999"), ("expect", "100-continue")], 9, 413, 0),
            (Method::POST, "/nowhere", &[("expect", "100-continue")], 9, 404, 0),
        ] {
            let (answer, read) = asked(method, path, headers, sent);
            assert_eq!((answer.status().as_u16(), read), (status, taken), "{path} {headers:?} {sent}");
        }
    }

    #[test]
    fn with_a_cookie_only_a_page_of_ours_changes_something() {
        let (ours, refresh, others) = ("__Host-marquee=a", "__Secure-marquee-refresh=r", "theme=dark");
        let (host, origin, token) = (("host", "a.example"), ("origin", "https://a.example"), ("authorization", "Bearer a"));
        let site = |site| ("sec-fetch-site", site);
        for (method, cookies, headers, status) in [
            (Method::POST, &[ours][..], &[][..], 403),
            (Method::POST, &[refresh], &[site("cross-site")], 403),
            (Method::POST, &[others, ours], &[site("none")], 403),
            (Method::POST, &[others, ours], &[host, origin, site("same-site")], 403),
            (Method::POST, &[ours], &[host, ("origin", "https://evil.example")], 403),
            (Method::POST, &[ours, ours], &[site("cross-site")], 403),
            (Method::POST, &[ours], &[site("same-origin")], 200),
            (Method::POST, &[ours], &[host, origin], 200),
            (Method::POST, &[ours], &[site("cross-site"), token], 200),
            (Method::POST, &[others], &[site("cross-site")], 200),
            (Method::POST, &[], &[site("cross-site")], 200),
            (Method::DELETE, &[ours], &[site("cross-site")], 403),
            (Method::GET, &[ours], &[site("cross-site")], 405),
        ] {
            let cookies: Vec<_> = cookies.iter().map(|cookie| ("cookie", *cookie)).collect();
            let (answer, _) = asked(method.clone(), "/take", &[headers, &cookies].concat(), 1);
            assert_eq!(answer.status().as_u16(), status, "{method} {cookies:?} {headers:?}");
        }
        let (answer, _) = asked(Method::GET, "/show/json", &[("cookie", ours), site("cross-site")], 0);
        assert_eq!(answer.status().as_u16(), 200);
    }

    #[test]
    fn every_answer_has_hardening_headers() {
        let (any, shop, token) = (("origin", "https://any.example"), ("origin", "https://shop.example"), ("authorization", "x"));
        for (method, path, headers, status, allowed) in [
            (Method::GET, "/show/page", &[any][..], 200, Some("*")),
            (Method::GET, "/nowhere", &[any], 404, Some("*")),
            (Method::GET, "/show/json", &[any, token], 200, None),
            (Method::POST, "/take", &[any], 200, None),
            (Method::POST, "/take", &[shop, token], 200, Some("https://shop.example")),
            (Method::OPTIONS, "/take", &[shop, ("access-control-request-method", "POST")], 204, Some("https://shop.example")),
            (Method::OPTIONS, "/take", &[any, ("access-control-request-method", "POST")], 204, Some("*")),
            (Method::OPTIONS, "/take", &[], 405, None),
        ] {
            let (answer, _) = asked(method, path, headers, 0);
            let (status_is, headers_are) = (answer.status().as_u16(), answer.headers());
            let origin = headers_are.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap());
            assert_eq!((status_is, origin), (status, allowed), "{path} {headers:?}");
            for name in ["x-content-type-options", "content-security-policy", "referrer-policy", "x-request-id"] {
                assert_eq!(headers_are.get_all(name).iter().count(), 1, "{path} {name}");
            }
        }
    }
}
