//! Access tokens: EdDSA JWTs (RFC 9068) that `auth` signs, and the one rule by which everybody else verifies them. No I/O and no clock.

pub mod limits;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

/// Who issues the tokens.
pub const ISSUER: &str = "marquee";
/// What a person's are for.
pub const AUDIENCE: &str = "marquee-api";
/// What an organiser's programs' are for, who have theirs for an API key. Another audience, so that nobody who knows of no programs takes one for a
/// person's.
pub const PROGRAM_AUDIENCE: &str = "marquee-organiser";
/// What a guest's are for, who buys with an address alone. Another audience for the same reason.
pub const GUEST_AUDIENCE: &str = "marquee-guest";
/// The header's `typ`: no other token signed with the same key passes for one (RFC 9068).
pub const TYPE: &str = "at+jwt";

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Malformed, forged, not an access token of ours, or one that was never issued here.
    Invalid,
    /// It was good once.
    Expired,
}

/// What a good token says. Instants are microseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// User id; of a program the id of its API key.
    pub subject: String,
    /// Session id; of a program the id of its API key, which ends as a session does.
    pub session: String,
    /// Roles when it was issued: they inform, and permit nothing.
    pub roles: Vec<String>,
    /// No longer good from then on.
    pub expires_at: i64,
    /// Of a program: all that its token is good for.
    pub scope: Option<Scope>,
    /// Whether it is a guest's, which is good for a checkout and nothing else.
    pub guest: bool,
}

/// What the token of an API key is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The only organiser that it may act for.
    pub organiser: String,
    /// What it may do for that one, by the names of permissions; who knows one of them not goes without it.
    pub permissions: Vec<String>,
}

/// As the payload has it: names of RFC 7519 and RFC 8693, instants in seconds.
#[derive(Deserialize)]
struct Payload {
    aud: String,
    sub: String,
    sid: String,
    roles: Vec<String>,
    iat: i64,
    exp: i64,
    organiser: Option<String>,
    scope: Option<String>,
}

/// The public part of a key.
#[derive(Clone)]
pub struct PublicKey(DecodingKey);

impl PublicKey {
    /// Reads an Ed25519 key: 32 bytes, base64url without padding.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        DecodingKey::from_ed_components(text).ok().map(Self)
    }
}

/// Verifies tokens.
pub struct Verifier(Validation);

impl Default for Verifier {
    fn default() -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE, PROGRAM_AUDIENCE, GUEST_AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // [`judge`] looks at it, to the microsecond and by the clock that it is given.
        validation.validate_exp = false;
        Self(validation)
    }
}

/// The id of the key that a token says it is signed with; none where it is not an access token of ours.
#[must_use]
pub fn key_id(token: &str) -> Option<String> {
    if token.len() > limits::TOKEN_BYTES {
        return None;
    }
    let header = decode_header(token).ok()?;
    let ours = header.alg == Algorithm::EdDSA && header.typ.as_deref() == Some(TYPE) && header.crit.is_none();
    header.kid.filter(|kid| ours && limits::KEY_ID_BYTES.contains(&kid.len()))
}

impl Verifier {
    /// Checks all of a token that stays as it is: signature, issuer, audience, and that it lasts no longer than those that are issued.
    ///
    /// # Errors
    /// [`Refusal::Invalid`]
    pub fn verify(&self, token: &str, key: &PublicKey) -> Result<Claims, Refusal> {
        key_id(token).ok_or(Refusal::Invalid)?;
        let Payload { aud, sub, sid, roles, iat, exp, organiser, scope } =
            decode(token, &key.0, &self.0).map_err(|_| Refusal::Invalid)?.claims;
        let scope = match (aud == PROGRAM_AUDIENCE, organiser, scope) {
            (false, None, None) => None,
            (true, Some(organiser), Some(scope)) => {
                Some(Scope { organiser, permissions: scope.split_ascii_whitespace().map(str::to_owned).collect() })
            }
            // Neither a person's, nor a guest's, nor a program's.
            _ => return Err(Refusal::Invalid),
        };
        let lifetime = exp.checked_sub(iat).ok_or(Refusal::Invalid)?;
        if !(1..=limits::LIFETIME_SECONDS + limits::LEEWAY_SECONDS).contains(&lifetime) {
            return Err(Refusal::Invalid);
        }
        let expires_at = exp.checked_mul(1_000_000).ok_or(Refusal::Invalid)?;
        Ok(Claims { subject: sub, session: sid, roles, expires_at, scope, guest: aud == GUEST_AUDIENCE })
    }
}

