//! Who a token speaks for, by public keys alone: `marquee:edge/identity`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use capabilities::edge::{Claims, Refusal};
use futures::future::BoxFuture;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use read_model::Fact;
use serde::Deserialize;
use telemetry::{Finding, Health, Needed};

use crate::clock;
use crate::limits;
use crate::tokens::{self, Tokens, Verified};

/// Who issues the tokens.
const ISSUER: &str = "marquee";
/// Whom they are for.
const AUDIENCE: &str = "marquee-api";
/// The header's `typ`: no other token signed with the same key passes for one (RFC 9068).
const TYPE: &str = "at+jwt";

/// Public keys and revoked sessions, from the feeds of all regions that a node follows: each repeats what the region of the accounts says. Cheap to
/// clone; clones are one.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    known: RwLock<Known>,
    validation: Validation,
    tokens: Tokens,
}

#[derive(Default)]
struct Known {
    /// A snapshot has been there: before that, a session that is not known to be revoked may well be.
    complete: bool,
    /// By region, then by id: a snapshot replaces those of its region.
    keys: BTreeMap<Arc<str>, HashMap<String, DecodingKey>>,
    /// Grows with every change of the keys: what was verified with others is verified again.
    keys_changed: u64,
    /// Session id to when it may be forgotten, microseconds. What was revoked stays so, whichever region said it: only time undoes it.
    revoked: HashMap<String, i64>,
    since_tidied: usize,
}

/// The feed says more than this node may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Too many keys.
    #[error("more than {} public keys", limits::KEYS)]
    Keys,
    /// Too many revoked sessions whose tokens might still be good.
    #[error("more than {} revoked sessions", limits::REVOKED_SESSIONS)]
    Sessions,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("ready", &self.ready()).finish_non_exhaustive()
    }
}

impl Default for Identity {
    fn default() -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // Checked here, to the microsecond and without leeway, as everywhere else.
        validation.validate_exp = false;
        Self(Arc::new(Inner { known: RwLock::default(), validation, tokens: Tokens::default() }))
    }
}

#[derive(Deserialize)]
struct Token {
    sub: String,
    sid: String,
    roles: Vec<String>,
    /// Seconds.
    exp: i64,
}

impl Identity {
    /// Whether it has keys and revocations, without which it can verify nothing.
    #[must_use]
    pub fn ready(&self) -> bool {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        known.complete && known.has_keys()
    }

    /// Registers what can be said about it, for the node of this name: it is ready once it can verify.
    pub fn register(&self, node: &str, health: &Health) {
        let identity = self.clone();
        health.register(format!("{node}-identity"), Needed::Ready, move || {
            if identity.ready() { Finding::up("has keys and revocations") } else { Finding::down("no public keys yet") }
        });
    }

    /// Takes in a region's snapshot: its keys replace those known of it. Who keeps no accounts repeats a revocation before the key of its token, so
    /// that keys that are there come with what was revoked.
    pub(crate) fn replace(&self, region: &str, facts: &[Fact]) -> Result<(), Full> {
        let now = clock::now();
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        known.tidy(now);
        known.keys.remove(region);
        known.keys_changed += 1;
        for fact in facts {
            known.apply(region, fact, now)?;
        }
        known.complete = true;
        Ok(())
    }

    /// Applies what follows in a region.
    pub(crate) fn apply(&self, region: &str, facts: &[Fact]) -> Result<(), Full> {
        if !facts.iter().any(|fact| matches!(fact, Fact::Key { .. } | Fact::SessionRevoked { .. })) {
            return Ok(());
        }
        let now = clock::now();
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        facts.iter().try_for_each(|fact| known.apply(region, fact, now))
    }

    /// Sessions that are known to have ended while their tokens might still be good, and until when they might.
    #[must_use]
    pub fn revoked(&self) -> Vec<(String, i64)> {
        let now = clock::now();
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        known.revoked.iter().filter(|(_, until)| **until > now).map(|(session, until)| (session.clone(), *until)).collect()
    }

