//! The migrations, numbered and portable: one text for SQLite and Postgres.
//!
//! The host applies them at start; under stock Spin the kit does on first use. Both keep the number of the last
//! one in `schema_version` and apply each in one transaction.

/// Creates the table that holds the number of the last migration applied.
pub const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version (number BIGINT PRIMARY KEY)";

/// Every migration's text, in order; the first is number 1. Never edit one that was released: add another.
pub const MIGRATIONS: &[&str] = &[include_str!("../0001_foundation.sql")];

/// The single statements of a migration: a statement ends with a semicolon at the end of a line, a comment after it aside.
pub fn statements(migration: &str) -> impl Iterator<Item = String> + '_ {
    let mut lines =
        migration.lines().map(|line| line.split("--").next().unwrap_or_default().trim_end()).filter(|line| !line.is_empty());
    std::iter::from_fn(move || {
        let mut statement = String::new();
        for line in lines.by_ref() {
            if let Some(last) = line.strip_suffix(';') {
                statement.push_str(last);
                return Some(statement);
            }
            statement.push_str(line);
            statement.push('\n');
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_stands_alone() {
        for migration in MIGRATIONS {
            let all: Vec<_> = statements(migration).collect();
            assert!(!all.is_empty());
            for statement in all {
                assert!(statement.starts_with("CREATE"), "{statement}");
                assert!(!statement.contains(';'), "{statement}");
            }
        }
    }
}
