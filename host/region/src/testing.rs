//! Databases for tests: SQLite, and Postgres on the server that `MARQUEE_TEST_POSTGRES_URL` names, in which this may make schemas.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use storage::sqlite::SqliteDatabases;

use crate::database::{Database, Purpose};
use crate::migrate::migrate;

pub(crate) struct Scratch {
    pub(crate) database: Database,
    _folder: Option<tempfile::TempDir>,
}

/// Empty databases, or migrated ones: one of each engine.
pub(crate) async fn databases(migrated: bool) -> Vec<Scratch> {
    let folder = tempfile::tempdir().unwrap();
    let files = BTreeMap::from([("default".to_owned(), folder.path().join("test.db"))]);
    let mut all = vec![Scratch { database: Database::sqlite(SqliteDatabases::new(files), "default"), _folder: Some(folder) }];
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let url = std::env::var("MARQUEE_TEST_POSTGRES_URL").expect(
        "MARQUEE_TEST_POSTGRES_URL is not set: `cargo xtask test` sets it, and `cargo xtask services up --only postgres` prints it",
    );
    let schema = format!("region_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut transaction = Database::postgres(&url).await.unwrap().begin(Purpose::Write).await.unwrap();
    transaction.query(&format!("CREATE SCHEMA {schema}"), &[]).await.unwrap();
    transaction.commit().await.unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    let database = Database::postgres(&format!("{url}{separator}options=-c%20search_path%3D{schema}")).await.unwrap();
    all.push(Scratch { database, _folder: None });
    if migrated {
        for scratch in &all {
            migrate(&scratch.database).await.unwrap();
        }
    }
    all
}
