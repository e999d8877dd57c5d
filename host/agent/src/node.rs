//! The agent at work: it waits for assignments, reports, and has the node be as the last assignment says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fleet::{Identity, Tls};
use rollout::protocol::{Assignment, FailureKind, Phase, Release, ReleaseId, ReleaseReport, Report, Share, Stamp};
use telemetry::{Finding, Health, Needed, rollouts};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::error::Error;
use crate::host::{Host, Refused};
use crate::limits;
use crate::stored::{store, stored};

/// What an agent is made of.
pub struct Options {
    /// Who this node is, and whom it believes.
    pub tls: Tls,
    /// Where the control plane's instances are: `host:port` each.
    pub control: Vec<String>,
    /// Where the last assignment is kept.
    pub folder: PathBuf,
    /// The node.
    pub host: Arc<dyn Host>,
}

/// A node's agent; it does nothing before it [runs](Self::run).
pub struct Agent(Arc<Inner>);

struct Inner {
    host: Arc<dyn Host>,
    control: Control,
    /// Who this is.
    node: Identity,
    folder: PathBuf,
    boot: u64,
    state: Mutex<State>,
    /// What is to be: sent after it has been stored.
    assigned: watch::Sender<Option<Arc<Assignment>>>,
    /// Changes with everything that the control plane should know at once.
    news: watch::Sender<()>,
    /// Held while an assignment is taken.
    taking: tokio::sync::Mutex<()>,
    metrics: rollouts::Agent,
}

#[derive(Default)]
struct State {
    assignment: Option<Arc<Assignment>>,
    phases: BTreeMap<ReleaseId, Phase>,
    /// What serves; empty while it is what the node's own configuration names.
    serving: Vec<Share>,
    /// Why the control plane was not heard the last time; none: it was.
    unheard: Option<String>,
}

/// When each release that could not be prepared is tried again, and how long the pause before that was.
type Retries = BTreeMap<ReleaseId, (Instant, Duration)>;

/// 64 bits that nobody can guess.
pub(crate) fn random() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(u64::from_le_bytes(bytes))
}

impl Agent {
    /// An agent that begins with the assignment in its folder, if there is one.
    ///
    /// # Errors
    /// Where the options make no sense.
    pub fn new(options: Options) -> Result<Self, Error> {
        Self::measured(options, rollouts::Agent::new()?)
    }

    /// As [`new`](Self::new), with metrics that are somebody's.
    ///
    /// # Errors
    /// Where the options make no sense.
    pub fn measured(Options { tls, control, folder, host }: Options, metrics: rollouts::Agent) -> Result<Self, Error> {
        let node = tls.identity().clone();
        let assignment = stored(&folder, &node).map(Arc::new);
        if let Some(Stamp { epoch, revision }) = assignment.as_ref().map(|assignment| assignment.stamp) {
            metrics.assignment(epoch, revision);
        }
        let mut state = State { unheard: Some("it has not answered yet".to_owned()), ..State::default() };
        state.assign(assignment.clone());
        Ok(Self(Arc::new(Inner {
            host,
            control: Control::new(&tls, control)?,
            node,
            folder,
            boot: random()?,
            state: Mutex::new(state),
            assigned: watch::Sender::new(assignment),
            news: watch::Sender::new(()),
            taking: tokio::sync::Mutex::default(),
            metrics,
        })))
    }

    /// Says whether the control plane is heard, and what of its assignment is not yet so: informational, because a node works without either.
    pub fn register(&self, health: &Health) {
        let inner = Arc::clone(&self.0);
        health.register("control", Needed::Information, move || inner.state().finding());
    }

