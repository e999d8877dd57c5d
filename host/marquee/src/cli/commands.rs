//! The short commands.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fleet::Identity;
use manifest::{Manifest, VariableSources};
use region::keys::{self, Signs, State};
use region::{Database, MigrateError, migrate as apply, people};
use storage::sqlite::SqliteDatabases;
use streams::journal::PostgresJournal;

use crate::audit_log::{self, check::AuditReport};
use crate::cli::archive;
use crate::cli::{Certificates, Keys, Migrate, OtherCertificates, People, Storage};
use crate::config::settings::Settings;
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::nodes::needs;
use crate::{limits, say};

/// The label of the database that everything of the platform is in.
pub const DATABASE: &str = "default";

/// `marquee check`
pub fn check(file: &Path) -> Result<(), Error> {
    let manifest = Manifest::load(file, &VariableSources::from_environment())?;
    needs::check(&manifest, Some(needs::schema()))?;
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
        // A region may be called `control`: its nodes are named whole.
        Some(_) if text.contains("://") => text.parse(),
        Some(("control", name)) => Identity::control_node(name),
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
        // A worker that writes there locks the folder, and may keep running.
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
    let (AuditReport { entries, hash, seals: fit, sealed, unknown }, name) = whole;
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

/// `marquee keys`
pub async fn keys(action: Keys) -> Result<(), Error> {
    let (Keys::List { storage } | Keys::Retire { storage, .. } | Keys::Revoke { storage, .. }) = &action;
    let settings = Settings::read()?;
    let folder = DataFolder::open(&storage.data)?;
    let (database, name) = open_database(storage.postgres.clone().or(settings.database), &folder).await?;
    let failed = |error: region::database::Error| Error::Database { database: name.clone(), reason: error.to_string() };
    let unknown =
        |kid: &str, what: &str| Error::Refused(format!("{name} has no key {kid} that is {what}: see marquee keys list"));
    match action {
        Keys::List { .. } => {
            for key in keys::list(&database).await.map_err(failed)? {
                let state = match key.state {
                    State::InUse => "in use".to_owned(),
                    State::Retired { until: Some(until) } => format!("retired, trusted until {}", instant(until)),
                    State::Retired { until: None } => "retired, trusted for the tickets that it has signed".to_owned(),
                    State::Ended { at } => format!("retired, not trusted since {}", instant(at)),
                    State::Revoked { at } => format!("revoked {}", instant(at)),
                };
                let signs = match key.signs {
                    Signs::Tokens => "access tokens",
                    Signs::Tickets => "tickets",
                };
                say(&format!("{}  signs {signs}  made {}  {state}", key.kid, instant(key.created_at)))?;
            }
            Ok(())
        }
        Keys::Retire { kid, .. } => {
            if keys::retire_of_tickets(&database, &kid).await.map_err(failed)? {
                return say(&format!("{kid} signs no more; the tickets that it has signed stay good"));
            }
            let until = keys::retire(&database, &kid).await.map_err(failed)?.ok_or_else(|| unknown(&kid, "in use"))?;
            say(&format!("{kid} signs no more; its last token has ended by {}", instant(until)))
        }
        Keys::Revoke { kid, .. } => {
            if keys::revoke_of_tickets(&database, &kid).await.map_err(failed)? {
                let anew = "the tickets that it has signed are unknown at doors; where they are shown they have other codes now";
                return say(&format!("{kid} is revoked: {anew}, and scanners without a network need a new list"));
            }
            let at = keys::revoke(&database, &kid).await.map_err(failed)?.ok_or_else(|| unknown(&kid, "trusted"))?;
            say(&format!("{kid} is revoked since {}: nodes refuse its tokens as soon as they hear of it", instant(at)))
        }
    }
}

/// `marquee people`
pub async fn people(action: People) -> Result<(), Error> {
    let (People::Erase { storage, .. } | People::Export { storage, .. }) = &action;
    let (database, name, folder) = database_of(storage).await?;
    let failed = |error: region::database::Error| Error::database(&name, &error);
    let unknown = |who: &str| Error::Refused(format!("{name} knows nobody with the id or address {who}"));
    match &action {
        People::Erase { who, .. } => {
            let user = people::find(&database, who).await.map_err(failed)?.ok_or_else(|| unknown(who))?;
            people::request(&database, &user).await.map_err(failed)?;
            // The embedded database is this process's now, so nobody else looks at it.
            let until = Instant::now() + if folder.is_some() { Duration::ZERO } else { limits::ERASURE_WAIT };
            loop {
                match people::state(&database, &user).await.map_err(failed)? {
                    people::Request::Done => {
                        return say(&format!("{user} is erased here; other regions and what is left beside the account follow"));
                    }
                    people::Request::Refused(reason) => return Err(Error::Refused(format!("{user} was not erased: {reason}"))),
                    people::Request::Waits if Instant::now() >= until => {
                        return say(&format!(
                            "{user} is erased as soon as a node of the region runs; ask again to see what came of it"
                        ));
                    }
                    people::Request::Waits => tokio::time::sleep(limits::ERASURE_POLL).await,
                }
            }
        }
        People::Export { who, file, .. } => {
            // In a region without the accounts somebody may have bought without being in any table of people.
            let user = people::find(&database, who).await.map_err(failed)?;
            let user = user.or_else(|| (!who.contains('@')).then(|| who.clone())).ok_or_else(|| unknown(who))?;
            let unwritten = |error: std::io::Error| Error::Refused(format!("{} cannot be written: {error}", file.display()));
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let (content, what) = if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
                if file.exists() {
                    return Err(unwritten(std::io::ErrorKind::AlreadyExists.into()));
                }
                let folder = match folder {
                    Some(folder) => folder,
                    None => DataFolder::open(&storage.data)?,
                };
                let url = storage.postgres.clone().or(Settings::read()?.database);
                let archive = archive::of(&user, &database, url.as_deref(), &folder).await?;
                (archive, "everything, with papers,".to_owned())
            } else {
                let items = people::export(&database, &user).await.map_err(failed)?;
                let count = items.len();
                let text = serde_json::to_string_pretty(&serde_json::json!({ "user_id": user, "items": items }))
                    .map_err(|error| Error::Refused(error.to_string()))?;
                (text.into_bytes(), format!("{count} things"))
            };
            options.open(file).and_then(|mut file| file.write_all(&content)).map_err(unwritten)?;
            say(&format!("{}: {what} that {name} knows of {user}", file.display()))
        }
    }
}

/// A region's database, its name, and the folder where it is embedded: a server's may be other processes' at the same time.
async fn database_of(storage: &Storage) -> Result<(Database, String, Option<DataFolder>), Error> {
    match storage.postgres.clone().or(Settings::read()?.database) {
        Some(url) => {
            let name = telemetry::redact_url(&url);
            let database = Database::postgres(&url).await.map_err(|error| Error::database(&name, &error))?;
            Ok((database, name, None))
        }
        None => {
            let folder = DataFolder::open(&storage.data)?;
            let (database, name) = open_database(None, &folder).await?;
            Ok((database, name, Some(folder)))
        }
    }
}

/// An instant for people, to the second.
fn instant(microseconds: i64) -> String {
    jiff::Timestamp::from_second(microseconds.div_euclid(1_000_000))
        .map_or_else(|_| microseconds.to_string(), |at| at.to_string())
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
    // The folder is another process's where the platform runs: it is needed for the embedded database alone.
    let (database, name, _folder) = database_of(&storage).await?;
    let failed = |name: &str, error: &region::database::Error| Error::database(name, error);
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
