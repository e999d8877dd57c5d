//! `marquee:edge/identity`, as imported.

#[expect(missing_docs, reason = "generated; the WIT says it")]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-edge",
        inline: "package marquee:kit-identity; world identity-user { import marquee:edge/identity@0.1.0; }",
        world: "marquee:kit-identity/identity-user",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

pub use bindings::marquee::edge::{
    identity::verify,
    types::{Claims, Refusal},
};
