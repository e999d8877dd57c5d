//! `marquee:edge/identity`, as imported.

mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-edge",
        inline: "package marquee:kit-identity; world identity-user { import marquee:edge/identity@0.1.0; }",
        world: "marquee:kit-identity/identity-user",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        with: { "marquee:edge/types@0.1.0": vocabulary::edge },
        generate_all,
    });
}

pub use bindings::marquee::edge::identity::verify;
pub use vocabulary::edge::{Claims, Refusal, Scope};
