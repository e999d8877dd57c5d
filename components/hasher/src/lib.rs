//! Satisfies `marquee:passwords` where no host does: under stock Spin, and composed.
//!
//! Never deployed with our host, which hashes on threads of its own, beside those that serve.

mod bindings {
    #![allow(missing_docs, reason = "generated; documented in wit/marquee-passwords")]
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-passwords",
        inline: "package marquee:hasher-component; world component { export marquee:passwords/hasher@0.1.0; }",
        world: "marquee:hasher-component/component",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use bindings::exports::marquee::passwords::hasher::{Error, Guest};

/// The component.
struct Hasher;

bindings::export!(Hasher with_types_in bindings);

impl Guest for Hasher {
    async fn hash(password: String) -> Result<String, Error> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| Error::Failed(format!("no randomness: {error}")))?;
        password_hashing::hash(&password, &salt).map_err(|error| Error::Failed(error.to_string()))
    }

    async fn verify(password: String, stored: Option<String>) -> Result<bool, Error> {
        password_hashing::verify(&password, stored.as_deref()).map_err(|error| Error::Failed(error.to_string()))
    }
}
