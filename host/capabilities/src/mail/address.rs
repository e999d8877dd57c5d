//! Which addresses mail can be sent to at all.

use crate::limits;

/// What RFC 5321 calls a mailbox, without quoted local parts and address literals, which nobody has and many servers refuse.
pub(super) fn check(address: &str) -> Result<(), &'static str> {
    if address.len() > limits::MAIL_ADDRESS_BYTES {
        return Err("the address is too long");
    }
    let (local, domain) = address.rsplit_once('@').ok_or("the address has no @")?;
    let local_char = |char: char| char.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(char);
    if local.is_empty() || local.len() > 64 || !local.chars().all(local_char) || badly_dotted(local) {
        return Err("what stands before the @ is not a mailbox");
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|char| char.is_alphanumeric() || char == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    if !domain.split('.').all(label)
        || top.chars().all(|char| char.is_ascii_digit())
        || !(domain.contains('.') || domain == "localhost")
    {
        return Err("what stands after the @ is not a domain");
    }
    Ok(())
}

fn badly_dotted(local: &str) -> bool {
    local.starts_with('.') || local.ends_with('.') || local.contains("..")
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn addresses() {
        let long = format!("{}@example.com", "x".repeat(65));
        for (address, valid) in [
            ("ada@example.com", true),
            ("ada.lovelace+tickets@mail.example.co.uk", true),
            ("o'neil@example.com", true),
            ("dev@localhost", true),
            ("jörg@bücher.example", true),
            ("", false),
            ("ada", false),
            ("@example.com", false),
            ("ada@", false),
            ("ada@example", false),
            ("ada@@example.com", false),
            ("ada @example.com", false),
            ("ada@exam ple.com", false),
            (".ada@example.com", false),
            ("a..b@example.com", false),
            ("ada@-example.com", false),
            ("ada@example..com", false),
            ("ada@127.0.0.1", false),
            ("ada@example.com\r\nBcc: eve@example.com", false),
            ("Ada <ada@example.com>", false),
            ("ada@example.com,eve@example.com", false),
            (long.as_str(), false),
        ] {
            assert_eq!(check(address).is_ok(), valid, "{address}");
        }
    }
}
