use std::{sync::Arc, time::Duration};

use super::*;

/// A database in a folder of its own, which goes with it.
struct TempDatabase {
    databases: SqliteDatabases,
    _folder: tempfile::TempDir,
}

impl TempDatabase {
    async fn with(schema: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = BTreeMap::from([("default".to_owned(), folder.path().join("default.db"))]);
        let temporary = Self { databases: SqliteDatabases::new(files), _folder: folder };
        let connection = temporary.open();
        for statement in schema.split(';').filter(|statement| !statement.trim().is_empty()) {
            run(&connection, statement, &[]).await.unwrap();
        }
        temporary
    }

    fn open(&self) -> Connection {
        self.databases.open("default").unwrap()
    }

    fn idle(&self) -> usize {
        self.databases.databases["default"].idle_connections()
    }
}

async fn run(connection: &Connection, statement: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, String> {
    match connection.execute(statement.to_owned(), parameters.to_vec()).await {
        Ok(result) => Ok(result.rows.into_iter().map(|row| row.values).collect()),
        Err(Error::Io(text)) => Err(text),
        Err(other) => Err(format!("{other:?}")),
    }
}

async fn count(connection: &Connection) -> i64 {
    match run(connection, "SELECT count(*) FROM t", &[]).await.unwrap().concat().as_slice() {
        [Value::Integer(count)] => *count,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn values_round_trip() {
    let database = TempDatabase::with("").await;
    let values = [
        Value::Integer(i64::MIN),
        Value::Real(-0.5),
        Value::Text("größer \u{1F3AB}".into()),
        Value::Text(String::new()),
        Value::Blob(vec![0, 255]),
        Value::Null,
    ];
    let connection = database.open();
    let result = connection.execute("SELECT ?1 AS a, ?2 AS b, ?3, ?4, ?5, ?6 AS f".into(), values.to_vec()).await.unwrap();
    assert_eq!(result.columns, ["a", "b", "?3", "?4", "?5", "f"]);
    assert_eq!(format!("{:?}", result.rows[0].values), format!("{:?}", values));
}

#[tokio::test]
async fn errors_contain_sqlites_message() {
    let schema = "CREATE TABLE p (id INTEGER PRIMARY KEY);
                  CREATE TABLE t (a TEXT NOT NULL UNIQUE, b INTEGER CHECK (b >= 0), p REFERENCES p)";
    let database = TempDatabase::with(schema).await;
    let connection = database.open();
    run(&connection, "INSERT INTO t VALUES ('x', 1, NULL)", &[]).await.unwrap();
    let text = |text: &str| [Value::Text(text.into())];
    let cases: &[(&str, &[Value], &str)] = &[
        ("SELEC 1", &[], "near \"SELEC\": syntax error"),
        ("SELECT * FROM missing", &[], "no such table: missing"),
        ("INSERT INTO t (a) VALUES (?1)", &text("x"), "UNIQUE constraint failed: t.a"),
        ("INSERT INTO t (a) VALUES (NULL)", &[], "NOT NULL constraint failed: t.a"),
        ("INSERT INTO t (a, b) VALUES ('y', -1)", &[], "CHECK constraint failed: b >= 0"),
        ("INSERT INTO t (a, p) VALUES ('z', 7)", &[], "FOREIGN KEY constraint failed"),
        ("SELECT ?1", &[], "Wrong number of parameters passed to query. Got 0, needed 1"),
        ("ATTACH DATABASE '/tmp/elsewhere.db' AS elsewhere", &[], "not authorized"),
        ("COMMIT", &[], "cannot commit - no transaction is active"),
    ];
    for (statement, parameters, expected) in cases {
        let error = run(&connection, statement, parameters).await.unwrap_err();
        assert!(error.starts_with(expected), "{statement}: {error}");
    }
    assert!(matches!(database.databases.open("other"), Err(Error::NoSuchDatabase)));
}

#[tokio::test]
async fn an_open_transaction_is_rolled_back_and_its_connection_discarded() {
    let database = TempDatabase::with("CREATE TABLE t (a)").await;
    let idle = database.idle();
    let connection = database.open();
    run(&connection, "BEGIN IMMEDIATE", &[]).await.unwrap();
    run(&connection, "INSERT INTO t VALUES (1)", &[]).await.unwrap();
    assert_eq!(count(&connection).await, 1);
    drop(connection);
    let next = database.open();
    // Waits for its turn, which comes when the rollback is done.
    run(&next, "BEGIN IMMEDIATE", &[]).await.unwrap();
    assert_eq!(count(&next).await, 0);
    run(&next, "COMMIT", &[]).await.unwrap();
    drop(next);
    assert_eq!(database.idle(), idle.max(1), "only the clean connection came back");
}

#[tokio::test]
async fn a_reused_connection_has_default_settings() {
    let database = TempDatabase::with("CREATE TABLE t (a)").await;
    for (setting, reused) in [
        ("PRAGMA busy_timeout = 30000", true),
        ("PRAGMA table_info('t')", true),
        ("PRAGMA foreign_keys = OFF", false),
        ("PRAGMA query_only = ON", false),
        ("CREATE TEMP TABLE mine (a)", false),
        ("ATTACH DATABASE ':memory:' AS other", false),
    ] {
        drop(database.open());
        let before = database.idle();
        let connection = database.open();
        run(&connection, setting, &[]).await.unwrap();
        drop(connection);
        assert_eq!(database.idle() == before, reused, "{setting}");
        let next = database.open();
        for (question, answer) in
            [("PRAGMA busy_timeout", 5000), ("PRAGMA foreign_keys", 1), ("PRAGMA synchronous", 2), ("PRAGMA query_only", 0)]
        {
            assert_eq!(run(&next, question, &[]).await.unwrap().concat(), [Value::Integer(answer)], "{setting}");
        }
    }
}

#[tokio::test]
async fn a_setting_takes_effect_for_every_user_of_a_connection() {
    let database = TempDatabase::with("").await;
    // Asked this way, the answer is not fixed when the question is prepared.
    let question = "SELECT timeout FROM pragma_busy_timeout";
    for _ in 0..3 {
        let connection = database.open();
        run(&connection, "PRAGMA busy_timeout = 30000", &[]).await.unwrap();
        assert_eq!(run(&connection, question, &[]).await.unwrap().concat(), [Value::Integer(30_000)]);
    }
    let connection = database.open();
    run(&connection, "PRAGMA busy_timeout = 2000000000", &[]).await.unwrap();
    let bound = i64::try_from(crate::limits::SQLITE_BUSY_MAX.as_millis()).unwrap();
    assert_eq!(run(&connection, question, &[]).await.unwrap().concat(), [Value::Integer(bound)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_wait_for_each_other_in_turn() {
    let database = TempDatabase::with("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (0)").await;
    let writers = (0..200).map(|_| {
        let connection = database.open();
        tokio::spawn(async move {
            run(&connection, "BEGIN IMMEDIATE", &[]).await?;
            let rows = run(&connection, "SELECT a FROM t", &[]).await?;
            let [Value::Integer(a)] = rows.concat()[..] else { return Err("no row".to_owned()) };
            run(&connection, "UPDATE t SET a = ?1", &[Value::Integer(a + 1)]).await?;
            run(&connection, "COMMIT", &[]).await
        })
    });
    for outcome in futures::future::join_all(writers).await {
        outcome.unwrap().unwrap();
    }
    let rows = run(&database.open(), "SELECT a FROM t", &[]).await.unwrap();
    assert_eq!(rows, [[Value::Integer(200)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_waits_too_long_gets_sqlite_busy() {
    let database = TempDatabase::with("CREATE TABLE t (a)").await;
    let (first, second) = (database.open(), database.open());
    run(&first, "BEGIN IMMEDIATE", &[]).await.unwrap();
    run(&second, "PRAGMA busy_timeout = 20", &[]).await.unwrap();
    assert_eq!(run(&second, "begin  immediate;", &[]).await.unwrap_err(), "database is locked");
    assert_eq!(run(&second, "INSERT INTO t VALUES (1)", &[]).await.unwrap_err(), "database is locked");
    assert_eq!(count(&second).await, 0, "reading does not wait");
    run(&first, "ROLLBACK", &[]).await.unwrap();
    run(&second, "BEGIN IMMEDIATE", &[]).await.unwrap();
}

#[tokio::test]
async fn long_answers_are_streamed_and_short_ones_are_not() {
    let database = TempDatabase::with("").await;
    let connection = database.open();
    let series = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ?1) SELECT n FROM s";
    let started = connection.start(series.into(), vec![Value::Integer(3)]).await.unwrap();
    assert!(matches!(started.ending, crate::batches::Completion::Known(Ok(()))));
    // The short one blocks nothing, though it was not read.
    let long = run(&connection, series, &[Value::Integer(100_000)]).await.unwrap();
    assert_eq!(long.len(), 100_000);
    assert_eq!(long[99_999], [Value::Integer(100_000)]);
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_an_error() {
    let database = TempDatabase::with("").await;
    let connection = database.open();
    let endless = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s) SELECT zeroblob(1000000) FROM s";
    assert_eq!(run(&connection, endless, &[]).await.unwrap_err(), crate::batches::too_long());
    assert_eq!(run(&connection, "SELECT zeroblob(50000000)", &[]).await.unwrap_err(), crate::batches::too_long());
    assert!(run(&connection, "SELECT 1", &[]).await.is_ok(), "the connection is still good");
}

#[tokio::test]
async fn a_cancelled_statement_is_interrupted() {
    let database = TempDatabase::with("").await;
    let connection = database.open();
    let endless = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s) SELECT count(*) FROM s";
    let abandoned = tokio::time::timeout(Duration::from_millis(20), run(&connection, endless, &[])).await;
    assert!(abandoned.is_err());
    assert!(run(&connection, "SELECT 1", &[]).await.is_ok(), "the handle is free again");
}

#[tokio::test]
async fn only_commits_are_notified() {
    let database = TempDatabase::with("CREATE TABLE t (a)").await;
    let connection = database.open();
    let mut commits = database.databases.commits().watch();
    for (statement, told) in [
        ("SELECT * FROM t", false),
        ("INSERT INTO t VALUES (1)", true),
        ("BEGIN", false),
        ("INSERT INTO t VALUES (2)", false),
        ("COMMIT", true),
        ("BEGIN IMMEDIATE", false),
        ("DELETE FROM t", false),
        ("ROLLBACK", false),
        ("BEGIN", false),
        ("SELECT * FROM t", false),
        ("COMMIT", false),
    ] {
        run(&connection, statement, &[]).await.unwrap();
        assert_eq!(commits.has_changed().unwrap(), told, "{statement}");
        commits.mark_unchanged();
    }
}

#[tokio::test]
async fn what_was_deleted_is_in_no_file_after_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let files = BTreeMap::from([("default".to_owned(), folder.path().join("default.db"))]);
    let databases = SqliteDatabases::new(files);
    databases.checkpoint().await.expect("one that was never used needs none");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "and is not made");
    let found = |word: &[u8]| {
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        files.filter(|bytes| bytes.windows(word.len()).any(|window| window == word)).count()
    };
    // Both stay open, as an instance's do that has nothing to do.
    let (writer, reader) = (databases.open("default").unwrap(), databases.open("default").unwrap());
    run(&writer, "CREATE TABLE t (name TEXT)", &[]).await.unwrap();
    run(&writer, "INSERT INTO t VALUES ('a name to forget'), ('a name to keep')", &[]).await.unwrap();
    assert_eq!(count(&reader).await, 2);
    run(&writer, "DELETE FROM t WHERE name = 'a name to forget'", &[]).await.unwrap();
    assert!(found(b"a name to forget") > 0, "the log has it");

    run(&reader, "BEGIN", &[]).await.unwrap();
    assert_eq!(count(&reader).await, 1);
    run(&writer, "INSERT INTO t VALUES ('another')", &[]).await.unwrap();
    assert_eq!(databases.checkpoint().await, Err(Error::Io("database is locked".into())), "somebody reads an earlier state");
    run(&reader, "ROLLBACK", &[]).await.unwrap();
    databases.checkpoint().await.unwrap();
    assert_eq!((found(b"a name to forget"), found(b"a name to keep"), count(&reader).await), (0, 1, 2));
}

#[tokio::test]
async fn rowid_and_changes_belong_to_the_handle() {
    let database = TempDatabase::with("CREATE TABLE t (a)").await;
    let connection = database.open();
    assert_eq!((connection.last_insert_rowid().await, connection.changes().await), (0, 0));
    run(&connection, "INSERT INTO t VALUES (1), (2)", &[]).await.unwrap();
    assert_eq!((connection.last_insert_rowid().await, connection.changes().await), (2, 2));
    drop(connection);
    let next = database.open();
    assert_eq!(count(&next).await, 2);
    assert_eq!((next.last_insert_rowid().await, next.changes().await), (0, 0));
}

#[tokio::test]
async fn connections_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let files = BTreeMap::from([("default".to_owned(), folder.path().join("default.db"))]);
    let databases = SqliteDatabases::bounded(files, 2, Duration::from_millis(20));
    let held = [databases.open("default").unwrap(), databases.open("default").unwrap()];
    for connection in &held {
        run(connection, "SELECT 1", &[]).await.unwrap();
    }
    let late = databases.open("default").unwrap();
    let error = run(&late, "SELECT 1", &[]).await.unwrap_err();
    assert!(error.starts_with("database is locked"), "{error}");
    drop(held);
    run(&late, "SELECT 1", &[]).await.unwrap();
}

#[test]
fn handles_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Connection>();
    shared::<Arc<SqliteDatabases>>();
}

#[tokio::test]
async fn database_files_are_private_to_the_user() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let files = [("default".to_owned(), folder.path().join("new.db")), ("older".to_owned(), folder.path().join("older.db"))];
    std::fs::write(&files[1].1, "").unwrap();
    std::fs::set_permissions(&files[1].1, std::fs::Permissions::from_mode(0o644)).unwrap();
    let databases = SqliteDatabases::new(BTreeMap::from(files));
    let mut connections = Vec::new();
    for label in ["default", "older"] {
        let connection = databases.open(label).unwrap();
        run(&connection, "CREATE TABLE t (a)", &[]).await.unwrap();
        connections.push(connection);
    }
    let modes = std::fs::read_dir(folder.path()).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().permissions().mode() & 0o777)
    });
    let modes: BTreeMap<_, _> = modes.collect();
    assert_eq!(modes.len(), 6, "each with what SQLite writes beside it: {modes:?}");
    assert!(modes.values().all(|mode| *mode == 0o600), "{modes:?}");
}
