//! The short commands.

use std::path::Path;

use capabilities::sqlite::SqliteDatabases;
use fleet::Identity;
use region::{Database, migrate as apply};
use runtime::{Manifest, VariableSources};

use crate::cli::Migrate;
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

/// `marquee migrate`
pub async fn migrate(arguments: Migrate) -> Result<(), Error> {
    let settings = Settings::read()?;
    let folder = DataFolder::open(&arguments.storage.data)?;
    let url = arguments.storage.postgres.or(settings.database);
    let files = [(DATABASE.to_owned(), folder.database(DATABASE))];
    let (database, name) = open(url.as_deref(), SqliteDatabases::new(files.into()), &folder).await?;
    let (applied, version) = migrated(&database, &name).await?;
    say(&format!("{name}: at version {version}; migrations applied now: {applied}"))
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
