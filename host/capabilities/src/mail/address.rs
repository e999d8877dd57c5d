//! Which addresses mail can be sent to at all.

use lettre::Address;
use url::{Host, Url};

use crate::limits;

/// Who mail comes from.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    /// What programs show for them, where a message says nothing else.
    pub(super) name: Option<String>,
    pub(super) address: Address,
}

impl Sender {
    /// An address, or `Name <address>`.
    pub(super) fn parse(from: &str) -> Result<Self, &'static str> {
        let from = from.trim();
        let (name, bare) = match from.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, bare)) => (name.trim(), bare),
            None => ("", from),
        };
        let plain = |char: char| char.is_ascii_alphanumeric() || " -_.'".contains(char);
        if !name.chars().all(plain) {
            return Err("its name has more in it than letters, digits, spaces and -_.'");
        }
        Ok(Self { name: Some(name.to_owned()).filter(|name| !name.is_empty()), address: parse(bare)? })
    }
}

/// An address whose domain is as DNS has it.
pub(super) fn parse(text: &str) -> Result<Address, &'static str> {
    check(text)?;
    let wrong = "it is no mailbox";
    let (local, domain) = text.rsplit_once('@').ok_or(wrong)?;
    let domain = Host::parse(domain).map_err(|_| wrong)?;
    Address::new(local, domain.to_string()).map_err(|_| wrong)
}

/// Whether every server can be told of this address, whatever its domain: that is written in ASCII.
pub(super) fn is_ascii_before_the_at(address: &str) -> bool {
    address.rsplit_once('@').is_some_and(|(local, _)| local.is_ascii())
}

/// A link for a header. RFC 8058 wants HTTPS.
pub(super) fn link(text: &str) -> Result<Url, &'static str> {
    if text.len() > limits::MAIL_LINK_BYTES {
        return Err("a link is too long");
    }
    let url = Url::parse(text).map_err(|_| "a link is no URL")?;
    if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
        return Err("a link is not https, or has somebody's name in it");
    }
    // Parsed, what is not ASCII is in percents.
    if url.as_str().len() > limits::MAIL_LINK_BYTES || url.as_str().contains(['<', '>', ' ']) {
        return Err("a link is too long");
    }
    Ok(url)
}

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
    use super::*;

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

    #[test]
    fn senders_and_receivers() {
        let read = |from: &str| Sender::parse(from).map(|sender| (sender.name.unwrap_or_default(), sender.address.to_string()));
        assert_eq!(read("tickets@example.com").unwrap(), (String::new(), "tickets@example.com".to_owned()));
        assert_eq!(
            read(" Marquee Tickets <tickets@bücher.example>").unwrap(),
            ("Marquee Tickets".to_owned(), "tickets@xn--bcher-kva.example".to_owned())
        );
        for from in ["", "nobody", "a\r\nBcc: x <a@example.com>", "\"x\" <a@example.com>", "<a@example.com> b"] {
            assert!(read(from).is_err(), "{from}");
        }
        assert_eq!(parse("jörg@bücher.example").unwrap().to_string(), "jörg@xn--bcher-kva.example");
    }

    #[test]
    fn links() {
        let long = format!("https://example.com/{}", "x".repeat(limits::MAIL_LINK_BYTES));
        let longer_once_encoded = format!("https://example.com/{}", "ü".repeat(limits::MAIL_LINK_BYTES / 3));
        for (text, kept) in [
            ("https://example.com/u?t=1", Some("https://example.com/u?t=1")),
            ("https://bücher.example/ü", Some("https://xn--bcher-kva.example/%C3%BC")),
            ("https://example.com/a\r\nBcc: eve@example.com", Some("https://example.com/aBcc:%20eve@example.com")),
            ("https://example.com/>,<mailto:eve@example.com", Some("https://example.com/%3E,%3Cmailto:eve@example.com")),
            ("http://example.com/", None),
            ("https://me:x@example.com/", None),
            ("mailto:a@example.com", None),
            ("/u", None),
            (long.as_str(), None),
            (longer_once_encoded.as_str(), None),
        ] {
            assert_eq!(link(text).ok().as_ref().map(Url::as_str), kept, "{text}");
        }
    }
}
