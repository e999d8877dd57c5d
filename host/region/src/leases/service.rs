//! The rounds.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::decide::{NodeIntent, RUNNER, View, decide};
use super::store::{CHANNEL, Store, partition};
use crate::coordinator::{Coordinator, Phase, Term};
use crate::database::{Database, Error, Listener};
use crate::{clock, limits};

/// A node's participation in the leases.
pub(crate) struct Leases {
    store: Store,
    listener: Option<Listener>,
    state: State,
    unclaimed: Unclaimed,
}

/// Since when leases have been free for this node to see; also of those that it claimed because nobody else did.
#[derive(Default)]
struct Unclaimed(BTreeMap<String, Instant>);

/// The rounds' health. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct State(Arc<Mutex<RoundHealth>>);

#[derive(Clone, Copy, Default)]
enum RoundHealth {
    #[default]
    Unknown,
    Healthy,
    FailingSince(Instant),
}

/// Held leases by name: the epoch, and until when it is certain.
type HeldLeases = BTreeMap<String, (i64, Instant)>;

/// The phase of each lease here, by name.
type LeaseSlots<'a> = BTreeMap<String, &'a watch::Sender<Phase>>;

impl Unclaimed {
    /// The leases that nobody has claimed for so long that nobody else will.
    fn look(&mut self, me: &str, view: &View) -> BTreeSet<String> {
        let now = Instant::now();
        for lease in &view.leases {
            match view.holder(lease) {
                None => _ = self.0.entry(lease.name.clone()).or_insert(now),
                Some(holder) if holder == me => {}
                Some(_) => _ = self.0.remove(&lease.name),
            }
        }
        let long = self.0.iter().filter(|(_, since)| now.duration_since(**since) >= limits::LEASE_UNCLAIMED);
        long.map(|(name, _)| name.clone()).collect()
    }

    /// This node has claimed a lease like any other.
    fn claimed(&mut self, name: &str) {
        self.0.remove(name);
    }
}

impl State {
    /// How long rounds have been failing; none where not one has ended yet.
    pub(crate) fn failing_for(&self) -> Option<Duration> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            RoundHealth::Unknown => None,
            RoundHealth::Healthy => Some(Duration::ZERO),
            RoundHealth::FailingSince(since) => Some(since.elapsed()),
        }
    }

    /// Returns whether it has changed.
    fn set(&self, well: bool) -> bool {
        let mut health = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = match *health {
            RoundHealth::FailingSince(_) if !well => return false,
            RoundHealth::Healthy if well => return false,
            _ if well => RoundHealth::Healthy,
            _ => RoundHealth::FailingSince(Instant::now()),
        };
        let news = !well || matches!(*health, RoundHealth::FailingSince(_));
        *health = next;
        news
    }
}

impl Leases {
    /// For a node by this name, of which there is only one at a time, reached at this address.
    pub(crate) fn new(database: Database, name: &str, address: String) -> Self {
        let listener = database.listen(CHANNEL);
        let name: String = name
            .chars()
            .scan(0, |bytes, c| {
                *bytes += c.len_utf8();
                (*bytes <= limits::NODE_NAME_BYTES).then_some(c)
            })
            .collect();
        // Another life of the same node is another node: what that one held, this one does not.
        let life = life();
        Self {
            store: Store::new(database, format!("{name}-{life:016x}"), address),
            listener,
            state: State::default(),
            unclaimed: Unclaimed::default(),
        }
    }

    /// Makes the partitions, so many unless there are some. Returns how many there are.
    pub(crate) async fn create(&self, wanted: usize) -> Result<usize, Error> {
        self.store.create(wanted).await
    }

    pub(crate) fn state(&self) -> State {
        self.state.clone()
    }