    /// Follows the control plane until `stop`. What serves then keeps serving.
    pub async fn run(self, stop: CancellationToken) {
        let inner = &*self.0;
        let working = async {
            tokio::join!(inner.follow(), inner.report_often(), inner.work());
        };
        // Each of its steps may end anywhere: what is not finished is begun again at the next start.
        tokio::select! {
            () = stop.cancelled() => {}
            ((), ()) = async { tokio::join!(working, inner.control.exchange_revocations(&stop)) } => {}
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.news.send_replace(());
    }

    /// What the control plane is told.
    fn report(&self, wait: bool) -> Report {
        let node = self.host.describe();
        let state = self.state();
        let (assignment, serving) = (state.assignment.clone(), state.serving.clone());
        let phases: Vec<_> = state.phases.iter().map(|(release, phase)| (*release, phase.clone())).collect();
        drop(state);
        let known = assignment.as_ref().map_or_else(Stamp::default, |assignment| assignment.stamp);
        let releases = phases.into_iter().map(|(release, phase)| {
            let counters = self.host.counters(release);
            ReleaseReport { release, phase, counters }
        });
        Report { node, boot: self.boot, known, releases: releases.collect(), serving, wait }
    }

    /// Waits for assignments, at one instance after the other.
    async fn follow(&self) {
        let mut pause = limits::RETRY.0;
        loop {
            let asked = Instant::now();
            let heard = self.control.sync(&self.report(true)).await;
            let pausing = match heard {
                Ok(assignment) => {
                    self.heard(None);
                    pause = limits::RETRY.0;
                    let taken = match assignment {
                        Some(assignment) => self.take(assignment).await,
                        None => false,
                    };
                    if taken { Duration::ZERO } else { limits::WAIT_LEAST.saturating_sub(asked.elapsed()) }
                }
                Err(error) => {
                    self.heard(Some(error));
                    self.control.give_up();
                    let pausing = telemetry::jittered(pause);
                    pause = (pause * 2).min(limits::RETRY.1);
                    pausing
                }
            };
            tokio::time::sleep(pausing).await;
        }
    }

    /// Reports without waiting: as often as asked to, and when something has changed.
    async fn report_often(&self) {
        let mut news = self.news.subscribe();
        loop {
            let asked_for = self.state().assignment.as_ref().map_or(limits::REPORT_DEFAULT_MS, |assignment| assignment.report_ms);
            let (least, most) = (*limits::REPORT_MS.start(), *limits::REPORT_MS.end());
            let every = Duration::from_millis(asked_for.clamp(least, most).into());
            // Who sends the news is part of this: it does not go first.
            _ = tokio::time::timeout(telemetry::jittered(every), news.changed()).await;
            match self.control.sync(&self.report(false)).await {
                Ok(Some(assignment)) => _ = self.take(assignment).await,
                Ok(None) => {}
                // Whether there is another instance to ask is found out by who waits for assignments.
                Err(error) => tracing::debug!(error, "a report did not arrive"),
            }
            tokio::time::sleep(limits::REPORT_LEAST).await;
        }
    }

    fn heard(&self, error: Option<String>) {
        if error.is_none() {
            self.metrics.heard();
        }
        let before = std::mem::replace(&mut self.state().unheard, error.clone());
        // Once for each reason, not for each try.
        match (before, error) {
            (Some(_), None) => tracing::info!("the control plane is heard"),
            (before, Some(error)) if before.as_ref() != Some(&error) => {
                tracing::warn!(error, "the control plane is not heard: this node keeps what it has");
            }
            _ => {}
        }
    }

    /// Takes an assignment if it is later than the last one. Whether it is.
    async fn take(&self, assignment: Assignment) -> bool {
        let _turn = self.taking.lock().await;
        let known = self.state().assignment.as_ref().map(|known| known.stamp);
        if known.is_some_and(|known| assignment.stamp <= known) {
            return false;
        }
        let assignment = Arc::new(assignment);
        let (folder, node, storing) = (self.folder.clone(), self.node.clone(), Arc::clone(&assignment));
        let stored = tokio::task::spawn_blocking(move || store(&folder, &node, &storing)).await;
        if let Err(error) = stored.map_err(std::io::Error::other).flatten() {
            // A full disk must not stand in the way back. Started anew without the control plane, this node would run what the assignment before says.
            tracing::error!(%error, "the assignment could not be stored: it is acted on all the same");
        }
        let Stamp { epoch, revision } = assignment.stamp;
        let serving: Vec<_> = assignment.serving.iter().map(|share| (share.release.0, share.weight)).collect();
        tracing::info!(epoch, revision, ?serving, releases = assignment.releases.len(), "took an assignment");
        self.metrics.assignment(epoch, revision);
        self.state().assign(Some(Arc::clone(&assignment)));
        self.assigned.send_replace(Some(assignment));
        self.changed();
        true
    }

    /// Has the node be as the last assignment says.
    async fn work(&self) {
        let mut assigned = self.assigned.subscribe();
        let mut retries = Retries::new();
        let mut tidied = None;
        loop {
            let current = assigned.borrow_and_update().clone();
            let Some(assignment) = current else {
                if assigned.changed().await.is_err() {
                    return;
                }
                continue;
            };
            retries.retain(|id, _| has(&assignment, *id));
            self.serve(&assignment, &mut retries).await;
            self.tidy(&assignment, &mut tidied).await;
            let next = self.next(&assignment, &retries);
            match next {
                Next::Prepare(release) => self.prepare(release, &mut assigned, &mut retries).await,
                Next::Wait(until) => {
                    let changed = assigned.changed();
                    match until {
                        Some(until) => _ = tokio::time::timeout_at(until, changed).await,
                        None => _ = changed.await,
                    }
                }
            }
        }
    }

    /// The release to prepare now: those that are to serve come first.
    fn next<'a>(&self, assignment: &'a Assignment, retries: &Retries) -> Next<'a> {
        let state = self.state();
        let serves = |release: &&Release| assignment.serving.iter().any(|share| share.release == release.id);
        let (first, rest): (Vec<_>, Vec<_>) = assignment.releases.iter().partition(serves);
        let missing = || first.iter().chain(&rest).filter(|release| state.phases.get(&release.id) != Some(&Phase::Ready));
        let now = Instant::now();
        let due = |release: &&&Release| retries.get(&release.id).is_none_or(|(at, _)| *at <= now);
        match missing().find(due) {
            Some(release) => Next::Prepare(release),
            None => Next::Wait(missing().filter_map(|release| Some(retries.get(&release.id)?.0)).min()),
        }
    }

    /// Prepares a release, unless it is no longer wanted before it is ready. What is ready is switched to meanwhile.
    async fn prepare(&self, release: &Release, assigned: &mut watch::Receiver<Option<Arc<Assignment>>>, retries: &mut Retries) {
        let preparing = tokio::time::timeout(limits::PREPARE, self.host.prepare(release));
        tokio::pin!(preparing);
        let outcome = loop {
            tokio::select! {
                biased;
                _ = assigned.changed() => {
                    let Some(assignment) = assigned.borrow_and_update().clone() else { continue };
                    self.serve(&assignment, retries).await;
                    if !has(&assignment, release.id) {
                        return;
                    }
                }
                outcome = preparing.as_mut() => break outcome,
            }
        };
        let outcome = outcome.unwrap_or_else(|_| {
            Err(Refused { kind: FailureKind::Fetch, reason: format!("it was not ready after {} s", limits::PREPARE.as_secs()) })
        });
        match outcome {
            // What is ready may still be refused when it is to serve: only then is it known not to be tried again.
            Ok(()) => {
                tracing::info!(release = release.id.0, reference = release.reference, "a release is ready");
                self.set(release.id, Phase::Ready);
            }
            Err(refused) => self.failed(release.id, refused, retries),
        }
    }

    /// Switches to what is to serve, if all of it is ready and it does not serve yet.
    async fn serve(&self, assignment: &Assignment, retries: &mut Retries) {
        let ready = {
            let state = self.state();
            let is_ready = |share: &Share| state.phases.get(&share.release) == Some(&Phase::Ready);
            state.serving != assignment.serving && assignment.serving.iter().all(is_ready)
        };
        // The last is the newest.
        let Some(newest) = assignment.serving.last().filter(|_| ready) else { return };
        match self.host.serve(&assignment.serving).await {
            Ok(()) => {
                self.metrics.switch("switched");
                assignment.serving.iter().for_each(|share| _ = retries.remove(&share.release));
                self.state().serving.clone_from(&assignment.serving);
                self.changed();
            }
            Err(refused) => {
                self.metrics.switch("refused");
                self.failed(newest.release, refused, retries);
            }
        }
    }

    /// Has what is neither assigned nor serves forgotten, after each change of either.
    async fn tidy(&self, assignment: &Assignment, before: &mut Option<(Stamp, Vec<Share>)>) {
        let now = Some((assignment.stamp, self.state().serving.clone()));
        if now != *before {
            self.host.forget(&assignment.releases).await;
            *before = now;
        }
    }

    fn failed(&self, release: ReleaseId, Refused { kind, mut reason }: Refused, retries: &mut Retries) {
        reason.truncate(reason.floor_char_boundary(limits::REASON_BYTES));
        self.metrics.failure(kind.name());
        let (least, most) = limits::PREPARE_RETRY;
        let pause = retries.get(&release).map_or(least, |(_, before)| (*before * 2).min(most));
        retries.insert(release, (Instant::now() + telemetry::jittered(pause), pause));
        tracing::error!(release = release.0, ?kind, reason, again_in_s = pause.as_secs(), "a release does not run here");
        self.set(release, Phase::Failed { kind, reason });
    }

    fn set(&self, release: ReleaseId, phase: Phase) {
        if let Some(known) = self.state().phases.get_mut(&release) {
            *known = phase;
        }
        self.changed();
    }
}

