//! What a region's nodes have in common in Redis, and what becomes of it when Redis dies or falls back.

use edge::Networks;
use edge::feed::{Snapshot, Source as _};
use edge::rates::{Network, Quota, RateKey, Rates};
use read_model::Fact;
use region::{Database, Feed, Limiter, Sequencer, SequencerWaker, SnapshotCache, migrate};
use storage::redis::{Connection, Parameter, RedisConnections};
use test_support::redis::{PASSWORD_ENCODED, Redis, Sentinels};
use test_support::until;
use tokio_util::sync::CancellationToken;

use crate::support::empty_database;

const BURST: usize = 4;

fn text(text: &str) -> Parameter {
    Parameter::Binary(text.as_bytes().to_vec())
}

/// A node's, with connections of its own.
fn limiter(url: &str) -> Limiter {
    let quota = Quota { per_minute: 1, burst: BURST as u32 };
    let rates = Rates { address: quota, user: quota, attempts: quota, edge_attempts: quota };
    Limiter::new(rates, Networks::loopback(), Some(RedisConnections::new().handle(url).unwrap()))
}

fn user(name: &str) -> RateKey {
    RateKey::User(name.into())
}

/// How many of these nodes' requests are let through, when they ask in turn.
async fn let_through(nodes: &[&Limiter], counted: &RateKey) -> usize {
    let mut through = 0;
    for _ in 0..BURST * 2 {
        for node in nodes {
            through += usize::from(node.take(counted.clone()).await.is_ok());
        }
    }
    through
}

#[tokio::test]
async fn nodes_share_rate_counts_and_count_separately_without_redis() {
    let mut server = Redis::start(&[]).await;
    let (one, other) = (limiter(&server.url()), limiter(&server.url()));
    let nodes = [&one, &other];
    let address = Network::Address([192, 0, 2, 1].into());
    for counted in
        [user("eu_a"), user("eu_b"), RateKey::Address(address), RateKey::Attempts(address), RateKey::EdgeAttempts("eu_a".into())]
    {
        assert_eq!(let_through(&nodes, &counted).await, BURST, "{counted}");
    }
    let wait = one.take(user("eu_a")).await.unwrap_err();
    assert!((1..=60).contains(&wait.as_secs()), "{wait:?}");
    // Redis forgets by itself who has not asked for a while.
    let redis = RedisConnections::new().handle(&server.url()).unwrap();
    for key in redis.execute("KEYS", vec![text("marquee:rate:*")]).await.unwrap() {
        let storage::redis::Reply::Binary(key) = key else { panic!("{key:?}") };
        let left = redis.execute("PTTL", vec![text(&String::from_utf8(key).unwrap())]).await.unwrap();
        assert!(matches!(left[..], [storage::redis::Reply::Int64(1..=240_000)]), "{left:?}");
    }
    server.kill();
    assert_eq!(
        let_through(&nodes, &user("eu_a")).await,
        2 * BURST,
        "each node counts by itself, and nobody is refused for an outage"
    );
    server.start_again().await;
    let mut names = 0;
    until("they count as one again", async || {
        names += 1;
        (let_through(&nodes, &user(&format!("eu_{names}"))).await == BURST).then_some(())
    })
    .await;
}

/// A region's database with its sequencer, and a feed whose snapshots are kept in Redis.
struct Scene {
    admin: sqlx::PgPool,
    feed: Feed,
    wake: SequencerWaker,
    stop: CancellationToken,
}

impl Scene {
    async fn start(redis: Connection) -> Self {
        let url = empty_database().await;
        let database = Database::postgres(&url).await.unwrap();
        migrate(&database).await.unwrap();
        let (sequencer, stop) = (Sequencer::new(database.clone(), vec![]), CancellationToken::new());
        let kept = SnapshotCache::new(redis, "eu");
        let (feed, wake) = (Feed::new(database, &sequencer).keeping(Some(kept)), sequencer.wake());
        tokio::spawn(sequencer.run(stop.clone()));
        let scene = Self { admin: sqlx::PgPool::connect(&url).await.unwrap(), feed, wake, stop };
        scene.run("INSERT INTO organisers (id, name, created_at) VALUES ('o', 'O', 1)").await;
        scene
            .run("INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('u', 'e', 'n', 'h', 1, 1)")
            .await;
        scene.run("INSERT INTO signing_keys (kid, public_key, private_key, created_at) VALUES ('k1', 'p', 's', 1)").await;
        scene
            .run("INSERT INTO sessions (id, user_id, refresh_hash, rotated_at, expires_at, created_at) VALUES ('eu_s', 'u', 'h', 1, 1, 1)")
            .await;
        scene
            .run(
                "INSERT INTO events (id, organiser_id, status, revision, title, description, category, venue_name, city, country, \
                 starts_at, ends_at, timezone, currency, region, created_by, created_at, updated_at) \
                 VALUES ('eu_e', 'o', 'published', 1, 'First', '', 'music', 'V', 'C', 'LK', 4000000000000000, 4000003600000000, 'Asia/Colombo', 'EUR', 'eu', 'u', 1, 1)",
            )
            .await;
        scene.told("").await;
        scene
    }

    async fn run(&self, statement: &str) {
        sqlx::query(statement).execute(&self.admin).await.unwrap();
    }

    /// Writes facts to the journal, and waits until they have a position.
    async fn told(&self, facts: &str) {
        let write = "INSERT INTO journal_batches (id, at, entries, facts) SELECT lpad((COUNT(*) + 1)::text, 9, '0'), 1, 1, $1 FROM journal_batches";
        sqlx::query(write).bind(format!("[{facts}]")).execute(&self.admin).await.unwrap();
        self.wake.now();
        until("it has its position", async || {
            let unnumbered = "SELECT COUNT(*) FROM journal_batches WHERE position IS NULL";
            (sqlx::query_scalar::<_, i64>(unnumbered).fetch_one(&self.admin).await.unwrap() == 0).then_some(())
        })
        .await;
    }

