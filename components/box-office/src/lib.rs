//! What people do with tickets, and an organiser's team with what was sold: names, transfers, passes, answers to questions, attendees, the door; who is told
//! of it by webhooks; what is written to those who come; and what somebody is given who asks for everything that is known of them.
//!
//! It reads what the ledger and `payment` write, and changes a booking through them alone.

mod admission;
mod answers;
mod attendees;
mod booking_tickets;
mod checkin;
mod event;
mod export;
mod limits;
mod lists;
mod merge;
mod messages;
mod mine;
mod offers;
mod offline;
mod orders;
mod passes;
mod scan;
mod sold;
#[cfg(test)]
mod tests;
mod ticket;
mod transfer;
mod unsubscribe;
mod webhooks;

use kit::Router;
use spin_sdk::http::Method;
use spin_sdk::http_service;
use std::sync::LazyLock;

static ROUTES: LazyLock<Router> = LazyLock::new(|| {
    Router::new()
        .get("/api/events/:id/orders", orders::list)
        .get("/api/events/:id/orders/:order", orders::one)
        .patch("/api/events/:id/orders/:order", orders::change)
        .post("/api/events/:id/orders/:order/cancel", orders::cancel)
        .post("/api/events/:id/orders/:order/resend", orders::resend)
        .on(Method::PUT, "/api/events/:id/orders/:order/answers", answers::correct)
        .get("/api/bookings/:id/answers", answers::show)
        .on(Method::PUT, "/api/bookings/:id/answers", answers::give)
        .get("/api/bookings/:id/tickets", booking_tickets::show)
        .on(Method::PUT, "/api/bookings/:id/tickets/:number", booking_tickets::name)
        .get("/api/bookings/:id/tickets/:number/pass", passes::show)
        .post("/api/bookings/:id/tickets/:number/transfer", transfer::offer)
        .on(Method::DELETE, "/api/bookings/:id/tickets/:number/transfer", transfer::withdraw)
        .get("/api/tickets", mine::list)
        .get("/api/tickets/offers", offers::list)
        .post("/api/tickets/accept", transfer::accept)
        .get("/api/auth/me/export", export::export)
        .host("/api/auth/me/export/of-person", export::of_person)
        .get("/api/events/:id/attendees", attendees::list)
        .get("/api/events/:id/checkin-list", offline::download)
        .get("/api/events/:id/checkin-lists", lists::all)
        .post("/api/events/:id/checkin-lists", lists::create)
        .on(Method::PUT, "/api/events/:id/checkin-lists/:list", lists::change)
        .on(Method::DELETE, "/api/events/:id/checkin-lists/:list", lists::delete)
        .get("/api/organisers/:id/webhooks", webhooks::list)
        .post("/api/organisers/:id/webhooks", webhooks::create)
        .patch("/api/organisers/:id/webhooks/:hook", webhooks::change)
        .delete("/api/organisers/:id/webhooks/:hook", webhooks::delete)
        .post("/api/organisers/:id/webhooks/:hook/secret", webhooks::rotate)
        .post("/api/organisers/:id/webhooks/:hook/test", webhooks::test)
        .get("/api/organisers/:id/webhooks/:hook/deliveries", webhooks::list_deliveries)
        .post("/api/organisers/:id/webhooks/:hook/deliveries/:delivery/resend", webhooks::resend)
        .get("/api/events/:id/messages", messages::list)
        .post("/api/events/:id/messages", messages::create)
        .post("/api/events/:id/messages/test", messages::test)
        .get("/api/events/:id/messages/:message", messages::one)
        .get("/api/unsubscribe/:token", unsubscribe::show)
        .post("/api/unsubscribe/:token", unsubscribe::unsubscribe)
        .get("/api/unsubscriptions", unsubscribe::list)
        .delete("/api/unsubscriptions/:id", unsubscribe::end)
        .post("/api/checkin", checkin::admit)
        .post("/api/checkin/undo", checkin::undo)
        .post("/api/checkin/merge", merge::merge)
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
