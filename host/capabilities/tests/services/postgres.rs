use std::time::Duration;

use capabilities::postgres::{
    Connection, DbDataType, DbValue, Error, Interval, ParameterValue as P, PostgresPools, QueryError, RangeBoundKind,
};
use manifest::allowed_hosts::AllowedHosts;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{address, anybody, unique};

/// Pools on the server, and a table of this test's own.
struct Server {
    pools: PostgresPools,
    address: String,
    table: String,
}

impl Server {
    async fn with(columns: &str) -> Self {
        let address = address("MARQUEE_TEST_POSTGRES_URL");
        let server = Self { pools: PostgresPools::new(), address, table: unique("table") };
        server.open().await.execute(format!("CREATE TABLE {} ({columns})", server.table), vec![]).await.unwrap();
        server
    }

    async fn open(&self) -> Connection {
        self.pools.open(&self.address, None, &anybody()).await.unwrap()
    }

    async fn count(&self) -> i64 {
        match rows(&self.open().await, &format!("SELECT count(*) FROM {}", self.table), vec![]).await.concat()[..] {
            [DbValue::Int64(count)] => count,
            ref other => panic!("{other:?}"),
        }
    }

    async fn remove(self) {
        self.open().await.execute(format!("DROP TABLE {}", self.table), vec![]).await.unwrap();
    }
}

async fn rows(connection: &Connection, statement: &str, parameters: Vec<P>) -> Vec<Vec<DbValue>> {
    connection.query(statement.to_owned(), parameters).await.unwrap_or_else(|error| panic!("{statement}: {error:?}")).rows
}

async fn run(connection: &Connection, statement: &str) -> Result<u64, Error> {
    connection.execute(statement.to_owned(), vec![]).await
}

/// The process on the server's side: one connection has one.
async fn backend(connection: &Connection) -> String {
    format!("{:?}", rows(connection, "SELECT pg_backend_pid()", vec![]).await)
}

