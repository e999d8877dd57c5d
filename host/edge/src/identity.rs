//! Who a token speaks for, by public keys alone: `marquee:edge/identity`.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use access_token::{PublicKey, Verifier};
use futures::future::BoxFuture;
use read_model::Fact;
use telemetry::{Finding, Health, Needed};
use vocabulary::edge::{Claims, Refusal, Scope};

use crate::clock;
use crate::limits;
use crate::tokens::{self, Tokens, Verified};

/// Public keys from the feed of the region that keeps the accounts, and no other's: a key can sign for every user. Revoked sessions from the feeds of all
/// regions that a node follows, since each repeats what that one says, and to refuse is safe. Cheap to clone; clones are one.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    /// The region whose keys are believed.
    accounts: Arc<str>,
    known: RwLock<TrustState>,
    verifier: Verifier,
    tokens: Tokens,
}

#[derive(Default)]
struct TrustState {
    /// A snapshot of the accounts has been there: before that, a session that is not known to be revoked may well be.
    complete: bool,
    /// By id. An expired key stays, so that an older fact does not restore it, until another needs its place.
    keys: HashMap<String, Key>,
    /// Grows with every change of the keys: what was verified with others is verified again.
    keys_changed: u64,
    /// Session id to when it may be forgotten, microseconds. What was revoked stays so, whichever region said it: only time undoes it.
    revoked: HashMap<String, i64>,
    since_tidied: usize,
}

struct Key {
    public: PublicKey,
    /// Trusted until then, microseconds.
    until: i64,
}

/// The feed says more than this node may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapacityError {
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

impl Identity {
    /// Believes the keys of `accounts`, the region that keeps the accounts. A region's own node believes its own region, whose database it is;
    /// that has them from the accounts.
    #[must_use]
    pub fn new(accounts: &str) -> Self {
        Self(Arc::new(Inner {
            accounts: accounts.into(),
            known: RwLock::default(),
            verifier: Verifier::default(),
            tokens: Tokens::default(),
        }))
    }

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

    /// Takes in a region's snapshot: the keys of the accounts' region replace those that were known.
    pub(crate) fn replace(&self, region: &str, facts: &[Fact]) -> Result<(), CapacityError> {
        let now = clock::now();
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        known.tidy(now);
        let accounts = region == &*self.0.accounts;
        if accounts {
            known.keys.clear();
            known.keys_changed += 1;
        }
        for fact in facts {
            known.apply(accounts, fact, now)?;
        }
        known.complete |= accounts;
        Ok(())
    }

    /// Applies what follows in a region.
    pub(crate) fn apply(&self, region: &str, facts: &[Fact]) -> Result<(), CapacityError> {
        if !facts.iter().any(|fact| matches!(fact, Fact::Key { .. } | Fact::SessionRevoked { .. })) {
            return Ok(());
        }
        let now = clock::now();
        let accounts = region == &*self.0.accounts;
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        facts.iter().try_for_each(|fact| known.apply(accounts, fact, now))
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
        self.claims(token).ok().map(|claims| claims.subject)
    }

    /// What a token says now.
    pub(crate) fn claims(&self, token: &str) -> Result<Claims, Refusal> {
        self.check(token, clock::now())
    }

    /// What a token says now, with what says whether that [still](Self::still) holds.
    pub(crate) fn verified(&self, token: &str) -> Result<Verified, Refusal> {
        if token.len() > access_token::limits::TOKEN_BYTES {
            return Err(Refusal::Invalid);
        }
        let mut verified = self.verify(token, clock::now())?;
        self.still(token, &mut verified).map(|()| verified)
    }

    /// Whether a token that was verified is still good.
    pub(crate) fn still(&self, token: &str, verified: &mut Verified) -> Result<(), Refusal> {
        let now = clock::now();
        if let Some(judged) = self.judge(verified, now) {
            return judged;
        }
        *verified = self.verify(token, now)?;
        // The keys changed just now, again: the next look tells.
        self.judge(verified, now).unwrap_or(Err(Refusal::Unavailable(limits::RETRY_MS)))
    }

