//! Client data (§5.8.1): what the browser says of the page that asked.

use crate::{Error, RelyingParty};
use serde::Deserialize;

/// What of it is looked at.
#[derive(Deserialize)]
pub(crate) struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    pub(crate) challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin")]
    cross_origin: Option<bool>,
    #[serde(rename = "topOrigin")]
    top_origin: Option<String>,
}

impl ClientData {
    /// §7.1, steps 5 and 6; §7.2, steps 8 and 9.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        // UTF-8 decode takes a byte order mark away.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(bytes).map_err(|_| Error::Malformed("clientDataJSON is not client data"))
    }

    /// §7.1, steps 7 to 11, where `kind` is `webauthn.create`; §7.2, steps 10 to 14, where it is `webauthn.get`.
    pub(crate) fn check(&self, kind: &str, challenge: &str, party: &RelyingParty) -> Result<(), Error> {
        // The type is that of the ceremony.
        if self.kind != kind {
            return Err(Error::Type);
        }
        // The challenge is the one that was issued, in base64url.
        if self.challenge != challenge {
            return Err(Error::Challenge);
        }
        // The origin is one that the relying party expects.
        if !party.expects(&self.origin) {
            return Err(Error::Origin);
        }
        // Where `crossOrigin` is true or there is a `topOrigin`, the page is in another site's frame: not expected here.
        if self.cross_origin == Some(true) || self.top_origin.is_some() {
            return Err(Error::Embedded);
        }
        Ok(())
    }
}
