//! Payments, receipts and refunds.
//!
//! Money follows the ledger: a payment takes a hold from it before a provider is asked, and tells it when the money is there. How a
//! payment gets from step to step, whatever is killed in between, stands in `domain` and `drive`.

mod domain;
mod drive;
mod due;
mod intent;
mod limits;
mod links;
mod pay;
mod provider;
mod receipt;
mod refund;
mod refunds;
mod show;
mod store;
mod view;
mod webhook;

use kit::Router;
use spin_sdk::http_service;
use std::sync::LazyLock;

// What is more particular stands first: `:id` would match `due` and `sandbox` too.
static ROUTES: LazyLock<Router> = LazyLock::new(|| {
    Router::new()
        .post("/api/payments", pay::create)
        .host("/api/payments/due", due::run)
        .post("/api/payments/webhooks/:provider/:region", webhook::receive)
        .get("/api/payments/sandbox/:id", provider::sandbox::page::show)
        .post("/api/payments/sandbox/:id", provider::sandbox::page::decide)
        .get("/api/payments/:id", show::one)
        .get("/api/payments/:id/receipt", receipt::show)
        .post("/api/payments/:id/refund", refund::create)
});

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    kit::serve(&ROUTES, request).await
}

#[cfg(test)]
mod routes {
    #[test]
    fn the_manifest_has_a_row_for_each() {
        kit::manifest::holds_the_routes_of("payment", &super::ROUTES, &[]);
    }
}
