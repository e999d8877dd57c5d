//! The migrations, numbered and portable: one text for SQLite and Postgres.
//!
//! The host applies them at start; under stock Spin the kit does on first use. Both keep the number of the last
//! one in `schema_version` and apply each in one transaction.
//!
//! What only one engine has stands in a file named for it, `0002_views.postgres.sql`, under the number of the portable file that it
//! belongs to. So a number means the same on every engine.

pub mod personal;

/// Creates the table that holds the number of the last migration applied.
pub const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version (number BIGINT PRIMARY KEY)";

/// Every migration, in order; the first is number 1. Never edit one that was released: add another.
pub const MIGRATIONS: &[Migration] = &[
    Migration { portable: include_str!("../0001_foundation.sql"), postgres: "" },
    Migration { portable: include_str!("../0002_leases.sql"), postgres: include_str!("../0002_views.postgres.sql") },
    Migration { portable: include_str!("../0003_ledger.sql"), postgres: include_str!("../0003_ledger.postgres.sql") },
    Migration { portable: include_str!("../0004_journal.sql"), postgres: include_str!("../0004_journal.postgres.sql") },
    Migration { portable: include_str!("../0005_accounts.sql"), postgres: "" },
    Migration { portable: include_str!("../0006_worker.sql"), postgres: include_str!("../0006_worker.postgres.sql") },
    Migration { portable: include_str!("../0007_retention.sql"), postgres: "" },
    Migration { portable: include_str!("../0008_accounts.sql"), postgres: "" },
    Migration { portable: include_str!("../0009_audit.sql"), postgres: include_str!("../0009_audit.postgres.sql") },
    Migration { portable: include_str!("../0010_bounds.sql"), postgres: "" },
    Migration { portable: include_str!("../0011_papers.sql"), postgres: include_str!("../0011_papers.postgres.sql") },
    Migration { portable: include_str!("../0012_mail_tokens.sql"), postgres: "" },
    Migration { portable: include_str!("../0013_teams.sql"), postgres: "" },
    Migration { portable: include_str!("../0014_sessions.sql"), postgres: "" },
    Migration { portable: include_str!("../0015_factors.sql"), postgres: include_str!("../0015_factors.postgres.sql") },
    Migration { portable: include_str!("../0016_members.sql"), postgres: include_str!("../0016_members.postgres.sql") },
    Migration { portable: include_str!("../0017_door.sql"), postgres: include_str!("../0017_door.postgres.sql") },
    Migration { portable: include_str!("../0018_orders.sql"), postgres: "" },
    Migration { portable: include_str!("../0019_ticket_type_sales.sql"), postgres: "" },
    Migration { portable: include_str!("../0020_webhooks.sql"), postgres: include_str!("../0020_webhooks.postgres.sql") },
    Migration { portable: include_str!("../0021_language.sql"), postgres: "" },
    Migration { portable: include_str!("../0022_people.sql"), postgres: include_str!("../0022_people.postgres.sql") },
    Migration { portable: include_str!("../0023_messages.sql"), postgres: include_str!("../0023_messages.postgres.sql") },
    Migration { portable: include_str!("../0024_questions.sql"), postgres: "" },
    Migration { portable: include_str!("../0025_guests.sql"), postgres: include_str!("../0025_guests.postgres.sql") },
    Migration { portable: include_str!("../0026_shared_capacities.sql"), postgres: "" },
    Migration { portable: include_str!("../0027_images.sql"), postgres: "" },
    Migration { portable: include_str!("../0028_accent.sql"), postgres: "" },
    Migration { portable: include_str!("../0029_admins.sql"), postgres: include_str!("../0029_admins.postgres.sql") },
    Migration { portable: include_str!("../0030_image_objects.sql"), postgres: "" },
    Migration { portable: include_str!("../0031_logos.sql"), postgres: "" },
];

/// Migrations that only hosts need: a component that was written after one runs on a database without it.
pub const OF_THE_HOST: &[usize] = &[];

/// Migrations that take away what earlier components use, each with the least schema that a version must have been written for to run after it.
///
/// What is taken away was replaced before: a migration adds what comes in its place, and versions that name that one use nothing else any more.
pub const CONTRACTING: &[(usize, usize)] = &[];

