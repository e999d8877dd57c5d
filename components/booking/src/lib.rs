//! Availability and bookings: what is left of an event, taking places, giving them back, and seeing what one has.
//!
//! The ledger decides; this component asks it, and renders what it answers.

mod availability;
mod cancel;
mod due;
mod hold;
mod limits;
mod list;
mod show;
mod stop;
mod store;
mod view;

use kit::Router;
use spin_sdk::http_service;
use std::sync::LazyLock;

static ROUTES: LazyLock<Router> = LazyLock::new(|| {
    Router::new()
        .get("/api/events/:id/availability", availability::show)
        .post("/api/bookings", hold::create)
        .get("/api/bookings", list::mine)
        .host("/api/bookings/due", due::run)
        .get("/api/bookings/:id", show::one)
        .post("/api/bookings/:id/cancel", cancel::cancel)
});

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    kit::serve(&ROUTES, request).await
}

#[cfg(test)]
mod routes {
    #[test]
    fn the_manifest_has_a_row_for_each() {
        kit::manifest::holds_the_routes_of("booking", &super::ROUTES, &[]);
    }
}
