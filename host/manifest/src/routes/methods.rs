//! Sets of methods.

use http::Method;
use std::fmt;

/// Methods that a path answers. As text it is what the header `Allow` says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Methods(u8);

/// In the order in which `Allow` names them. CONNECT and TRACE are never answered.
const NAMES: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

impl Methods {
    /// All that a component may answer.
    pub const ALL: Self = Self(0b111_1111);

    /// With one more. GET includes HEAD; what is not a method that a component may answer changes nothing.
    #[must_use]
    pub fn with(self, method: &Method) -> Self {
        let bit = |name: &str| NAMES.iter().position(|known| *known == name).map_or(0, |index| 1 << index);
        let head = if method == Method::GET { bit("HEAD") } else { 0 };
        Self(self.0 | bit(method.as_str()) | head)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As a number, to be sent.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Of such a number.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMES.iter().enumerate().filter(|(index, _)| self.0 & (1 << index) != 0).map(|(_, name)| *name);
        for (index, name) in named.enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// Reads a method that a component may answer and a table may name.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(name: &str) -> Result<Method, String> {
    match name {
        // One entry says both, so that they cannot differ.
        "HEAD" => Err("HEAD goes where GET goes".to_owned()),
        name if NAMES.contains(&name) => Method::from_bytes(name.as_bytes()).map_err(|error| error.to_string()),
        other => Err(format!("{other:?} is not a method, in capitals")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_format_as_the_allow_header() {
        for (methods, text) in [
            (vec![], ""),
            (vec![Method::POST], "POST"),
            (vec![Method::PUT, Method::GET], "GET, HEAD, PUT"),
            (vec![Method::TRACE, Method::DELETE], "DELETE"),
        ] {
            let set = methods.iter().fold(Methods::default(), |set, method| set.with(method));
            assert_eq!((set.to_string(), set.is_empty()), (text.to_owned(), text.is_empty()));
            assert_eq!(Methods::from_bits(set.bits()), set);
        }
        assert_eq!(Methods::ALL.to_string(), "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
        assert_eq!(Methods::from_bits(u8::MAX), Methods::ALL);
    }
}
