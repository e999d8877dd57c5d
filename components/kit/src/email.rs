//! Email addresses: one spelling each.

use crate::limits;

/// The address in lower case and its domain in ASCII, or what is wrong with it.
///
/// Only the shape is checked: whether mail arrives is known when it has. Before the `@` only ASCII passes, since what else there is many
/// servers do not take; an internationalised domain is kept in the form that every server knows (`xn--`, UTS #46). Lower case throughout,
/// though RFC 5321 lets a server tell `A@` from `a@`: none that matters does, and people do not.
///
/// # Errors
/// What is wrong with it.
pub fn normalise(text: &str) -> Result<String, &'static str> {
    const SHAPE: &str = "is not an email address";
    let (local, domain) = text.rsplit_once('@').ok_or(SHAPE)?;
    let domain = if domain.is_ascii() { domain.to_owned() } else { idna::domain_to_ascii_strict(domain).map_err(|_| SHAPE)? };
    if local.len() + 1 + domain.len() > *limits::EMAIL_BYTES.end() {
        return Err("has more than 254 bytes");
    }
    let local_ok =
        local.len() <= limits::EMAIL_LOCAL_BYTES && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom));
    // What ends in a number is an address of a machine, or nothing (RFC 3696 §2).
    let numeric = domain.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let domain_ok = domain.contains('.') && !numeric && domain.split('.').all(is_label);
    if local_ok && domain_ok { Ok(format!("{local}@{domain}").to_ascii_lowercase()) } else { Err(SHAPE) }
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
            ("o'neil@Bücher.example", "o'neil@xn--bcher-kva.example"),
            ("o'neil@bu\u{308}cher.example", "o'neil@xn--bcher-kva.example"),
            ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
            ("a@例え。テスト", "a@xn--r8jz45g.xn--zckzah"),
        ] {
            assert_eq!(normalise(sent).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("a@{}example.com", "a.".repeat(125));
        let long_once_converted = format!("a@{}.example", ["ü".repeat(50).as_str(); 5].join("."));
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
            "a@1.2.3.4",
            "a@example.123",
            "a\n@example.com",
            "é@example.com",
            "<a@example.com>",
            "\"a b\"@example.com",
            "a@bü cher.example",
            "a@bü\u{0}cher.example",
            &long_local,
            &long,
            &long_once_converted,
        ] {
            assert!(normalise(text).is_err(), "{text}");
        }
    }
}
