//! What every component shares. Small and boring on purpose: a component's `lib.rs` wires routes, and everything
//! that it needs from the outside world comes through here.
//!
//! ```ignore
//! static ROUTES: LazyLock<Router> = LazyLock::new(|| Router::new().get("/api/things/:id", things::show));
//!
//! #[http_service]
//! async fn handle(request: spin_sdk::http::Request) -> impl IntoResponse {
//!     kit::serve(&ROUTES, request).await
//! }
//! ```

pub mod accept;
pub mod browser;
pub mod claims;
pub mod config;
pub mod csv;
pub mod email;
pub mod guests;
pub mod hash;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod identity;
pub mod journal;
pub mod json;
pub mod ledger;
pub mod limits;
pub mod mail_token;
#[cfg(feature = "testing")]
pub mod manifest;
pub mod messages;
pub mod network;
pub mod problem;
pub mod public;
pub mod query;
pub mod questions;
mod refusal;
pub mod replica;
pub mod router;
pub mod sealing;
pub mod security;
pub mod seen;
pub mod sql;
pub mod team;
pub mod text;
pub mod tickets;
pub mod time;
pub mod trace;
pub mod unsubscribe;
pub mod webhooks;

pub use http::{Request, Response};
pub use problem::Problem;
pub use router::{Router, serve};

/// With the allocator of the target's C library a fifth of the time of the components that take a hold was spent in it.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// What a handler gives.
pub type Answer = Result<Response, Problem>;
