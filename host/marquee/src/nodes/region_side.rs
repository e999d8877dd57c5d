//! A region's parts, wired: what every process with a region's database runs, alone or beside edges.

use std::sync::Arc;

use capabilities::Bindings;
use capabilities::mail::FileMailer;
use capabilities::passwords::PasswordHasher;
use contracts::Ledger;
use edge::{Follower, Identity, Region, Replica};
use fleet::RemoteRegion;
use manifest::Manifest;
use manifest::Secret;
use region::accounts::{AddressLookup, Directory, Erasures, Mirror, Visitors};
use region::coordinator::{self, Coordinator, Membership};
use region::{
    Database, Feed, Limiter, Node, RateLimited, Retention, RetentionTask, Revocations, Sequencer, SnapshotCache, Ticker,
};
use runtime::{Switch, Version};
use storage::redis::Connection;
use telemetry::{Health, Metrics};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::commands;
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::journal::destination::{EventDestination, Journal};
use crate::nodes::ledger::ComponentLedger;
use crate::nodes::reporter::Reporter;
use crate::nodes::roles::Roles;
use crate::nodes::serving::vital;

/// What its own replica is called, by metrics and health.
const REPLICA: &str = "region";
/// The variable that says which region an application runs in.
const REGION: &str = "region";
/// Whom mail comes from: it only goes to files.
const SENDER: &str = "Marquee <marquee@localhost>";

/// A region's parts, started.
pub struct RegionSide {
    /// What edges hand requests over to.
    pub node: Arc<dyn Region>,
    /// What edges and components hand commands to.
    pub coordinator: Arc<Coordinator>,
    /// What edges follow.
    pub feed: Arc<Feed>,
    /// What answers, by the version that has the traffic.
    pub traffic: Arc<Switch>,
    /// Whose tokens these are.
    pub identity: Identity,
    replica: Replica,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
    /// Those that write: they stop first, and finish what they have.
    writers: CancellationToken,
    /// Those that only follow.
    followers: CancellationToken,
}

/// What a region is started from.
pub struct Options<'a> {
    /// The region's name.
    pub region: &'a str,
    /// The node's name, and what it runs as.
    pub node: (&'a str, &'static str),
    pub version: &'a Arc<Version>,
    /// The database's URL; none: the embedded one.
    pub postgres: Option<&'a str>,
    pub folder: &'a DataFolder,
    /// What every Spin application has.
    pub base: Bindings,
    pub retention: Retention,
    /// What becomes of what happens.
    pub publishing: EventDestination<'a>,
    /// What its nodes have in common beside the database.
    pub redis: Option<Connection>,
    pub health: &'a Health,
    pub metrics: &'a Arc<Metrics>,
}

impl RegionSide {
    /// Migrates the database and starts every part. It is ready when its health says so. `membership` says whether others share the database.
    pub async fn start(
        options: Options<'_>,
        roles: &mut Roles,
        membership: impl FnOnce(&Database) -> Membership,
    ) -> Result<Self, Error> {
        let Options {
            region,
            node: (node_name, role),
            version,
            postgres,
            folder,
            base,
            retention,
            publishing,
            redis,
            health,
            metrics,
        } = options;
        let sqlite =
            base.sqlite.clone().unwrap_or_else(|| storage::sqlite::SqliteDatabases::new(std::collections::BTreeMap::new()));
        let mut commits = vec![sqlite.commits().watch()];
        commits.extend(base.postgres.as_ref().map(|pools| pools.commits().watch()));
        let (database, name) = commands::open(postgres, sqlite, folder).await?;
        let (applied, number) = commands::migrated(&database, &name).await?;
        tracing::info!(database = name, version = number, applied, "the database is up to date");

        let sequencer = Sequencer::new(database.clone(), commits);
        let (wake, given, epoch) = (sequencer.wake(), sequencer.given(), sequencer.epoch());
        sequencer.register(health);
        let kept = redis.map(|redis| SnapshotCache::new(redis, region));
        let feed = Arc::new(Feed::new(database.clone(), &sequencer).keeping(kept));
        let options = coordinator::Options {
            partitions: if postgres.is_some() { region::limits::PARTITIONS } else { region::limits::PARTITIONS_SQLITE },
            membership: membership(&database),
            metrics: Arc::clone(metrics),
            wake: Some(wake.clone()),
            epoch: Some(sequencer.epoch()),
        };
        let deciding = options.build().await.map_err(|error| Error::database(&name, &error))?;
        deciding.register(health);
        let coordinator = Arc::new(deciding.handle());

        let (replica, identity) = (Replica::new([region]), Identity::new(region));
        let follower = Follower::new(REPLICA, region, Arc::clone(&feed) as _, &replica, &identity);
        follower.register(health, metrics);
        identity.register(REPLICA, health);
        let mailer = FileMailer::new(folder.path().join("mail"), SENDER).map_err(|error| Error::Worker(error.to_string()))?;
        let bindings = Bindings {
            mailer: Some(Arc::new(mailer)),
            passwords: Some(PasswordHasher::start()?),
            ..bindings(&replica, &identity, Arc::clone(&coordinator) as _, base)
        };
        let switch = roles.add(version, bindings);
        let traffic = Arc::clone(&switch);
        let node = Node::new(Arc::clone(&switch), replica.clone(), wake, Arc::clone(metrics));

        let (tasks, writers, followers) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        tasks.spawn(vital("the sequencer", followers.clone(), sequencer.run(followers.clone())));
        tasks.spawn(follower.run(followers.clone()));
        tasks.spawn(Ticker::new(Arc::clone(&switch), coordinator.runner(), Arc::clone(metrics)).run(writers.clone()));
        let runner = coordinator.runner();
        let remembering = Revocations::new(database.clone(), identity.clone(), epoch.clone());
        tasks.spawn(remembering.run(followers.clone()));
        let journal = Journal { region, database: &database, url: postgres, given, epoch, runner, traffic: &switch };
        publishing.start(journal, (health, metrics), (&tasks, &writers))?;
        let reporter = Reporter {
            database: database.clone(),
            name: node_name.to_owned(),
            role,
            health: health.clone(),
            metrics: Arc::clone(metrics),
        };
        tasks.spawn(reporter.run(writers.clone()));
        tasks.spawn(RetentionTask::new(database, retention, coordinator.runner()).run(writers.clone()));
        let deciding = deciding.run(move || ComponentLedger::new(Arc::clone(&switch)), writers.clone());
        tasks.spawn(vital("the coordinator", writers.clone(), deciding));
        Ok(Self {
            node: Arc::new(node),
            coordinator,
            feed,
            traffic,
            identity,
            replica,
            metrics: Arc::clone(metrics),
            tasks,
            writers,
            followers,
        })
    }

