//! What somebody does who may write to the database, and knows how hashes are made.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use audit::{Chain, Entry};
use region::Database;
use region::database::Value;
use storage::sqlite::SqliteDatabases;

use super::check::{AuditReport, check};
use super::rows;
use super::sealer::{Sealer, Unsigned};
use crate::error::Error;

struct Log {
    folder: tempfile::TempDir,
    database: Database,
    chain: Chain,
}

impl Log {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = BTreeMap::from([("default".to_owned(), folder.path().join("test.db"))]);
        let database = Database::sqlite(SqliteDatabases::new(files), "default");
        region::migrate(&database).await.unwrap();
        Self { folder, database, chain: Chain::new("eu") }
    }

    async fn run(&self, statement: &str, values: &[Value]) {
        self.database.ask(statement, values).await.unwrap();
    }

    async fn insert(&self, row: &audit::Row) {
        let Entry { ce_id, kind, subject, actor, network, at, digest } = &row.entry;
        let maybe = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        let values = [
            row.sequence.into(),
            ce_id.as_str().into(),
            kind.as_str().into(),
            subject.as_str().into(),
            maybe(actor),
            maybe(network),
            (*at).into(),
            digest.as_str().into(),
            row.previous.as_str().into(),
            row.hash.as_str().into(),
        ];
        self.run(
            "INSERT INTO audit_log (region, sequence, ce_id, type, subject, actor, network, at, digest, previous, hash) \
             VALUES ('eu', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            &values,
        )
        .await;
    }

    async fn set_head(&self, sequence: i64, hash: &str) {
        self.run("DELETE FROM audit_heads", &[]).await;
        self.run("INSERT INTO audit_heads (region, sequence, hash) VALUES ('eu', $1, $2)", &[sequence.into(), hash.into()]).await;
    }

    /// As the worker adds to it.
    async fn grow(&mut self, count: i64) {
        for _ in 0..count {
            let number = self.chain.sequence() + 1;
            let row = self.chain.append(Entry {
                ce_id: format!("b.{number}"),
                kind: "user.roles-changed".into(),
                subject: format!("eu_{number}"),
                actor: Some("eu_root".into()),
                network: Some("203.0.113.0/24".into()),
                at: number,
                digest: audit::digest(b"{}"),
            });
            self.insert(&row).await;
        }
        self.set_head(self.chain.sequence(), self.chain.hash()).await;
    }

    /// Who knows how it is done replaces the rows from here on, all hashes and the head.
    async fn forge(&self, from: i64, change: impl Fn(&mut Entry)) {
        let found = self.database.ask(rows::ROWS, &["eu".into(), 0.into(), 1_000.into()]).await.unwrap();
        let old: Vec<_> = found.into_iter().map(|mut row| rows::row(&mut row).unwrap()).collect();
        self.run("DELETE FROM audit_log", &[]).await;
        let mut forged = Chain::new("eu");
        for row in old {
            let mut entry = row.entry;
            if row.sequence >= from {
                change(&mut entry);
            }
            let row = forged.append(entry);
            self.insert(&row).await;
        }
        self.set_head(forged.sequence(), forged.hash()).await;
    }

    fn seals(&self) -> std::path::PathBuf {
        self.folder.path().join("audit")
    }

    fn sealer(&self) -> Sealer {
        Sealer::open(self.database.clone(), "eu", &self.seals(), None).unwrap()
    }

    async fn check(&self) -> Result<AuditReport, (i64, String)> {
        check(&self.database, "a database", "eu", &self.seals()).await.map_err(|error| match error {
            Error::Audit { at, reason, .. } => (at, reason),
            other => (0, other.to_string()),
        })
    }

    /// Ten entries, signed at 4 and 10.
    async fn signed() -> Self {
        let mut log = Self::new().await;
        let mut sealer = log.sealer();
        log.grow(4).await;
        sealer.seal().await.unwrap();
        log.grow(6).await;
        sealer.seal().await.unwrap();
        sealer.seal().await.unwrap();
        log
    }
}

#[tokio::test]
async fn an_untouched_log_verifies() {
    let mut log = Log::signed().await;
    let whole = log.check().await.unwrap();
    assert_eq!((whole.entries, whole.seals, whole.sealed.map(|sealed| sealed.0), whole.unknown), (10, 2, Some(10), 0));
    log.grow(3).await;
    let whole = log.check().await.unwrap();
    assert_eq!(
        (whole.entries, whole.sealed.map(|sealed| sealed.0)),
        (13, Some(10)),
        "what is not signed yet is whole by its hashes"
    );
    // After a restart it continues where it was.
    log.sealer().seal().await.unwrap();
    assert_eq!(log.check().await.unwrap().sealed.map(|sealed| sealed.0), Some(13));
}

