//! The short commands.

use std::path::Path;

use audit::{Broken, Chain, Entry};
use capabilities::sqlite::SqliteDatabases;
use fleet::Identity;
use region::database::{Purpose, Row};
use region::{Database, MigrateError, migrate as apply};
use runtime::{Manifest, VariableSources};
use streams::journal::PostgresJournal;

use crate::cli::{Migrate, Storage};
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::limits;
use crate::say;
use crate::settings::Settings;

/// The label of the database that everything of the platform is in.
pub const DATABASE: &str = "default";

/// A region's audit log from here on, in order.
const AUDIT_ROWS: &str = "SELECT sequence, ce_id, type, subject, actor, at, digest, previous, hash FROM audit_log \
    WHERE region = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
const AUDIT_HEAD: &str = "SELECT sequence, hash FROM audit_heads WHERE region = $1";

/// `marquee check`
pub fn check(file: &Path) -> Result<(), Error> {
    let manifest = Manifest::load(file, &VariableSources::from_environment())?;
    let routes = manifest.routes.iter().count();
    say(&format!("{}: {} components, {routes} routes, nothing wrong", file.display(), manifest.components.len()))
}

/// `marquee certificates`
pub fn certificates(folder: &Path, nodes: &[String]) -> Result<(), Error> {
    let identity = |text: &String| match text.split_once('/') {
        Some((region, name)) => Identity::region_node(region, name),
        None => Identity::edge_node(text),
    };
    let nodes: Vec<Identity> =
        nodes.iter().map(identity).collect::<Result<_, _>>().map_err(|error| Error::Identity(error.to_string()))?;
    for file in fleet::certificates::make(folder, &nodes)? {
        say(&file.display().to_string())?;
    }
    Ok(())
}

/// `marquee audit`
pub async fn audit(storage: Storage, region: &str) -> Result<(), Error> {
    let settings = Settings::read()?;
    let folder = DataFolder::open(&storage.data)?;
    let (database, name) = open_database(storage.postgres.or(settings.database), &folder).await?;
    let failed = |error: region::database::Error| Error::Database { database: name.clone(), reason: error.to_string() };
    // Of one moment: entries that are written meanwhile are not looked at, nor is the head that they move.
    let mut transaction = database.begin(Purpose::Read).await.map_err(failed)?;
    let mut chain = Chain::new(region);
    loop {
        let after = [region.into(), chain.sequence().into(), limits::AUDIT_ROWS.into()];
        let rows = transaction.query(AUDIT_ROWS, &after).await.map_err(failed)?;
        let last = rows.len() < usize::try_from(limits::AUDIT_ROWS).unwrap_or(usize::MAX);
        for mut row in rows {
            let row = entry(&mut row).map_err(failed)?;
            chain.verify(&row).map_err(|broken| broken_at(region, &broken))?;
        }
        if last {
            break;
        }
    }
    let head = transaction.query(AUDIT_HEAD, &[region.into()]).await.map_err(failed)?;
    let head = head.into_iter().next().map(|mut row| Ok((row.integer()?, row.text()?))).transpose().map_err(failed)?;
    chain.end(head.as_ref().map(|(sequence, hash)| (*sequence, hash.as_str()))).map_err(|broken| broken_at(region, &broken))?;
    say(&format!(
        "{name}: {} entries of the audit log of {region}, all as they were written; the last is {}",
        chain.sequence(),
        chain.hash()
    ))
}

fn entry(row: &mut Row) -> Result<audit::Row, region::database::Error> {
    Ok(audit::Row {
        sequence: row.integer()?,
        entry: Entry {
            ce_id: row.text()?,
            kind: row.text()?,
            subject: row.text()?,
            actor: row.maybe_text()?,
            at: row.integer()?,
            digest: row.text()?,
        },
        previous: row.text()?,
        hash: row.text()?,
    })
}

fn broken_at(region: &str, broken: &Broken) -> Error {
    Error::Audit { region: region.to_owned(), at: broken.at(), reason: broken.to_string() }
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

/// `marquee epoch`
pub async fn epoch(storage: Storage, new: bool) -> Result<(), Error> {
    let settings = Settings::read()?;
    // The folder is another process's where the platform runs: it is needed for the embedded database alone.
    let url = storage.postgres.or(settings.database);
    let failed = |name: &str, error: &region::database::Error| Error::database(name, error);
    let (database, name, _folder) = match &url {
        Some(url) => {
            let name = telemetry::redact_url(url);
            (Database::postgres(url).await.map_err(|error| failed(&name, &error))?, name, None)
        }
        None => {
            let folder = DataFolder::open(&storage.data)?;
            let (database, name) = open_database(None, &folder).await?;
            (database, name, Some(folder))
        }
    };
    if new {
        let epoch = region::begin_epoch(&database).await.map_err(|error| failed(&name, &error))?;
        return say(&format!("{name}: epoch {epoch} has begun; every replica takes a new snapshot"));
    }
    let epoch = region::epoch(&database).await.map_err(|error| failed(&name, &error))?;
    let epoch =
        epoch.map_or_else(|| "none has begun yet".to_owned(), |(epoch, position)| format!("epoch {epoch}, position {position}"));
    say(&format!("{name}: {epoch}"))
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
                Err(error) => Err(Error::database(&name, &error)),
            }
        }
    }
}

/// Applies what is missing. Returns how many migrations that were, and the version the database is at.
pub async fn migrated(database: &Database, name: &str) -> Result<(usize, usize), Error> {
    apply(database).await.map_err(|error| match error {
        MigrateError::Database(error) => Error::database(name, &error),
        newer @ MigrateError::Newer { .. } => Error::Database { database: name.to_owned(), reason: newer.to_string() },
    })
}
