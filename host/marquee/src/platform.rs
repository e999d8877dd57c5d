//! The platform in one process: a region, and two edges beside it.

use std::sync::Arc;

use capabilities::Bindings;
use capabilities::mail::FileMailer;
use edge::{Follower, Region};
use region::coordinator::{self, Membership};
use region::{ComponentLedger, Feed, Node, Retention, Sequencer, Ticker, Upkeep};
use runtime::{Switch, Version};
use telemetry::{Health, Metrics};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::commands;
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::roles::Roles;

/// The names of the edges, for metrics and health.
const EDGES: [&str; 2] = ["edge-0", "edge-1"];
/// Whom mail of a developer's machine comes from.
const SENDER: &str = "marquee@localhost";

/// What one edge answers with.
pub struct EdgeParts {
    pub traffic: Arc<Switch>,
    pub replica: edge::Replica,
}

/// The platform, started.
pub struct Platform {
    pub edges: Vec<EdgeParts>,
    /// What edges hand requests over to.
    pub region: Arc<dyn Region>,
    background: Background,
}

/// What runs beside requests.
struct Background {
    tasks: TaskTracker,
    /// Those that write: they stop first, and finish what they have.
    writers: CancellationToken,
    /// Those that only follow.
    followers: CancellationToken,
}

/// What a platform is started from.
pub struct Options<'a> {
    pub version: &'a Arc<Version>,
    /// The database's URL; none: the embedded one.
    pub postgres: Option<&'a str>,
    pub folder: &'a DataFolder,
    /// What every Spin application has.
    pub base: Bindings,
    pub health: &'a Health,
    pub metrics: &'a Arc<Metrics>,
}

impl Platform {
    /// Migrates the database and starts every part. It is ready when its health says so.
    pub async fn start(options: Options<'_>, roles: &mut Roles) -> Result<Self, Error> {
        let Options { version, postgres, folder, base, health, metrics } = options;
        let sqlite =
            base.sqlite.clone().unwrap_or_else(|| capabilities::sqlite::SqliteDatabases::new(std::collections::BTreeMap::new()));
        let mut commits = vec![sqlite.commits().watch()];
        commits.extend(base.postgres.as_ref().map(|pools| pools.commits().watch()));
        let (database, name) = commands::open(postgres, sqlite, folder).await?;
        let (applied, number) = commands::migrated(&database, &name).await?;
        tracing::info!(database = name, version = number, applied, "the database is up to date");

        let sequencer = Sequencer::new(database.clone(), commits);
        let wake = sequencer.wake();
        sequencer.register(health);
        let feed = Arc::new(Feed::new(database.clone(), &sequencer));
        // Nobody else is counted on: the data folder is locked, and a server of a developer's is theirs.
        let options = coordinator::Options {
            partitions: if postgres.is_some() { region::limits::PARTITIONS } else { region::limits::PARTITIONS_SQLITE },
            membership: Membership::Alone,
            metrics: Arc::clone(metrics),
            wake: Some(wake.clone()),
        };
        let deciding = options.build().await.map_err(|error| Error::Database { database: name, reason: error.to_string() })?;
        deciding.register(health);
        let coordinator = Arc::new(deciding.handle());
        let upkeep = Upkeep::new(database, Retention::default(), coordinator.runner());

        let followers: Vec<Follower> = std::iter::once("region")
            .chain(EDGES)
            .map(|node| Follower::new(node, Arc::clone(&feed) as Arc<dyn edge::feed::Source>))
            .collect();
        let bound = |follower: &Follower, base: Bindings| Bindings {
            ledger: Some(Arc::clone(&coordinator) as Arc<dyn capabilities::ledger::Ledger>),
            replica: Some(Arc::new(follower.replica().clone())),
            identity: Some(Arc::new(follower.identity().clone())),
            ..base
        };
        let mut followers_left = followers.iter();
        let own = followers_left.next().ok_or_else(|| std::io::Error::other("no follower"))?;
        let mailer = FileMailer::new(folder.path().join("mail"), SENDER.to_owned());
        // An edge has no database: whatever it is granted, it finds none. So it is where an edge stands by itself.
        let edge_base = Bindings { outbound_http: base.outbound_http.clone(), ..Bindings::default() };
        let region_switch = roles.add(version, Bindings { mailer: Some(Arc::new(mailer)), ..bound(own, base) });
        let edges = followers_left
            .map(|follower| EdgeParts {
                traffic: roles.add(version, bound(follower, edge_base.clone())),
                replica: follower.replica().clone(),
            })
            .collect();
        let node = Node::new(Arc::clone(&region_switch), own.replica().clone(), wake, Arc::clone(metrics));

        let background =
            Background { tasks: TaskTracker::new(), writers: CancellationToken::new(), followers: CancellationToken::new() };
        let ticker = Ticker::new(Arc::clone(&region_switch), coordinator.runner(), Arc::clone(metrics));
        background.start(sequencer, followers, health, metrics);
        let ledger = move || ComponentLedger::new(Arc::clone(&region_switch));
        background.tasks.spawn(deciding.run(ledger, background.writers.clone()));
        background.tasks.spawn(ticker.run(background.writers.clone()));
        background.tasks.spawn(upkeep.run(background.writers.clone()));
        Ok(Self { edges, region: Arc::new(node), background })
    }

    /// Finishes what is queued, then stops everything. The edges have stopped already.
    pub async fn stop(self) {
        let Background { tasks, writers, followers } = self.background;
        writers.cancel();
        followers.cancel();
        tasks.close();
        tasks.wait().await;
    }
}

impl Background {
    fn start(&self, sequencer: Sequencer, followers: Vec<Follower>, health: &Health, metrics: &Arc<Metrics>) {
        self.tasks.spawn(sequencer.run(self.followers.clone()));
        for follower in followers {
            follower.register(health, metrics);
            self.tasks.spawn(follower.run(self.followers.clone()));
        }
    }
}