#[tokio::test]
async fn rows_that_were_rewritten_together_with_their_hashes_are_found() {
    for (from, first) in [(1, 1), (4, 1), (5, 5), (10, 5)] {
        let log = Log::signed().await;
        log.forge(from, |entry| entry.actor = Some("eu_nobody".into())).await;
        let (at, reason) = log.check().await.unwrap_err();
        assert!(at == first && reason.contains("rewritten together with their hashes"), "from {from}: {at} {reason}");
        // Nor does it help to take away what was signed, where the database has it.
        log.run("DELETE FROM audit_seals", &[]).await;
        assert_eq!(log.check().await.unwrap_err().0, first);
        // And it is not signed from now on.
        log.forge(11, |_| ()).await;
        assert!(matches!(log.sealer().seal().await, Err(Unsigned::Broken(_))), "from {from}");
    }
}

#[tokio::test]
async fn a_removed_end_is_detected() {
    let log = Log::signed().await;
    log.run("DELETE FROM audit_log WHERE sequence > 8", &[]).await;
    let hash = log.database.ask("SELECT hash FROM audit_log WHERE sequence = 8", &[]).await.unwrap().remove(0).text().unwrap();
    log.set_head(8, &hash).await;
    log.run("DELETE FROM audit_seals WHERE sequence > 8", &[]).await;
    let (at, reason) = log.check().await.unwrap_err();
    assert!(at == 9 && reason.contains("ends with entry 8, but entry 10 was signed"), "{at} {reason}");
}

#[tokio::test]
async fn an_emptied_log_is_detected() {
    let log = Log::signed().await;
    for table in ["audit_log", "audit_heads", "audit_seals"] {
        log.run(&format!("DELETE FROM {table}"), &[]).await;
    }
    let (at, reason) = log.check().await.unwrap_err();
    assert!(at == 1 && reason.contains("entry 10 was signed"), "{at} {reason}");
    assert!(matches!(log.sealer().seal().await, Err(Unsigned::Broken(_))));
}

#[tokio::test]
async fn a_seal_verifies_only_with_its_key() {
    let log = Log::signed().await;
    // A signed state of one's own making, in the database, by a key that is known.
    log.run("UPDATE audit_seals SET hash = 'f', sequence = 9 WHERE sequence = 10", &[]).await;
    assert!(log.check().await.unwrap_err().1.contains("forged"));
    log.run("UPDATE audit_seals SET key = 'another' WHERE sequence = 9", &[]).await;
    assert_eq!(log.check().await.unwrap().unknown, 1);
    // Another machine's folder has other keys, and the database's seals are all that it sees.
    let elsewhere = tempfile::tempdir().unwrap();
    let whole = check(&log.database, "a database", "eu", elsewhere.path()).await.unwrap();
    assert_eq!((whole.sealed, whole.unknown), (None, 2));
    // With the public keys it needs no file of seals.
    std::fs::copy(log.seals().join("public-keys"), elsewhere.path().join("public-keys")).unwrap();
    let whole = check(&log.database, "a database", "eu", elsewhere.path()).await.unwrap();
    assert_eq!(whole.sealed.map(|sealed| sealed.0), Some(4));
    // A line of the file that was changed.
    let file = log.seals().join("seals-eu.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("\"sequence\":4", "\"sequence\":3", 1)).unwrap();
    assert!(log.check().await.unwrap_err().1.contains("line 1 is not signed"));
    // One that a crash has cut short is none.
    std::fs::write(&file, format!("{text}{{\"region\":\"eu\",")).unwrap();
    log.run("DELETE FROM audit_seals", &[]).await;
    assert_eq!(log.check().await.unwrap().seals, 2);
}

#[tokio::test]
async fn a_new_key_continues_the_log_and_old_seals_still_verify() {
    let mut log = Log::signed().await;
    let key = log.seals().join("signing.key");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&key), mode(&log.seals())), (0o600, 0o700));
    std::fs::remove_file(&key).unwrap();
    log.grow(2).await;
    log.sealer().seal().await.unwrap();
    let whole = log.check().await.unwrap();
    assert_eq!((whole.seals, whole.sealed.map(|sealed| sealed.0)), (3, Some(12)));
    // A key from elsewhere, as an operator brings it.
    let own = log.folder.path().join("own.pem");
    std::fs::rename(&key, &own).unwrap();
    log.grow(1).await;
    let mut sealer = Sealer::open(log.database.clone(), "eu", &log.seals(), Some(&own)).unwrap();
    sealer.seal().await.unwrap();
    assert!(!key.exists());
    assert_eq!(log.check().await.unwrap().sealed.map(|sealed| sealed.0), Some(13));
    std::fs::write(&own, "no key").unwrap();
    let error = Sealer::open(log.database.clone(), "eu", &log.seals(), Some(&own)).err().unwrap().to_string();
    assert!(error.contains("own.pem") && error.contains("openssl genpkey"), "{error}");
}
