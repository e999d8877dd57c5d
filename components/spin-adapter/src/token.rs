//! Access tokens: EdDSA JWTs as `auth` signs them. Pure.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use crate::limits;

/// Who issues them.
const ISSUER: &str = "marquee";
/// Whom they are for.
const AUDIENCE: &str = "marquee-api";
/// The header's `typ`: no other token signed with the same key passes for one (RFC 9068).
const TYPE: &str = "at+jwt";

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Malformed, forged, or not an access token of ours.
    Invalid,
    /// It was good once.
    Expired,
}

/// What a good token says.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// User id.
    pub sub: String,
    /// Session id.
    pub sid: String,
    pub roles: Vec<String>,
    /// Seconds since the epoch.
    pub iat: i64,
    /// Seconds since the epoch; no longer good from then on.
    pub exp: i64,
}

impl Claims {
    /// [`Self::exp`] in microseconds.
    pub fn expires_at(&self) -> i64 {
        self.exp.saturating_mul(1_000_000)
    }
}

/// The id of the key that a token says it is signed with; `None` if it is not an access token of ours.
pub fn key_id(token: &str) -> Option<String> {
    if token.len() > limits::TOKEN_BYTES {
        return None;
    }
    let header = decode_header(token).ok()?;
    let ours = header.alg == Algorithm::EdDSA && header.typ.as_deref() == Some(TYPE) && header.crit.is_none();
    header.kid.filter(|kid| ours && !kid.is_empty() && kid.len() <= limits::KEY_ID_BYTES)
}

/// What `token` says at `now`, in microseconds, if `public_key` (32 bytes, base64url) signed it.
pub fn verify(token: &str, public_key: &str, now: i64) -> Result<Claims, Refusal> {
    key_id(token).ok_or(Refusal::Invalid)?;
    let key = DecodingKey::from_ed_components(public_key).map_err(|_| Refusal::Invalid)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    // By the clock that we were given, to the second.
    validation.validate_exp = false;
    let claims: Claims = decode(token, &key, &validation).map_err(|_| Refusal::Invalid)?.claims;
    if claims.expires_at() <= now {
        return Err(Refusal::Expired);
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    /// RFC 8032, section 7.1, tests 1 and 2: the seed in PKCS#8 DER, and the public key.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const OTHER_PUBLIC: &str = "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw";
    const NOW: i64 = 1_790_000_000_000_000;

    fn key() -> EncodingKey {
        let hex = format!("302e020100300506032b657004220420{SEED}");
        let der: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        EncodingKey::from_ed_der(&der)
    }

    fn header() -> Header {
        Header { typ: Some("at+jwt".to_owned()), kid: Some("k1".to_owned()), ..Header::new(Algorithm::EdDSA) }
    }

    fn claims() -> Value {
        json!({"iss": "marquee", "aud": "marquee-api", "sub": "eu_u", "sid": "eu_s", "roles": ["user"],
               "iat": NOW / 1_000_000, "exp": NOW / 1_000_000 + 900})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        claims
    }

    fn sign(header: &Header, claims: &Value) -> String {
        encode(header, claims, &key()).unwrap()
    }

    #[test]
    fn a_good_token_speaks() {
        let token = sign(&header(), &claims());
        assert_eq!(key_id(&token).as_deref(), Some("k1"));
        let read = verify(&token, PUBLIC, NOW).unwrap();
        assert_eq!((read.sub.as_str(), read.sid.as_str(), read.roles.as_slice()), ("eu_u", "eu_s", &["user".to_owned()][..]));
        assert_eq!(read.expires_at(), NOW + 900_000_000);
    }

    #[test]
    fn a_token_ends_to_the_microsecond() {
        let token = sign(&header(), &claims());
        let end = NOW + 900_000_000;
        assert!(verify(&token, PUBLIC, end - 1).is_ok());
        assert_eq!(verify(&token, PUBLIC, end), Err(Refusal::Expired));
    }

    #[test]
    fn others_are_refused() {
        let good = sign(&header(), &claims());
        let (signed, _) = good.rsplit_once('.').unwrap();
        let (head, _) = good.split_once('.').unwrap();
        let other_body = sign(&header(), &with("sub", json!("eu_v"))).split('.').nth(1).unwrap().to_owned();
        let (_, signature) = good.rsplit_once('.').unwrap();
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoiazEifQ";
        for (name, token) in [
            ("empty", String::new()),
            ("nonsense", "a.b.c".to_owned()),
            ("unsigned", format!("{signed}.")),
            ("alg none", format!("{none}.{}.", signed.split_once('.').unwrap().1)),
            ("another body", format!("{head}.{other_body}.{signature}")),
            ("too long", format!("{good}{}", "A".repeat(limits::TOKEN_BYTES))),
            ("no type", sign(&Header { typ: None, ..header() }, &claims())),
            ("a refresh token", sign(&Header { typ: Some("JWT".to_owned()), ..header() }, &claims())),
            ("no key", sign(&Header { kid: None, ..header() }, &claims())),
            ("critical extensions", sign(&Header { crit: Some(vec!["b64".to_owned()]), ..header() }, &claims())),
            ("another issuer", sign(&header(), &with("iss", json!("someone")))),
            ("no issuer", sign(&header(), &with("iss", Value::Null))),
            ("another audience", sign(&header(), &with("aud", json!("other")))),
            ("no audience", sign(&header(), &with("aud", Value::Null))),
            ("no subject", sign(&header(), &with("sub", Value::Null))),
            ("no session", sign(&header(), &with("sid", Value::Null))),
            ("no end", sign(&header(), &with("exp", Value::Null))),
            ("an end that is text", sign(&header(), &with("exp", json!("later")))),
        ] {
            assert_eq!(verify(&token, PUBLIC, NOW), Err(Refusal::Invalid), "{name}");
        }
        assert_eq!(verify(&good, OTHER_PUBLIC, NOW), Err(Refusal::Invalid));
        assert_eq!(verify(&good, "short", NOW), Err(Refusal::Invalid));
    }
}
