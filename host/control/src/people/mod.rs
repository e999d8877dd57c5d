//! The API for people and their programs: JSON, with a token for everything.

mod listener;
mod page;
mod problem;
mod tokens;
mod unread;
mod views;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, middleware};
use edge::Certificate;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use rollout::machine::Verb;
use rollout::protocol::ReleaseId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::deploy::{self, Deployment};
use crate::limits;
use crate::store::AuditEntry;
pub(crate) use problem::Problem;
pub(crate) use tokens::Caller;
pub use tokens::{Role, Tokens};

/// Answers people until `stop`.
pub(crate) async fn serve(control: &Control, listener: TcpListener, certificate: Option<Certificate>, stop: CancellationToken) {
    listener::serve(listener, certificate, router(control.clone()), stop).await;
}

fn router(control: Control) -> Router {
    let page = page::FILES.into_iter().fold(Router::new(), |router, file| {
        router.route(file.path, get(move |request: axum::extract::Request| async move { file.answer(&request) }))
    });
    page.route("/v1/deployments", post(deployments))
        .route("/v1/status", get(status))
        .route("/v1/rollouts", get(rollouts))
        .route("/v1/rollouts/{id}", get(rollout))
        .route("/v1/rollouts/{id}/{verb}", post(say))
        .route("/v1/releases/{id}", get(release))
        .route("/v1/nodes", get(nodes))
        .route("/v1/nodes/{node}", delete(forget))
        .route("/v1/drift", get(drift))
        .route("/v1/audit", get(audit))
        .fallback(async || Problem::not_found("Nothing answers this address."))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(middleware::map_response_with_state(control.clone(), answered))
        .layer(middleware::map_request(async |request: http::Request<Body>| request.map(unread::read_on)))
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES))
        .with_state(control)
}

/// What is answered holds now, and is for who has asked, and is what it says that it is.
async fn answered(State(control): State<Control>, mut response: Response) -> Response {
    control.0.metrics.request(response.status().as_str());
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

impl FromRequestParts<Control> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, control: &Control) -> Result<Self, Problem> {
        control.0.tokens.caller(&parts.headers).ok_or_else(Problem::unauthenticated)
    }
}

impl Caller {
    /// Whether they may do what this role may.
    fn may(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role {
            return Ok(());
        }
        tracing::warn!(name = self.name, role = self.role.as_str(), needed = role.as_str(), "refused what somebody may not do");
        Err(Problem::forbidden(format!(
            "This needs a token of an {}, and this one is of a {}.",
            role.as_str(),
            self.role.as_str()
        )))
    }
}

type Answer = Result<Response, Problem>;

/// A body that is read once it is known who sends it.
fn read<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    let body = body.map_err(|rejection| Problem::invalid(rejection.status(), rejection.body_text()))?;
    serde_json::from_slice(&body).map_err(|error| Problem::invalid(StatusCode::BAD_REQUEST, format!("The body: {error}.")))
}

/// Below what, and how much, as a query says it: `limit=20&below=7`.
fn page(RawQuery(query): RawQuery) -> Result<(u64, i64), Problem> {
    let invalid = |detail: String| Problem::invalid(StatusCode::BAD_REQUEST, detail);
    let (mut below, mut limit) = (u64::MAX, limits::ROWS_USUAL);
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let known = match &*name {
            "below" => value.parse().map(|value| below = value).is_ok(),
            "limit" => value.parse().map(|value| limit = value).is_ok(),
            _ => return Err(invalid(format!("There is no parameter {name:?}: one can say limit and below."))),
        };
        if !known {
            return Err(invalid(format!("{name} is a number.")));
        }
    }
    if !(1..=limits::ROWS).contains(&limit) {
        return Err(invalid(format!("limit is 1 to {}.", limits::ROWS)));
    }
    Ok((below, limit))
}

/// The number in a path.
fn number(text: &str) -> Result<ReleaseId, Problem> {
    text.parse().map(ReleaseId).map_err(|_| Problem::not_found(format!("{text:?} is no number.")))
}

