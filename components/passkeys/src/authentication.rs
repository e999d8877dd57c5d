//! A login with a passkey: §7.2, "Verifying an Authentication Assertion".

use crate::{
    Error, RelyingParty,
    authenticator_data::AuthenticatorData,
    client_data::ClientData,
    json::{Credential, decoded},
    public_key::PublicKey,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    #[serde(rename = "authenticatorData")]
    authenticator_data: String,
    signature: String,
    #[serde(rename = "userHandle")]
    user_handle: Option<String>,
}

/// What a browser sends of a credential that was used to log in.
pub struct Authentication {
    id: String,
    client_data: ClientData,
    client_data_json: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
    user_handle: Option<Vec<u8>>,
}

/// What the record of a credential says (§4).
#[derive(Debug, Clone, Copy)]
pub struct Passkey<'a> {
    /// What its user is called towards authenticators.
    pub user_handle: &'a [u8],
    /// COSE, in base64url.
    pub public_key: &'a str,
    /// Whether it can be backed up.
    pub backup_eligible: bool,
}

/// What is new of a credential that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// How often the authenticator has signed; 0 where it does not count.
    pub sign_count: u32,
    /// Whether it is backed up now.
    pub backed_up: bool,
}

impl Authentication {
    /// Steps 3 and 7 to 9. Steps 1 and 2 are the page's; what extensions answer (steps 4 and 23) nobody has asked for; and no credentials were
    /// listed (step 5): whoever logs in chooses one.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let (id, response) = Credential::<Response>::parse(json)?;
        let client_data_json = decoded(&response.client_data_json)?;
        Ok(Self {
            id,
            client_data: ClientData::parse(&client_data_json)?,
            client_data_json,
            authenticator_data: decoded(&response.authenticator_data)?,
            signature: decoded(&response.signature)?,
            user_handle: response.user_handle.as_deref().map(decoded).transpose()?,
        })
    }

    /// The challenge that it claims to answer.
    pub fn challenge(&self) -> &str {
        &self.client_data.challenge
    }

    /// The id, in base64url, of the credential whose record is to be looked up.
    pub fn credential_id(&self) -> &str {
        &self.id
    }

    /// Steps 6 and 10 to 21: it answers this challenge, which nobody may have answered before, and was signed with the credential of this record. That
    /// the counter has grown (step 22) the caller sees to when it keeps what is new (step 24), so that of two logins at once one comes first.
    pub fn verify(&self, party: &RelyingParty, challenge: &str, passkey: Passkey<'_>) -> Result<Use, Error> {
        // 6. The user was not known before: the authenticator names them, and the credential is theirs.
        if self.user_handle.as_deref() != Some(passkey.user_handle) {
            return Err(Error::User);
        }
        // 10. The type. 11. The challenge. 12. The origin. 13, 14. No frame of another site.
        self.client_data.check("webauthn.get", challenge, party)?;
        let data = AuthenticatorData::parse(&self.authenticator_data)?;
        // 15. The hash of the relying party's id. 16. Somebody was present. 17. And was verified. 18. What cannot be backed up is not.
        data.check(party)?;
        // 19. Whether it can be backed up never changes.
        if data.backup_eligible() != passkey.backup_eligible {
            return Err(Error::Backup);
        }
        // 20. The hash of the client data.
        let hash: [u8; 32] = Sha256::digest(&self.client_data_json).into();
        // 21. The signature of both.
        let key = PublicKey::parse(&decoded(passkey.public_key)?)?;
        key.verify(&[self.authenticator_data.as_slice(), &hash].concat(), &self.signature)?;
        Ok(Use { sign_count: data.sign_count, backed_up: data.backed_up() })
    }
}
