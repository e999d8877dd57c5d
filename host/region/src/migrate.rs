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
    async fn what_is_missing_is_applied_once() {
        for database in databases(false).await {
            assert_eq!(migrate(&database.database).await.unwrap(), (MIGRATIONS.len(), MIGRATIONS.len()));
            assert_eq!(migrate(&database.database).await.unwrap(), (0, MIGRATIONS.len()));
        }
    }

    #[tokio::test]
    async fn many_at_once_apply_it_once() {
        for database in databases(false).await {
            let all = futures::future::join_all((0..8).map(|_| migrate(&database.database))).await;
            let done: usize = all.into_iter().map(|one| one.unwrap().0).sum();
            assert_eq!(done, MIGRATIONS.len());
        }
    }

    #[tokio::test]
    async fn a_newer_database_is_left_alone() {
        for database in databases(true).await {
            let mut transaction = database.database.begin(Purpose::Write).await.unwrap();
            transaction.query("INSERT INTO schema_version (number) VALUES (9999)", &[]).await.unwrap();
            transaction.commit().await.unwrap();
            assert!(matches!(migrate(&database.database).await, Err(MigrateError::Newer { database: 9999, .. })));
        }
    }
}
