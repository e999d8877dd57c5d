//! A new passkey: §7.1, "Registering a New Credential".

use crate::{
    Error, RelyingParty,
    authenticator_data::{AuthenticatorData, only_item},
    client_data::ClientData,
    json::{Credential, decoded, encoded},
    limits,
    public_key::PublicKey,
};
use ciborium::Value;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// How authenticators can be reached (§5.8.4). Others that a browser names are left out.
const TRANSPORTS: [&str; 6] = ["ble", "hybrid", "internal", "nfc", "smart-card", "usb"];

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    #[serde(rename = "attestationObject")]
    attestation_object: String,
    #[serde(default)]
    transports: Vec<String>,
}

/// What a browser sends of a credential that its authenticator has just made.
pub struct Registration {
    id: String,
    client_data: ClientData,
    client_data_json: Vec<u8>,
    attestation_object: Vec<u8>,
    transports: Vec<&'static str>,
}

/// What is kept of a credential (its record, §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPasskey {
    /// Its id, in base64url.
    pub id: String,
    /// Its public key: COSE, in base64url.
    pub public_key: String,
    /// How often the authenticator has signed; 0 where it does not count.
    pub sign_count: u32,
    /// Whether it can be backed up, or be on several devices.
    pub backup_eligible: bool,
    /// Whether it is.
    pub backed_up: bool,
    /// How its authenticator can be reached.
    pub transports: Vec<&'static str>,
}

impl Registration {
    /// Steps 3, 5 and 6. Steps 1 and 2 are the page's; what extensions answer (steps 4 and 28) nobody has asked for.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let (id, response) = Credential::<Response>::parse(json)?;
        let client_data_json = decoded(&response.client_data_json)?;
        let named = |transport: &&&str| response.transports.iter().any(|named| named == **transport);
        Ok(Self {
            id,
            client_data: ClientData::parse(&client_data_json)?,
            client_data_json,
            attestation_object: decoded(&response.attestation_object)?,
            transports: TRANSPORTS.iter().filter(named).copied().collect(),
        })
    }

    /// The challenge that it claims to answer.
    pub fn challenge(&self) -> &str {
        &self.client_data.challenge
    }

    /// Steps 7 to 25 and 27: the record of a credential that was made for this party in answer to this challenge, which nobody may have answered
    /// before. That no user has a credential of this id (step 26) the caller sees to, when it keeps it (step 29).
    pub fn verify(&self, party: &RelyingParty, challenge: &str) -> Result<NewPasskey, Error> {
        // 7. The type. 8. The challenge. 9. The origin. 10, 11. No frame of another site.
        self.client_data.check("webauthn.create", challenge, party)?;
        // 12. The hash of the client data.
        let hash: [u8; 32] = Sha256::digest(&self.client_data_json).into();
        // 13. The attestation object.
        let AttestationObject { format, statement, authenticator_data } = AttestationObject::parse(&self.attestation_object)?;
        let data = AuthenticatorData::parse(&authenticator_data)?;
        // 14. The hash of the relying party's id. 15. Somebody was present. 16. And was verified. 17. What cannot be backed up is not.
        data.check(party)?;
        // 18, 19. Whether it can be backed up, and is, decides nothing here.
        // 20. The algorithm is one that was asked for: no other key can be read.
        let credential = data.credential.as_ref().ok_or(Error::Malformed("there is no credential in it"))?;
        let key = PublicKey::parse(credential.public_key)?;
        // 21. The format of the attestation. 22. That it is true. 23, 24. Trust: "none" was asked for, and self attestation is as good; neither has
        // anchors. What a manufacturer signs is refused, since nobody here could say whom to believe.
        match format.as_str() {
            "none" if statement.is_empty() => {}
            "packed" => verify_self_attestation(&statement, &key, &[authenticator_data.as_slice(), &hash].concat())?,
            _ => return Err(Error::Attestation),
        }
        // 25. The id is not too long; and it is the one that the browser names.
        if !limits::CREDENTIAL_ID_BYTES.contains(&credential.id.len()) || encoded(credential.id) != self.id {
            return Err(Error::CredentialId);
        }
        // 27. The record.
        Ok(NewPasskey {
            id: self.id.clone(),
            public_key: encoded(credential.public_key),
            sign_count: data.sign_count,
            backup_eligible: data.backup_eligible(),
            backed_up: data.backed_up(),
            transports: self.transports.clone(),
        })
    }
}

/// §8.2, without `x5c`: the credential's own key has signed.
fn verify_self_attestation(statement: &[(Value, Value)], key: &PublicKey, signed: &[u8]) -> Result<(), Error> {
    let (mut algorithm, mut signature) = (None, None);
    for (name, value) in statement {
        match name.as_text() {
            Some("alg") if algorithm.is_none() => algorithm = value.as_integer().and_then(|number| i64::try_from(number).ok()),
            Some("sig") if signature.is_none() => signature = value.as_bytes(),
            _ => return Err(Error::Attestation),
        }
    }
    match (algorithm, signature) {
        (Some(algorithm), Some(signature)) if algorithm == key.algorithm() => {
            key.verify(signed, signature).map_err(|_| Error::Attestation)
        }
        _ => Err(Error::Attestation),
    }
}

/// §6.5.4.
struct AttestationObject {
    format: String,
    statement: Vec<(Value, Value)>,
    authenticator_data: Vec<u8>,
}

impl AttestationObject {
    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        const WRONG: Error = Error::Malformed("the attestation object is none");
        let Value::Map(members) = only_item(bytes)? else { return Err(WRONG) };
        let (mut format, mut statement, mut data) = (None, None, None);
        for (name, value) in members {
            match (name.as_text(), value) {
                (Some("fmt"), Value::Text(text)) if format.is_none() => format = Some(text),
                (Some("attStmt"), Value::Map(members)) if statement.is_none() => statement = Some(members),
                (Some("authData"), Value::Bytes(bytes)) if data.is_none() => data = Some(bytes),
                _ => return Err(WRONG),
            }
        }
        match (format, statement, data) {
            (Some(format), Some(statement), Some(authenticator_data)) => Ok(Self { format, statement, authenticator_data }),
            _ => Err(WRONG),
        }
    }
}
