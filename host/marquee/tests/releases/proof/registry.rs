//! What stands before the registry: nodes and control plane reach it through this, and find it gone, slow or lying where the proof wants that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::relay::{Line, Relay};

/// How a layer is lied about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// One byte is another.
    Tampered,
    /// Only its first half comes.
    Truncated,
}

/// How the registry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Well,
    /// No connection to it, and those that there were are cut off.
    Gone,
    /// Each answer comes so much later.
    Slow(Duration),
}

#[derive(Clone)]
pub struct Registry {
    /// Where it is reached.
    pub address: String,
    line: Relay,
    mode: watch::Sender<Mode>,
    /// Layers that are lied about, by digest, and how often each was sent truly: to the control plane, which looks at a version before any node hears of it.
    lies: Arc<Mutex<BTreeMap<String, (Lie, u32)>>>,
}

impl Registry {
    /// Stands before the registry at this address.
    pub async fn start(behind: String) -> Self {
        let mode = watch::Sender::new(Mode::Well);
        let lies = Arc::<Mutex<BTreeMap<String, (Lie, u32)>>>::default();
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = inner.local_addr().unwrap();
        let (client, lying, how) = (reqwest::Client::new(), Arc::clone(&lies), mode.subscribe());
        let answer = move |request: Request<Body>| {
            let (client, behind, lying, how) = (client.clone(), behind.clone(), Arc::clone(&lying), how.clone());
            async move {
                let mode = *how.borrow();
                if let Mode::Slow(pause) = mode {
                    tokio::time::sleep(pause).await;
                }
                forward(&client, &behind, &lying, request).await
            }
        };
        let router = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(inner, router).await.unwrap() });

        let line = Relay::to(target.to_string()).await;
        Self { address: line.address.clone(), line, mode, lies }
    }

    pub fn is(&self, mode: Mode) {
        self.line.is(if mode == Mode::Gone { Line::Cut } else { Line::Open });
        self.mode.send_replace(mode);
    }

    /// From its second reader on, this layer is not what it is called.
    pub fn lies_about(&self, digest: &str, lie: Lie) {
        self.lies.lock().unwrap().insert(digest.to_owned(), (lie, 0));
    }
}

async fn forward(
    client: &reqwest::Client,
    behind: &str,
    lies: &Mutex<BTreeMap<String, (Lie, u32)>>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, _) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let mut forwarded = client.request(head.method.clone(), format!("http://{behind}{path}"));
    for (name, value) in head.headers.iter().filter(|(name, _)| **name != header::HOST) {
        forwarded = forwarded.header(name, value);
    }
    let Ok(answer) = forwarded.send().await else { return status(StatusCode::BAD_GATEWAY) };
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| **name != header::TRANSFER_ENCODING) {
        response = response.header(name, value);
    }
    let Ok(mut body) = answer.bytes().await.map(Vec::from) else { return status(StatusCode::BAD_GATEWAY) };
    let digest = path.rsplit('/').next().unwrap_or_default();
    if !body.is_empty()
        && let Some((lie, read)) = lies.lock().unwrap().get_mut(digest)
    {
        *read += 1;
        if *read > 1 {
            match lie {
                Lie::Tampered => body[0] ^= 1,
                Lie::Truncated => {
                    body.truncate(body.len() / 2);
                    response.headers_mut().unwrap().insert(header::CONTENT_LENGTH, body.len().into());
                }
            }
        }
    }
    response.body(if head.method == "HEAD" { Body::empty() } else { body.into() }).unwrap()
}

fn status(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).unwrap()
}
