//! `marquee:edge/replica`, as imported.

use crate::limits;
use crate::problem::Problem;

#[expect(missing_docs, reason = "generated; the WIT says it")]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-edge",
        inline: "package marquee:kit-replica; world replica-user { import marquee:edge/replica@0.1.0; }",
        world: "marquee:kit-replica/replica-user",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        with: { "marquee:edge/types@0.1.0": vocabulary::edge },
        generate_all,
    });
}

pub use bindings::marquee::edge::replica::{get_availability, get_event, search};
pub use vocabulary::edge::*;

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound => Self::not_found(),
            // Who can read the database looks there first.
            ReadError::LeftOut => {
                Self::unavailable("This event is answered by its home region.", limits::LEFT_OUT_RETRY_MILLISECONDS)
            }
            ReadError::BadCursor => Self::fault("/cursor", "not a cursor of this list"),
            ReadError::Unavailable(milliseconds) => {
                Self::unavailable("There is no view of the catalog to answer from yet.", milliseconds)
            }
        }
    }
}
