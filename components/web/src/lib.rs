//! The landing page, the API reference and the problem pages.
//!
//! Everything here is made of files that are compiled in, and of what the kit knows of problems and of the host: no database, no calls.

mod accept;
mod content;
mod document;
mod home;
mod html;
mod limits;
mod markup;
mod not_found;
mod problems;
mod reference;
mod schema;

use kit::Router;
use spin_sdk::{
    http::{IntoResponse, Request},
    http_service,
};
use std::sync::LazyLock;

static ROUTES: LazyLock<Router> = LazyLock::new(|| {
    Router::new()
        .get("/", home::page)
        .get("/docs", reference::page)
        .get("/problems", problems::list)
        .get("/problems/:slug", problems::one)
        .get("/api/openapi.json", content::openapi)
        .get("/assets/style.css", content::style)
        .get("/assets/app.js", content::script)
        .get("/favicon.svg", content::icon)
        .get("/robots.txt", content::robots)
});

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    let requester = not_found::Requester::of(&request);
    requester.finish(kit::serve(&ROUTES, request).await)
}

#[cfg(test)]
mod routes {
    #[test]
    fn the_manifest_has_a_row_for_each() {
        // What no page is at: see `not_found`.
        kit::manifest::holds_the_routes_of("web", &super::ROUTES, &["* /..."]);
    }
}
