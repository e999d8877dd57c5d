//! The Rust side of WIT: of every package of ours, and of those of Spin's that this host offers.
//!
//! Nothing here does anything: the crate `capabilities` implements what components import, `runtime` calls what they export. It is a crate of its
//! own because wasmtime's macros make most of its code, which need not be made again when what stands around it changes.
//!
//! # Types
//! A type of `marquee:booking` or `marquee:edge` is there twice: in the crate `vocabulary`, as everybody in the host speaks it, and here, as wasmtime
//! takes it from components and hands it to them. [`Twin`] makes one of the other by moving what it holds; a field that one of the two does not
//! have does not compile. So nobody but who runs components waits for wasmtime. A resource is a type without values, by which guests' handles are told apart.

mod twin;

pub use own::marquee::{booking, edge, kafka, mail, passwords};
pub use spins::spin;
pub use twin::Twin;

/// Our own interfaces.
#[allow(missing_docs, clippy::all)]
mod own {
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
        additional_derives: [PartialEq],
    });
}

/// Spin's interfaces, by the WIT text in the spin-sdk crate.
#[allow(missing_docs, clippy::all)]
mod spins {
    include!(concat!(env!("OUT_DIR"), "/spin.rs"));
}

#[allow(missing_docs, clippy::all)]
mod accounts_world {
    wasmtime::component::bindgen!({
        path: "../../wit/marquee-accounts",
        inline: "
            package marquee:host;
            world accounts-component {
                export marquee:accounts/directory@0.1.0;
                export marquee:accounts/mirror@0.1.0;
            }
        ",
        world: "marquee:host/accounts-component",
    });
}

#[allow(missing_docs, clippy::all)]
mod ledger_world {
    wasmtime::component::bindgen!({
        path: "../../wit/marquee-booking",
        inline: "
            package marquee:host;
            world ledger-component {
                export marquee:booking/ledger@0.1.0;
            }
        ",
        world: "marquee:host/ledger-component",
        with: { "marquee:booking/types": crate::booking::types },
    });
}

#[allow(missing_docs, clippy::all)]
mod consumer_world {
    wasmtime::component::bindgen!({
        path: "../../wit/marquee-kafka",
        inline: "
            package marquee:host;
            world consumer-component {
                export marquee:kafka/consumer@0.1.0;
            }
        ",
        world: "marquee:host/consumer-component",
        with: { "marquee:kafka/types": crate::kafka::types },
        additional_derives: [PartialEq],
    });
}

/// Calls the component `ledger`: instantiate it with [`LedgerComponentPre`](ledger_component::LedgerComponentPre), then call `apply` of
/// `marquee_booking_ledger()` inside `run_concurrent`.
pub mod ledger_component {
    pub use crate::ledger_world::{LedgerComponent, LedgerComponentIndices, LedgerComponentPre};
}

/// Calls the component that takes Kafka's records: `handle` of `marquee_kafka_consumer()`, inside `run_concurrent`. The records are those of
/// [`kafka`].
pub mod consumer_component {
    pub use crate::consumer_world::exports::marquee::kafka::consumer::Disposition;
    pub use crate::consumer_world::{ConsumerComponent, ConsumerComponentIndices, ConsumerComponentPre};
}

/// Calls the component `auth` beside HTTP: functions of `marquee_accounts_directory()` and `marquee_accounts_mirror()`, inside `run_concurrent`.
pub mod accounts_component {
    pub use crate::accounts_world::{AccountsComponent, AccountsComponentIndices, AccountsComponentPre};
}

/// The types of `marquee:accounts`.
pub mod accounts {
    pub use crate::accounts_world::marquee::accounts::types;
}
