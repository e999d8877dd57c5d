//! The demo catalog, loaded on the first start.
//!
//! A file keeps the password of its accounts, and that all is done: a start after a crash adds what is missing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use demo::{Answer, Api, ApiRequest, Options};
use edge::{Region, known};
use http::{Method, Request, header};
use http_body_util::{BodyExt, Limited};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::limits::{DEMO_ANSWER_BYTES, DEMO_AT_ONCE};

/// Where the state is kept.
const FILE: &str = "demo.json";

/// What must be known to continue after a crash.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// The seed of the demo accounts' passwords. It stays in this folder.
    password: String,
    done: bool,
}

/// Fills the catalog, unless an earlier start has.
pub async fn load(region: Arc<dyn Region>, folder: &DataFolder) -> Result<(), Error> {
    let state = match folder.read(FILE)? {
        Some(kept) => serde_json::from_slice(&kept)
            .map_err(|error| Error::Demo(format!("{FILE} in the data folder is malformed: {error}")))?,
        None => State { password: demo::password(), done: false },
    };
    if state.done {
        return Ok(());
    }
    keep(folder, &state)?;
    let began = Instant::now();
    tracing::info!("loading the demo catalog");
    let options = Options {
        email: "organiser@demo.example",
        password: &state.password,
        name: Some("Demo Organiser"),
        buyers: "buyer",
        now: edge::now(),
        at_once: DEMO_AT_ONCE,
    };
    let loaded = demo::load(&LocalApi(region), &options).await.map_err(Error::Demo)?;
    let took_s = began.elapsed().as_secs_f64();
    keep(folder, &State { done: true, ..state })?;
    tracing::info!(events = loaded.events, bookings = loaded.bookings, took_s, "the demo catalog is loaded");
    Ok(())
}

fn keep(folder: &DataFolder, state: &State) -> Result<(), Error> {
    let text = serde_json::to_vec(state).map_err(|error| Error::Demo(error.to_string()))?;
    folder.write(FILE, &text)
}

/// The region in this process, asked without a network.
struct LocalApi(Arc<dyn Region>);

impl Api for LocalApi {
    async fn ask(&self, ask: ApiRequest<'_>) -> Result<Answer, String> {
        let method = if ask.body.is_some() { Method::POST } else { Method::GET };
        let mut request = Request::builder().method(method).uri(format!("http://localhost{}", ask.path));
        if ask.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(token) = ask.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(key) = ask.key {
            request = request.header("idempotency-key", key);
        }
        let body = ask.body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = request.body(known(body)).map_err(|error| error.to_string())?;
        let response = match self.0.handle(request).await {
            Ok(response) => response,
            Err(problem) => return Ok(Answer { status: problem.status().as_u16(), retry_after: None, body: Value::Null }),
        };
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), DEMO_ANSWER_BYTES).collect().await.map_err(|error| error.to_string())?;
        Ok(Answer { status, retry_after: None, body: serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null) })
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn progress(&self, done: usize, of: usize) {
        tracing::debug!(done, of, "demo events");
    }
}
