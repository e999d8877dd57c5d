//! What must stand before anybody can log in: the signing key, the first admin, and second factors under the newest key. Made on first use and by the region's ticker,
//! whichever comes first.

use crate::{admin, erasure, keys, sealed};
use kit::{Answer, Problem, Request, Response, config};

/// Sees to it; gives how many things it did. Free once this instance has seen it done. Nothing where another region keeps the accounts.
pub async fn ensure() -> Result<u32, Problem> {
    if !keys::known() && config::accounts_elsewhere().await?.is_some() {
        return Ok(0);
    }
    let key = keys::ensure().await?;
    let admin = admin::ensure().await?;
    let renewed = sealed::ensure().await?;
    Ok(u32::from(key) + u32::from(admin) + renewed)
}

/// `POST /api/auth/due`: the tick.
pub async fn due(_: Request) -> Answer {
    let done = ensure().await? + erasure::due().await?;
    Response::json(200, &serde_json::json!({ "done": done }))
}
