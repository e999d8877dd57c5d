//! Migrations on first use: under stock Spin no host applies them. Where the host has, this only looks.

use super::{Connection, Error, RowReader, postgres};
use migrations::{Engine, MIGRATIONS, VERSION_TABLE};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this instance has seen an up-to-date database.
static DONE: AtomicBool = AtomicBool::new(false);

/// As often as asked; free once this instance has seen it done.
pub(super) async fn once(connection: &Connection) -> Result<(), Error> {
    if DONE.load(Ordering::Relaxed) {
        return Ok(());
    }
    if version(connection).await.unwrap_or(0) < MIGRATIONS.len() {
        migrate(connection).await?;
    }
    DONE.store(true, Ordering::Relaxed);
    Ok(())
}

/// The number of the last migration applied; an error where there is no table yet.
async fn version(connection: &Connection) -> Result<usize, Error> {
    let rows = connection.query("SELECT COALESCE(MAX(number), 0) FROM schema_version", Vec::new()).await?;
    let row = rows.into_iter().next().ok_or_else(|| Error::Other("no version".into()))?;
    let number: i64 = RowReader::new(row).column()?;
    usize::try_from(number).map_err(|_| Error::Other(format!("version {number}")))
}

/// Applies what is missing, in one transaction that only one instance can be in at a time; the others then find it done.
pub(super) async fn migrate(connection: &Connection) -> Result<(), Error> {
    let engine = connection.engine();
    match engine {
        Engine::Sqlite => {
            // Not possible in a transaction; it stays with the file. Of two instances that do it at once SQLite refuses one without
            // waiting, since each would wait for the other; the other does it for both.
            match connection.run("PRAGMA journal_mode = WAL", Vec::new()).await {
                Ok(()) | Err(Error::Busy) => {}
                Err(error) => return Err(error),
            }
            connection.run("BEGIN IMMEDIATE", Vec::new()).await?;
        }
        Engine::Postgres => {
            connection.run("BEGIN", Vec::new()).await?;
            connection.run(postgres::MIGRATION_LOCK, Vec::new()).await?;
        }
    }
    connection.run(VERSION_TABLE, Vec::new()).await?;
    let applied = version(connection).await?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(applied) {
        for statement in migration.statements(engine) {
            connection.run(&statement, Vec::new()).await?;
        }
        connection.run(&format!("INSERT INTO schema_version (number) VALUES ({})", index + 1), Vec::new()).await?;
    }
    connection.run("COMMIT", Vec::new()).await
}

#[cfg(test)]
mod tests {
    use crate::sql::testing::Database;

    #[test]
    fn instances_that_begin_at_once_find_one_database() {
        for _ in 0..20 {
            let database = Database::unmade_file();
            let at_once = std::sync::Barrier::new(4);
            std::thread::scope(|threads| {
                for _ in 0..4 {
                    threads.spawn(|| {
                        at_once.wait();
                        database.migrate();
                    });
                }
            });
            assert_eq!(database.all_rows::<(String,)>("PRAGMA journal_mode"), [("wal".to_owned(),)]);
        }
    }
}
