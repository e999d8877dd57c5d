//! The access token of a request, read in one way by the host and by every component: what the one takes for a token the other does.
//!
//! Programs send it as `Authorization: Bearer …` (RFC 6750), browsers in a cookie that no script reads. Where both are there the header counts: a page
//! that sets it says what it wants, a cookie comes along by itself.

use crate::limits::MAX_TOKEN_BYTES;

/// The cookie that an access token stands in. By its prefix a browser takes it over TLS only, from its own host alone, for all paths.
pub const ACCESS_COOKIE: &str = "__Host-marquee";
/// The cookie that a refresh token stands in. It goes to [`REFRESH_PATH`] only, which the prefix `__Host-` would not permit.
pub const REFRESH_COOKIE: &str = "__Secure-marquee-refresh";
/// Where the refresh token's cookie goes.
pub const REFRESH_PATH: &str = "/api/auth";

/// Where a request's access token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization`.
    Header,
    /// [`ACCESS_COOKIE`].
    Cookie,
}

/// An access token, whatever it is worth, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credential<'a> {
    /// The token.
    pub token: &'a str,
    /// Where it stands.
    pub carrier: Carrier,
}

/// Something stands where a token should, and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCredential {
    /// In `Authorization`.
    #[error("Authorization must be, once: Bearer, a space, the token")]
    Header,
    /// In the cookie.
    #[error("the cookie {ACCESS_COOKIE} must be there once, and be a token")]
    Cookie,
}

/// A request's access token, of its headers `Authorization` and `Cookie` as they are on the wire; none where neither has one.
///
/// # Errors
/// Where there are several, the scheme is another, or what stands there is not one token of at most [`MAX_TOKEN_BYTES`].
pub fn credential<'a>(
    authorization: impl IntoIterator<Item = &'a [u8]>,
    cookies: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<Credential<'a>>, NoCredential> {
    if let Some(token) = bearer(authorization).map_err(|NoToken| NoCredential::Header)? {
        return Ok(Some(Credential { token, carrier: Carrier::Header }));
    }
    let token = cookie(cookies, ACCESS_COOKIE).map_err(|NoToken| NoCredential::Cookie)?;
    Ok(token.map(|token| Credential { token, carrier: Carrier::Cookie }))
}

/// Something that is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoToken;

/// The token in the cookie of this name, of a request's headers `Cookie` as they are on the wire; none where there is no such cookie.
///
/// # Errors
/// Where there are several of that name, so that one of them is not ours (a neighbour's host may have set it), or it is no token.
pub fn cookie<'a>(headers: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Result<Option<&'a str>, NoToken> {
    let mut values = headers.into_iter().flat_map(pairs).filter(|(named, _)| *named == name.as_bytes()).map(|(_, value)| value);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(NoToken);
    }
    let value = std::str::from_utf8(value).map_err(|_| NoToken)?;
    if is_sound(value) { Ok(Some(value)) } else { Err(NoToken) }
}

/// Whether a header `Cookie` has one of ours, whatever it is worth: what the request asks may be asked in somebody's name.
#[must_use]
pub fn has_cookie(header: &[u8]) -> bool {
    pairs(header).any(|(name, _)| name == ACCESS_COOKIE.as_bytes() || name == REFRESH_COOKIE.as_bytes())
}

/// What of a header `Cookie` is ours, as far as it goes to this path; none where nothing is.
#[must_use]
pub fn our_cookies(header: &[u8], path: &str) -> Option<Vec<u8>> {
    let below = path.strip_prefix(REFRESH_PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let ours =
        pairs(header).filter(|(name, _)| *name == ACCESS_COOKIE.as_bytes() || (below && *name == REFRESH_COOKIE.as_bytes()));
    let kept: Vec<Vec<u8>> = ours.map(|(name, value)| [name, b"=", value].concat()).collect();
    (!kept.is_empty()).then(|| kept.join(&b"; "[..]))
}

/// The names and values of a header `Cookie` (RFC 6265 §5.4). Only blanks around them go, and nothing else that a browser may have left in a name: it
/// would pass for another's prefix.
fn pairs(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.split(|byte| *byte == b';').filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at(at);
        Some((trimmed(name), trimmed(value.get(1..)?)))
    })
}

fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn bearer<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<&'a str>, NoToken> {
    let mut headers = headers.into_iter();
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(NoToken);
    }
    // HTTP/1 has no blanks around a value; HTTP/2 may.
    let header = std::str::from_utf8(header).map_err(|_| NoToken)?.trim_matches([' ', '\t']);
    let (scheme, token) = header.split_once(' ').ok_or(NoToken)?;
    let token = token.trim_start_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && is_sound(token) { Ok(Some(token)) } else { Err(NoToken) }
}

