//! The Rust side of every WIT package we own, and of Spin's.

/// Our own interfaces. They travel between nodes as they are: a field or case added, left out or moved is another protocol
/// (`fleet::wire::VERSION`).
#[allow(missing_docs, clippy::all)]
pub(crate) mod own {
    wasmtime::component::bindgen!({
        path: ["../../wit/marquee-booking", "../../wit/marquee-edge", "../../wit/marquee-kafka", "../../wit/marquee-mail", "../../wit/marquee-passwords"],
        inline: "
            package marquee:host;
            world imports {
                import marquee:booking/ledger@0.1.0;
                import marquee:edge/replica@0.1.0;
                import marquee:edge/identity@0.1.0;
                import marquee:kafka/producer@0.1.0;
                import marquee:mail/mailer@0.1.0;
                import marquee:passwords/hasher@0.1.0;
            }
        ",
        world: "marquee:host/imports",
        additional_derives: [PartialEq, serde::Deserialize, serde::Serialize],
    });
}

/// Spin's interfaces, by the WIT text in the spin-sdk crate.
#[allow(missing_docs, clippy::all)]
pub(crate) mod spin {
    include!(concat!(env!("OUT_DIR"), "/spin.rs"));
}

#[allow(missing_docs, clippy::all)]
pub(crate) mod ledger_world {
    wasmtime::component::bindgen!({
        path: "../../wit/marquee-booking",
        inline: "
            package marquee:host;
            world ledger-component {
                export marquee:booking/ledger@0.1.0;
            }
        ",
        world: "marquee:host/ledger-component",
        with: { "marquee:booking/types": crate::wit::own::marquee::booking::types },
    });
}

#[allow(missing_docs, clippy::all)]
pub(crate) mod consumer_world {
    wasmtime::component::bindgen!({
        path: "../../wit/marquee-kafka",
        inline: "
            package marquee:host;
            world consumer-component {
                export marquee:kafka/consumer@0.1.0;
            }
        ",
        world: "marquee:host/consumer-component",
        with: { "marquee:kafka/types": crate::wit::own::marquee::kafka::types },
        additional_derives: [PartialEq],
    });
}
