//! What an organiser's team does with what was sold: orders, attendees, the door.
//!
//! It reads what the ledger and `payment` write, and changes a booking through them alone.

mod csv;
mod event;
mod limits;
mod orders;

use kit::Router;
use spin_sdk::http_service;
use std::sync::LazyLock;

static ROUTES: LazyLock<Router> = LazyLock::new(|| {
    Router::new()
        .get("/api/events/:id/orders", orders::list)
        .get("/api/events/:id/orders/:order", orders::one)
        .patch("/api/events/:id/orders/:order", orders::change)
        .post("/api/events/:id/orders/:order/cancel", orders::cancel)
        .post("/api/events/:id/orders/:order/resend", orders::resend)
});

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    kit::serve(&ROUTES, request).await
}

#[cfg(test)]
mod routes {
    #[test]
    fn the_manifest_has_a_row_for_each() {
        kit::manifest::holds_the_routes_of("box-office", &super::ROUTES, &[]);
    }
}