impl State {
    /// What is known of releases that stay is kept.
    fn assign(&mut self, assignment: Option<Arc<Assignment>>) {
        let releases = assignment.iter().flat_map(|assignment| &assignment.releases);
        let phase = |id| self.phases.get(&id).cloned().unwrap_or(Phase::Preparing);
        self.phases = releases.map(|release| (release.id, phase(release.id))).collect();
        self.assignment = assignment;
    }

    fn finding(&self) -> Finding {
        let failed = self.phases.iter().find_map(|(release, phase)| match phase {
            Phase::Failed { reason, .. } => Some(format!("release {} does not run here: {reason}", release.0)),
            Phase::Preparing | Phase::Ready => None,
        });
        let stamp = self.assignment.as_ref().map(|assignment| assignment.stamp);
        let ready = self.phases.values().filter(|phase| **phase == Phase::Ready).count();
        match (&self.unheard, failed, stamp) {
            (Some(error), _, _) => Finding::degraded(format!("the control plane is not heard: {error}")),
            (None, Some(failed), _) => Finding::degraded(failed),
            (None, None, None) => Finding::up("heard, and nothing is assigned yet"),
            (None, None, Some(Stamp { epoch, revision })) => {
                Finding::up(format!("assignment {epoch}.{revision}: {ready} of {} releases ready", self.phases.len()))
            }
        }
    }
}

/// What [`Inner::work`] does next.
enum Next<'a> {
    Prepare(&'a Release),
    /// Until then, or until something is assigned.
    Wait(Option<Instant>),
}

fn has(assignment: &Assignment, id: ReleaseId) -> bool {
    assignment.releases.iter().any(|release| release.id == id)
}
