//! How an artifact is named: `registry/repository:tag@digest`.

use crate::digest::Digest;
use crate::error::Error;
use crate::limits;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An artifact in a registry, by a tag, a digest or both: then the digest decides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The registry's host, and its port where it names one.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// What is within the registry.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The digest, where it names one.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The tag, where it names one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// What a registry is asked for: the digest, else the tag.
    pub(crate) fn version(&self) -> String {
        self.digest.map_or_else(|| self.tag.clone().unwrap_or_default(), |digest| digest.to_string())
    }

    /// The same repository, and this digest alone: what can never be another thing tomorrow.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// `registry/repository`: what a signature says that it is about.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// Whether the registry is on this machine by its name, so that nobody is in between.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(host(&self.registry))
    }
}

/// Whether a host's name says that it is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn host(registry: &str) -> &str {
    match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => registry,
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |reason| Error::Reference { text: text.chars().take(limits::REFERENCE_BYTES).collect(), reason };
        if text.len() > limits::REFERENCE_BYTES {
            return Err(wrong("it is too long"));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                (name, Some(digest.parse().map_err(|_| wrong("after @ stands sha256: and 64 hexadecimal digits"))?))
            }
            None => (text, None),
        };
        let (registry, rest) = name
            .split_once('/')
            .ok_or_else(|| wrong("write REGISTRY/REPOSITORY:TAG, as in registry.example/shop/marquee:1.2.0"))?;
        if !is_registry(registry) {
            return Err(wrong("it begins with the registry's host, as in registry.example or localhost:5000"));
        }
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        if !is_repository(repository) {
            return Err(wrong("a repository is of lower-case letters and digits, with . _ - and / between them"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong("a tag is of letters, digits, . _ and -, 128 at most"));
        }
        if tag.is_none() && digest.is_none() {
            return Err(wrong("it needs a tag or a digest, as in :1.2.0 or @sha256:…"));
        }
        Ok(Self { registry: registry.to_owned(), repository: repository.to_owned(), tag: tag.map(str::to_owned), digest })
    }
}

/// A name with a dot or a port, or this machine: else it would be a folder of some registry that is nobody's choice.
fn is_registry(text: &str) -> bool {
    let named = text.contains(['.', ':']) || text == "localhost";
    let graphic = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    let url = format!("https://{text}/").parse::<url::Url>();
    named && graphic && url.is_ok_and(|url| url.host_str().is_some() && url.path() == "/")
}

fn is_repository(text: &str) -> bool {
    let part = |part: &str| {
        let alphanumeric = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let inside = part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte));
        alphanumeric(part.bytes().next()) && alphanumeric(part.bytes().last()) && inside && !part.contains("..")
    };
    text.len() <= 255 && text.split('/').all(part)
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_name_a_registry_a_repository_and_a_version() {
        let digest = Digest::of(b"");
        for text in [
            "registry.example/shop/marquee:1.2.0".to_owned(),
            "localhost:5000/marquee:a_b-c.d".to_owned(),
            "[::1]:5000/a:1".to_owned(),
            format!("127.0.0.1:5000/a/b/c@{digest}"),
            format!("registry.example/a:tag@{digest}"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        let both: Reference = format!("registry.example/a:tag@{digest}").parse().unwrap();
        assert_eq!((both.version(), both.tag(), both.name()), (digest.to_string(), Some("tag"), "registry.example/a".to_owned()));
    }

    #[test]
    fn what_names_no_artifact_is_refused() {
        for bad in [
            "",
            "marquee",
            "marquee:1",
            "shop/marquee:1",
            "registry.example/marquee",
            "registry.example/Marquee:1",
            "registry.example/../x:1",
            "registry.example/a/../b:1",
            "registry.example/a//b:1",
            "registry.example/a:-1",
            "registry.example/a:1@sha256:12",
            "registry.example/a:1?x=y",
            "user:pass@registry.example/a:1",
            "http://registry.example/a:1",
            "registry.example:99999/a:1",
            &format!("registry.example/{}:1", "a".repeat(600)),
        ] {
            assert!(matches!(bad.parse::<Reference>(), Err(Error::Reference { .. })), "{bad}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, here) in [
            ("localhost:5000/a:1", true),
            ("127.0.0.1:5000/a:1", true),
            ("127.8.0.1/a:1", true),
            ("[::1]:5000/a:1", true),
            ("localhost.example/a:1", false),
            ("10.0.0.1:5000/a:1", false),
            ("registry.example/a:1", false),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().is_loopback(), here, "{text}");
        }
    }
}