    /// What a token says at `now`, microseconds. Whether it has ended or was revoked is looked at every time; its signature once.
    fn check(&self, token: &str, now: i64) -> Result<Claims, Refusal> {
        if token.len() > access_token::limits::TOKEN_BYTES {
            return Err(Refusal::Invalid);
        }
        let digest = tokens::digest(token);
        if let Some(verified) = self.0.tokens.get(&digest)
            && let Some(judged) = self.judge(&verified, now)
        {
            return judged.map(|()| verified.claims);
        }
        let verified = self.verify(token, now)?;
        self.0.tokens.put(digest, verified.clone());
        // The keys may have changed since: then it is no longer known that it is good.
        self.judge(&verified, now).unwrap_or(Err(Refusal::Unavailable(limits::RETRY_MS)))?;
        Ok(verified.claims)
    }

    /// Whether what was good with these keys still is; none: the keys are others now.
    fn judge(&self, verified: &Verified, now: i64) -> Option<Result<(), Refusal>> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.keys_changed != verified.keys {
            return None;
        }
        let claims = &verified.claims;
        Some(match access_token::judge(claims.expires_at, now) {
            Err(access_token::Refusal::Invalid) => Err(Refusal::Invalid),
            Err(access_token::Refusal::Expired) => Err(Refusal::Expired),
            Ok(()) if verified.key_until <= now => Err(Refusal::Invalid),
            Ok(()) if known.revoked.contains_key(&claims.session) => Err(Refusal::Revoked),
            Ok(()) => Ok(()),
        })
    }

    /// Checks everything about a token that stays as it is.
    fn verify(&self, token: &str, now: i64) -> Result<Verified, Refusal> {
        let kid = access_token::key_id(token).ok_or(Refusal::Invalid)?;
        let (key, key_until, keys) = {
            let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
            if !known.complete || !known.has_keys() {
                return Err(Refusal::Unavailable(limits::RETRY_MS));
            }
            let key = known.keys.get(&kid).filter(|key| key.until > now).ok_or(Refusal::Invalid)?;
            (key.public.clone(), key.until, known.keys_changed)
        };
        // Not under the lock: this is the dear part.
        let claims = self.0.verifier.verify(token, &key).map_err(|_| Refusal::Invalid)?;
        let access_token::Claims { subject, session, roles, expires_at, scope, guest } = claims;
        let scope = scope.map(|access_token::Scope { organiser, permissions }| Scope { organiser, permissions });
        Ok(Verified { claims: Claims { subject, session, roles, expires_at, scope, guest }, keys, key_until })
    }
}

impl TrustState {
    /// Whether any key is known, one that has ended included: of its tokens it is certain that they are not good.
    fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Forgets what says nothing any more.
    fn tidy(&mut self, now: i64) {
        self.since_tidied = 0;
        self.revoked.retain(|_, until| *until > now);
    }

    /// Applies a fact; `accounts`: of the region that keeps the accounts.
    fn apply(&mut self, accounts: bool, fact: &Fact, now: i64) -> Result<(), CapacityError> {
        match fact {
            Fact::Key { kid, public_key, until } if accounts => {
                let Some(public) = PublicKey::parse(public_key) else {
                    tracing::error!(kid, "ignored an invalid public key in the feed");
                    return Ok(());
                };
                let until = until.unwrap_or(i64::MAX);
                if let Some(known) = self.keys.get_mut(kid) {
                    // What ends a key has the last word, in whatever order both are said.
                    known.until = known.until.min(until);
                } else {
                    if self.keys.len() >= limits::KEYS {
                        self.keys.retain(|_, key| key.until > now);
                    }
                    if self.keys.len() >= limits::KEYS {
                        return Err(CapacityError::Keys);
                    }
                    self.keys.insert(kid.clone(), Key { public, until });
                }
                self.keys_changed += 1;
            }
            Fact::SessionRevoked { session, until } if *until > now => {
                self.since_tidied += 1;
                if self.since_tidied >= limits::TIDY_EVERY {
                    self.tidy(now);
                }
                if self.revoked.len() >= limits::REVOKED_SESSIONS {
                    return Err(CapacityError::Sessions);
                }
                self.revoked.insert(session.clone(), *until);
            }
            Fact::Key { .. } | Fact::SessionRevoked { .. } | Fact::Event(_) | Fact::Availability(_) => {}
        }
        Ok(())
    }
}