    /// Whose token it is, if it is good.
    #[must_use]
    pub fn user(&self, token: &str) -> Option<String> {
        self.check(token, clock::now()).ok().map(|claims| claims.subject)
    }

    /// What a token says at `now`, microseconds. Whether it has ended or was revoked is looked at every time; its signature once.
    fn check(&self, token: &str, now: i64) -> Result<Claims, Refusal> {
        if token.len() > limits::TOKEN_BYTES {
            return Err(Refusal::Invalid);
        }
        let digest = tokens::digest(token);
        if let Some(Verified { claims, keys }) = self.0.tokens.get(&digest)
            && let Some(judged) = self.judge(&claims, keys, now)
        {
            return judged.map(|()| claims);
        }
        let verified = self.verify(token)?;
        self.0.tokens.put(digest, verified.clone());
        let Verified { claims, keys } = verified;
        // The keys may have changed since: then it is no longer known that it is good.
        self.judge(&claims, keys, now).unwrap_or(Err(Refusal::Unavailable(limits::RETRY_MS)))?;
        Ok(claims)
    }

    /// Whether claims that were good with these keys still are; none: the keys are others now.
    fn judge(&self, claims: &Claims, keys: u64, now: i64) -> Option<Result<(), Refusal>> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.keys_changed != keys {
            return None;
        }
        Some(if claims.expires_at <= now {
            Err(Refusal::Expired)
        } else if known.revoked.contains_key(&claims.session) {
            Err(Refusal::Revoked)
        } else {
            Ok(())
        })
    }

    /// Checks everything about a token that stays as it is.
    fn verify(&self, token: &str) -> Result<Verified, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::Invalid)?;
        if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TYPE) || header.crit.is_some() {
            return Err(Refusal::Invalid);
        }
        let kid = header.kid.ok_or(Refusal::Invalid)?;
        let (key, keys) = {
            let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
            if !known.complete || !known.has_keys() {
                return Err(Refusal::Unavailable(limits::RETRY_MS));
            }
            (known.key(&kid).cloned().ok_or(Refusal::Invalid)?, known.keys_changed)
        };
        // Not under the lock: this is the dear part.
        let token = decode::<Token>(token, &key, &self.0.validation).map_err(|_| Refusal::Invalid)?.claims;
        let expires_at = token.exp.saturating_mul(1_000_000);
        Ok(Verified { claims: Claims { subject: token.sub, session: token.sid, roles: token.roles, expires_at }, keys })
    }
}

impl Known {
    fn has_keys(&self) -> bool {
        self.keys.values().any(|keys| !keys.is_empty())
    }

    fn key(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.values().find_map(|keys| keys.get(kid))
    }

    /// Forgets what says nothing any more.
    fn tidy(&mut self, now: i64) {
        self.since_tidied = 0;
        self.revoked.retain(|_, until| *until > now);
    }

    fn apply(&mut self, region: &str, fact: &Fact, now: i64) -> Result<(), Full> {
        match fact {
            Fact::Key { kid, public_key } => {
                let Ok(key) = DecodingKey::from_ed_components(public_key) else {
                    tracing::error!(kid, "a public key of the feed is not one");
                    return Ok(());
                };
                let keys = self.keys.entry(region.into()).or_default();
                if keys.len() >= limits::KEYS && !keys.contains_key(kid) {
                    return Err(Full::Keys);
                }
                keys.insert(kid.clone(), key);
                self.keys_changed += 1;
            }
            Fact::SessionRevoked { session, until } if *until > now => {
                self.since_tidied += 1;
                if self.since_tidied >= limits::TIDY_EVERY {
                    self.tidy(now);
                }
                if self.revoked.len() >= limits::REVOKED_SESSIONS {
                    return Err(Full::Sessions);
                }
                self.revoked.insert(session.clone(), *until);
            }
            Fact::SessionRevoked { .. } | Fact::Event(_) | Fact::Availability(_) => {}
        }
        Ok(())
    }
}

