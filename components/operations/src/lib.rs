//! What admins see and do in a region: its audit log, how it is, how far its journal has come, events of their own, what was published again, and what
//! became of its mail.
//!
//! It reads what nodes, the relay and the worker write, writes events of others into the journal (`publications`), and requests for the relay (`replays`).

mod audit;
mod limits;
mod publications;
mod regions;
mod replays;
mod status;
#[cfg(test)]
mod tests;

use kit::query::Reader;
use kit::sql::Tx;
use kit::{Problem, Router, claims};
use spin_sdk::http_service;
use std::sync::LazyLock;

static ROUTES: LazyLock<Router> = LazyLock::new(|| {
    Router::new()
        .get("/api/audit", audit::list)
        .post("/events/publish", publications::publish)
        .post("/events/replay", replays::replay)
        .get("/events/status", status::show)
        .get("/api/regions", regions::list)
});

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    kit::serve(&ROUTES, request).await
}

/// Refuses everybody but admins.
async fn admins_only(tx: &mut Tx, user: &str) -> Result<(), Problem> {
    if claims::roles(tx, user).await?.iter().any(|role| role == "admin") {
        return Ok(());
    }
    Err(Problem::refused(user, "Only an admin may see or do this."))
}

/// What is said of a region that there is not, or that the node asked knows nothing of.
const NO_SUCH_REGION: &str = "no such region";

/// Refuses a query that names a region other than the one that answers: requests are sent where they name.
fn answers_here(region: &str, query: &mut Reader) {
    if query.text("region", limits::REGION_BYTES).is_some_and(|asked| asked != region) {
        query.fault("region", NO_SUCH_REGION);
    }
}

#[cfg(test)]
mod routes {
    #[test]
    fn the_manifest_has_a_row_for_each() {
        kit::manifest::holds_the_routes_of("operations", &super::ROUTES, &[]);
    }
}
