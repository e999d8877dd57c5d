//! What every process that serves does alike: find the application, wait until all is ready, listen for operators and for the signal to stop.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use contracts::HostRoute;
use fleet::{Identity, Tls};
use futures::FutureExt as _;
use manifest::VariableSources;
use runtime::{Cache, Engine, Loader};
use telemetry::admin::{self, Access, Sources};
use telemetry::{Finding, Health, Metrics, Needed, State};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::config::settings::Settings;
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::limits;
use crate::say;

/// Loads applications, with the cache of compiled code that the settings name.
pub fn loader(settings: &Settings, folder: &DataFolder) -> Result<Arc<Loader>, Error> {
    let cache = settings.cache.clone().unwrap_or_else(|| folder.path().join("compiled"));
    Ok(Arc::new(Loader::new(Engine::new()?, Cache::open(&cache)).keyed(version_key(folder)?)))
}

/// What ids of versions are keyed with, as far as they are about secrets: this node's own, so that equal settings have equal ids whenever it
/// is started, and an id gives nothing to guess by.
fn version_key(folder: &DataFolder) -> Result<Vec<u8>, Error> {
    const FILE: &str = "version.key";
    if let Some(key) = folder.read(FILE)?.filter(|key| !key.is_empty()) {
        return Ok(key);
    }
    let key = host_secret()?.into_bytes();
    folder.write(FILE, &key)?;
    Ok(key)
}

/// The manifest asked for, or the one here, or the one beside this program.
pub fn manifest_path(asked: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(path) = asked {
        return Ok(path.to_owned());
    }
    let here = std::env::current_dir()?;
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("spin.toml")));
    let found = std::iter::once(here.join("spin.toml")).chain(beside).find(|path| path.is_file());
    found.ok_or(Error::NoManifest(here))
}

/// Application variables: the environment's, and where there is a file, what it says of others.
pub fn variables(file: Option<&Path>) -> Result<VariableSources, Error> {
    let sources = VariableSources::from_environment();
    Ok(match file {
        Some(file) => sources.file(file)?,
        None => sources,
    })
}

/// What only this process and its components know.
pub fn host_secret() -> Result<String, Error> {
    HostRoute::secret().map_err(|error| Error::Refused(format!("the system has no randomness: {error}")))
}

/// These variables with a database, and where it is: components are granted that and nothing else.
pub fn with_database(sources: VariableSources, url: &str) -> VariableSources {
    // An address that cannot be parsed grants nothing; opening it reports what is wrong.
    sources.set("database", url).set("database_server", capabilities::postgres::grant(url).unwrap_or_default())
}

/// These variables with whether something follows events here, and counts them.
pub fn with_analytics(sources: VariableSources, follows: bool) -> VariableSources {
    sources.set("analytics", if follows { "on" } else { "off" })
}

/// What a node shows others, which must be that it is this one.
pub fn certified(files: &config::Tls, node: &Identity) -> Result<Tls, Error> {
    let tls = Tls::load(&files.authority, &files.certificate, &files.key).map_err(|error| Error::Identity(error.to_string()))?;
    if tls.identity() == node {
        return Ok(tls);
    }
    let (shown, certificate) = (tls.identity(), files.certificate.display());
    Err(Error::Identity(format!("this node is {node} by its configuration, and {shown} by its certificate {certificate}")))
}

/// Says how long the node's certificate is good yet, for people: in time to renew it.
pub fn register_certificate(tls: &Tls, health: &Health) {
    let tls = tls.clone();
    health.register("certificate", Needed::Information, move || {
        let now = edge::now() / 1_000_000;
        let hours = tls.ends_at().unwrap_or(now).saturating_sub(now) / 3_600;
        match tls.check() {
            Err(error) => Finding::down(error.to_string()),
            Ok(()) if hours < limits::CERTIFICATE_HOURS => Finding::degraded(format!("ends in {hours} hours: renew it")),
            Ok(()) => Finding::up(format!("good for {} days", hours / 24)),
        }
    });
}

/// Waits until everything that is needed is there.
pub async fn until_ready(health: &Health) -> Result<(), Error> {
    let began = Instant::now();
    while !health.ready() {
        if began.elapsed() > limits::READY {
            let down = health.lines().into_iter().find(|line| line.finding.state == State::Down);
            let reason = down.map_or_else(String::new, |line| format!("{}: {}", line.name, line.finding.detail));
            return Err(Error::NotReady { seconds: limits::READY.as_secs(), reason });
        }
        tokio::time::sleep(limits::READY_POLL).await;
    }
    Ok(())
}

/// What a node waits for before it can begin, as its health says it.
pub struct Startup(watch::Sender<Option<String>>);

impl Startup {
    /// Registers the check: the node is not ready before it has [begun](Self::begun).
    pub fn register(health: &Health) -> Self {
        let beginning = Self(watch::Sender::new(Some("starting".to_owned())));
        let waits = beginning.0.subscribe();
        health.register("start", Needed::Ready, move || match &*waits.borrow() {
            Some(waits) => Finding::down(waits.clone()),
            None => Finding::up("has started"),
        });
        beginning
    }

    /// Everything is there.
    pub fn begun(&self) {
        self.0.send_replace(None);
    }