    async fn title(&self, revision: i32, title: &str) {
        self.run(&format!("UPDATE events SET revision = {revision}, title = '{title}' WHERE id = 'eu_e'")).await;
        let fact: Option<Fact> = self.snapshot_from_sql().await.facts.into_iter().find(|fact| matches!(fact, Fact::Event(_)));
        self.told(&serde_json::to_string(&fact.unwrap()).unwrap()).await;
    }

    async fn snapshot_from_sql(&self) -> Snapshot {
        self.feed.clone().keeping(None).open(None).await.unwrap().snapshot.unwrap()
    }

    /// What a node that starts now begins with.
    async fn snapshot(&self) -> Snapshot {
        self.feed.open(None).await.unwrap().snapshot.unwrap()
    }
}

/// The newest title, who is revoked, and which keys there are.
fn known(snapshot: &Snapshot) -> (String, Vec<String>, Vec<String>) {
    let (mut newest, mut revoked, mut keys) = ((0, String::new()), Vec::new(), Vec::new());
    for fact in &snapshot.facts {
        match fact {
            Fact::Event(event) if event.revision > newest.0 => newest = (event.revision, event.title.clone()),
            Fact::SessionRevoked { session, .. } => revoked.push(session.clone()),
            Fact::Key { kid, .. } => keys.push(kid.clone()),
            Fact::Event(_) | Fact::Availability(_) => {}
        }
    }
    (newest.1, revoked, keys)
}

fn expected(title: &str, revoked: &[&str]) -> (String, Vec<String>, Vec<String>) {
    (title.to_owned(), revoked.iter().map(|session| (*session).to_owned()).collect(), vec!["k1".to_owned()])
}

#[tokio::test]
async fn lost_or_forged_redis_keys_grant_no_access() {
    let mut sentinels = Sentinels::start().await;
    let at = |port: u16| RedisConnections::new().handle(&format!("redis://:{PASSWORD_ENCODED}@127.0.0.1:{port}")).unwrap();
    let (primary, replica) = (at(sentinels.primary.port), at(sentinels.replica.port));
    let connections = RedisConnections::new();
    let redis = connections.handle(&sentinels.url()).unwrap();
    let scene = Scene::start(redis.clone()).await;
    let first = scene.snapshot().await;
    assert_eq!(known(&first), expected("First", &[]));
    let keys = async |redis: &Connection| {
        redis.execute("KEYS", vec![text("marquee:snapshot:*")]).await.ok().filter(|keys| !keys.is_empty())
    };
    let key = until("the replica has it", async || keys(&replica).await).await.remove(0);
    let storage::redis::Reply::Binary(key) = key else { panic!("{key:?}") };
    let key = String::from_utf8(key).unwrap();
    let kept = redis.get(key.clone()).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("k1"), "who may be let in is not kept there");

    // Cut off, the replica stays where it is, and misses that a session is revoked and the event renamed.
    replica.execute("CONFIG", vec![text("SET"), text("masterauth"), text("wrong")]).await.unwrap();
    primary.execute("CLIENT", vec![text("KILL"), text("TYPE"), text("replica")]).await.unwrap();
    scene.run("UPDATE sessions SET revoked_at = CAST(EXTRACT(EPOCH FROM now()) * 1000000 AS BIGINT) WHERE id = 'eu_s'").await;
    scene.told(r#"{"kind": "session_revoked", "session": "eu_s", "until": 9000000000000000}"#).await;
    scene.title(2, "Second").await;
    let brought_up = scene.snapshot().await;
    assert_eq!(known(&brought_up), expected("Second", &["eu_s"]), "out of what was kept, and the journal");
    assert!(brought_up.position > first.position && brought_up.epoch == first.epoch);
    redis.del(vec![key.clone()]).await.unwrap();
    assert_eq!(known(&scene.snapshot().await), expected("Second", &["eu_s"]));
    assert_ne!(redis.get(key.clone()).await.unwrap().as_ref(), Some(&kept), "it is kept anew, for nobody to see");
    sentinels.primary.kill();
    let fallen_back = until("another primary, with what was before", async || redis.get(key.clone()).await.ok().flatten()).await;
    assert_eq!(fallen_back, kept);
    assert_eq!(known(&scene.snapshot().await), expected("Second", &["eu_s"]), "the revoked session stays out");

    // Somebody else writes there: keys that are not ours, and nonsense.
    let foreign = serde_json::json!({
        "epoch": &*first.epoch, "position": first.position, "facts": [{"kind": "key", "kid": "evil", "public_key": "e"}],
    });
    for written in [foreign.to_string(), "nonsense".to_owned(), foreign.to_string().replace(&*first.epoch, "another")] {
        until("it is written", async || redis.set(key.clone(), written.clone().into_bytes()).await.ok()).await;
        let (_, revoked, keys) = known(&scene.snapshot().await);
        assert_eq!((revoked, keys), (vec!["eu_s".to_owned()], vec!["k1".to_owned()]), "{written}");
    }
    // A key that is gone does not come back out of the journal.
    redis.del(vec![key]).await.unwrap();
    scene.snapshot().await;
    scene.told(r#"{"kind": "key", "kid": "k2", "public_key": "q"}"#).await;
    assert_eq!(known(&scene.snapshot().await).2, ["k1"]);
    // And without any Redis everything is read from SQL.
    sentinels.replica.kill();
    assert_eq!(known(&scene.snapshot().await), expected("Second", &["eu_s"]));
    scene.stop.cancel();
}