    /// Takes part until `stop`, and leaves then at the latest.
    pub(crate) async fn run(mut self, coordinator: &Coordinator, drained: &Notify, stop: &CancellationToken) {
        let told = Arc::new(Notify::new());
        let _listening =
            self.listener.take().map(|listener| AbortOnDropHandle::new(tokio::spawn(listen(listener, Arc::clone(&told)))));
        let partitions = coordinator.phases().enumerate().map(|(number, phase)| (partition(number), phase));
        let slots: LeaseSlots<'_> = partitions.chain([(RUNNER.to_owned(), coordinator.runner_phase())]).collect();
        let (leaving, left) = coordinator.exits();
        let (mut leaves_by, mut said_distance) = (None, None);
        loop {
            if stop.is_cancelled() {
                leaving.cancel();
                if left.is_cancelled() {
                    return;
                }
            }
            let intent = if leaving.is_cancelled() { NodeIntent::Leaving } else { NodeIntent::Member };
            if intent == NodeIntent::Leaving {
                let leaves_by = *leaves_by.get_or_insert_with(|| Instant::now() + limits::DRAIN);
                if Instant::now() >= leaves_by && !left.is_cancelled() {
                    tracing::warn!("some leases could not be handed over in time and expire instead");
                    slots.values().for_each(|phase| led_elsewhere(phase, None, true));
                    left.cancel();
                }
            }
            let pause = match self.round(&slots, coordinator, intent).await {
                Ok(round) => {
                    self.store.well();
                    said_distance = self.say_distance(said_distance);
                    if self.state.set(true) {
                        tracing::info!("leases are renewed again");
                    }
                    if intent == NodeIntent::Leaving && !round.holds {
                        left.cancel();
                    }
                    if round.again { limits::LEASE_PACE } else { limits::LEASE_ROUND }
                }
                Err(error) => {
                    if self.state.set(false) {
                        tracing::warn!(%error, "leases could not be renewed");
                    }
                    self.store.reconnect();
                    clock::jittered(limits::LEASE_RETRY)
                }
            };
            slots.values().for_each(|phase| lapse(phase));
            tokio::select! {
                // So that a simulation of one seed is one run.
                biased;
                () = sleep(pause) => {}
                () = told.notified() => sleep(limits::LEASE_PACE).await,
                () = drained.notified() => {}
                () = leaving.cancelled(), if intent == NodeIntent::Member => {}
                () = stop.cancelled(), if intent == NodeIntent::Member || left.is_cancelled() => {}
            }
        }
    }

    /// Says now and then that the database is farther away than leases can follow.
    fn say_distance(&self, said: Option<Instant>) -> Option<Instant> {
        let distance = self.store.usual_distance();
        if distance <= limits::DISTANCE || said.is_some_and(|said| said.elapsed() < limits::DISTANCE_SAID) {
            return said;
        }
        tracing::warn!(
            answer_ms = distance.as_millis(),
            supported_ms = limits::DISTANCE.as_millis(),
            "this distance to Postgres is not supported: leases may run out before word of their renewal is here, and sales pause; move the region's nodes nearer"
        );
        Some(Instant::now())
    }

    /// Renews, looks, decides, claims and gives up.
    async fn round(
        &mut self,
        slots: &LeaseSlots<'_>,
        coordinator: &Coordinator,
        intent: NodeIntent,
    ) -> Result<RoundOutcome, Error> {
        match intent {
            NodeIntent::Member => self.store.join(self.store.length()).await?,
            NodeIntent::Leaving => self.store.leave().await?,
        }
        let (sent, length) = (Instant::now(), self.store.length());
        // Until then it may be counted on.
        let until = |sent: Instant, length: Duration| sent + length.saturating_sub(limits::LEASE_MARGIN);
        let renewed_until = until(sent, length);
        let renewed_now = self.store.renew(length).await?;
        let mut held: HeldLeases = renewed_now.into_iter().map(|(name, epoch)| (name, (epoch, renewed_until))).collect();
        for (name, phase) in slots {
            renewed(phase, held.get(name));
        }

        let view = self.store.view().await?;
        let mut round = RoundOutcome::default();
        let mut leaving = BTreeSet::new();
        for (name, phase) in slots {
            let phase = phase.borrow().clone();
            if phase.moving() && held.contains_key(name) {
                leaving.insert(name.clone());
                if matches!(phase, Phase::Drained) {
                    self.store.give_up(name).await?;
                    held.remove(name);
                    round.changed = true;
                }
            }
        }
        let alone = view.nodes.iter().all(|node| node == self.store.name());
        // A lease is worth as much as what decides by it. Where there is nobody else to take it, it stays.
        let patience = limits::DECIDING + self.store.distance() * limits::LEASE_DISTANCES;
        for (number, _) in
            coordinator.phases().enumerate().filter(|(number, _)| !alone && coordinator.decides_for(*number) > patience)
        {
            let name = partition(number);
            leaving.insert(name.clone());
            if held.remove(&name).is_some() {
                tracing::warn!(lease = name, "a batch has not been decided for seconds: another node takes over");
                self.store.give_up(&name).await?;
                round.changed = true;
            }
        }
        let unclaimed = self.unclaimed.look(self.store.name(), &view);
        let plan = decide(self.store.name(), &view, intent, &leaving, &unclaimed);
        for (name, epoch) in plan.claim {
            let (sent, length) = (Instant::now(), self.store.length());
            if let Some(epoch) = self.store.claim(&name, epoch, length).await? {
                if !unclaimed.contains(&name) {
                    self.unclaimed.claimed(&name);
                }
                let until = until(sent, length);
                if let Some(phase) = slots.get(&name) {
                    phase.send_replace(Phase::Here { epoch, term: Term::until(until) });
                }
                held.insert(name, (epoch, until));
                round.changed = true;
            }
        }
        let holders: BTreeMap<&str, Arc<str>> = view
            .leases
            .iter()
            .filter(|lease| {
                view.holder(lease).is_some_and(|holder| holder != self.store.name() && lease.address != self.store.address())
            })
            .map(|lease| (lease.name.as_str(), lease.address.as_str().into()))
            .collect();
        for (name, phase) in slots {
            match held.get(name) {
                Some((epoch, until)) => {
                    let gives_up = plan.give_up.contains(name);
                    led(phase, *epoch, Term::until(*until), gives_up);
                    if gives_up && name == RUNNER {
                        // It has no queue to be emptied.
                        phase.send_replace(Phase::Drained);
                        round.again = true;
                    }
                }
                None => led_elsewhere(phase, holders.get(name.as_str()).cloned(), alone),
            }
        }
        if round.changed {
            let leads = held.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
            tracing::info!(node = self.store.name(), leads, "partition leases changed");
            self.store.tell().await?;
        }
        round.holds = !held.is_empty();
        Ok(round)
    }
}

