//! Percent-encoding, in what addresses say.

use std::borrow::Cow;

/// Undoes percent-encoding; none where that is no UTF-8.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}