async fn deployments(caller: Caller, State(control): State<Control>, body: Result<Bytes, BytesRejection>) -> Answer {
    caller.may(Role::Operator)?;
    let deployment: Deployment = read(body)?;
    // Whoever goes away meanwhile finds out with the same request whether it has begun.
    let shared = std::sync::Arc::clone(&control.0);
    let deploying = tokio::spawn(async move { deploy::deploy(&shared, &caller, deployment, None).await });
    let lost = |_| Problem::unavailable("The deployment was broken off: look at the status before you ask for it again.");
    let (row, begun) = deploying.await.map_err(lost)??;
    let status = if begun { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(views::rollout(&row))).into_response())
}

async fn status(caller: Caller, State(control): State<Control>) -> Answer {
    let snapshot = control.0.store.look().await?;
    let (nodes, now) = control.0.store.nodes().await?;
    Ok(Json(views::status(&control.0.name, &caller, &snapshot, &nodes, now)).into_response())
}

async fn rollouts(_: Caller, State(control): State<Control>, query: RawQuery) -> Answer {
    let (below, limit) = page(query)?;
    let rows = control.0.store.rollouts(below, limit).await?;
    let rows: Vec<_> = rows.iter().map(views::line).collect();
    Ok(Json(serde_json::json!({ "rollouts": rows })).into_response())
}

async fn rollout(_: Caller, State(control): State<Control>, Path(id): Path<String>) -> Answer {
    let id = number(&id)?;
    let row = control.0.store.rollout(id).await?;
    let row = row.ok_or_else(|| Problem::not_found(format!("There is no rollout {}.", id.0)))?;
    Ok(Json(views::rollout(&row)).into_response())
}

/// What must hold for a word to count.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expected {
    /// The stage that the rollout is at.
    stage: Option<String>,
}

async fn say(
    caller: Caller,
    State(control): State<Control>,
    Path((id, verb)): Path<(String, String)>,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    caller.may(Role::Operator)?;
    let id = number(&id)?;
    let verb: Verb = serde_json::from_value(serde_json::Value::String(verb))
        .map_err(|_| Problem::not_found("One can pause, resume, promote, abort or roll back (rollback)."))?;
    let Expected { stage } = match body {
        Ok(body) if body.is_empty() => Expected::default(),
        body => read(body)?,
    };
    let row = deploy::say(&control.0, &caller, id, verb, stage.as_deref()).await?;
    Ok(Json(views::rollout(&row)).into_response())
}

async fn release(_: Caller, State(control): State<Control>, Path(id): Path<String>) -> Answer {
    let id = number(&id)?;
    let row = control.0.store.release(id).await?;
    let row = row.ok_or_else(|| Problem::not_found(format!("There is no release {}.", id.0)))?;
    Ok(Json(views::release(&row)).into_response())
}

async fn nodes(_: Caller, State(control): State<Control>) -> Answer {
    let snapshot = control.0.store.look().await?;
    let (nodes, now) = control.0.store.nodes().await?;
    let nodes: Vec<_> = nodes.iter().map(|node| views::node(&snapshot, node, now)).collect();
    Ok(Json(serde_json::json!({ "nodes": nodes })).into_response())
}

async fn forget(caller: Caller, State(control): State<Control>, Path(node): Path<String>) -> Answer {
    caller.may(Role::Admin)?;
    let entry = AuditEntry::new(&caller.name, "forget", node.clone(), "");
    if control.0.store.forget_node(&node, &entry).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(Problem::not_found(format!("No node {node:?} is known.")))
}

async fn drift(_: Caller, State(control): State<Control>) -> Answer {
    let snapshot = control.0.store.look().await?;
    let (nodes, now) = control.0.store.nodes().await?;
    Ok(Json(views::drift(&snapshot, &nodes, now)).into_response())
}

async fn audit(caller: Caller, State(control): State<Control>, query: RawQuery) -> Answer {
    caller.may(Role::Admin)?;
    let (below, limit) = page(query)?;
    let rows = control.0.store.audit_log(below, limit).await?;
    let rows: Vec<_> = rows.iter().map(views::audit).collect();
    Ok(Json(serde_json::json!({ "entries": rows })).into_response())
}