    /// Follows the region that keeps the accounts, where that is another, and has this one's node ask it who its visitors are.
    pub fn with_accounts_of(&mut self, region: &str, accounts: &RemoteRegion, health: &Health) {
        let mirror = Mirror::new(Arc::new(accounts.clone()), Arc::clone(&self.traffic), self.coordinator.runner());
        mirror.register(health);
        self.tasks.spawn(mirror.run(self.writers.clone()));
        let asking = AddressLookup::new(Arc::new(accounts.clone()), Arc::clone(&self.traffic), self.coordinator.runner());
        self.tasks.spawn(asking.run(self.writers.clone()));
        let runner = self.coordinator.runner();
        let erasures = Erasures::new(region, Arc::new(accounts.clone()), Arc::clone(&self.traffic), runner);
        self.tasks.spawn(erasures.run(self.writers.clone()));
        let (node, traffic, identity) = (Arc::clone(&self.node), Arc::clone(&self.traffic), self.identity.clone());
        self.node = Arc::new(Visitors::new(node, Arc::new(accounts.clone()), traffic, identity));
    }

    /// What it tells other regions of accounts.
    pub fn accounts(&self) -> Arc<dyn edge::Accounts> {
        Arc::new(Directory::new(Arc::clone(&self.traffic)))
    }

    /// Has its node refuse who asks too often. Last: what is refused shall cost nothing.
    pub fn limit(&mut self, limiter: Limiter) {
        let (node, traffic, metrics) = (Arc::clone(&self.node), Arc::clone(&self.traffic), Arc::clone(&self.metrics));
        self.node = Arc::new(RateLimited::new(node, limiter, self.identity.clone(), traffic, metrics));
    }

    /// How many bytes events may take in its replica.
    pub fn bound_replica(&self, bytes: usize) {
        self.replica.bound(bytes);
    }

    /// Whether its node can answer what others hand over: it can verify tokens, and knows what is public.
    pub fn ready(&self) -> fleet::server::ReadinessCheck {
        let (identity, replica) = (self.identity.clone(), self.replica.clone());
        Arc::new(move || identity.ready() && replica.has_any())
    }

    /// Finishes what is queued, then stops everything. No more requests arrive.
    pub async fn stop(self) {
        self.writers.cancel();
        self.followers.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What an application calls the region that it runs in: its variable `region`.
pub fn name(manifest: &Manifest) -> String {
    let mut named = manifest.components.values().filter_map(|component| component.grants.variables.get(REGION));
    named.next().map_or(REGION, Secret::expose).to_owned()
}

/// What components have where this is known of what is public, and this ledger decides.
pub fn bindings(replica: &Replica, identity: &Identity, ledger: Arc<dyn Ledger>, base: Bindings) -> Bindings {
    Bindings {
        ledger: Some(ledger),
        replica: Some(Arc::new(replica.clone())),
        identity: Some(Arc::new(identity.clone())),
        ..base
    }
}
