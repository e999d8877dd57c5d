//! What a region's nodes are made of here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use contracts::Identity;
use contracts::Ledger;
use edge::feed::{Batch, Cursor, Error, Snapshot, Source, Subscription};
use edge::{Accounts, Body, Problem, Region, RequestBody};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use read_model::Fact;
use tokio::sync::{Semaphore, broadcast};
use vocabulary::accounts;
use vocabulary::booking::{Action, Command, Outcome, Receipt, Rejection, Subject};
use vocabulary::edge::{Claims, Refusal};

pub type Answer = Result<Receipt, Rejection>;

/// What all nodes of a region share: keys that have had their effect, in the order in which they had it.
#[derive(Clone, Default)]
pub struct Database(Arc<Mutex<HashMap<String, u64>>>);

impl Database {
    /// Has the effect, once for each key.
    fn apply(&self, key: &str) -> Answer {
        let mut known = self.0.lock().unwrap();
        let next = u64::try_from(known.len()).unwrap() + 1;
        let replayed = known.contains_key(key);
        let version = *known.entry(key.to_owned()).or_insert(next);
        Ok(Receipt { version, replayed, outcome: Outcome::Swept(0) })
    }

    /// When a key had its effect.
    pub fn version(&self, key: &str) -> Option<u64> {
        self.0.lock().unwrap().get(key).copied()
    }

    pub fn effects(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A node's ledger. Keys say what becomes of a command: `busy…` is refused, `sold…` is sold out, `used…` is another's, `doubt…` is unknown the first time.
pub struct FakeLedger {
    database: Database,
    /// Keys, call by call.
    pub calls: Mutex<Vec<Vec<String>>>,
    /// Commands of the event `slow` have their effect, and are answered when they are let through; `hold` makes all events slow.
    pub let_through: Semaphore,
    pub hold: AtomicBool,
    /// Refuses everything.
    pub busy: AtomicBool,
    arrived: Semaphore,
    doubted: AtomicBool,
}

impl FakeLedger {
    pub fn new(database: &Database) -> Arc<Self> {
        Arc::new(Self {
            database: database.clone(),
            calls: Mutex::default(),
            let_through: Semaphore::new(0),
            hold: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            arrived: Semaphore::new(0),
            doubted: AtomicBool::new(false),
        })
    }

    fn decide(&self, command: &Command) -> Answer {
        let key = command.idempotency_key.as_str();
        if self.busy.load(Ordering::Relaxed) || key.starts_with("busy") {
            return Err(Rejection::Unavailable(1));
        }
        if key.starts_with("sold") {
            return Err(Rejection::SoldOut(vec![]));
        }
        if key.starts_with("used") {
            return Err(Rejection::KeyConflict);
        }
        let answer = self.database.apply(key);
        if key.starts_with("doubt") && !self.doubted.swap(true, Ordering::Relaxed) {
            return Err(Rejection::Unknown);
        }
        answer
    }

    /// Keys in the order in which they came.
    pub fn keys(&self) -> Vec<String> {
        self.calls.lock().unwrap().concat()
    }

    /// Returns when so many calls have come from now on.
    pub async fn next(&self, calls: u32) {
        self.arrived.forget_permits(usize::MAX >> 4);
        self.arrived(calls).await;
    }

    /// Returns when so many more calls have come.
    pub async fn arrived(&self, calls: u32) {
        self.arrived.acquire_many(calls).await.unwrap().forget();
    }
}

impl Ledger for FakeLedger {
    fn apply(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Answer>> {
        Box::pin(async move {
            self.calls.lock().unwrap().push(commands.iter().map(|command| command.idempotency_key.clone()).collect());
            let answers = commands.iter().map(|command| self.decide(command)).collect();
            self.arrived.add_permits(1);
            if self.hold.load(Ordering::Relaxed) || commands.iter().any(|command| command.event_id == "slow") {
                self.let_through.acquire().await.unwrap().forget();
            }
            answers
        })
    }
}

/// What an edge may ask: a person's, with their token.
pub fn command(event: &str, key: &str) -> Command {
    let (ada, cancel) = (Subject::Person("eu_ada".to_owned()), Action::Cancel("eu_b".to_owned()));
    Command { token: Some("of eu_ada".to_owned()), ..Command::new(ada, key, event, edge::now() + 60_000_000, cancel) }
}

/// Knows tokens that say whose they are: `of eu_ada`.
pub struct FakeVerifier;

impl Identity for FakeVerifier {
    fn verify(&self, token: String) -> BoxFuture<'_, Result<Claims, Refusal>> {
        let claims = |subject: &str| Claims {
            subject: subject.to_owned(),
            session: "eu_s".to_owned(),
            roles: vec!["user".to_owned()],
            expires_at: i64::MAX,
            scope: None,
            guest: false,
        };
        let verified = match token.as_str() {
            "revoked" => Err(Refusal::Revoked),
            token => token.strip_prefix("of ").map(claims).ok_or(Refusal::Invalid),
        };
        Box::pin(std::future::ready(verified))
    }
}

/// Answers with what it was asked, in JSON; `/wait` waits, `/refuse` too and then is a 503, `/big` answers with a megabyte, `/problem` with a problem, `/lies` with our own headers.
pub struct FakeRegion {
    pub name: String,
    pub let_through: Semaphore,
    arrived: Semaphore,
}

impl FakeRegion {
    pub fn new(name: &str) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), let_through: Semaphore::new(0), arrived: Semaphore::new(0) })
    }

    pub async fn arrived(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    async fn answer(&self, request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Problem::TooLarge)?.to_bytes();
        match parts.uri.path() {
            "/problem" => return Err(Problem::Unavailable(7)),
            "/big" => return Ok(Response::new(Body::full(vec![b'x'; 1024 * 1024].into()))),
            "/wait" | "/refuse" => {
                self.arrived.add_permits(1);
                self.let_through.acquire().await.unwrap().forget();
            }
            _ => {}
        }
        let headers: HashMap<_, _> = parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        let document = serde_json::json!({
            "node": self.name, "method": parts.method.as_str(), "uri": parts.uri.to_string(), "headers": headers, "length": body.len(),
        });
        let mut response = Response::new(Body::full(Bytes::from(document.to_string())));
        let refuses = parts.uri.path() == "/refuse";
        *response.status_mut() = if refuses { http::StatusCode::SERVICE_UNAVAILABLE } else { http::StatusCode::CREATED };
        response.headers_mut().insert("etag", "\"1\"".parse().unwrap());
        if parts.uri.path() == "/lies" {
            response.headers_mut().insert("marquee-problem", "not-found".parse().unwrap());
            response.headers_mut().insert("marquee-refused", "stopping".parse().unwrap());
        }
        Ok(response)
    }
}

