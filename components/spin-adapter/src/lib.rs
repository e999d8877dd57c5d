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
        generate_all,
    });
}

/// The component: its exports stand in `replica` and `identity`.
struct Adapter;

bindings::export!(Adapter with_types_in bindings);
