//! Email addresses: one spelling each.

use crate::limits;

/// The address in lower case, or what is wrong with it.
///
/// Only the shape is checked, and only ASCII passes (an internationalised domain in its `xn--` form): whether mail arrives is known
/// when it has. Lower case throughout, though RFC 5321 lets a server tell `A@` from `a@`: none that matters does, and people do not.
pub fn normalise(text: &str) -> Result<String, &'static str> {
    const SHAPE: &str = "is not an email address";
    if text.len() > *limits::EMAIL_BYTES.end() {
        return Err("has more than 254 bytes");
    }
    let (local, domain) = text.rsplit_once('@').ok_or(SHAPE)?;
    let local_ok =
        local.len() <= limits::EMAIL_LOCAL_BYTES && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom));
    let domain_ok = domain.contains('.') && domain.split('.').all(is_label);
    if local_ok && domain_ok { Ok(text.to_ascii_lowercase()) } else { Err(SHAPE) }
}

/// RFC 5322 `atext`.
fn is_atom(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn is_label(label: &str) -> bool {
    limits::DOMAIN_LABEL_BYTES.contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_each() {
        for (sent, kept) in [
            ("a@example.com", "a@example.com"),
            ("Ada.Lovelace+tickets@Example.COM", "ada.lovelace+tickets@example.com"),
            ("o'neil@xn--bcher-kva.example", "o'neil@xn--bcher-kva.example"),
        ] {
            assert_eq!(normalise(sent).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("a@{}example.com", "a.".repeat(125));
        for text in [
            "",
            "@",
            "a",
            "a@",
            "@example.com",
            "a@example",
            "a@@example.com",
            "a b@example.com",
            "a@exam ple.com",
            " a@example.com",
            ".a@example.com",
            "a..b@example.com",
            "a@-example.com",
            "a@example..com",
            "a@example.com.",
            "a\n@example.com",
            "é@example.com",
            "<a@example.com>",
            "\"a b\"@example.com",
            &long_local,
            &long,
        ] {
            assert!(normalise(text).is_err(), "{text}");
        }
    }
}