impl Region for FakeRegion {
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        Box::pin(self.answer(request))
    }
}

/// Knows an address for everybody, which names the node, and has claimed every guest for itself; where `nobody` is asked for, the accounts are elsewhere, and `broken` fails.
pub struct FakeAccounts(String);

impl FakeAccounts {
    pub fn new(name: &str) -> Arc<Self> {
        Arc::new(Self(name.to_owned()))
    }
}

impl Accounts for FakeAccounts {
    fn addresses_of(&self, users: Vec<String>) -> BoxFuture<'_, Result<Vec<accounts::Address>, accounts::Error>> {
        let address = |id: String| accounts::Address {
            email: format!("{id}@{}.example", self.0),
            name: "Ada".to_owned(),
            verified_at: None,
            language: None,
            guest: false,
            id,
        };
        let answer = match users.first().map(String::as_str) {
            Some("nobody") => Err(accounts::Error::NotHere),
            Some("broken") => Err(accounts::Error::Failed("the database is away".to_owned())),
            _ => Ok(users.into_iter().map(address).collect()),
        };
        Box::pin(std::future::ready(answer))
    }

    /// One, of whoever asks.
    fn erasures_after(&self, region: String, sequence: i64) -> BoxFuture<'_, Result<Vec<accounts::Erasure>, accounts::Error>> {
        let erasure = accounts::Erasure { sequence: sequence + 1, user: region, email: None };
        Box::pin(std::future::ready(Ok(vec![erasure])))
    }

    fn exchange_guests(
        &self,
        exchange: accounts::GuestExchange,
    ) -> BoxFuture<'_, Result<Vec<accounts::GuestClaim>, accounts::Error>> {
        let accounts::GuestExchange { links, since, .. } = exchange;
        let claim =
            |link: accounts::GuestLink| accounts::GuestClaim { guest: link.guest, account: self.0.clone(), claimed_at: since };
        Box::pin(std::future::ready(Ok(links.into_iter().map(claim).collect())))
    }
}

/// Batches that are kept before a reader has missed something.
pub const HEARD: usize = 64;

/// A feed with a journal in memory: a batch a position.
pub struct FakeSource {
    journal: Mutex<Vec<Arc<Batch>>>,
    live: broadcast::Sender<Arc<Batch>>,
    /// Positions before this are no longer kept.
    pub oldest: Mutex<i64>,
    pub snapshots: Mutex<u32>,
}

impl FakeSource {
    pub fn new() -> Arc<Self> {
        let journal = Mutex::default();
        Arc::new(Self { journal, live: broadcast::channel(HEARD).0, oldest: Mutex::new(1), snapshots: Mutex::new(0) })
    }

    pub fn publish(&self, bytes: usize) {
        let mut journal = self.journal.lock().unwrap();
        let after = i64::try_from(journal.len()).unwrap();
        let fact = Fact::SessionRevoked { session: format!("{}{}", after + 1, "x".repeat(bytes)), until: i64::MAX };
        let batch = Arc::new(Batch { after, position: after + 1, facts: vec![fact] });
        journal.push(Arc::clone(&batch));
        _ = self.live.send(batch);
    }

    pub fn heartbeat(&self) {
        let at = i64::try_from(self.journal.lock().unwrap().len()).unwrap();
        _ = self.live.send(Arc::new(Batch { after: at, position: at, facts: vec![] }));
    }
}

impl Source for FakeSource {
    fn open(&self, cursor: Option<Cursor>) -> BoxFuture<'_, Result<Subscription, Error>> {
        let journal = self.journal.lock().unwrap();
        let (heard, at) = (self.live.subscribe(), i64::try_from(journal.len()).unwrap());
        let live = futures::stream::unfold(heard, |mut heard| async {
            let batch = heard.recv().await.map_err(|error| match error {
                broadcast::error::RecvError::Lagged(_) => Error::Lagged,
                broadcast::error::RecvError::Closed => Error::Ended,
            });
            Some((batch, heard))
        });
        let opened = match cursor {
            Some(cursor) if &*cursor.epoch != "one" || cursor.position + 1 < *self.oldest.lock().unwrap() => Err(Error::Gone),
            Some(cursor) => {
                let missed: Vec<_> = journal.iter().filter(|batch| batch.position > cursor.position).cloned().map(Ok).collect();
                Ok(Subscription { snapshot: None, batches: futures::stream::iter(missed).chain(live).boxed() })
            }
            None => {
                *self.snapshots.lock().unwrap() += 1;
                let facts = journal.iter().flat_map(|batch| batch.facts.clone()).collect();
                Ok(Subscription { snapshot: Some(Snapshot { epoch: "one".into(), position: at, facts }), batches: live.boxed() })
            }
        };
        Box::pin(std::future::ready(opened))
    }
}
