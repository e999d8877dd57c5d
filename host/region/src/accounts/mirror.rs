//! Repeats the keys and revocations of another region's feed in this one.

use std::sync::Arc;
use std::time::Duration;

use contracts::Traffic;
use edge::feed::{self, Cursor, Source, Subscription};
use futures::StreamExt as _;
use read_model::Fact;
use telemetry::{Finding, Health, Needed};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use vocabulary::accounts::{Error, PublicKey, Revocation};
use vocabulary::limits::{KEYS, REVOCATIONS};

use super::Accounts;
use crate::coordinator::Runner;

/// Follows the feed of the region that keeps the accounts.
pub struct Mirror<T> {
    source: Arc<dyn Source>,
    traffic: Arc<T>,
    runner: Runner,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Another node's business.
    Elsewhere,
    Connected,
    Lost,
}

impl<T: Traffic> Mirror<T> {
    /// Follows `source`, and has the component that has the traffic keep what it says.
    pub fn new(source: Arc<dyn Source>, traffic: Arc<T>, runner: Runner) -> Self {
        Self { source, traffic, runner, state: watch::Sender::new(State::Elsewhere) }
    }

    /// Says how it is, for people: without it tokens are verified with what is known already.
    pub fn register(&self, health: &Health) {
        let state = self.state.subscribe();
        health.register("accounts-mirror", Needed::Information, move || match *state.borrow() {
            State::Elsewhere => Finding::up("another node follows the accounts"),
            State::Connected => Finding::up("follows the accounts"),
            State::Lost => Finding::degraded("the region of the accounts cannot be followed: revocations come late"),
        });
    }

    /// Follows until `stop`, while this node is the one that does.
    pub async fn run(mut self, stop: CancellationToken) {
        let (first, longest) = edge::limits::FEED_RETRY;
        let (mut pause, mut cursor) = (first, None);
        while !stop.is_cancelled() {
            if !self.runner.leads() {
                self.state.send_replace(State::Elsewhere);
                // What another node has missed meanwhile, nobody knows: the next time begins with everything.
                cursor = None;
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.runner.changed() => continue,
                }
            }
            let error = tokio::select! {
                () = stop.cancelled() => return,
                () = ended(self.runner.clone()) => continue,
                Err(error) = self.follow(&mut cursor, &mut pause) => error,
            };
            if self.state.send_replace(State::Lost) != State::Lost {
                tracing::warn!(error, "the feed of the accounts was lost and is opened again");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(telemetry::jittered(pause)) => pause = (pause * 2).min(longest),
            }
        }
    }

    async fn follow(&self, cursor: &mut Option<Cursor>, pause: &mut Duration) -> Result<std::convert::Infallible, String> {
        let opened = self.source.open(cursor.clone());
        let opened = tokio::time::timeout(edge::limits::FEED_OPEN, opened).await.map_err(|_| "it took too long".to_owned())?;
        let Subscription { snapshot, mut batches } = match opened {
            Err(feed::Error::Gone) => {
                *cursor = None;
                return Err(feed::Error::Gone.to_string());
            }
            opened => opened.map_err(|error| error.to_string())?,
        };
        if let Some(snapshot) = snapshot {
            self.repeat(&snapshot.facts, Scope::Everything).await.map_err(|error| error.to_string())?;
            *cursor = Some(Cursor { epoch: snapshot.epoch, position: snapshot.position });
        }
        loop {
            let batch = tokio::time::timeout(edge::limits::FEED_SILENCE, batches.next()).await;
            let batch = batch.map_err(|_| "it has fallen silent".to_owned())?.unwrap_or(Err(feed::Error::Ended));
            let batch = batch.map_err(|error| error.to_string())?;
            let Some(at) = cursor.as_mut().map(|cursor| &mut cursor.position) else {
                return Err("it has no beginning".to_owned());
            };
            if batch.after > *at {
                let missing = format!("it goes on after position {}, this node is at {at}", batch.after);
                *cursor = None;
                return Err(missing);
            }
            self.repeat(&batch.facts, Scope::Changes).await.map_err(|error| error.to_string())?;
            *at = batch.position.max(*at);
            *pause = edge::limits::FEED_RETRY.0;
            self.state.send_if_modified(|state| std::mem::replace(state, State::Connected) != State::Connected);
        }
    }

    /// Revocations first: who has the keys shall have what was revoked as well. Keys that are no longer there are no longer good.
    async fn repeat(&self, facts: &[Fact], scope: Scope) -> Result<(), Error> {
        let (mut revocations, mut keys) = (Vec::new(), Vec::new());
        for fact in facts {
            match fact {
                Fact::SessionRevoked { session, until } => {
                    revocations.push(Revocation { session: session.clone(), until: *until })
                }
                Fact::Key { kid, public_key, until } => {
                    keys.push(PublicKey { kid: kid.clone(), public_key: public_key.clone(), until: *until });
                }
                Fact::Event(_) | Fact::Availability(_) => {}
            }
        }
        let accounts = Accounts::of(&*self.traffic);
        for revocations in revocations.chunks(REVOCATIONS) {
            accounts.component()?.add_revocations(revocations.to_vec()).await?;
        }
        match scope {
            Scope::Everything => accounts.component()?.replace_keys(keys).await,
            Scope::Changes => {
                for keys in keys.chunks(KEYS) {
                    accounts.component()?.add_keys(keys.to_vec()).await?;
                }
                Ok(())
            }
        }
    }
}

/// What facts are of.
#[derive(Clone, Copy)]
enum Scope {
    /// All that is known there.
    Everything,
    /// What has changed.
    Changes,
}

/// Returns when this is no longer the node.
async fn ended(mut runner: Runner) {
    while runner.leads() {
        // A lease that nobody renews ends without a word.
        _ = tokio::time::timeout(edge::limits::FEED_HEARTBEAT, runner.changed()).await;
    }
}
