//! A registry in memory, that keeps a log and has faults.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use bytes::Bytes;
use futures::StreamExt as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it does wrong. `String`s are what the path of a request ends with.
#[derive(Clone, Debug, Default)]
pub enum Fault {
    #[default]
    None,
    /// Layers break off after so many bytes, the first so many times.
    BreaksOff { after: usize, times: usize },
    /// It knows no ranges.
    NoRanges,
    /// It sends another part than was asked for.
    OtherRange,
    /// This digest has other bytes.
    Tampered(String),
    /// Layers are followed by more and more.
    Endless,
    /// Layers say that they have more bytes than come.
    Overstated,
    /// Manifests never end.
    EndlessManifests,
    /// Layers are elsewhere.
    Redirects(String),
    /// Layers are to be sent elsewhere.
    SendsElsewhere(String),
    /// It wants a name and a password.
    Basic,
    /// It wants a token, which is had at its own `/token`.
    Bearer,
    /// It wants a token of this server's.
    BearerOf(String),
    /// It is overloaded.
    Overloaded,
}

/// The name and password that it wants.
pub const LOGIN: (&str, &str) = ("ada", "correct:horse");
const BASIC: &str = "Basic YWRhOmNvcnJlY3Q6aG9yc2U=";
const TOKEN: &str = "a-token";

#[derive(Default)]
struct State {
    blobs: BTreeMap<String, Bytes>,
    /// By `repository:version`.
    manifests: BTreeMap<String, Bytes>,
    fault: Fault,
    log: Vec<String>,
}

/// The registry.
#[derive(Clone)]
pub struct Registry {
    state: Arc<Mutex<State>>,
    pub address: String,
}

impl Registry {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let registry = Self { state: Arc::default(), address };
        let answering = registry.clone();
        let answer = move |request: Request<Body>| {
            let registry = answering.clone();
            async move { registry.answer(request).await }
        };
        let router = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        registry
    }

    pub fn fails(&self, fault: Fault) {
        self.state.lock().unwrap().fault = fault;
    }

    /// Requests since it was last asked.
    pub fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().log)
    }

    pub fn manifest(&self, version: &str) -> Option<Bytes> {
        self.state.lock().unwrap().manifests.get(version).cloned()
    }

    pub fn put_manifest(&self, version: &str, bytes: impl Into<Bytes>) {
        self.state.lock().unwrap().manifests.insert(version.to_owned(), bytes.into());
    }

    pub fn put_blob(&self, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let digest = artifact::Digest::of(&bytes).to_string();
        self.state.lock().unwrap().blobs.insert(digest.clone(), bytes);
        digest
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let range = parts.headers.get(header::RANGE).map(|range| range.to_str().unwrap().to_owned());
        let mut state = self.state.lock().unwrap();
        let authorized = if parts.headers.contains_key(header::AUTHORIZATION) { " authorized" } else { "" };
        let ranged = range.as_deref().map(|range| format!(" {range}")).unwrap_or_default();
        state.log.push(format!("{} {}{ranged}{authorized}", parts.method, parts.uri));
        state.answer(&parts.method, &parts.uri, &parts.headers, body, &self.address)
    }
}

fn status(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).unwrap()
}