/// The last migration that components need, which `spin.toml` names as their schema.
#[must_use]
pub fn needed() -> usize {
    (1..=MIGRATIONS.len()).rev().find(|number| !OF_THE_HOST.contains(number)).unwrap_or(0)
}

/// The least schema that a version must have been written for to run on a database with all migrations.
#[must_use]
pub fn least() -> usize {
    CONTRACTING.iter().map(|(_, least)| *least).max().unwrap_or(0)
}

/// What a database may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// Postgres.
    Postgres,
}

/// The texts that have one number.
#[derive(Debug)]
pub struct Migration {
    portable: &'static str,
    /// Follows it on Postgres.
    postgres: &'static str,
}

impl Migration {
    /// Its single statements for an engine, in order.
    pub fn statements(&self, engine: Engine) -> impl Iterator<Item = String> + '_ {
        let own = if engine == Engine::Postgres { self.postgres } else { "" };
        statements(self.portable).chain(statements(own))
    }
}

/// The single statements of a text: a statement ends with a semicolon at the end of a line, a comment after it aside.
fn statements(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut lines =
        text.lines().map(|line| line.split("--").next().unwrap_or_default().trim_end()).filter(|line| !line.is_empty());
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
        for (migration, engine) in MIGRATIONS.iter().flat_map(|one| [(one, Engine::Sqlite), (one, Engine::Postgres)]) {
            let all: Vec<_> = migration.statements(engine).collect();
            assert!(!all.is_empty());
            for statement in all {
                assert!(
                    ["CREATE ", "INSERT ", "UPDATE ", "ALTER ", "DROP "].iter().any(|verb| statement.starts_with(verb)),
                    "{statement}"
                );
                assert!(!statement.contains(';'), "{statement}");
            }
        }
    }

    #[test]
    fn what_is_one_engines_stays_with_it() {
        let all = |engine| MIGRATIONS.iter().flat_map(move |one| one.statements(engine)).collect::<Vec<_>>();
        let (sqlite, postgres) = (all(Engine::Sqlite), all(Engine::Postgres));
        assert!(sqlite.iter().all(|statement| !statement.contains("timestamptz") && postgres.contains(statement)));
        assert!(postgres.iter().any(|statement| statement.contains("timestamptz")));
    }

    /// Whoever takes something away says which versions still run after it: those before 32 are older than every version that names its schema.
    #[test]
    fn what_contracts_says_so() {
        const TAKES_AWAY: [&str; 4] = ["DROP TABLE", "DROP COLUMN", "RENAME ", "SET NOT NULL"];
        for (number, migration) in (1..).zip(MIGRATIONS).skip(31) {
            let mut statements = migration.statements(Engine::Sqlite).chain(migration.statements(Engine::Postgres));
            let contracts = statements.any(|statement| TAKES_AWAY.iter().any(|words| statement.contains(words)));
            let says = CONTRACTING.iter().any(|(contracting, _)| *contracting == number);
            assert!(says || !contracts, "migration {number} takes something away: name it in CONTRACTING");
        }
        for (number, least) in CONTRACTING {
            assert!(
                least < number && *number <= MIGRATIONS.len(),
                "{number} leaves {least}: what comes in its place was added before"
            );
        }
    }

    /// Every file in the folder is in the table, once, under its number.
    #[test]
    fn every_file_has_its_place() {
        let mut files: Vec<_> = std::fs::read_dir(env!("CARGO_MANIFEST_DIR"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
            .collect();
        files.sort();
        for path in &files {
            let name = path.file_name().unwrap().to_str().unwrap();
            let number: usize = name.split('_').next().unwrap().parse().unwrap();
            let migration = &MIGRATIONS[number - 1];
            let text = std::fs::read_to_string(path).unwrap();
            assert_eq!(if name.ends_with(".postgres.sql") { migration.postgres } else { migration.portable }, text, "{name}");
        }
        let texts = MIGRATIONS.iter().flat_map(|one| [one.portable, one.postgres]).filter(|text| !text.is_empty()).count();
        assert_eq!(files.len(), texts);
    }
}
