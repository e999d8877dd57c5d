//! What a node believes of another: the one rule, closed by default.
//!
//! Nodes of a region are one: they share a database, and hand each other what is asked of any of them. Everybody else is outside. An edge stands
//! close to people and one of many will be stolen, so its certificate says no more than that it is an edge: it may follow the public feed, hand
//! requests over whole (each is judged by its own token, as if it had come from anywhere), and ask for what a person may do by themselves,
//! with that person's token. Another region's nodes may follow the feed, ask what people may ask, how users are written to, and which links open
//! guests' orders.

use contracts::Identity as Verifier;
use vocabulary::booking::{Action, Command, Rejection, Subject, TokenFault};
use vocabulary::edge::Refusal;

use crate::identity::{Identity, Role};
use crate::wire;

/// Who another node is to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A node of the same region.
    Own,
    /// A node of another region.
    OtherRegion,
    /// An edge, wherever it stands.
    Edge,
    /// An instance of the control plane: it is asked, and asks nothing.
    Control,
}

/// What one node may ask of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// How it is.
    Status,
    /// Which certificates are revoked: a list is believed for its signature, not for who brings it.
    Revocations,
    /// What is public.
    Feed,
    /// A request, whole.
    Forward,
    /// Commands, to be decided where their event is.
    Ledger,
    /// Commands, to be decided here or not at all.
    Decide,
    /// How users are written to.
    Addresses,
    /// Whose accounts were erased.
    Erasures,
    /// Links to guests' orders, and whose those are by now.
    Guests,
}

/// What it takes for a command to be decided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RequiredAuthority<'a> {
    /// That this peer asks for it.
    Peer,
    /// The access token of this person.
    TokenOf(&'a str),
    /// Nothing will do.
    None,
}

impl Peer {
    /// Who the owner of this certificate is to a node of `region`.
    pub(crate) fn of(peer: &Identity, region: &str) -> Self {
        match peer.role() {
            Role::Region if peer.is_of(region) => Self::Own,
            Role::Region => Self::OtherRegion,
            Role::Edge => Self::Edge,
            Role::Control => Self::Control,
        }
    }

    /// Whether it may ask this at all.
    pub(crate) const fn may(self, path: Path) -> bool {
        match (path, self) {
            (Path::Status | Path::Revocations | Path::Feed, Self::Own | Self::OtherRegion | Self::Edge)
            | (Path::Forward, Self::OtherRegion | Self::Edge)
            | (Path::Addresses | Path::Erasures | Path::Guests, Self::OtherRegion)
            | (Path::Ledger, Self::Own | Self::Edge)
            | (Path::Decide, Self::Own) => true,
            (_, Self::Control) => false,
            (Path::Forward | Path::Ledger | Path::Decide | Path::Addresses | Path::Erasures | Path::Guests, _) => false,
        }
    }

    /// What it takes for its command to be decided.
    pub(crate) const fn warrant(self, command: &Command) -> RequiredAuthority<'_> {
        match (self, &command.subject, &command.action) {
            (Self::Own, _, _) => RequiredAuthority::Peer,
            (Self::Edge, Subject::Person(person), Action::Hold(_) | Action::Cancel(_)) => {
                RequiredAuthority::TokenOf(person.as_str())
            }
            _ => RequiredAuthority::None,
        }
    }
}

impl Path {
    /// What a request of this method and path asks; none: nothing that there is.
    pub(crate) fn of(method: &http::Method, path: &str) -> Option<Self> {
        match (method, path) {
            (&http::Method::GET, wire::STATUS) => Some(Self::Status),
            (&http::Method::POST, wire::REVOCATIONS) => Some(Self::Revocations),
            (&http::Method::GET, wire::FEED) => Some(Self::Feed),
            (&http::Method::POST, wire::LEDGER) => Some(Self::Ledger),
            (&http::Method::POST, wire::DECIDE) => Some(Self::Decide),
            (&http::Method::POST, wire::ADDRESSES) => Some(Self::Addresses),
            (&http::Method::POST, wire::ERASURES) => Some(Self::Erasures),
            (&http::Method::POST, wire::GUESTS) => Some(Self::Guests),
            (_, path) if wire::forward::is_one(path) => Some(Self::Forward),
            _ => None,
        }
    }
}