fn code(error: Error) -> String {
    match error {
        Error::QueryFailed(QueryError::DbError(error)) => error.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn values_of_every_type_round_trip() {
    let server = Server::with("a INT").await;
    let connection = server.open().await;
    let text = |text: &str| text.to_owned();
    use RangeBoundKind::{Exclusive, Inclusive};
    let cases: Vec<(&str, P, DbValue)> = vec![
        ("BOOLEAN", P::Boolean(true), DbValue::Boolean(true)),
        ("SMALLINT", P::Int16(-7), DbValue::Int16(-7)),
        ("INTEGER", P::Int32(i32::MIN), DbValue::Int32(i32::MIN)),
        ("BIGINT", P::Int64(i64::MAX), DbValue::Int64(i64::MAX)),
        ("REAL", P::Floating32(0.5), DbValue::Floating32(0.5)),
        ("DOUBLE PRECISION", P::Floating64(-1e300), DbValue::Floating64(-1e300)),
        ("TEXT", P::Str(text("grün 🎫")), DbValue::Str(text("grün 🎫"))),
        ("VARCHAR", P::Str(text("")), DbValue::Str(text(""))),
        ("CHAR(3)", P::Str(text("a")), DbValue::Str(text("a  "))),
        ("BYTEA", P::Binary(vec![0, 255]), DbValue::Binary(vec![0, 255])),
        ("DATE", P::Date((2024, 2, 29)), DbValue::Date((2024, 2, 29))),
        ("TIME", P::Time((23, 59, 59, 999_999_000)), DbValue::Time((23, 59, 59, 999_999_000))),
        ("TIMESTAMP", P::Datetime((1969, 7, 20, 20, 17, 40, 1_000)), DbValue::Datetime((1969, 7, 20, 20, 17, 40, 1_000))),
        ("TIMESTAMPTZ", P::Timestamp(86_400), DbValue::Datetime((1970, 1, 2, 0, 0, 0, 0))),
        (
            "UUID",
            P::Uuid(text("00010203-0405-0607-0809-0a0b0c0d0e0f")),
            DbValue::Uuid(text("00010203-0405-0607-0809-0a0b0c0d0e0f")),
        ),
        ("JSONB", P::Jsonb(b"{\"a\": [1, null]}".to_vec()), DbValue::Jsonb(b"{\"a\": [1, null]}".to_vec())),
        ("NUMERIC", P::Decimal(text("-12345678901234567890.0120")), DbValue::Decimal(text("-12345678901234567890.0120"))),
        (
            "INT4RANGE",
            P::RangeInt32((Some((1, Inclusive)), Some((5, Exclusive)))),
            DbValue::RangeInt32((Some((1, Inclusive)), Some((5, Exclusive)))),
        ),
        ("INT8RANGE", P::RangeInt64((None, Some((5, Exclusive)))), DbValue::RangeInt64((None, Some((5, Exclusive))))),
        (
            "NUMRANGE",
            P::RangeDecimal((Some((text("0.5"), Exclusive)), Some((text("1"), Inclusive)))),
            DbValue::RangeDecimal((Some((text("0.5"), Exclusive)), Some((text("1"), Inclusive)))),
        ),
        ("INTEGER[]", P::ArrayInt32(vec![Some(1), None]), DbValue::ArrayInt32(vec![Some(1), None])),
        ("BIGINT[]", P::ArrayInt64(vec![]), DbValue::ArrayInt64(vec![])),
        ("NUMERIC[]", P::ArrayDecimal(vec![Some(text("1.50")), None]), DbValue::ArrayDecimal(vec![Some(text("1.50")), None])),
        ("TEXT[]", P::ArrayStr(vec![Some(text("a,b")), None]), DbValue::ArrayStr(vec![Some(text("a,b")), None])),
        (
            "INTERVAL",
            P::Interval(Interval { micros: 1, days: -2, months: 3 }),
            DbValue::Interval(Interval { micros: 1, days: -2, months: 3 }),
        ),
    ];
    for (ty, given, expected) in cases {
        let statement = format!("SELECT $1::{ty} AS given, $2::{ty} AS missing");
        let answer = rows(&connection, &statement, vec![given, P::DbNull]).await;
        assert_eq!(format!("{answer:?}"), format!("{:?}", [[expected, DbValue::DbNull]]), "{ty}");
    }
    let other = connection.query("SELECT '127.0.0.1'::INET AS address".into(), vec![]).await.unwrap();
    assert!(matches!(&other.columns[0].data_type, DbDataType::Other(name) if name == "inet"), "{:?}", other.columns);
    assert!(matches!(other.rows[0][0], DbValue::Unsupported(_)));
    server.remove().await;
}

#[tokio::test]
async fn null_goes_into_typed_columns() {
    let server = Server::with("a BIGINT, b TEXT, c JSONB, d TIMESTAMPTZ").await;
    let insert = format!("INSERT INTO {} VALUES ($1, $2, $3, $4)", server.table);
    assert_eq!(server.open().await.execute(insert, vec![P::DbNull, P::DbNull, P::DbNull, P::DbNull]).await.unwrap(), 1);
    assert_eq!(server.count().await, 1);
    server.remove().await;
}

#[tokio::test]
async fn errors_contain_the_servers_message() {
    let server = Server::with("id BIGINT PRIMARY KEY, held BIGINT CHECK (held >= 0)").await;
    let connection = server.open().await;
    let table = &server.table;
    run(&connection, &format!("INSERT INTO {table} VALUES (1, 1)")).await.unwrap();
    for (statement, expected) in [
        (format!("INSERT INTO {table} VALUES (1, 1)"), "23505"),
        (format!("INSERT INTO {table} VALUES (2, -1)"), "23514"),
        ("SELEC 1".to_owned(), "42601"),
        ("SELECT * FROM no_such_table_here".to_owned(), "42P01"),
        ("SELECT 1 / 0".to_owned(), "22012"),
    ] {
        assert_eq!(code(run(&connection, &statement).await.unwrap_err()), expected, "{statement}");
    }
    let error = run(&connection, &format!("INSERT INTO {table} VALUES (1, 1)")).await.unwrap_err();
    let Error::QueryFailed(QueryError::DbError(error)) = error else { panic!("{error:?}") };
    assert_eq!((error.severity.as_str(), error.detail.as_deref()), ("ERROR", Some("Key (id)=(1) already exists.")));
    assert!(error.extras.contains(&("constraint".to_owned(), format!("{table}_pkey"))), "{:?}", error.extras);
    // Types and numbers of parameters are the caller's mistake, found before anything runs.
    let select = || "SELECT $1::BIGINT".to_owned();
    assert!(matches!(connection.query(select(), vec![P::Str("1".into())]).await, Err(Error::BadParameter(_))));
    assert!(matches!(connection.query(select(), vec![]).await, Err(Error::BadParameter(_))));
    assert_eq!(rows(&connection, "SELECT 1", vec![]).await.len(), 1, "the connection is still good");
    server.remove().await;
}

#[tokio::test]
async fn connections_are_reused_clean() {
    let server = Server::with("a INT").await;
    let insert = format!("INSERT INTO {} VALUES (1)", server.table);
    for (statements, reused) in [
        (vec!["SELECT 1"], true),
        (vec!["BEGIN", &insert, "ROLLBACK"], true),
        (vec!["BEGIN", "SAVEPOINT a", "ROLLBACK TO SAVEPOINT a", "COMMIT"], true),
        // What was left open is rolled back.
        (vec!["BEGIN", &insert], true),
        (vec!["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "SELECT 1"], true),
        (vec!["BEGIN", &insert, "COMMIT AND CHAIN", &insert], true),
        (vec!["BEGIN", "SET search_path = pg_catalog"], false),
        (vec!["SET search_path = pg_catalog"], false),
        (vec!["CREATE TEMPORARY TABLE mine (a INT)"], false),
        (vec!["SELECT pg_advisory_lock(1)"], false),
    ] {
        let connection = server.open().await;
        let before = backend(&connection).await;
        for statement in &statements {
            run(&connection, statement).await.unwrap();
        }
        drop(connection);
        // That takes a moment, in which others get a new one.
        let mut others = Vec::new();
        let found = loop {
            let connection = server.open().await;
            if backend(&connection).await == before {
                break true;
            }
            others.push(connection);
            if others.len() == if reused { 20 } else { 2 } {
                break false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(found, reused, "{statements:?}");
    }
    assert_eq!(server.count().await, 1, "only what was committed is there");
    server.remove().await;
}

#[tokio::test]
async fn cancelling_a_statement_closes_its_connection() {
    let server = Server::with("a INT").await;
    let connection = server.open().await;
    let before = backend(&connection).await;
    let abandoned = tokio::time::timeout(Duration::from_millis(50), run(&connection, "SELECT pg_sleep(20)")).await;
    assert!(abandoned.is_err());
    drop(connection);
    assert_ne!(backend(&server.open().await).await, before);
    server.remove().await;
}

#[tokio::test]
async fn long_answers_arrive_whole_and_oversized_ones_fail() {
    let server = Server::with("a INT").await;
    let connection = server.open().await;
    let answer = rows(&connection, "SELECT n, repeat('x', 100) FROM generate_series(1, 50000) AS n", vec![]).await;
    assert_eq!(answer.len(), 50_000);
    assert!(matches!(answer[49_999][0], DbValue::Int32(50_000)));
    let error = connection.query("SELECT repeat('x', 1000000) FROM generate_series(1, 1000)".into(), vec![]).await.unwrap_err();
    assert!(matches!(error, Error::QueryFailed(QueryError::Text(text)) if text.starts_with("query result exceeds limit")));
    server.remove().await;
}

#[tokio::test]
async fn only_commits_are_notified() {
    let server = Server::with("a INT").await;
    let connection = server.open().await;
    let mut commits = server.pools.commits().watch();
    let insert = format!("INSERT INTO {} VALUES (1)", server.table);
    for (statement, told) in [
        ("SELECT 1", false),
        (insert.as_str(), true),
        ("BEGIN", false),
        (&insert, false),
        ("COMMIT", true),
        ("BEGIN", false),
        (&insert, false),
        ("ROLLBACK", false),
        ("BEGIN", false),
        ("SELECT 1", false),
        ("COMMIT", false),
    ] {
        run(&connection, statement).await.unwrap();
        assert_eq!(commits.has_changed().unwrap(), told, "{statement}");
        commits.mark_unchanged();
    }
    server.remove().await;
}

#[tokio::test]
async fn a_changed_schema_costs_one_error_at_most() {
    let server = Server::with("a INT").await;
    let select = format!("SELECT * FROM {}", server.table);
    rows(&server.open().await, &select, vec![]).await;
    run(&server.open().await, &format!("ALTER TABLE {} ADD COLUMN b INT", server.table)).await.unwrap();
    let _ = server.open().await.query(select.clone(), vec![]).await;
    let answer = server.open().await.query(select, vec![]).await.unwrap();
    assert_eq!(answer.columns.len(), 2);
    server.remove().await;
}

#[tokio::test]
async fn the_idle_transaction_timeout_is_set_on_the_server() {
    let server = Server::with("a INT").await;
    let connection = server.open().await;
    let limit = rows(&connection, "SHOW idle_in_transaction_session_timeout", vec![]).await;
    assert_eq!(format!("{limit:?}"), "[[DbValue::Str(\"1s\")]]");
    server.remove().await;
}

#[tokio::test]
async fn hosts_that_are_not_granted_are_not_called() {
    let server = Server::with("a INT").await;
    for (hosts, granted) in [
        (vec![], false),
        (vec!["redis://*:*"], false),
        (vec!["postgres://elsewhere.example:*"], false),
        (vec!["postgres://*:*"], true),
    ] {
        let outcome = server.pools.open(&server.address, None, &AllowedHosts::parse(&hosts).unwrap()).await;
        match outcome {
            Ok(_) => assert!(granted, "{hosts:?}"),
            Err(Error::ConnectionFailed(text)) => assert!(!granted && text.ends_with("is not permitted"), "{hosts:?} {text}"),
            Err(other) => panic!("{other:?}"),
        }
    }
    server.remove().await;
}

#[tokio::test]
async fn an_unreachable_server_is_reported() {
    let port = test_support::free_port();
    let outcome = PostgresPools::new().open(&format!("postgres://127.0.0.1:{port}/none"), None, &anybody()).await;
    assert!(matches!(outcome, Err(Error::ConnectionFailed(_))));
}

/// Passes everything on to the server, until it is told not to.
struct TestProxy {
    address: String,
    port: u16,
    server: String,
    going: tokio::task::JoinSet<()>,
}

impl TestProxy {
    async fn to(address: &str) -> Self {
        let mut url = url::Url::parse(address).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let port = test_support::free_port();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(port)).unwrap();
        let mut way = Self { address: url.into(), port, server, going: tokio::task::JoinSet::new() };
        way.open().await;
        way
    }

    async fn open(&mut self) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        let server = self.server.clone();
        self.going.spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let server = server.clone();
                connections.spawn(async move {
                    let mut far = tokio::net::TcpStream::connect(server).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
    }

    async fn cut(&mut self) {
        self.going.shutdown().await;
    }
}

#[tokio::test]
async fn a_lost_server_opens_its_breaker_and_recovers() {
    use telemetry::{BreakerOptions, BreakerSource as _, BreakerState};
    let server = Server::with("a INT PRIMARY KEY").await;
    let mut way = TestProxy::to(&server.address).await;
    let (open, failures) = (Duration::from_millis(200), 3);
    let pools = PostgresPools::with(BreakerOptions { failures, open, longest: open });
    let connection = pools.open(&way.address, None, &anybody()).await.unwrap();
    // What the server says of statements is no failure, however often.
    let insert = format!("INSERT INTO {} VALUES (1)", server.table);
    run(&connection, &insert).await.unwrap();
    for _ in 0..10 {
        assert_eq!(code(run(&connection, &insert).await.unwrap_err()), "23505");
        assert_eq!(code(run(&connection, "SELEC 1").await.unwrap_err()), "42601");
    }
    assert_eq!(pools.lines()[0].state, BreakerState::Closed);
    way.cut().await;
    assert!(run(&connection, "SELECT 1").await.is_err(), "the statement under way is lost");
    drop(connection);
    test_support::until("it is left alone", async || match pools.open(&way.address, None, &anybody()).await {
        Err(Error::ConnectionFailed(text)) if text.contains("circuit breaker is open") => Some(()),
        _ => None,
    })
    .await;
    assert!(!pools.lines()[0].name.contains("password"), "{:?}", pools.lines());
    way.open().await;
    let connection =
        test_support::until("it is used again", async || pools.open(&way.address, None, &anybody()).await.ok()).await;
    assert_eq!(rows(&connection, &format!("SELECT a FROM {}", server.table), vec![]).await.len(), 1);
    assert_eq!(pools.lines()[0].state, BreakerState::Closed);
    server.remove().await;
}

#[tokio::test]
async fn failed_authentication_does_not_open_the_breaker() {
    use telemetry::{BreakerSource as _, BreakerState};
    let address = address("MARQUEE_TEST_POSTGRES_URL");
    let mut url = url::Url::parse(&address).unwrap();
    url.set_path("/no_such_database_here");
    let pools = PostgresPools::new();
    for _ in 0..20 {
        let outcome = pools.open(url.as_str(), None, &anybody()).await;
        assert!(matches!(outcome, Err(Error::ConnectionFailed(text)) if text.contains("no_such_database_here")));
    }
    assert_eq!(pools.lines()[0].state, BreakerState::Closed);
}

/// Between a pool and its server: passes everything on, until what is connected falls silent for good.
struct SilentProxy {
    address: String,
    silent: tokio::sync::watch::Sender<u64>,
    made: std::sync::Arc<std::sync::atomic::AtomicU64>,
    /// Bytes at the end of what is sent next that do not arrive, nor does anything after them; 0: all of it does.
    swallowed: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl SilentProxy {
    async fn to(server: &str) -> Self {
        use std::sync::atomic::Ordering::SeqCst;
        let mut url: url::Url = server.parse().unwrap();
        let target = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (silent, made) = (tokio::sync::watch::Sender::new(0), std::sync::Arc::<std::sync::atomic::AtomicU64>::default());
        let swallowed = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
        let wire = Self { address: url.to_string(), silent: silent.clone(), made: made.clone(), swallowed: swallowed.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = made.fetch_add(1, SeqCst) + 1;
                let (target, mut silenced, swallowed) = (target.clone(), silent.subscribe(), swallowed.clone());
                tokio::spawn(async move {
                    let (mut from_client, mut to_client) = client.into_split();
                    let server = tokio::net::TcpStream::connect(target).await.unwrap();
                    let (mut from_server, mut to_server) = server.into_split();
                    let there = async {
                        let mut bytes = vec![0; 1 << 16];
                        while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
                            let lost = swallowed.swap(0, SeqCst);
                            to_server.write_all(&bytes[..read - lost]).await.unwrap();
                            if lost > 0 {
                                std::future::pending::<()>().await;
                            }
                        }
                    };
                    tokio::select! {
                        () = async { silenced.wait_for(|silent| *silent >= number).await.map(drop).unwrap() } => {
                            std::future::pending::<()>().await;
                        }
                        () = there => {}
                        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
                    }
                });
            }
        });
        wire
    }

    /// The end of what is sent next is lost, and so is everything after it.
    fn swallows(&self, bytes: usize) {
        self.swallowed.store(bytes, std::sync::atomic::Ordering::SeqCst);
    }

    /// Nothing that was sent on what is connected now arrives any more, and nobody says so.
    fn falls_silent(&self) {
        self.silent.send_replace(self.made.load(std::sync::atomic::Ordering::SeqCst));
    }
}

/// A connection dies while a statement is under way on it: the server has done it and waits for the word to commit, with its locks.
#[tokio::test]
async fn a_statement_that_arrived_in_part_is_given_up_and_its_locks_are_freed() {
    const SYNC: usize = 5;
    let server = Server::with("n INT").await;
    let wire = SilentProxy::to(&server.address).await;
    let pools = PostgresPools::new();
    let open = async || pools.open(&wire.address, None, &anybody()).await.unwrap();
    let update = format!("UPDATE {} SET n = n + 1", server.table);
    let connection = open().await;
    run(&connection, &format!("INSERT INTO {} VALUES (1)", server.table)).await.unwrap();
    // The second time it is known, and goes to the server in one piece.
    run(&connection, &update).await.unwrap();
    wire.swallows(SYNC);
    let lost = run(&connection, &update).await.unwrap_err();
    assert!(matches!(&lost, Error::QueryFailed(QueryError::Text(text)) if text.contains("abandoned")), "{lost:?}");
    run(&open().await, &update).await.unwrap();
    let row = rows(&open().await, &format!("SELECT n FROM {}", server.table), vec![]).await;
    assert!(matches!(row.concat()[..], [DbValue::Int32(3)]), "{row:?}");
    server.remove().await;
}

#[tokio::test]
async fn silent_connections_are_replaced_and_busy_servers_are_awaited() {
    let server = Server::with("n INT").await;
    let wire = SilentProxy::to(&server.address).await;
    let pools = PostgresPools::new();
    let open = async || pools.open(&wire.address, None, &anybody()).await.unwrap();
    // A pool that has several, one of which is in the middle of something.
    let connections = [open().await, open().await, open().await, open().await];
    for connection in &connections {
        run(connection, "SELECT 1").await.unwrap();
    }
    let [busy, rest @ ..] = connections;
    drop(rest);
    // Load is no silence, for however long it lasts.
    run(&busy, "SELECT 1 FROM pg_sleep(3.2)").await.unwrap();
    run(&busy, "BEGIN").await.unwrap();
    wire.falls_silent();
    let lost = run(&busy, "SELECT 2").await.unwrap_err();
    assert!(matches!(lost, Error::QueryFailed(_)), "{lost:?}");
    // Neither those that rested, nor a circuit breaker, are in anybody's way.
    for _ in 0..3 {
        run(&open().await, &format!("INSERT INTO {} VALUES (1)", server.table)).await.unwrap();
    }
    assert_eq!(server.count().await, 3);
    server.remove().await;
}