impl capabilities::identity::Identity for Identity {
    fn verify(&self, token: String) -> BoxFuture<'_, Result<Claims, Refusal>> {
        Box::pin(std::future::ready(self.check(&token, clock::now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    /// RFC 8032, section 7.1, tests 1 and 2: the seed in PKCS#8 DER, and public keys.
    const SEED: &str = "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const OTHER: &str = "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw";
    const NOW: i64 = 1_790_000_000_000_000;

    fn sign(header: &Header, claims: &Value) -> String {
        let der: Vec<u8> = (0..SEED.len()).step_by(2).map(|at| u8::from_str_radix(&SEED[at..at + 2], 16).unwrap()).collect();
        encode(header, claims, &EncodingKey::from_ed_der(&der)).unwrap()
    }

    fn header() -> Header {
        Header { typ: Some(TYPE.to_owned()), kid: Some("k1".to_owned()), ..Header::new(Algorithm::EdDSA) }
    }

    fn claims() -> Value {
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "eu_u", "sid": "eu_s", "roles": ["user"], "iat": NOW / 1_000_000, "exp": NOW / 1_000_000 + 900})
    }

    fn without(name: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn key(public_key: &str) -> Fact {
        Fact::Key { kid: "k1".to_owned(), public_key: public_key.to_owned() }
    }

    fn identity() -> Identity {
        let identity = Identity::default();
        identity.replace("eu", &[key(PUBLIC)]).unwrap();
        identity
    }

    #[test]
    fn a_good_token_speaks_until_it_ends() {
        let (identity, token) = (identity(), sign(&header(), &claims()));
        let end = NOW + 900_000_000;
        let read = identity.check(&token, end - 1).unwrap();
        assert_eq!((read.subject.as_str(), read.session.as_str(), read.expires_at), ("eu_u", "eu_s", end));
        assert_eq!(identity.check(&token, end), Err(Refusal::Expired));
    }

    #[test]
    fn others_are_refused() {
        let good = sign(&header(), &claims());
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let other = sign(&header(), &with("sub", json!("eu_v")));
        let swapped = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
        for (name, token) in [
            ("empty", String::new()),
            ("nonsense", "a.b.c".to_owned()),
            ("unsigned", format!("{signed}.")),
            ("another body", swapped),
            ("too long", format!("{good}{}", "A".repeat(limits::TOKEN_BYTES))),
            ("no type", sign(&Header { typ: None, ..header() }, &claims())),
            ("another type", sign(&Header { typ: Some("JWT".to_owned()), ..header() }, &claims())),
            ("no key id", sign(&Header { kid: None, ..header() }, &claims())),
            ("an unknown key id", sign(&Header { kid: Some("k2".to_owned()), ..header() }, &claims())),
            ("another issuer", sign(&header(), &with("iss", json!("x")))),
            ("another audience", sign(&header(), &with("aud", json!("x")))),
            ("no subject", sign(&header(), &without("sub"))),
            ("no session", sign(&header(), &without("sid"))),
            ("no issuer", sign(&header(), &without("iss"))),
            ("no audience", sign(&header(), &without("aud"))),
            ("no end", sign(&header(), &without("exp"))),
        ] {
            assert_eq!(identity().check(&token, NOW), Err(Refusal::Invalid), "{name}");
        }
        let forged = Identity::default();
        forged.replace("eu", &[key(OTHER)]).unwrap();
        assert_eq!(forged.check(&good, NOW), Err(Refusal::Invalid));
    }

    #[test]
    fn nothing_is_verified_before_keys_and_revocations_are_there() {
        let (identity, token) = (Identity::default(), sign(&header(), &claims()));
        identity.apply("eu", &[key(PUBLIC)]).unwrap();
        assert!(!identity.ready());
        assert!(matches!(identity.check(&token, NOW), Err(Refusal::Unavailable(_))));
        identity.replace("eu", &[]).unwrap();
        assert!(!identity.ready());
        identity.apply("eu", &[key(PUBLIC)]).unwrap();
        assert!(identity.ready());
        assert!(identity.check(&token, NOW).is_ok());
    }

    #[test]
    fn any_region_may_bring_keys_and_revocations() {
        let (identity, token) = (Identity::default(), sign(&header(), &claims()));
        // One that has not heard of the accounts yet: nothing can be verified with that.
        identity.replace("us", &[]).unwrap();
        assert!(!identity.ready());
        let until = clock::now() + 900_000_000;
        identity.replace("us", &[key(PUBLIC)]).unwrap();
        assert!(identity.ready() && identity.check(&token, NOW).is_ok());
        identity.replace("eu", &[key(PUBLIC), Fact::SessionRevoked { session: "eu_s".to_owned(), until }]).unwrap();
        assert_eq!(identity.check(&token, NOW), Err(Refusal::Revoked));
        // What the other has not heard yet stays revoked; a key is good while anybody has it.
        identity.replace("us", &[]).unwrap();
        assert_eq!(identity.check(&token, NOW), Err(Refusal::Revoked));
        identity.replace("eu", &[]).unwrap();
        assert!(!identity.ready());
    }

    #[test]
    fn a_revoked_session_is_refused() {
        let (identity, token) = (identity(), sign(&header(), &claims()));
        let until = clock::now() + 900_000_000;
        identity.apply("eu", &[Fact::SessionRevoked { session: "eu_other".to_owned(), until }]).unwrap();
        assert!(identity.check(&token, NOW).is_ok());
        identity.apply("eu", &[Fact::SessionRevoked { session: "eu_s".to_owned(), until }]).unwrap();
        assert_eq!(identity.check(&token, NOW), Err(Refusal::Revoked));
    }

    #[test]
    fn what_is_remembered_of_a_token_neither_outlives_its_session_nor_its_key() {
        let (identity, token) = (identity(), sign(&header(), &claims()));
        for _ in 0..3 {
            assert_eq!(identity.check(&token, NOW).unwrap().subject, "eu_u");
        }
        let end = NOW + 900_000_000;
        assert_eq!(identity.check(&token, end), Err(Refusal::Expired));
        // A new key changes nothing for what was signed with the old one; without the old one it is worth nothing.
        identity.apply("eu", &[Fact::Key { kid: "k2".to_owned(), public_key: OTHER.to_owned() }]).unwrap();
        assert!(identity.check(&token, NOW).is_ok());
        identity.replace("eu", &[Fact::Key { kid: "k2".to_owned(), public_key: OTHER.to_owned() }]).unwrap();
        assert_eq!(identity.check(&token, NOW), Err(Refusal::Invalid));
        identity.replace("eu", &[key(PUBLIC)]).unwrap();
        assert!(identity.check(&token, NOW).is_ok());
        let until = clock::now() + 900_000_000;
        identity.apply("eu", &[Fact::SessionRevoked { session: "eu_s".to_owned(), until }]).unwrap();
        assert_eq!(identity.check(&token, NOW), Err(Refusal::Revoked));
    }

    #[test]
    fn revocations_are_forgotten_once_they_say_nothing() {
        let identity = identity();
        let now = clock::now();
        for n in 0..limits::TIDY_EVERY {
            identity.0.known.write().unwrap().revoked.insert(format!("old{n}"), now - 1);
        }
        let new: Vec<_> = (0..limits::TIDY_EVERY)
            .map(|n| Fact::SessionRevoked { session: format!("new{n}"), until: now + 900_000_000 })
            .collect();
        identity.apply("eu", &new).unwrap();
        assert_eq!(identity.0.known.read().unwrap().revoked.len(), limits::TIDY_EVERY);
    }
}
