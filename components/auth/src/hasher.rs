//! `marquee:passwords/hasher`, as imported: passwords are hashed by the host, on threads beside those that serve.

mod bindings {
    #![allow(missing_docs, reason = "generated; the WIT says it")]
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-passwords",
        inline: "package marquee:auth-passwords; world hashing { import marquee:passwords/hasher@0.1.0; }",
        world: "marquee:auth-passwords/hashing",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use bindings::marquee::passwords::hasher::{self, Error};
use kit::Problem;

/// A PHC string of a password, as [`prepared`](crate::password::prepared), with a new salt. Never inside a transaction: it takes a while.
pub async fn hash(password: &str) -> Result<String, Problem> {
    hasher::hash(password.to_owned()).await.map_err(problem)
}

/// Whether this is the password. Without a stored hash it is not, after the same work. Never inside a transaction.
pub async fn verify(password: &str, stored: Option<&str>) -> Result<bool, Problem> {
    hasher::verify(password.to_owned(), stored.map(str::to_owned)).await.map_err(problem)
}

fn problem(error: Error) -> Problem {
    match error {
        Error::Unavailable(milliseconds) => Problem::unavailable("Too many people log in at once.", milliseconds),
        Error::Failed(reason) => Problem::internal(reason),
    }
}