/// Whether it is `b64token`, and short enough to be one of ours.
fn is_sound(token: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    !token.is_empty() && token.len() <= MAX_TOKEN_BYTES && token.bytes().all(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(authorization: &[&'a str], cookies: &[&'a str]) -> Result<Option<Credential<'a>>, NoCredential> {
        let bytes = |headers: &[&'a str]| headers.iter().map(|header| header.as_bytes()).collect::<Vec<_>>();
        credential(bytes(authorization), bytes(cookies))
    }

    fn carried(token: &str, carrier: Carrier) -> Result<Option<Credential<'_>>, NoCredential> {
        Ok(Some(Credential { token, carrier }))
    }

    #[test]
    fn everybody_reads_the_same_token() {
        assert_eq!(read(&[], &[]), Ok(None));
        for header in ["Bearer a.b-c_d~e+f/g=", "bearer  a.b-c_d~e+f/g=", " BEARER a.b-c_d~e+f/g= ", "Bearer a.b-c_d~e+f/g=\t"] {
            assert_eq!(read(&[header], &[]), carried("a.b-c_d~e+f/g=", Carrier::Header), "{header:?}");
        }
        for cookies in [
            &["__Host-marquee=a.b-c_d"][..],
            &["theme=dark; __Host-marquee=a.b-c_d;x"],
            &["theme=\"a;b\";\t__Host-marquee = a.b-c_d ; flag"],
            // HTTP/2 may have a header for each.
            &["theme=dark", "__Host-marquee=a.b-c_d", "__Secure-marquee-refresh=r"],
        ] {
            assert_eq!(read(&[], cookies), carried("a.b-c_d", Carrier::Cookie), "{cookies:?}");
        }
    }

    #[test]
    fn what_two_could_read_differently_is_no_token() {
        let long = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES + 1));
        for header in ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer\ta", "Bearer a,b", "Bearer \u{a0}a", &long] {
            assert_eq!(read(&[header], &["__Host-marquee=a"]), Err(NoCredential::Header), "{header:?}");
        }
        assert_eq!(read(&["Bearer a", "Bearer b"], &[]), Err(NoCredential::Header));
        assert_eq!(credential([&b"Bearer \xff"[..]], []), Err(NoCredential::Header));

        let long = format!("__Host-marquee={}", "a".repeat(MAX_TOKEN_BYTES + 1));
        for cookies in [
            &["__Host-marquee="][..],
            &["__Host-marquee=\"a\""],
            &["__Host-marquee=a b"],
            &["__Host-marquee=a,b"],
            &["__Host-marquee=a=b%20"],
            &["__Host-marquee=a; __Host-marquee=a"],
            &["__Host-marquee=a; __Host-marquee=b"],
            &["__Host-marquee=a", "__Host-marquee=b"],
            &[&long],
        ] {
            assert_eq!(read(&[], cookies), Err(NoCredential::Cookie), "{cookies:?}");
        }
        assert_eq!(credential([], [&b"__Host-marquee=\xff"[..]]), Err(NoCredential::Cookie));
    }

    #[test]
    fn a_cookie_of_almost_the_same_name_is_anothers() {
        // What a neighbour's host may set, in browsers that are careless with prefixes.
        for cookie in [
            "__host-marquee=a",
            "__Host-Marquee=a",
            "\u{2000}__Host-marquee=a",
            "\u{a0}__Host-marquee=a",
            "__Host-marquee\u{0}=a",
            "\"__Host-marquee\"=a",
            "$Version=1, __Host-marquee=a",
            "=__Host-marquee=a",
            "__Host-marquee",
            "x__Host-marquee=a",
            "__Host-marquee-refresh=a",
        ] {
            assert_eq!(read(&[], &[cookie]), Ok(None), "{cookie:?}");
        }
    }

    #[test]
    fn the_header_counts_where_both_are_there() {
        assert_eq!(read(&["Bearer a"], &["__Host-marquee=b"]), carried("a", Carrier::Header));
        assert_eq!(read(&["Bearer a"], &["__Host-marquee=b; __Host-marquee=c"]), carried("a", Carrier::Header));
    }

    #[test]
    fn only_our_cookies_go_on_and_only_where_they_are_read() {
        let all = b"_ga=1; __Host-marquee=a;__Secure-marquee-refresh=r; theme=dark";
        assert!(has_cookie(all) && has_cookie(b"__Secure-marquee-refresh=r") && !has_cookie(b"_ga=1; marquee=2"));
        for (path, kept) in [
            ("/api/bookings", &b"__Host-marquee=a"[..]),
            ("/api/auth/refresh", b"__Host-marquee=a; __Secure-marquee-refresh=r"),
            ("/api/auth", b"__Host-marquee=a; __Secure-marquee-refresh=r"),
            ("/api/authority", b"__Host-marquee=a"),
        ] {
            assert_eq!(our_cookies(all, path).as_deref(), Some(kept), "{path}");
        }
        assert_eq!(our_cookies(b"_ga=1; theme", "/api/auth/me"), None);
        // That one came twice is seen behind, too.
        assert_eq!(
            our_cookies(b"__Host-marquee=a; __Host-marquee=b", "/").as_deref(),
            Some(&b"__Host-marquee=a; __Host-marquee=b"[..])
        );
    }

    #[test]
    fn fuzz_cookies() {
        fuzz::text(
            &["_ga=1; __Host-marquee=a.b; __Secure-marquee-refresh=eu_1.abc", "__Host-marquee=a;__Host-marquee=b", "=;=;;"],
            |text| {
                let (all, kept) = (text.as_bytes(), our_cookies(text.as_bytes(), "/api/auth/refresh"));
                assert_eq!(kept.is_some(), has_cookie(all));
                let kept = kept.unwrap_or_default();
                for name in [ACCESS_COOKIE, REFRESH_COOKIE] {
                    assert_eq!(cookie([all], name), cookie([kept.as_slice()], name), "{text}");
                }
            },
        );
    }
}
