//! The catalog: events made, changed, published, cancelled, found and shown.
//!
//! Reads come from the replica, writes go to SQL in the event's home region. What is on sale is the ledger's: see `steps`.

mod analytics;
mod codes;
mod conditions;
mod copies;
mod document;
mod draft;
mod due;
mod fields;
mod images;
mod limits;
mod organiser;
mod quotas;
mod read;
mod steps;
mod store;
mod write;

use std::sync::LazyLock;

use kit::Router;
use spin_sdk::http::{IntoResponse, Request};
use spin_sdk::http_service;

static ROUTES: LazyLock<Router> = LazyLock::new(|| {
    Router::new()
        .get("/api/events", read::list)
        .post("/api/events", write::create)
        .host("/api/events/due", due::tick)
        .get("/api/events/:id", read::show)
        .get("/api/events/:id/analytics", analytics::show)
        .patch("/api/events/:id", write::change)
        .post("/api/events/:id/publish", write::publish)
        .post("/api/events/:id/cancel", write::cancel)
        .post("/api/events/:id/copies", copies::make)
        .file("/api/events/:id/image", limits::IMAGE_BYTES, images::put)
        .delete("/api/events/:id/image", images::remove)
        .file("/api/events/:id/logo", limits::IMAGE_BYTES, images::put_logo)
        .delete("/api/events/:id/logo", images::remove_logo)
        .get("/api/images/:file", images::show)
        .get("/api/organisers/:id/events", organiser::list)
});

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    kit::serve(&ROUTES, request).await
}

#[cfg(test)]
mod routes {
    #[test]
    fn the_manifest_has_a_row_for_each() {
        kit::manifest::holds_the_routes_of("catalog", &super::ROUTES, &[]);
    }
}
