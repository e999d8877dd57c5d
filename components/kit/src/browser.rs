//! What pages of other origins may do, as the operator says.

use crate::router::log;
use browser_policy::Cors;
use spin_sdk::variables::{self, Error};
use std::sync::OnceLock;

/// The variable that lists the origins which may do more than read what is public.
const ORIGINS: &str = "cors_origins";

/// What pages of other origins may do. Read once: an instance keeps its variables.
pub(crate) async fn cors() -> &'static Cors {
    static CORS: OnceLock<Cors> = OnceLock::new();
    if let Some(cors) = CORS.get() {
        return cors;
    }
    let cors = match variables::get(ORIGINS).await {
        Ok(list) => Cors::parse(&list).map_err(|error| error.to_string()),
        Err(Error::Undefined(_)) => Ok(Cors::default()),
        Err(error) => Err(error.to_string()),
    };
    let cors = cors.unwrap_or_else(|error| {
        log(&format!("variable {ORIGINS}: {error}; no origin is permitted more than to read what is public"));
        Cors::default()
    });
    CORS.get_or_init(|| cors)
}