/// Checks what changes with time. One that ends later than any that could have been issued by `now` was not issued yet: else a lifetime would
/// not bind a signer who may choose when it begins.
///
/// # Errors
/// Why it is not good at `now`, microseconds.
pub const fn judge(expires_at: i64, now: i64) -> Result<(), Refusal> {
    if expires_at <= now {
        Err(Refusal::Expired)
    } else if expires_at.saturating_sub(now) > (limits::LIFETIME_SECONDS + 2 * limits::LEEWAY_SECONDS) * 1_000_000 {
        Err(Refusal::Invalid)
    } else {
        Ok(())
    }
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
    const SECOND: i64 = 1_000_000;

    fn key() -> EncodingKey {
        let hex = format!("302e020100300506032b657004220420{SEED}");
        let der: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        EncodingKey::from_ed_der(&der)
    }

    fn header() -> Header {
        Header { typ: Some(TYPE.to_owned()), kid: Some("k1".to_owned()), ..Header::new(Algorithm::EdDSA) }
    }

    fn claims() -> Value {
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "eu_u", "sid": "eu_s", "roles": ["user"],
               "iat": NOW / SECOND, "exp": NOW / SECOND + 900})
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

    fn check(token: &str, public: &str, now: i64) -> Result<Claims, Refusal> {
        let claims = Verifier::default().verify(token, &PublicKey::parse(public).unwrap())?;
        judge(claims.expires_at, now).map(|()| claims)
    }

    #[test]
    fn a_valid_token_expires_to_the_microsecond() {
        let token = sign(&header(), &claims());
        assert_eq!(key_id(&token).as_deref(), Some("k1"));
        let end = NOW + 900 * SECOND;
        let read = check(&token, PUBLIC, end - 1).unwrap();
        assert_eq!(
            (read.subject.as_str(), read.session.as_str(), read.roles.as_slice()),
            ("eu_u", "eu_s", &["user".to_owned()][..])
        );
        assert_eq!(read.expires_at, end);
        assert_eq!(check(&token, PUBLIC, end), Err(Refusal::Expired));
    }

    fn of_a_program() -> Value {
        json!({"iss": ISSUER, "aud": PROGRAM_AUDIENCE, "sub": "eu_k", "sid": "eu_k", "roles": [], "iat": NOW / SECOND, "exp": NOW / SECOND + 900,
               "organiser": "eu_o", "scope": "see-orders refund"})
    }

    #[test]
    fn a_programs_token_says_what_it_is_good_for_and_passes_for_nobody_elses() {
        let read = check(&sign(&header(), &of_a_program()), PUBLIC, NOW).unwrap();
        let permissions = vec!["see-orders".to_owned(), "refund".to_owned()];
        assert_eq!(read.scope, Some(Scope { organiser: "eu_o".to_owned(), permissions }));
        assert_eq!(check(&sign(&header(), &claims()), PUBLIC, NOW).unwrap().scope, None);
        for (name, value) in [
            ("aud", json!(AUDIENCE)),
            ("aud", json!([AUDIENCE, PROGRAM_AUDIENCE])),
            ("organiser", Value::Null),
            ("scope", Value::Null),
        ] {
            let mut mixed = of_a_program();
            mixed[name] = value;
            assert_eq!(check(&sign(&header(), &mixed), PUBLIC, NOW), Err(Refusal::Invalid), "{name}: {mixed}");
        }
        for (name, value) in [("scope", json!("refund")), ("organiser", json!("eu_o")), ("aud", json!(PROGRAM_AUDIENCE))] {
            assert_eq!(check(&sign(&header(), &with(name, value)), PUBLIC, NOW), Err(Refusal::Invalid), "a person's with {name}");
        }
        // One that permits nothing is one all the same, and no person's.
        let mut nothing = of_a_program();
        nothing["scope"] = json!("");
        assert_eq!(check(&sign(&header(), &nothing), PUBLIC, NOW).unwrap().scope.unwrap().permissions, Vec::<String>::new());
    }

    #[test]
    fn a_guests_token_says_that_it_is_one() {
        assert!(check(&sign(&header(), &with("aud", json!(GUEST_AUDIENCE))), PUBLIC, NOW).unwrap().guest);
        for token in [claims(), of_a_program()] {
            assert!(!check(&sign(&header(), &token), PUBLIC, NOW).unwrap().guest, "{token}");
        }
        let mut mixed = of_a_program();
        for audience in [json!(GUEST_AUDIENCE), json!([AUDIENCE, GUEST_AUDIENCE])] {
            mixed["aud"] = audience;
            assert_eq!(check(&sign(&header(), &mixed), PUBLIC, NOW), Err(Refusal::Invalid), "{mixed}");
        }
        assert_eq!(check(&sign(&header(), &with("aud", json!([AUDIENCE, GUEST_AUDIENCE]))), PUBLIC, NOW), Err(Refusal::Invalid));
    }

    #[test]
    fn a_token_that_lasts_longer_than_those_that_are_issued_is_refused() {
        let longest = limits::LIFETIME_SECONDS + limits::LEEWAY_SECONDS;
        let lasting = |seconds: i64| sign(&header(), &with("exp", json!(NOW / SECOND + seconds)));
        assert!(check(&lasting(longest), PUBLIC, NOW).is_ok());
        for seconds in [longest + 1, 86_400, i64::MAX - NOW / SECOND, 0, -1] {
            assert_eq!(check(&lasting(seconds), PUBLIC, NOW - 10 * SECOND), Err(Refusal::Invalid), "{seconds}");
        }
        // A signer who chooses when it begins may not choose when it ends.
        let later = |seconds: i64| {
            let mut claims = with("iat", json!(NOW / SECOND + seconds));
            claims["exp"] = json!(NOW / SECOND + seconds + 900);
            sign(&header(), &claims)
        };
        assert!(check(&later(limits::LEEWAY_SECONDS), PUBLIC, NOW).is_ok());
        assert_eq!(check(&later(86_400), PUBLIC, NOW), Err(Refusal::Invalid));
        assert_eq!(check(&sign(&header(), &with("iat", json!(i64::MIN))), PUBLIC, NOW), Err(Refusal::Invalid));
    }

    #[test]
    fn invalid_tokens_are_refused() {
        let good = sign(&header(), &claims());
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let (head, body) = signed.split_once('.').unwrap();
        let other_body = sign(&header(), &with("sub", json!("eu_v"))).split('.').nth(1).unwrap().to_owned();
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoiazEifQ";
        for (name, token) in [
            ("empty", String::new()),
            ("nonsense", "a.b.c".to_owned()),
            ("unsigned", format!("{signed}.")),
            ("alg none", format!("{none}.{body}.")),
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
            ("no beginning", sign(&header(), &with("iat", Value::Null))),
            ("no end", sign(&header(), &with("exp", Value::Null))),
            ("an end that is text", sign(&header(), &with("exp", json!("later")))),
        ] {
            assert_eq!(check(&token, PUBLIC, NOW), Err(Refusal::Invalid), "{name}");
        }
        assert_eq!(check(&good, OTHER_PUBLIC, NOW), Err(Refusal::Invalid));
        assert!(PublicKey::parse("short").is_none_or(|key| Verifier::default().verify(&good, &key).is_err()));
    }

    #[test]
    fn fuzz_tokens() {
        let good = sign(&header(), &claims());
        let other = sign(&header(), &of_a_program());
        let (head, rest) = good.split_once('.').unwrap();
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoiazEifQ";
        let (verifier, key) = (Verifier::default(), PublicKey::parse(PUBLIC).unwrap());
        fuzz::text(&[&good, &other, &format!("{none}.{rest}"), head, "a.b.c"], |text| {
            // No combination or re-encoding of good tokens is a good one.
            let known = key_id(text);
            match verifier.verify(text, &key) {
                Ok(claims) => assert!((text == good || text == other) && known.is_some(), "{text}: {claims:?}"),
                Err(refusal) => assert_eq!(refusal, Refusal::Invalid),
            }
        });
    }
}
