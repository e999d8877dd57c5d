//! The short commands.

use std::path::{Path, PathBuf};

use capabilities::sqlite::SqliteDatabases;
use fleet::Identity;
use region::{Database, migrate as apply};
use runtime::{Manifest, VariableSources};
use streams::journal::PostgresJournal;

use crate::audit_log::{self, check::Whole};
use crate::cli::{Certificates, Migrate, OtherCertificates, Storage};
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::say;
use crate::settings::Settings;

/// The label of the database that everything of the platform is in.
pub const DATABASE: &str = "default";

/// `marquee check`
pub fn check(file: &Path) -> Result<(), Error> {
    let manifest = Manifest::load(file, &VariableSources::from_environment())?;
    let routes = manifest.routes.iter().count();
    say(&format!("{}: {} components, {routes} routes, nothing wrong", file.display(), manifest.components.len()))
}

/// `marquee certificates`
pub fn certificates(Certificates { other, folder, nodes, days }: &Certificates) -> Result<(), Error> {
    match (other, folder) {
        (Some(OtherCertificates::Revoke { folder, nodes }), _) => {
            let (list, revoked) = fleet::certificates::revoke(folder, &identities(nodes)?)?;
            say(&format!(
                "{}: {revoked} certificates revoked; a node that finds this list beside its authority's certificate tells all others",
                list.display()
            ))
        }
        (None, folder) => {
            let folder = folder.as_deref().unwrap_or(Path::new("."));
            for file in fleet::certificates::make(folder, &identities(nodes)?, *days)? {
                say(&file.display().to_string())?;
            }
            Ok(())
        }
    }
}

/// Nodes by the names that the command line has for them.
fn identities(nodes: &[String]) -> Result<Vec<Identity>, Error> {
    let identity = |text: &String| match text.split_once('/') {
        Some((region, name)) => Identity::region_node(region, name),
        None => Identity::edge_node(text),
    };
    nodes.iter().map(identity).collect::<Result<_, _>>().map_err(|error| Error::Identity(error.to_string()))
}

/// `marquee audit`
pub async fn audit(storage: Storage, region: &str, seals: Option<PathBuf>) -> Result<(), Error> {
    let settings = Settings::read()?;
    let url = storage.postgres.or(settings.database);
    let seals = seals.unwrap_or_else(|| audit_log::folder(&storage.data));
    let whole = match url {
        // A worker that writes there holds the folder, and may go on.
        Some(url) => {
            let name = telemetry::redact_url(&url);
            let opened = Database::postgres(&url).await;
            let database = opened.map_err(|error| Error::Database { database: name.clone(), reason: error.to_string() })?;
            (audit_log::check::check(&database, &name, region, &seals).await?, name)
        }
        None => {
            let folder = DataFolder::open(&storage.data)?;
            let (database, name) = open_database(None, &folder).await?;
            (audit_log::check::check(&database, &name, region, &seals).await?, name)
        }
    };
    let (Whole { entries, hash, seals: fit, sealed, unknown }, name) = whole;
    say(&format!("{name}: {entries} entries of the audit log of {region}, all as they were written; the last is {hash}"))?;
    say(&match sealed {
        Some((sequence, at)) => {
            let at = audit_log::check::instant(at);
            format!("{fit} signed states fit; the last is of entry {sequence}, signed on {at}")
        }
        None => format!(
            "nothing signed was found in {}: name the folder of who writes this log (--data, --seals), for entries may have been rewritten together with \
             their hashes",
            seals.display()
        ),
    })?;
    if unknown > 0 {
        say(&format!("{unknown} signed states in the database are by keys that are not in {}", seals.display()))?;
    }
    Ok(())
}

/// `marquee replay`
pub async fn replay(postgres: Option<String>, first: i64, last: i64) -> Result<(), Error> {
    let missing = || Error::Refused("name the region's database: --postgres URL, or SPIN_VARIABLE_DATABASE".to_owned());
    let url = postgres.or(Settings::read()?.database).ok_or_else(missing)?;
    let journal = PostgresJournal::connect(&url)?;
    let now = jiff::Timestamp::now();
    let id = format!("replay_{}_{}", now.as_microsecond(), std::process::id());
    streams::replay::request(journal.pool(), &id, first, last, "operator", now.as_microsecond()).await?;
    say(&format!(
        "{id}: positions {first} to {last} will be published again by the node that publishes; GET /events/status tells how far it is"
    ))
}

/// `marquee migrate`
pub async fn migrate(arguments: Migrate) -> Result<(), Error> {
    let settings = Settings::read()?;
    let folder = DataFolder::open(&arguments.storage.data)?;
    let url = arguments.storage.postgres.or(settings.database);
    let (database, name) = open_database(url, &folder).await?;
    let (applied, version) = migrated(&database, &name).await?;
    say(&format!("{name}: at version {version}; migrations applied now: {applied}"))
}

/// The database of a command that has nothing else.
async fn open_database(url: Option<String>, folder: &DataFolder) -> Result<(Database, String), Error> {
    let files = [(DATABASE.to_owned(), folder.database(DATABASE))];
    open(url.as_deref(), SqliteDatabases::new(files.into()), folder).await
}

/// The platform's database, and its name for people.
pub async fn open(url: Option<&str>, sqlite: SqliteDatabases, folder: &DataFolder) -> Result<(Database, String), Error> {
    match url {
        None => Ok((Database::sqlite(sqlite, DATABASE), folder.database(DATABASE).display().to_string())),
        Some(url) => {
            let name = telemetry::redact_url(url);
            match Database::postgres(url).await {
                Ok(database) => Ok((database, name)),
                Err(error) => Err(Error::Database { database: name, reason: error.to_string() }),
            }
        }
    }
}

/// Applies what is missing. Returns how many migrations that were, and the version the database is at.
pub async fn migrated(database: &Database, name: &str) -> Result<(usize, usize), Error> {
    apply(database).await.map_err(|error| Error::Database { database: name.to_owned(), reason: error.to_string() })
}
