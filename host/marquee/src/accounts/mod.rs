//! Accounts that another region keeps: what this one has to know of them, and how it comes to know it.
//!
//! - **Public keys and revocations** go into this region's own journal and feed, so that its edges verify tokens without the other region:
//!   [`mirror`] follows the other's feed, on the node that runs what a region runs once.
//! - **Roles** permit writes, and are read from SQL here. Where a route says that it needs them, [`visitors`] first asks the other region who the caller
//!   is, by the caller's own token, and has the answer written down. Without that region such a write is `503`: a role that may have been taken
//!   away permits nothing. Of a program only whom it acts for is asked: what it may do its token says.
//!
//! - **Addresses** of people who are to get mail from here: [`addresses`] asks for those that are missing, on the same node. Until it has them the mail waits.
//!
//! What is written is the business of the component that names a `mirror` path; here it is only carried there.

mod addresses;
mod mirror;
mod visitors;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use runtime::Switch;
use serde_json::Value;

pub use addresses::{AccountsNode, ContactLookup};
pub use mirror::Mirror;
pub use visitors::Visitors;

use crate::limits;

/// Hands a document to the component that keeps it; what that answers.
async fn keep(traffic: &Arc<Switch>, document: &Value) -> Result<Value, String> {
    let application = traffic.current();
    let route = application.mirror().ok_or("no component keeps what another region says of accounts")?;
    let mut request = route.request(edge::known(Bytes::from(document.to_string())));
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let response = application.handle(&route.component, request).await.map_err(|failure| failure.to_string())?;
    let status = response.status();
    let body = Limited::new(response.into_body(), limits::MIRROR_BYTES).collect().await.map_err(|error| error.to_string())?;
    if status != StatusCode::OK {
        return Err(format!("answered {status}: {}", String::from_utf8_lossy(&body.to_bytes())));
    }
    serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())
}
