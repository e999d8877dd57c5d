//! The export.

use ledger_core::{Command, Receipt, Rejection};

mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-booking",
        inline: "package marquee:ledger-component; \
            world ledger { export marquee:booking/types@0.1.0; export marquee:booking/ledger@0.1.0; }",
        world: "marquee:ledger-component/ledger",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        // Of an interface that is exported types can be mapped one by one only.
        with: {
            "marquee:booking/types@0.1.0/money": ledger_core::Money,
            "marquee:booking/types@0.1.0/subject": ledger_core::Subject,
            "marquee:booking/types@0.1.0/command": ledger_core::Command,
            "marquee:booking/types@0.1.0/action": ledger_core::Action,
            "marquee:booking/types@0.1.0/sale": ledger_core::Sale,
            "marquee:booking/types@0.1.0/offer": ledger_core::Offer,
            "marquee:booking/types@0.1.0/shared-capacity": ledger_core::SharedCapacity,
            "marquee:booking/types@0.1.0/order-line": ledger_core::OrderLine,
            "marquee:booking/types@0.1.0/confirmation": ledger_core::Confirmation,
            "marquee:booking/types@0.1.0/annulment": ledger_core::Annulment,
            "marquee:booking/types@0.1.0/booking-status": ledger_core::BookingStatus,
            "marquee:booking/types@0.1.0/booking-item": ledger_core::BookingItem,
            "marquee:booking/types@0.1.0/booking": ledger_core::Booking,
            "marquee:booking/types@0.1.0/receipt": ledger_core::Receipt,
            "marquee:booking/types@0.1.0/outcome": ledger_core::Outcome,
            "marquee:booking/types@0.1.0/shortage": ledger_core::Shortage,
            "marquee:booking/types@0.1.0/limit": ledger_core::Limit,
            "marquee:booking/types@0.1.0/hold-scope": ledger_core::HoldScope,
            "marquee:booking/types@0.1.0/hold-limit": ledger_core::HoldLimit,
            "marquee:booking/types@0.1.0/sale-phase": ledger_core::SalePhase,
            "marquee:booking/types@0.1.0/token-fault": ledger_core::TokenFault,
            "marquee:booking/types@0.1.0/cancel-refusal": ledger_core::CancelRefusal,
            "marquee:booking/types@0.1.0/rejection": ledger_core::Rejection,
        },
        generate_all,
    });
}

use bindings::exports::marquee::booking::ledger::Guest;

struct Ledger;

bindings::export!(Ledger with_types_in bindings);

impl Guest for Ledger {
    async fn apply(commands: Vec<Command>) -> Vec<Result<Receipt, Rejection>> {
        crate::apply(commands).await
    }
}
