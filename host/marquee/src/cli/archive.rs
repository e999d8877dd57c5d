//! `marquee people export ID FILE.zip`: what a region knows of somebody, with their papers.
//!
//! Papers are made by a component, which runs here for that: in this process, with the region's database, and without anything else of the platform.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use contracts::{HostRoute, RequestBody};
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body_util::{BodyExt as _, Full, Limited};
use manifest::{Manifest, VariableSources};
use region::Database;
use runtime::{Application, Mode};
use telemetry::Metrics;

use crate::config::Breakers;
use crate::config::settings::Settings;
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::limits;
use crate::nodes::plain;
use crate::nodes::serving::{host_secret, loader, manifest_path, with_database};

/// The variable that signs tickets' codes.
const TICKET_KEY: &str = "ticket_signing_key";

/// Everything that a region knows of somebody, as a zip archive. `url` is the database's; none: the embedded one, in the folder.
pub async fn of(user: &str, database: &Database, url: Option<&str>, folder: &DataFolder) -> Result<Vec<u8>, Error> {
    let failed =
        |what: &str, reason: &dyn std::fmt::Display| Error::Refused(format!("the archive was not made: {what}: {reason}"));
    let settings = Settings::read()?;
    let mut sources = VariableSources::from_environment().set(HostRoute::VARIABLE, &host_secret()?);
    if let Some(url) = url {
        sources = with_database(sources, url);
    }
    let mut manifest = Manifest::load(&manifest_path(None::<&Path>)?, &sources)?;
    let commands: Vec<_> = manifest.routes.commands().map(|(name, path)| (name.to_owned(), path.to_owned())).collect();
    let found = commands.iter().find_map(|(name, path)| Some((manifest.components.get(name)?, path)));
    let Some((component, path)) = found else {
        return Err(Error::Refused("this application has no component that makes archives".to_owned()));
    };
    // Without it, another key would be made, and published, for papers of this one person.
    let has_key = component.grants.variables.get(TICKET_KEY).is_some_and(|key| !key.expose().is_empty());
    let theirs = "SELECT kid FROM ticket_keys WHERE slot IS NULL AND retired_at IS NULL AND revoked_at IS NULL";
    let others = database.ask(theirs, &[]).await.map_err(|error| failed("the database", &error))?;
    if !has_key && !others.is_empty() {
        let why =
            "the region signs tickets with a key of its own: set SPIN_VARIABLE_TICKET_SIGNING_KEY to it, as its nodes have it";
        return Err(Error::Refused(why.to_owned()));
    }
    let route = HostRoute::of(component, path);
    manifest.components.retain(|name, _| *name == route.component);
    let version = loader(&settings, folder)?.load(manifest, Mode::Native).await?;
    let metrics = Metrics::new()?;
    let bindings = plain::bindings(version.manifest(), folder, None, &Breakers::default(), &metrics)?;
    let application = Application::new(Arc::clone(&version), bindings);
    let body = Bytes::from(serde_json::json!({ "user_id": user }).to_string());
    let body: RequestBody = Full::new(body).map_err(|never| match never {}).boxed_unsync();
    let mut request = route.request(body);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let answer = application.handle(&route.component, request).await.map_err(|failure| failed(&route.component, &failure))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), limits::ARCHIVE_BYTES).collect().await;
    let body = body.map_err(|error| failed(&route.component, &error))?.to_bytes();
    if status.is_success() { Ok(body.to_vec()) } else { Err(failed(&route.component, &String::from_utf8_lossy(&body))) }
}
