//! The Rust side of every WIT package we own, and of Spin's.

/// The types of an interface that has nothing else, as the crate `vocabulary` has them, beside what bindings expect of every interface.
macro_rules! types {
    ($module:ident of $interface:literal) => {
        // `wit` is private; bindings want to be able to show what they use.
        #[allow(dead_code, missing_docs, reason = "what bindings name, and call in one of their forms only")]
        pub mod $module {
            pub use vocabulary::$module::*;
            use wasmtime::component::{HasData, Linker};

            pub trait Host {}
            impl<T: ?Sized> Host for T {}

            pub trait HostWithStore<T>: HasData {}
            impl<T, D: HasData> HostWithStore<T> for D {}

            pub fn add_to_linker<T: 'static, D: HasData>(
                linker: &mut Linker<T>,
                _: fn(&mut T) -> D::Data<'_>,
            ) -> wasmtime::Result<()> {
                linker.instance($interface).map(drop)
            }
        }
    };
}

types!(accounts of "marquee:accounts/types@0.1.0");
types!(booking of "marquee:booking/types@0.1.0");
types!(edge of "marquee:edge/types@0.1.0");

/// Our own interfaces. Types of `marquee:booking` and `marquee:edge` are those of the crate `vocabulary`.
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
        with: { "marquee:booking/types": crate::wit::booking, "marquee:edge/types": crate::wit::edge },
        additional_derives: [PartialEq, serde::Deserialize, serde::Serialize],
    });
}

/// Spin's interfaces, by the WIT text in the spin-sdk crate.
#[allow(missing_docs, clippy::all)]
pub(crate) mod spin {
    include!(concat!(env!("OUT_DIR"), "/spin.rs"));
}

#[allow(missing_docs, clippy::all)]
pub(crate) mod accounts_world {
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
        with: { "marquee:accounts/types": crate::wit::accounts },
    });
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
        with: { "marquee:booking/types": crate::wit::booking },
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