/// A number that no other life of a node has.
fn life() -> u64 {
    #[cfg(test)]
    if let Some(life) = crate::simulation::process::life() {
        return life;
    }
    RandomState::new().hash_one(())
}

/// The outcome of a round.
#[derive(Default)]
struct RoundOutcome {
    /// This node holds something.
    holds: bool,
    /// Something has changed hands.
    changed: bool,
    /// There is more to do at once.
    again: bool,
}

/// What was led is renewed, or was lost. Waiters are woken only by a change; one that has seen the term expire must be woken by
/// its renewal.
fn renewed(phase: &watch::Sender<Phase>, held: Option<&(i64, Instant)>) {
    phase.send_if_modified(|phase| match (&mut *phase, held) {
        (Phase::Here { epoch, term } | Phase::Draining { epoch, term }, Some((held, until))) if epoch == held => {
            let lapsed = !term.holds();
            *term = Term::until(*until);
            lapsed
        }
        (Phase::Here { .. } | Phase::Draining { .. }, _) => {
            *phase = Phase::Elsewhere(None);
            true
        }
        _ => false,
    });
}

/// This node holds it.
fn led(phase: &watch::Sender<Phase>, epoch: i64, term: Term, gives_up: bool) {
    phase.send_if_modified(|phase| {
        // Renewals and claims have been noted before: see `renewed`.
        debug_assert!(
            !matches!(phase, Phase::Here { epoch: other, .. } | Phase::Draining { epoch: other, .. } if *other != epoch),
            "held at epoch {epoch}, and acted by as {phase:?}"
        );
        *phase = match phase {
            Phase::Here { .. } | Phase::Elsewhere(_) if gives_up => Phase::Draining { epoch, term },
            Phase::Elsewhere(_) => Phase::Here { epoch, term },
            _ => return false,
        };
        true
    });
}

/// This node does not hold it.
fn led_elsewhere(phase: &watch::Sender<Phase>, address: Option<Arc<str>>, alone: bool) {
    phase.send_if_modified(|phase| {
        match phase {
            Phase::Elsewhere(known) if *known == address => return false,
            // Somebody will claim it at once, and callers wait for that.
            Phase::Drained if address.is_none() && !alone => return false,
            _ => *phase = Phase::Elsewhere(address),
        }
        true
    });
}

/// What could not be renewed in time is not counted on any more.
fn lapse(phase: &watch::Sender<Phase>) {
    phase.send_if_modified(|phase| {
        let lapsed = matches!(phase, Phase::Here { term, .. } | Phase::Draining { term, .. } if !term.holds());
        if lapsed {
            *phase = Phase::Elsewhere(None);
        }
        lapsed
    });
}

/// Passes on what other nodes tell; what is lost meanwhile, the next round sees.
async fn listen(mut listener: Listener, told: Arc<Notify>) {
    loop {
        match listener.heard().await {
            Ok(()) => told.notify_one(),
            Err(error) => {
                tracing::debug!(%error, "notifications of other nodes are not received");
                sleep(clock::jittered(limits::LEASE_ROUND)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_renewed_lease_is_announced_to_waiters() {
        let lease = || Instant::now() + limits::LEASE;
        let (phase, seen) = watch::channel(Phase::Here { epoch: 1, term: Term::until(lease()) });
        tokio::time::advance(limits::LEASE / 2).await;
        renewed(&phase, Some(&(1, lease())));
        assert!(!seen.has_changed().unwrap(), "it has not lapsed");
        tokio::time::advance(limits::LEASE).await;
        assert!(phase.borrow().leads().is_none());
        renewed(&phase, Some(&(1, lease())));
        assert!(seen.has_changed().unwrap() && phase.borrow().leads().is_some());
    }
}
