//! What a statement leaves behind on its connection, by its first words. One statement at a time reaches the server,
//! so these say it all.

use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// What a statement does beyond its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing, or nothing that outlives its transaction.
    Reads,
    /// Changes data or schema.
    Writes,
    Begins,
    Commits,
    RollsBack,
    /// Changes the session: the next user must not find it so.
    LeavesTraces,
}

/// Functions that change the session from within a SELECT.
const SESSION_FUNCTIONS: [&str; 3] = ["set_config", "pg_advisory_lock", "pg_try_advisory_lock"];

impl Effect {
    pub(super) fn of(statement: &str) -> Self {
        let mut words = StatementWords(statement);
        let first = words.next().unwrap_or_default().to_ascii_uppercase();
        let mut rest = words.map(str::to_ascii_uppercase);
        match first.as_str() {
            "SELECT" | "VALUES" | "TABLE" | "WITH" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" if changes_session(statement) => {
                Self::LeavesTraces
            }
            "SELECT" | "VALUES" | "TABLE" | "SHOW" | "EXPLAIN" | "SAVEPOINT" | "RELEASE" => Self::Reads,
            "BEGIN" | "START" => Self::Begins,
            "COMMIT" | "END" | "ABORT" | "ROLLBACK" => {
                let rest: Vec<String> = rest.collect();
                let has = |word: &str| rest.iter().any(|other| other == word);
                match first.as_str() {
                    _ if has("PREPARED") => Self::Writes,
                    "ROLLBACK" if has("TO") => Self::Reads,
                    _ if has("CHAIN") && !has("NO") => Self::Begins,
                    "COMMIT" | "END" => Self::Commits,
                    _ => Self::RollsBack,
                }
            }
            "SET" if rest.next().is_some_and(|word| ["LOCAL", "TRANSACTION", "CONSTRAINTS"].contains(&word.as_str())) => {
                Self::Reads
            }
            "CREATE" if rest.take(2).any(|word| word == "TEMP" || word == "TEMPORARY") => Self::LeavesTraces,
            "WITH" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "CALL" | "CREATE" | "ALTER" | "DROP" | "TRUNCATE" | "GRANT"
            | "REVOKE" | "COMMENT" | "ANALYZE" | "REINDEX" | "VACUUM" | "REFRESH" | "LOCK" | "NOTIFY" => Self::Writes,
            _ => Self::LeavesTraces,
        }
    }
}

/// Every statement is looked through, so all names are looked for at once.
static FUNCTIONS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(SESSION_FUNCTIONS).ok());

fn changes_session(statement: &str) -> bool {
    FUNCTIONS.as_ref().is_none_or(|functions| functions.is_match(statement))
}

/// The words of a statement, without comments and parentheses.
struct StatementWords<'a>(&'a str);

impl<'a> Iterator for StatementWords<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            self.0 = self.0.trim_start_matches(|char: char| char.is_whitespace() || char == '(' || char == ';');
            if let Some(comment) = self.0.strip_prefix("--") {
                self.0 = comment.split_once('\n').map_or("", |(_, rest)| rest);
            } else if let Some(comment) = self.0.strip_prefix("/*") {
                self.0 = comment.split_once("*/").map_or("", |(_, rest)| rest);
            } else {
                break;
            }
        }
        let end = self.0.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(self.0.len());
        // Whatever is not a word goes one sign at a time.
        let end = if end == 0 { self.0.chars().next()?.len_utf8() } else { end };
        let (word, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect::*, *};

    #[test]
    fn effects_by_first_words() {
        for (statement, effect) in [
            ("SELECT 1", Reads),
            ("  select now()", Reads),
            ("(SELECT 1) UNION (SELECT 2)", Reads),
            ("SELECT pg_advisory_xact_lock(1)", Reads),
            ("SELECT Pg_Advisory_Lock(1)", LeavesTraces),
            ("SELECT set_config('a.b', '1', false)", LeavesTraces),
            ("-- a comment\n/* another */ INSERT INTO t VALUES (1)", Writes),
            ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", Writes),
            ("CREATE TABLE t (a INT)", Writes),
            ("CREATE TEMP TABLE t (a INT)", LeavesTraces),
            ("create local temporary table t (a int)", LeavesTraces),
            ("BEGIN", Begins),
            ("begin;", Begins),
            ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE", Begins),
            ("/* hidden */ BEGIN", Begins),
            ("COMMIT", Commits),
            ("end", Commits),
            ("COMMIT AND CHAIN", Begins),
            ("COMMIT AND NO CHAIN", Commits),
            ("COMMIT PREPARED 'x'", Writes),
            ("ROLLBACK", RollsBack),
            ("ABORT", RollsBack),
            ("ROLLBACK TO SAVEPOINT a", Reads),
            ("SAVEPOINT a", Reads),
            ("SET LOCAL lock_timeout = 1", Reads),
            ("SET TRANSACTION READ ONLY", Reads),
            ("SET search_path = evil", LeavesTraces),
            ("LISTEN x", LeavesTraces),
            ("DO $$ BEGIN PERFORM set_config('a.b', '1', false); END $$", LeavesTraces),
            ("PREPARE TRANSACTION 'x'", LeavesTraces),
            ("", LeavesTraces),
            ("-- only a comment", LeavesTraces),
        ] {
            assert_eq!(Effect::of(statement), effect, "{statement}");
        }
    }
}