impl contracts::Identity for Identity {
    fn verify(&self, token: String) -> BoxFuture<'_, Result<Claims, Refusal>> {
        Box::pin(std::future::ready(self.check(&token, clock::now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, PUBLIC_KEY as PUBLIC};

    /// RFC 8032, section 7.1, test 2: another's public key.
    const OTHER: &str = "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw";
    const SECOND: i64 = 1_000_000;

    /// A token of session `eu_s` that key `k1` has just signed, and when, to the second: as it says itself.
    fn token() -> (String, i64) {
        let token = testing::token("eu_u", "eu_s");
        let identity = identity();
        let expires_at = identity.verify(&token, clock::now()).unwrap().claims.expires_at;
        (token, expires_at - 900 * SECOND)
    }

    fn key_of(kid: &str, public_key: &str, until: Option<i64>) -> Fact {
        Fact::Key { kid: kid.to_owned(), public_key: public_key.to_owned(), until }
    }

    fn key(public_key: &str) -> Fact {
        key_of("k1", public_key, None)
    }

    fn revoked(session: &str) -> Fact {
        Fact::SessionRevoked { session: session.to_owned(), until: clock::now() + 900 * SECOND }
    }

    fn identity() -> Identity {
        let identity = Identity::new("eu");
        identity.replace("eu", &[key(PUBLIC)]).unwrap();
        identity
    }

    #[test]
    fn a_good_token_is_accepted_until_it_expires() {
        let (identity, (token, now)) = (identity(), token());
        let end = now + 900 * SECOND;
        // Twice: from its signature, and remembered.
        for _ in 0..2 {
            let read = identity.check(&token, end - 1).unwrap();
            assert_eq!((read.subject.as_str(), read.session.as_str(), read.expires_at), ("eu_u", "eu_s", end));
            assert_eq!(identity.check(&token, end), Err(Refusal::Expired));
            // A clock so far behind cannot tell what was issued.
            assert_eq!(identity.check(&token, now - 3600 * SECOND), Err(Refusal::Invalid));
        }
    }

    #[test]
    fn forged_tokens_are_refused() {
        let (good, now) = token();
        for (keys, forged) in
            [(key(OTHER), good.clone()), (key_of("k2", PUBLIC, None), good.clone()), (key(PUBLIC), format!("{good}x"))]
        {
            let identity = Identity::new("eu");
            identity.replace("eu", &[keys]).unwrap();
            assert_eq!(identity.check(&forged, now), Err(Refusal::Invalid));
        }
        let long = format!("{good}{}", "A".repeat(access_token::limits::TOKEN_BYTES));
        assert_eq!(identity().check(&long, now), Err(Refusal::Invalid));
    }

    #[test]
    fn nothing_is_verified_before_keys_and_revocations_are_there() {
        let (identity, (token, now)) = (Identity::new("eu"), token());
        identity.apply("eu", &[key(PUBLIC)]).unwrap();
        assert!(!identity.ready());
        assert!(matches!(identity.check(&token, now), Err(Refusal::Unavailable(_))));
        identity.replace("eu", &[]).unwrap();
        assert!(!identity.ready());
        identity.apply("eu", &[key(PUBLIC)]).unwrap();
        assert!(identity.ready());
        assert!(identity.check(&token, now).is_ok());
    }

    #[test]
    fn keys_from_a_region_other_than_that_of_the_accounts_are_ignored() {
        let (identity, (token, now)) = (Identity::new("eu"), token());
        identity.replace("us", &[key(PUBLIC)]).unwrap();
        identity.apply("us", &[key(PUBLIC)]).unwrap();
        assert!(!identity.ready());
        assert!(matches!(identity.check(&token, now), Err(Refusal::Unavailable(_))));
        identity.replace("eu", &[key_of("k2", OTHER, None)]).unwrap();
        identity.replace("us", &[key(PUBLIC)]).unwrap();
        assert_eq!(identity.check(&token, now), Err(Refusal::Invalid));
        // Nor can it take theirs away.
        identity.replace("eu", &[key(PUBLIC)]).unwrap();
        identity.replace("us", &[]).unwrap();
        identity.apply("us", &[key_of("k1", PUBLIC, Some(0))]).unwrap();
        assert!(identity.check(&token, now).is_ok());
    }

    #[test]
    fn a_session_revoked_by_any_region_is_refused() {
        for region in ["eu", "us"] {
            let (identity, (token, now)) = (identity(), token());
            identity.apply(region, &[revoked("eu_other")]).unwrap();
            assert!(identity.check(&token, now).is_ok());
            identity.apply(region, &[revoked("eu_s")]).unwrap();
            assert_eq!(identity.check(&token, now), Err(Refusal::Revoked));
            // What another has not heard yet stays revoked.
            identity.replace("eu", &[key(PUBLIC)]).unwrap();
            identity.replace("us", &[]).unwrap();
            assert_eq!(identity.check(&token, now), Err(Refusal::Revoked));
        }
    }

    #[test]
    fn tokens_of_a_revoked_key_are_refused_and_the_key_stays_revoked() {
        let (identity, (token, now)) = (identity(), token());
        assert!(identity.check(&token, now).is_ok());
        identity.apply("eu", &[key_of("k2", OTHER, None), key_of("k1", PUBLIC, Some(now - 1))]).unwrap();
        for _ in 0..2 {
            assert_eq!(identity.check(&token, now), Err(Refusal::Invalid));
            // An older word comes late.
            identity.apply("eu", &[key(PUBLIC)]).unwrap();
        }
        // All have ended: nobody's token is good, and the node stays ready for those who log in and get one of another key.
        identity.apply("eu", &[key_of("k2", OTHER, Some(now - 1))]).unwrap();
        assert_eq!(identity.check(&token, now), Err(Refusal::Invalid));
        assert!(identity.ready());
    }

    #[test]
    fn a_retired_key_is_trusted_until_its_last_token_has_ended() {
        let (identity, (token, now)) = (identity(), token());
        let until = now + 100 * SECOND;
        identity.apply("eu", &[key_of("k2", OTHER, None), key_of("k1", PUBLIC, Some(until))]).unwrap();
        assert!(identity.check(&token, until - 1).is_ok());
        assert_eq!(identity.check(&token, until), Err(Refusal::Invalid));
        let fresh = Identity::new("eu");
        fresh.replace("eu", &[key_of("k2", OTHER, None), key_of("k1", PUBLIC, Some(until))]).unwrap();
        assert_eq!(fresh.check(&token, until), Err(Refusal::Invalid));
        assert!(fresh.check(&token, until - 1).is_ok());
    }

    #[test]
    fn expired_keys_are_evicted() {
        let identity = identity();
        for n in 0..2 * limits::KEYS {
            identity.apply("eu", &[key_of(&format!("old{n}"), OTHER, Some(1))]).unwrap();
        }
        assert!(identity.ready());
        let more: Vec<_> = (1..limits::KEYS).map(|n| key_of(&format!("new{n}"), OTHER, None)).collect();
        identity.apply("eu", &more).unwrap();
        assert_eq!(identity.apply("eu", &[key_of("one more", OTHER, None)]), Err(CapacityError::Keys));
    }

    #[test]
    fn a_cached_token_outlives_neither_its_session_nor_its_key() {
        let (identity, (token, now)) = (identity(), token());
        for _ in 0..3 {
            assert_eq!(identity.check(&token, now).unwrap().subject, "eu_u");
        }
        assert_eq!(identity.check(&token, now + 900 * SECOND), Err(Refusal::Expired));
        // A new key changes nothing for what was signed with the old one; without the old one it is worth nothing.
        identity.apply("eu", &[key_of("k2", OTHER, None)]).unwrap();
        assert!(identity.check(&token, now).is_ok());
        identity.replace("eu", &[key_of("k2", OTHER, None)]).unwrap();
        assert_eq!(identity.check(&token, now), Err(Refusal::Invalid));
        identity.replace("eu", &[key(PUBLIC)]).unwrap();
        assert!(identity.check(&token, now).is_ok());
        identity.apply("eu", &[revoked("eu_s")]).unwrap();
        assert_eq!(identity.check(&token, now), Err(Refusal::Revoked));
    }

    #[test]
    fn revocations_are_dropped_once_their_tokens_have_expired() {
        let identity = identity();
        let now = clock::now();
        for n in 0..limits::TIDY_EVERY {
            identity.0.known.write().unwrap().revoked.insert(format!("old{n}"), now - 1);
        }
        let new: Vec<_> = (0..limits::TIDY_EVERY).map(|n| revoked(&format!("new{n}"))).collect();
        identity.apply("eu", &new).unwrap();
        assert_eq!(identity.0.known.read().unwrap().revoked.len(), limits::TIDY_EVERY);
    }
}
