//! What an application has of Spin's own interfaces. It is all that the platform has with `--composed`, and any other Spin application.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use capabilities::Bindings;
use capabilities::key_value::KeyValueStores;
use capabilities::outbound_http::OutboundHttp;
use capabilities::postgres::PostgresPools;
use manifest::Manifest;
use storage::redis::RedisConnections;
use storage::sqlite::SqliteDatabases;
use telemetry::{Metrics, secured};

use crate::config::Breakers;
use crate::data_folder::DataFolder;
use crate::error::Error;

/// What every Spin application may be granted, in this folder. `own` is where the application itself answers. What is
/// outside is guarded by circuit breakers, which `metrics` shows.
pub fn bindings(
    manifest: &Manifest,
    folder: &DataFolder,
    own: Option<SocketAddr>,
    breakers: &Breakers,
    metrics: &Metrics,
) -> Result<Bindings, Error> {
    let grants = || manifest.components.values().map(|component| &component.grants);
    let labels: BTreeSet<String> = grants().flat_map(|grants| grants.sqlite_databases.iter().cloned()).collect();
    if labels.iter().any(|label| label != crate::cli::commands::DATABASE) {
        folder.folder("databases")?;
    }
    let files: BTreeMap<_, _> = labels.into_iter().map(|label| (label.clone(), folder.database(&label))).collect();
    let stores: BTreeSet<String> = grants().flat_map(|grants| grants.key_value_stores.iter().cloned()).collect();
    let own_address = own.and_then(|address| address.to_string().parse().ok());
    let postgres = PostgresPools::with(breakers.postgres).trusting(authorities(manifest)?);
    let redis = RedisConnections::with(breakers.redis, None);
    let outbound_http = OutboundHttp::new(own_address).guarded(breakers.web);
    metrics.breakers().add(postgres.clone());
    metrics.breakers().add(redis.clone());
    metrics.breakers().add(outbound_http.clone());
    Ok(Bindings {
        sqlite: Some(SqliteDatabases::new(files)),
        key_value: Some(KeyValueStores::new(folder.folder("key-value")?.join("stores.sqlite"), stores)),
        postgres: Some(postgres),
        redis: Some(redis),
        outbound_http: Some(outbound_http),
        ..Bindings::default()
    })
}

/// The certificates of authorities that addresses of databases in the application's variables name (`sslrootcert`). What stands in a variable is the
/// operator's; what a component makes up is refused.
fn authorities(manifest: &Manifest) -> Result<BTreeMap<String, String>, Error> {
    let variables = manifest.components.values().flat_map(|component| component.grants.variables.values());
    let named = variables.filter_map(|value| secured::root_certificate(value.expose()));
    let read = |file: String| match std::fs::read_to_string(&file) {
        Ok(pem) => Ok((file, pem)),
        Err(error) => Err(Error::Refused(format!("sslrootcert={file}, in a database's address, cannot be read: {error}"))),
    };
    named.map(read).collect()
}
