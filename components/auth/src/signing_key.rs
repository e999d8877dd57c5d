//! The Ed25519 key that access tokens are signed with, and what such a token says.

use crate::{accounts::User, limits};
use access_token::{AUDIENCE, GUEST_AUDIENCE, ISSUER, PROGRAM_AUDIENCE, Scope, TYPE};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Why there is no key. Never says what the key is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a private key in this form.
    #[error("not an Ed25519 private key as PKCS#8 (`openssl genpkey -algorithm ed25519` makes one)")]
    Malformed,
    /// A token could not be signed.
    #[error("a token could not be signed")]
    Unsigned,
}

/// A private key, with its id.
pub struct SigningKey {
    kid: String,
    key: ed25519_dalek::SigningKey,
    encoding: EncodingKey,
}

/// What an access token says: the names are those of RFC 7519 and RFC 9068, instants in seconds.
#[derive(Debug, Serialize)]
struct Claims<'a> {
    iss: &'static str,
    aud: &'static str,
    sub: &'a str,
    sid: &'a str,
    roles: &'a [String],
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    organiser: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

impl SigningKey {
    /// Reads PKCS#8 in PEM. `\n` may stand for a line's end, as it must in some environments. The id is the key's thumbprint (RFC 7638),
    /// so every node that is given this key knows it by the same id.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let pem = pem.replace("\\n", "\n");
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(pem.trim()).map_err(|_| Error::Malformed)?;
        let public = encode(key.verifying_key().as_bytes());
        let thumbprint = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#));
        Self::new(encode(&thumbprint), key)
    }

    /// Reads what [`Self::private`] gave.
    pub fn from_private(kid: String, private: &str) -> Result<Self, Error> {
        let der = URL_SAFE_NO_PAD.decode(private).map_err(|_| Error::Malformed)?;
        let key = ed25519_dalek::SigningKey::from_pkcs8_der(&der).map_err(|_| Error::Malformed)?;
        Self::new(kid, key)
    }

    /// A key of these 32 random bytes.
    pub fn from_seed(kid: String, seed: &[u8; 32]) -> Result<Self, Error> {
        Self::new(kid, ed25519_dalek::SigningKey::from_bytes(seed))
    }

    fn new(kid: String, key: ed25519_dalek::SigningKey) -> Result<Self, Error> {
        let der = key.to_pkcs8_der().map_err(|_| Error::Malformed)?;
        let encoding = EncodingKey::from_ed_der(der.as_bytes());
        Ok(Self { kid, key, encoding })
    }

    /// The `kid` of its tokens' headers.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public part, 32 bytes in base64url.
    pub fn public(&self) -> String {
        encode(self.key.verifying_key().as_bytes())
    }

    /// The private part, PKCS#8 DER in base64url.
    pub fn private(&self) -> Result<String, Error> {
        let der = self.key.to_pkcs8_der().map_err(|_| Error::Malformed)?;
        Ok(encode(der.as_bytes()))
    }

    /// A secret of this key's own, for what is derived and never shown.
    pub fn secret(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// An access token of somebody with an account, or of a guest, good for [`limits::ACCESS_SECONDS`] from `now` (microseconds) on.
    pub fn access_token(&self, user: &User, session: &str, now: i64) -> Result<String, Error> {
        let iat = now / 1_000_000;
        let exp = iat + limits::ACCESS_SECONDS;
        let aud = if user.guest { GUEST_AUDIENCE } else { AUDIENCE };
        let (sub, roles) = (user.id.as_str(), user.roles.as_slice());
        self.sign(&Claims { iss: ISSUER, aud, sub, sid: session, roles, iat, exp, organiser: None, scope: None })
    }

    /// The access token of an API key, good for this much from `now` on, and so many seconds. It stands for the key and for nobody.
    pub fn program_token(&self, key: &str, scope: &Scope, now: i64, seconds: i64) -> Result<String, Error> {
        let iat = now / 1_000_000;
        let (organiser, permissions) = (Some(scope.organiser.as_str()), Some(scope.permissions.join(" ")));
        self.sign(&Claims {
            iss: ISSUER,
            aud: PROGRAM_AUDIENCE,
            sub: key,
            sid: key,
            roles: &[],
            iat,
            exp: iat + seconds,
            organiser,
            scope: permissions,
        })
    }

    fn sign(&self, claims: &Claims) -> Result<String, Error> {
        let header = Header { typ: Some(TYPE.to_owned()), kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(|_| Error::Unsigned)
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::Value;

    /// The example of RFC 8410 §10.3, and the public key that it gives in §10.1.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE";

    #[test]
    fn a_configured_key_has_the_same_id_everywhere() {
        let key = SigningKey::from_pem(PEM).unwrap();
        assert_eq!(key.kid(), SigningKey::from_pem(&PEM.replace('\n', "\\n")).unwrap().kid());
        assert_eq!(key.kid().len(), 43);
        for nonsense in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "secret"] {
            assert_eq!(SigningKey::from_pem(nonsense).err(), Some(Error::Malformed));
        }
    }

    #[test]
    fn thumbprints_follow_rfc_8037() {
        // RFC 8037, appendices A.1 to A.3.
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let made = SigningKey::from_seed("any".to_owned(), &seed.try_into().unwrap()).unwrap();
        assert_eq!(made.public(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        let pem = made.key.to_pkcs8_pem(ed25519_dalek::pkcs8::spki::der::pem::LineEnding::LF).unwrap();
        assert_eq!(SigningKey::from_pem(&pem).unwrap().kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_kept_key_comes_back() {
        let key = SigningKey::from_seed("dev-eu".to_owned(), &[7; 32]).unwrap();
        let again = SigningKey::from_private("dev-eu".to_owned(), &key.private().unwrap()).unwrap();
        assert_eq!(again.public(), key.public());
        assert!(SigningKey::from_private("dev-eu".to_owned(), "nonsense").is_err());
    }

    #[test]
    fn a_token_says_who_and_until_when() {
        let key = SigningKey::from_pem(PEM).unwrap();
        assert_eq!(key.public(), PUBLIC);
        let now = jsonwebtoken::get_current_timestamp() as i64 * 1_000_000;
        let mut user = User {
            id: "eu_1".to_owned(),
            email: String::new(),
            email_verified: false,
            name: String::new(),
            language: String::new(),
            roles: vec!["user".to_owned()],
            guest: false,
        };
        let token = key.access_token(&user, "eu_2", now).unwrap();

        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        let public = DecodingKey::from_ed_components(PUBLIC).unwrap();
        let read = jsonwebtoken::decode::<Value>(&token, &public, &validation).unwrap();
        assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));
        assert_eq!(read.header.kid.as_deref(), Some(key.kid()));
        assert_eq!(
            read.claims,
            serde_json::json!({
                "iss": "marquee", "aud": "marquee-api", "sub": "eu_1", "sid": "eu_2", "roles": ["user"],
                "iat": now / 1_000_000, "exp": now / 1_000_000 + 900,
            })
        );
        user.guest = true;
        let token = key.access_token(&user, "eu_2", now).unwrap();
        assert!(jsonwebtoken::decode::<Value>(&token, &public, &validation).is_err(), "a guest's is no person's");
        let read = access_token::Verifier::default().verify(&token, &access_token::PublicKey::parse(PUBLIC).unwrap()).unwrap();
        assert!(read.guest);
    }

    #[test]
    fn a_programs_token_is_read_as_one() {
        let key = SigningKey::from_pem(PEM).unwrap();
        let (now, scope) = (
            1_790_000_000_000_000,
            Scope { organiser: "eu_o".to_owned(), permissions: vec!["check-in".into(), "refund".into()] },
        );
        let token = key.program_token("eu_k", &scope, now, 60).unwrap();
        let read = access_token::Verifier::default().verify(&token, &access_token::PublicKey::parse(PUBLIC).unwrap()).unwrap();
        assert_eq!((read.subject.as_str(), read.session.as_str(), read.scope), ("eu_k", "eu_k", Some(scope)));
        assert_eq!((read.expires_at, read.roles), (now + 60_000_000, Vec::<String>::new()));
    }
}