/// The command as it may be decided, without the token that it needed; or why it may not.
pub(crate) async fn admit(peer: Peer, verifier: &dyn Verifier, mut command: Command) -> Result<Command, Rejection> {
    let token = command.token.take();
    match peer.warrant(&command) {
        RequiredAuthority::Peer => Ok(command),
        RequiredAuthority::None => Err(Rejection::Forbidden),
        RequiredAuthority::TokenOf(person) => {
            let token = token.ok_or(Rejection::Unauthenticated(TokenFault::Invalid))?;
            let claims = verifier.verify(token).await.map_err(|refusal| match refusal {
                Refusal::Invalid => Rejection::Unauthenticated(TokenFault::Invalid),
                Refusal::Expired => Rejection::Unauthenticated(TokenFault::Expired),
                Refusal::Revoked => Rejection::Unauthenticated(TokenFault::Revoked),
                Refusal::Unavailable(milliseconds) => Rejection::Unavailable(milliseconds),
            })?;
            // A program does nothing that a person does, whatever it calls itself.
            if claims.scope.is_none() && claims.subject == person { Ok(command) } else { Err(Rejection::Forbidden) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::commands::examples;
    use futures::FutureExt as _;
    use futures::future::BoxFuture;
    use vocabulary::edge::{Claims, Scope};

    const PEERS: [Peer; 4] = [Peer::Own, Peer::OtherRegion, Peer::Edge, Peer::Control];

    #[test]
    fn each_peer_has_its_permitted_requests() {
        let identity = |text: &str| text.parse::<Identity>().unwrap();
        for (text, peer) in [
            ("marquee://region/eu/eu-2", Peer::Own),
            ("marquee://region/us/us-1", Peer::OtherRegion),
            ("marquee://edge/-/edge-0", Peer::Edge),
            // Near a region is not of it.
            ("marquee://edge/eu/edge-1", Peer::Edge),
            ("marquee://control/-/control-1", Peer::Control),
        ] {
            assert_eq!(Peer::of(&identity(text), "eu"), peer, "{text}");
        }
        //                                              own    other  edge   control
        for (method, path, asks, may) in [
            ("GET", "/node/v5/status", Some(Path::Status), [true, true, true, false]),
            ("POST", "/node/v5/revocations", Some(Path::Revocations), [true, true, true, false]),
            ("GET", "/node/v5/feed", Some(Path::Feed), [true, true, true, false]),
            ("POST", "/node/v5/ledger", Some(Path::Ledger), [true, false, true, false]),
            ("POST", "/node/v5/decide", Some(Path::Decide), [true, false, false, false]),
            ("POST", "/node/v5/addresses", Some(Path::Addresses), [false, true, false, false]),
            ("POST", "/node/v5/erasures", Some(Path::Erasures), [false, true, false, false]),
            ("POST", "/node/v5/guests", Some(Path::Guests), [false, true, false, false]),
            ("GET", "/node/v5/forward/api/auth/me", Some(Path::Forward), [false, true, true, false]),
            ("POST", "/node/v5/forward/api/bookings", Some(Path::Forward), [false, true, true, false]),
            ("GET", "/node/v5/ledger", None, [false; 4]),
            ("POST", "/node/v5/feed", None, [false; 4]),
            ("GET", "/node/v5/addresses", None, [false; 4]),
            ("POST", "/node/v5/decide/", None, [false; 4]),
            ("POST", "/node/v3/ledger", None, [false; 4]),
            ("GET", "/api/events", None, [false; 4]),
            ("GET", "/", None, [false; 4]),
        ] {
            let method = method.parse().unwrap();
            assert_eq!(Path::of(&method, path), asks, "{method} {path}");
            assert_eq!(PEERS.map(|peer| asks.is_some_and(|path| peer.may(path))), may, "{method} {path}");
        }
    }

    /// Every action, as every subject, from every peer: what it takes.
    #[test]
    fn each_peer_has_its_permitted_commands() {
        let actions = examples::actions();
        // Another action has to be thought about here.
        let name = |action: &Action| match action {
            Action::Open(_) => "open",
            Action::Adjust(_) => "adjust",
            Action::Close(_) => "close",
            Action::Hold(_) => "hold",
            Action::BeginPayment(_) => "begin-payment",
            Action::EndPayment(_) => "end-payment",
            Action::Confirm(_) => "confirm",
            Action::Cancel(_) => "cancel",
            Action::Annul(_) => "annul",
            Action::Expire => "expire",
        };
        let mut seen = std::collections::BTreeSet::new();
        for action in actions {
            let name = name(&action);
            seen.insert(name);
            for subject in [Subject::Person("eu_u".into()), Subject::Steward("eu_u".into()), Subject::Platform] {
                let person = matches!(subject, Subject::Person(_));
                let command = Command { subject, action: action.clone(), ..examples::commands().remove(0) };
                for peer in PEERS {
                    let expected = match (peer, person, name) {
                        (Peer::Own, _, _) => RequiredAuthority::Peer,
                        (Peer::Edge, true, "hold" | "cancel") => RequiredAuthority::TokenOf("eu_u"),
                        _ => RequiredAuthority::None,
                    };
                    assert_eq!(peer.warrant(&command), expected, "{peer:?} {name} {:?}", command.subject);
                }
            }
        }
        assert_eq!(seen.len(), 10);
    }

    /// Knows tokens that say what is to become of them.
    struct Tokens;

    impl Verifier for Tokens {
        fn verify(&self, token: String) -> BoxFuture<'_, Result<Claims, Refusal>> {
            let claims = |subject: &str| Claims {
                subject: subject.to_owned(),
                session: "s".to_owned(),
                roles: vec!["admin".to_owned()],
                expires_at: i64::MAX,
                scope: None,
                guest: false,
            };
            let scope = Scope { organiser: "eu_o".to_owned(), permissions: vec!["edit-events".to_owned()] };
            Box::pin(std::future::ready(match token.as_str() {
                "a program" => Ok(Claims { scope: Some(scope), ..claims("eu_u") }),
                "a guest" => Ok(Claims { guest: true, ..claims("eu_u") }),
                "expired" => Err(Refusal::Expired),
                "revoked" => Err(Refusal::Revoked),
                "no keys" => Err(Refusal::Unavailable(7)),
                token => token.strip_prefix("of ").map(claims).ok_or(Refusal::Invalid),
            }))
        }
    }

    #[test]
    fn a_persons_command_requires_their_token() {
        let invalid = Rejection::Unauthenticated(TokenFault::Invalid);
        for (peer, token, expected) in [
            (Peer::Edge, Some("of eu_u"), None),
            (Peer::Edge, Some("of eu_v"), Some(Rejection::Forbidden)),
            (Peer::Edge, Some("a guest"), None),
            (Peer::Edge, Some("a program"), Some(Rejection::Forbidden)),
            (Peer::Edge, Some("forged"), Some(invalid.clone())),
            (Peer::Edge, Some(""), Some(invalid.clone())),
            (Peer::Edge, None, Some(invalid)),
            (Peer::Edge, Some("expired"), Some(Rejection::Unauthenticated(TokenFault::Expired))),
            (Peer::Edge, Some("revoked"), Some(Rejection::Unauthenticated(TokenFault::Revoked))),
            (Peer::Edge, Some("no keys"), Some(Rejection::Unavailable(7))),
            (Peer::OtherRegion, Some("of eu_u"), Some(Rejection::Forbidden)),
            (Peer::Own, None, None),
            (Peer::Own, Some("forged"), None),
        ] {
            let command = Command {
                subject: Subject::Person("eu_u".to_owned()),
                token: token.map(str::to_owned),
                action: Action::Cancel("eu_b".to_owned()),
                ..examples::commands().remove(0)
            };
            let admitted = admit(peer, &Tokens, command.clone()).now_or_never().unwrap();
            let expected = expected.map_or(Ok(Command { token: None, ..command }), Err);
            assert_eq!(admitted, expected, "{peer:?} {token:?}");
        }
        // An admin's token makes nobody the platform.
        let command = Command {
            subject: Subject::Platform,
            token: Some("of eu_u".to_owned()),
            action: Action::Expire,
            ..examples::commands().remove(0)
        };
        assert_eq!(admit(Peer::Edge, &Tokens, command).now_or_never().unwrap(), Err(Rejection::Forbidden));
    }
}
