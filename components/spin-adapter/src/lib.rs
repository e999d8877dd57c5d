//! Satisfies `marquee:edge` from SQL, where no host does: under stock Spin, and composed.
//!
//! Never deployed with our host, which answers the same questions from memory. Both go through `read-model`, so that they answer
//! alike.

mod identity;
mod limits;
mod replica;

mod bindings {
    #![allow(missing_docs, reason = "generated; documented in wit/marquee-edge")]
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-edge",
        inline: "package marquee:spin-adapter; world adapter { \
            export marquee:edge/types@0.1.0; export marquee:edge/replica@0.1.0; export marquee:edge/identity@0.1.0; }",
        world: "marquee:spin-adapter/adapter",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        // Of an interface that is exported types can be mapped one by one only.
        with: {
            "marquee:edge/types@0.1.0/event-status": vocabulary::edge::EventStatus,
            "marquee:edge/types@0.1.0/venue": vocabulary::edge::Venue,
            "marquee:edge/types@0.1.0/ticket-type": vocabulary::edge::TicketType,
            "marquee:edge/types@0.1.0/shared-capacity": vocabulary::edge::SharedCapacity,
            "marquee:edge/types@0.1.0/question-kind": vocabulary::edge::QuestionKind,
            "marquee:edge/types@0.1.0/question-scope": vocabulary::edge::QuestionScope,
            "marquee:edge/types@0.1.0/question": vocabulary::edge::Question,
            "marquee:edge/types@0.1.0/image-size": vocabulary::edge::ImageSize,
            "marquee:edge/types@0.1.0/image": vocabulary::edge::Image,
            "marquee:edge/types@0.1.0/event": vocabulary::edge::Event,
            "marquee:edge/types@0.1.0/event-view": vocabulary::edge::EventView,
            "marquee:edge/types@0.1.0/sort-key": vocabulary::edge::SortKey,
            "marquee:edge/types@0.1.0/query": vocabulary::edge::Query,
            "marquee:edge/types@0.1.0/facet": vocabulary::edge::Facet,
            "marquee:edge/types@0.1.0/page": vocabulary::edge::Page,
            "marquee:edge/types@0.1.0/line-availability": vocabulary::edge::LineAvailability,
            "marquee:edge/types@0.1.0/availability": vocabulary::edge::Availability,
            "marquee:edge/types@0.1.0/read-error": vocabulary::edge::ReadError,
            "marquee:edge/types@0.1.0/scope": vocabulary::edge::Scope,
            "marquee:edge/types@0.1.0/claims": vocabulary::edge::Claims,
            "marquee:edge/types@0.1.0/refusal": vocabulary::edge::Refusal,
        },
        generate_all,
    });
}

/// The component: its exports stand in `replica` and `identity`.
struct Adapter;

bindings::export!(Adapter with_types_in bindings);
