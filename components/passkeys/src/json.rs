//! The JSON of `PublicKeyCredential.toJSON()` (§5.1, `RegistrationResponseJSON` and `AuthenticationResponseJSON`). Members that nobody needs are
//! left alone: browsers add some.

use crate::{Error, limits};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// A credential, and what its authenticator answered.
#[derive(Deserialize)]
pub(crate) struct Credential<R> {
    id: String,
    #[serde(rename = "rawId")]
    raw_id: String,
    #[serde(rename = "type")]
    kind: String,
    /// What the authenticator answered.
    pub(crate) response: R,
}

impl<'de, R: Deserialize<'de>> Credential<R> {
    /// Reads one; gives its id, too.
    pub(crate) fn parse(text: &'de str) -> Result<(String, R), Error> {
        let credential: Self =
            serde_json::from_str(text).map_err(|_| Error::Malformed("a member is missing, or of another type"))?;
        let Self { id, raw_id, kind, response } = credential;
        if kind != "public-key" {
            return Err(Error::Malformed("its type is not public-key"));
        }
        // Both are the same bytes in base64url (§5.1).
        let length = decoded(&id)?.len();
        if id != raw_id || !limits::CREDENTIAL_ID_BYTES.contains(&length) {
            return Err(Error::CredentialId);
        }
        Ok((id, response))
    }
}

/// The bytes of a member in base64url.
pub(crate) fn decoded(text: &str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Malformed("a member is not base64url"))
}

/// Bytes as such a member has them.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
