//! An authenticator in software, with the browser around it: for tests, so it can be made to lie.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use crate::json::encoded;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ciborium::Value;
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// The flags of a user who was present and verified.
pub const VERIFIED: u8 = 0x05;
/// Those of one who was only present.
pub const PRESENT: u8 = 0x01;
/// Added to them: the credential can be backed up, and is.
pub const BACKED_UP: u8 = 0x18;
/// Added to them: it cannot, and is all the same.
pub const BACKED_UP_ALL_THE_SAME: u8 = 0x10;
const NEW_CREDENTIAL: u8 = 0x40;

/// What the browser and the authenticator say.
#[derive(Debug, Clone)]
pub struct Saying {
    /// Of the page that asks.
    pub origin: String,
    /// Whether that page is in another site's frame.
    pub embedded: bool,
    /// The relying party; none: the one that asks.
    pub rp_id: Option<String>,
    /// The type of the client data; none: the right one.
    pub kind: Option<&'static str>,
    /// The challenge that is answered; none: the one that was asked.
    pub challenge: Option<String>,
    /// See [`VERIFIED`].
    pub flags: u8,
    /// The user; none: the one that the credential was made for.
    pub user_handle: Option<String>,
    /// How often the authenticator has signed; none: once more than before.
    pub sign_count: Option<u32>,
    /// Whether the signature is wrong in one bit.
    pub spoiled: bool,
    /// The attestation's format.
    pub format: &'static str,
}

impl Saying {
    /// The truth, from a page of this origin.
    #[must_use]
    pub fn truth(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            embedded: false,
            rp_id: None,
            kind: None,
            challenge: None,
            flags: VERIFIED,
            user_handle: None,
            sign_count: None,
            spoiled: false,
            format: "none",
        }
    }

    fn client_data(&self, kind: &str, options: &Json) -> Vec<u8> {
        let challenge = self.challenge.clone().map_or_else(|| options["challenge"].clone(), Json::from);
        let kind = self.kind.unwrap_or(kind);
        json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.embedded})
            .to_string()
            .into_bytes()
    }
}

/// An authenticator with one credential, an ES256 key.
pub struct Authenticator {
    key: SigningKey,
    id: [u8; 32],
    user_handle: String,
    rp_id: String,
    sign_count: u32,
}

impl Authenticator {
    /// Makes a credential as these options ask (`publicKey` of what the platform answers); gives what the browser then sends.
    #[must_use]
    pub fn create(options: &Json, saying: &Saying) -> (Self, Json) {
        let challenge = options["challenge"].as_str().unwrap();
        let derived = |what: &str| -> [u8; 32] { Sha256::digest(format!("{what} {challenge}")).into() };
        let mut authenticator = Self {
            key: SigningKey::from_bytes(&derived("key").into()).unwrap(),
            id: derived("id"),
            user_handle: options["user"]["id"].as_str().unwrap().to_owned(),
            rp_id: options["rp"]["id"].as_str().unwrap().to_owned(),
            sign_count: 0,
        };
        let point = authenticator.key.verifying_key().to_encoded_point(false);
        let integer = |number: i64| Value::Integer(number.into());
        let public_key = Value::Map(vec![
            (integer(1), integer(2)),
            (integer(3), integer(-7)),
            (integer(-1), integer(1)),
            (integer(-2), Value::Bytes(point.x().unwrap().to_vec())),
            (integer(-3), Value::Bytes(point.y().unwrap().to_vec())),
        ]);
        let client_data = saying.client_data("webauthn.create", options);
        let mut data = authenticator.data(saying, NEW_CREDENTIAL);
        data.extend([0; 16]);
        data.extend(32u16.to_be_bytes());
        data.extend(authenticator.id);
        ciborium::into_writer(&public_key, &mut data).unwrap();
        let statement = if saying.format == "packed" {
            let signature = authenticator.sign(saying, &data, &client_data);
            vec![("alg".into(), integer(-7)), ("sig".into(), Value::Bytes(signature))]
        } else {
            Vec::new()
        };
        let object = Value::Map(vec![
            ("fmt".into(), saying.format.into()),
            ("attStmt".into(), Value::Map(statement)),
            ("authData".into(), Value::Bytes(data)),
        ]);
        let mut attestation_object = Vec::new();
        ciborium::into_writer(&object, &mut attestation_object).unwrap();
        let id = encoded(&authenticator.id);
        let sent = json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encoded(&client_data), "attestationObject": encoded(&attestation_object), "transports": ["internal", "hybrid"],
            },
        });
        (authenticator, sent)
    }

    /// Uses the credential as these options ask; gives what the browser then sends.
    pub fn get(&mut self, options: &Json, saying: &Saying) -> Json {
        let client_data = saying.client_data("webauthn.get", options);
        let data = self.data(saying, 0);
        let signature = self.sign(saying, &data, &client_data);
        let id = encoded(&self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encoded(&client_data), "authenticatorData": encoded(&data), "signature": encoded(&signature),
                "userHandle": saying.user_handle.as_ref().unwrap_or(&self.user_handle),
            },
        })
    }

    /// The user that the credential was made for.
    #[must_use]
    pub fn user_handle(&self) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(&self.user_handle).unwrap()
    }

    fn data(&mut self, saying: &Saying, more_flags: u8) -> Vec<u8> {
        self.sign_count = saying.sign_count.unwrap_or(self.sign_count + 1);
        let mut data = Sha256::digest(saying.rp_id.as_ref().unwrap_or(&self.rp_id)).to_vec();
        data.push(saying.flags | more_flags);
        data.extend(self.sign_count.to_be_bytes());
        data
    }

    fn sign(&self, saying: &Saying, data: &[u8], client_data: &[u8]) -> Vec<u8> {
        let signature: Signature = self.key.sign(&[data, &Sha256::digest(client_data)].concat());
        let mut der = signature.to_der().as_bytes().to_vec();
        if saying.spoiled {
            *der.last_mut().unwrap() ^= 1;
        }
        der
    }
}