impl State {
    fn answer(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes, own: &str) -> Response<Body> {
        let path = uri.path().to_owned();
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let challenge = |challenge: String| {
            Response::builder().status(401).header(header::WWW_AUTHENTICATE, challenge).body(Body::empty()).unwrap()
        };
        match &self.fault {
            Fault::Overloaded => return status(StatusCode::SERVICE_UNAVAILABLE),
            Fault::Basic if authorization != BASIC => return challenge("Basic realm=\"here\"".to_owned()),
            Fault::Bearer if path == "/token" => {
                let said = authorization == BASIC && uri.query().unwrap_or_default().contains("scope=");
                let token = format!("{{\"token\": \"{TOKEN}\"}}");
                return if said { Response::new(token.into()) } else { status(StatusCode::FORBIDDEN) };
            }
            Fault::Bearer if authorization != format!("Bearer {TOKEN}") => {
                return challenge(format!("Bearer realm=\"http://{own}/token\",service=\"here\",scope=\"repository:a:pull\""));
            }
            Fault::BearerOf(server) => return challenge(format!("Bearer realm=\"{server}\",service=\"here\"")),
            _ => {}
        }
        let path = path.strip_prefix("/v2/").unwrap_or_default();
        if let Some((repository, version)) = path.split_once("/manifests/") {
            let key = format!("{repository}:{version}");
            if method == Method::PUT {
                let digest = artifact::Digest::of(&body);
                self.manifests.insert(format!("{repository}:{digest}"), body.clone());
                self.manifests.insert(key, body);
                return status(StatusCode::CREATED);
            }
            if matches!(self.fault, Fault::EndlessManifests) {
                return endless(Bytes::from_static(b"{\"schemaVersion\":2,"));
            }
            return match self.manifests.get(&key) {
                Some(bytes) => Response::new(bytes.clone().into()),
                None => status(StatusCode::NOT_FOUND),
            };
        }
        let Some((_, rest)) = path.split_once("/blobs/") else { return status(StatusCode::NOT_FOUND) };
        if let Some(upload) = rest.strip_prefix("uploads/") {
            if method == Method::POST {
                let place = match &self.fault {
                    Fault::SendsElsewhere(place) => place.clone(),
                    _ => format!("{}1?state=x", uri.path()),
                };
                return Response::builder().status(202).header(header::LOCATION, place).body(Body::empty()).unwrap();
            }
            assert_eq!((method, upload), (&Method::PUT, "1"));
            let digest = uri.query().unwrap().split_once("digest=").unwrap().1.replace("%3A", ":");
            if artifact::Digest::of(&body).to_string() != digest {
                return status(StatusCode::BAD_REQUEST);
            }
            self.blobs.insert(digest, body);
            return status(StatusCode::CREATED);
        }
        let Some(bytes) = self.blobs.get(rest).cloned() else { return status(StatusCode::NOT_FOUND) };
        if method == Method::HEAD { status(StatusCode::OK) } else { self.layer(rest, bytes, headers) }
    }

    fn layer(&mut self, digest: &str, bytes: Bytes, headers: &HeaderMap) -> Response<Body> {
        let from = headers.get(header::RANGE).map(|range| range.to_str().unwrap().to_owned());
        let from: usize = from.map_or(0, |range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
        let from = if matches!(self.fault, Fault::NoRanges) { 0 } else { from };
        let part = bytes.slice(from.min(bytes.len())..);
        let answer = match from {
            0 => Response::builder().status(200),
            from => {
                let from = if matches!(self.fault, Fault::OtherRange) { from + 1 } else { from };
                let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
                Response::builder().status(206).header(header::CONTENT_RANGE, range)
            }
        };
        match &mut self.fault {
            Fault::BreaksOff { after, times } if *times > 0 && part.len() > *after => {
                *times -= 1;
                let beginning = futures::stream::iter([Ok(part.slice(..*after))]);
                // What came before is sent while this is waited for.
                let end = futures::stream::once(async {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    Err(std::io::Error::other("broke off"))
                });
                answer.body(Body::from_stream(beginning.chain(end))).unwrap()
            }
            Fault::Tampered(tampered) if tampered == digest => {
                let mut other = part.to_vec();
                other[0] ^= 1;
                answer.body(other.into()).unwrap()
            }
            Fault::Endless => endless(part),
            Fault::Overstated => {
                let length = part.len() + 100;
                let pieces = futures::stream::iter([Ok::<_, std::io::Error>(part)]);
                answer.header(header::CONTENT_LENGTH, length).body(Body::from_stream(pieces)).unwrap()
            }
            Fault::Redirects(to) => {
                let to = to.replace("{digest}", digest);
                Response::builder().status(307).header(header::LOCATION, to).body(Body::empty()).unwrap()
            }
            _ => answer.body(part.into()).unwrap(),
        }
    }
}

/// This, and then more for ever.
fn endless(begins: Bytes) -> Response<Body> {
    let more = Bytes::from(vec![b' '; 64 * 1024]);
    let pieces = futures::stream::once(async { begins }).chain(futures::stream::repeat(more)).map(Ok::<_, std::io::Error>);
    Response::new(Body::from_stream(pieces))
}
