//! Migrations at start, so that components find them done.

use migrations::{MIGRATIONS, VERSION_TABLE};

use crate::database::{Database, Error, Purpose, Transaction};

/// Applies what is missing, in one transaction that only one node can be in at a time. Returns how many migrations that were, and how
/// many there are now.
///
/// # Errors
/// Where the database fails, or knows migrations that this program does not: then it is newer than the program.
pub async fn migrate(database: &Database) -> Result<(usize, usize), MigrateError> {
    let mut transaction = database.begin(Purpose::Migrate).await?;
    transaction.query(VERSION_TABLE, &[]).await?;
    let applied = version(&mut transaction).await?;
    if applied > MIGRATIONS.len() {
        return Err(MigrateError::Newer { database: applied, program: MIGRATIONS.len() });
    }
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(applied) {
        for statement in migration.statements(database.engine()) {
            transaction.query(&statement, &[]).await?;
        }
        let number = i64::try_from(index + 1).unwrap_or(i64::MAX);
        transaction.query("INSERT INTO schema_version (number) VALUES ($1)", &[number.into()]).await?;
    }
    transaction.commit().await?;
    Ok((MIGRATIONS.len() - applied, MIGRATIONS.len()))
}

/// Why the database is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// See [`Error`].
    #[error(transparent)]
    Database(#[from] Error),
    /// Somebody ran a newer program on it.
    #[error("the database is at version {database}, this program knows only {program}: use a newer marquee")]
    Newer {
        /// The database's version.
        database: usize,
        /// The program's.
        program: usize,
    },
}

async fn version(transaction: &mut Transaction) -> Result<usize, Error> {
    let rows = transaction.query("SELECT COALESCE(MAX(number), 0) FROM schema_version", &[]).await?;
    rows.into_iter().next().ok_or_else(|| Error::Row("no version".to_owned()))?.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::databases;

    #[tokio::test]
    async fn missing_migrations_are_applied_once() {
        for database in databases(false).await {
            assert_eq!(migrate(&database.database).await.unwrap(), (MIGRATIONS.len(), MIGRATIONS.len()));
            assert_eq!(migrate(&database.database).await.unwrap(), (0, MIGRATIONS.len()));
        }
    }

    #[tokio::test]
    async fn concurrent_migrations_are_applied_once() {
        for database in databases(false).await {
            let all = futures::future::join_all((0..8).map(|_| migrate(&database.database))).await;
            let done: usize = all.into_iter().map(|one| one.unwrap().0).sum();
            assert_eq!(done, MIGRATIONS.len());
        }
    }

    #[tokio::test]
    async fn a_journal_of_single_entries_keeps_its_positions() {
        for scratch in databases(false).await {
            let database = &scratch.database;
            let mut transaction = database.begin(Purpose::Migrate).await.unwrap();
            transaction.query(VERSION_TABLE, &[]).await.unwrap();
            for (number, migration) in (1..=3_i64).zip(MIGRATIONS) {
                for statement in migration.statements(database.engine()) {
                    transaction.query(&statement, &[]).await.unwrap();
                }
                transaction.query("INSERT INTO schema_version (number) VALUES ($1)", &[number.into()]).await.unwrap();
            }
            for (id, position, feed) in [("a", "2", "'{}'"), ("b", "1", "NULL"), ("c", "NULL", "'{}'")] {
                let row = format!(
                    "INSERT INTO journal (id, position, type, aggregate, version, at, payload, feed) \
                     VALUES ('{id}', {position}, 'test', '{id}', 1, 7, '{{}}', {feed})"
                );
                transaction.query(&row, &[]).await.unwrap();
            }
            transaction.commit().await.unwrap();
            migrate(database).await.unwrap();
            let entries = "SELECT COALESCE(p.position, -1), p.at, p.aggregate, b.facts FROM positioned_journal p \
                           JOIN journal_batches b ON b.id = p.batch ORDER BY p.batch";
            let rows = database.ask(entries, &[]).await.unwrap().into_iter();
            let rows: Vec<_> = rows
                .map(|mut row| (row.integer().unwrap(), row.integer().unwrap(), row.text().unwrap(), row.maybe_text().unwrap()))
                .collect();
            let expected = [(2, 7, "a", Some("[{}]")), (1, 7, "b", None), (-1, 7, "c", Some("[{}]"))];
            assert_eq!(rows, expected.map(|(position, at, id, facts)| (position, at, id.to_owned(), facts.map(str::to_owned))));
        }
    }

    #[tokio::test]
    async fn a_newer_schema_is_refused_unchanged() {
        for database in databases(true).await {
            let mut transaction = database.database.begin(Purpose::Write).await.unwrap();
            transaction.query("INSERT INTO schema_version (number) VALUES (9999)", &[]).await.unwrap();
            transaction.commit().await.unwrap();
            assert!(matches!(migrate(&database.database).await, Err(MigrateError::Newer { database: 9999, .. })));
        }
    }
}