    /// Tries until it succeeds, or fails for a reason that does not pass. None: asked to stop meanwhile. What is unreachable is waited for, however long that takes:
    /// to exit would only have a supervisor count how often.
    pub async fn wait_for<T>(
        &self,
        what: &'static str,
        stop: &mut StopSignal,
        mut attempt: impl AsyncFnMut() -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let began = Instant::now();
        let mut said: Option<Instant> = None;
        loop {
            let outcome = tokio::select! {
                outcome = attempt() => outcome,
                () = stop.received() => return Ok(None),
            };
            match outcome {
                Err(error) if error.is_away() => {
                    if said.is_none_or(|said| said.elapsed() >= limits::WAITING_SAID) {
                        tracing::warn!(%error, for_s = began.elapsed().as_secs(), "waiting for {what} before this node can start");
                        said = Some(Instant::now());
                    }
                    self.0.send_replace(Some(format!("waits for {what}: {error}")));
                }
                outcome => {
                    if said.is_some() && outcome.is_ok() {
                        tracing::info!(for_s = began.elapsed().as_secs(), "{what} is there: starting");
                    }
                    self.0.send_replace(Some("starting".to_owned()));
                    return outcome.map(Some);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(telemetry::jittered(limits::WAITING)) => {}
                () = stop.received() => return Ok(None),
            }
        }
    }
}

/// Waits until everything that is needed is there, however long that takes, and says now and then what is not.
async fn becomes_ready(health: &Health) {
    let began = Instant::now();
    let mut said = began;
    while !health.ready() {
        if said.elapsed() > limits::WAITING_SAID {
            said = Instant::now();
            let down = health.lines().into_iter().filter(|line| line.finding.state == State::Down);
            let missing: Vec<_> = down.map(|line| format!("{}: {}", line.name, line.finding.detail)).collect();
            tracing::warn!(for_s = began.elapsed().as_secs(), missing = missing.join("; "), "this node is not ready yet");
        }
        tokio::time::sleep(limits::READY_POLL).await;
    }
}

/// Says `ready` once all is, and returns when asked to stop, before that or after.
pub async fn until_stopped(health: &Health, stop: &mut StopSignal, ready: &str) -> Result<(), Error> {
    tokio::select! {
        () = becomes_ready(health) => {}
        () = stop.received() => return Ok(()),
    }
    say(ready)?;
    stop.received().await;
    Ok(())
}

/// Leaves in order; told to stop once more, at once.
pub async fn leave(stop: &mut StopSignal, in_order: impl Future<Output = ()>) {
    tokio::select! {
        () = in_order => {}
        () = stop.received() => tracing::warn!("second stop signal: requests in flight are cut off"),
    }
}

/// A vital task of a node. If it ends before it is asked to, which is a bug, the process exits: others take its part, as
/// after any crash, and the supervisor restarts it.
pub async fn vital(what: &'static str, stop: CancellationToken, task: impl Future<Output = ()>) {
    let ended = AssertUnwindSafe(task).catch_unwind().await;
    if !stop.is_cancelled() {
        tracing::error!(
            what,
            panicked = ended.is_err(),
            "a vital task stopped: exiting so that the supervisor restarts the node"
        );
        std::process::exit(1);
    }
}

/// Serves operators until `end`.
pub fn admin_listener(
    listener: TcpListener,
    access: &Access,
    health: &Health,
    metrics: &Arc<Metrics>,
    end: CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let sources = Sources { health: health.clone(), metrics: Arc::clone(metrics), version: env!("CARGO_PKG_VERSION") };
    let access = access.clone();
    async move {
        if let Err(error) = admin::serve(listener, admin::router(sources), access, end.cancelled_owned()).await {
            tracing::error!(%error, "the admin listener has ended");
        }
    }
}

/// SIGHUP, which from now on does not end the process: one that comes before the node has started is heeded when it has.
pub fn hangup() -> Result<Signal, Error> {
    Ok(signal(SignalKind::hangup())?)
}

/// Ctrl-C, or what a supervisor sends.
pub struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    /// From now on the process does not end by itself on either.
    pub fn listen() -> Result<Self, Error> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns when one has come.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use manifest::Manifest;

    #[test]
    fn components_may_connect_to_the_configured_database_and_nowhere_else() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let manifest = |sources: VariableSources| Manifest::parse(&text, &path, &sources).unwrap();
        let mut granted = 0;
        for (name, component) in manifest(with_database(VariableSources::new(), "postgres://u:p@db.example:6432/x")).components {
            let hosts = component.grants.allowed_outbound_hosts;
            granted += usize::from(hosts.allows("postgres", "db.example", Some(6432)));
            for (scheme, host, port) in [
                ("postgres", "db.example", 5432),
                ("postgres", "other.example", 6432),
                ("postgres", "169.254.169.254", 6432),
                ("http", "db.example", 6432),
                ("redis", "db.example", 6432),
            ] {
                assert!(!hosts.allows(scheme, host, Some(port)), "{name}: {scheme}://{host}:{port}");
            }
        }
        assert!(granted >= 6, "{granted}");
        // On SQLite there is nothing to connect to.
        for (name, component) in manifest(VariableSources::new()).components {
            assert!(component.grants.allowed_outbound_hosts.is_empty(), "{name}");
        }
    }
}
