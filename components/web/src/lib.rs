//! The app that people buy with, the page for developers, the API reference and the problem pages.
//!
//! Everything here is made of files that are compiled in, and of what the kit knows of problems and of the host: no database, no calls.

mod accept;
mod app;
mod content;
mod developers;
mod document;
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

/// Where the app has a page: there its one page is answered, and anywhere else what is not there is 404.
const PAGES: [&str; 27] = [
    "/",
    "/e/:id",
    "/checkout/:id",
    "/checkout/:id/:step",
    "/pay/:id",
    "/orders",
    "/orders/:id",
    "/login",
    "/register",
    "/forgot-password",
    "/reset-password",
    "/verify-email",
    "/account",
    "/confirm-email",
    "/guest-order",
    "/accept-ticket",
    "/door",
    "/organise",
    "/organise/:organiser",
    "/organise/:organiser/:part",
    "/organise/:organiser/events/:event",
    "/organise/:organiser/events/:event/:part",
    "/organise/:organiser/events/:event/orders/:order",
    "/admin",
    "/admin/:part",
    "/admin/:part/:id",
    "/accessibility",
];

static ROUTES: LazyLock<Router> = LazyLock::new(|| {
    PAGES
        .into_iter()
        .fold(Router::new(), |router, page| router.get(page, app::page))
        .get("/app/:file", app::file)
        .get("/sw.js", app::service_worker)
        .get("/embed.js", app::embed)
        .get("/icons/:file", app::icon)
        .get("/developers", developers::page)
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
