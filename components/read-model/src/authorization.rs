//! The `Authorization` header (RFC 6750), read in one way by the host and by every component: what the one takes for a token the other does.

use crate::limits::MAX_TOKEN_BYTES;

/// A header that is there and is no bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Authorization must be, once: Bearer, a space, the token")]
pub struct MalformedBearer;

/// The token of a request's `Authorization` headers, as they are on the wire; none where there is no such header.
///
/// # Errors
/// Where there are several, the scheme is another, or what follows is not one token of at most [`MAX_TOKEN_BYTES`].
pub fn bearer<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<&'a str>, MalformedBearer> {
    let mut headers = headers.into_iter();
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(MalformedBearer);
    }
    // HTTP/1 has no blanks around a value; HTTP/2 may.
    let header = std::str::from_utf8(header).map_err(|_| MalformedBearer)?.trim_matches([' ', '\t']);
    let (scheme, token) = header.split_once(' ').ok_or(MalformedBearer)?;
    let token = token.trim_start_matches(' ');
    let sound = !token.is_empty() && token.len() <= MAX_TOKEN_BYTES && token.bytes().all(is_token);
    if scheme.eq_ignore_ascii_case("bearer") && sound { Ok(Some(token)) } else { Err(MalformedBearer) }
}

/// A byte of `b64token`.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(headers: &[&'a str]) -> Result<Option<&'a str>, MalformedBearer> {
        bearer(headers.iter().map(|header| header.as_bytes()))
    }

    #[test]
    fn every_reader_extracts_the_same_token() {
        assert_eq!(read(&[]), Ok(None));
        for header in ["Bearer a.b-c_d~e+f/g=", "bearer  a.b-c_d~e+f/g=", " BEARER a.b-c_d~e+f/g= ", "Bearer a.b-c_d~e+f/g=\t"] {
            assert_eq!(read(&[header]), Ok(Some("a.b-c_d~e+f/g=")), "{header:?}");
        }
    }

    #[test]
    fn ambiguous_authorization_headers_are_refused() {
        let long = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES + 1));
        for header in ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer\ta", "Bearer a,b", "Bearer \u{a0}a", &long] {
            assert_eq!(read(&[header]), Err(MalformedBearer), "{header:?}");
        }
        assert_eq!(read(&["Bearer a", "Bearer b"]), Err(MalformedBearer));
        assert_eq!(bearer([&b"Bearer \xff"[..]]), Err(MalformedBearer));
    }
}
