//! What a ledger that keeps its events in memory does when it is not alone, or not lucky. On Postgres, by the component's own bytes.

use super::proxy::{Proxy, ProxyFault};
use super::{CACHED, DEADLINE, Settings, UNCACHED, application_on, ask, on_postgres};
use region::database::Database;
use runtime::LedgerInstance;
use tokio::sync::oneshot;
use vocabulary::booking::{
    Action, Booking, BookingStatus, Command, Confirmation, Offer, OrderLine, Outcome, Receipt, Rejection, Sale, Subject,
};

type Answer = Result<Receipt, Rejection>;

/// A ledger that may be troubled, another that is not, and their database.
struct Scene {
    proxy: Proxy,
    first: LedgerInstance,
    second: LedgerInstance,
    database: Database,
}

impl Scene {
    async fn new(name: &str, settings: Settings) -> Self {
        let (address, database) = on_postgres(name).await;
        let (before, after) = address.rsplit_once('@').unwrap();
        let (server, path) = after.split_once('/').unwrap();
        let proxy = Proxy::start(server.to_owned()).await;
        let through = format!("{before}@127.0.0.1:{}/{path}", proxy.port);
        let first = application_on(&through, settings).await.ledger().unwrap();
        let second = application_on(&address, settings).await.ledger().unwrap();
        Self { proxy, first, second, database }
    }

    async fn number(&self, statement: &str) -> usize {
        number(&self.database, statement).await
    }

    /// Every place that a row counts is a place of a booking.
    async fn books_balance(&self) {
        let wrong = "SELECT COUNT(*) FROM inventory_lines l WHERE l.held <> (SELECT COALESCE(SUM(i.quantity), 0) FROM bookings b \
            JOIN booking_items i ON i.booking = b.id WHERE b.event = l.event AND i.ticket_type = l.ticket_type AND b.status IN ('held', 'paying'))";
        assert_eq!(self.number(wrong).await, 0);
        let untold = "SELECT COUNT(*) FROM bookings b WHERE (SELECT COUNT(*) FROM journal WHERE aggregate = b.id AND type = 'booking.created') <> 1";
        assert_eq!(self.number(untold).await, 0);
        assert_eq!(self.number(crate::UNTRACED).await, 0);
    }
}

/// The number that a statement gives.
async fn number(database: &Database, statement: &str) -> usize {
    database.ask(statement, &[]).await.unwrap().into_iter().next().unwrap().count().unwrap()
}

fn event(name: &str) -> String {
    format!("local_event{name:0>21}")
}

fn ticket(name: &str) -> String {
    format!("local_ticket{name:0>20}")
}

fn command(subject: Subject, key: &str, event_name: &str, action: Action) -> Command {
    let trace = Some(format!("{key} on {event_name}"));
    Command { trace, ..Command::new(subject, key, event(event_name), DEADLINE, action) }
}

fn platform(key: &str, event_name: &str, action: Action) -> Command {
    command(Subject::Platform, key, event_name, action)
}

fn sale(name: &str, revision: u64, capacity: u32, per_person_limit: u32) -> Sale {
    let offer = Offer::new(ticket(name), 4500, capacity, per_person_limit);
    Sale { refund_until: Some(DEADLINE), ..Sale::new(revision, "EUR", vec![offer]) }
}

fn open(name: &str, capacity: u32, per_person_limit: u32) -> Command {
    platform("open", name, Action::Open(sale(name, 1, capacity, per_person_limit)))
}

fn hold(person: &str, key: &str, name: &str) -> Command {
    let lines = vec![OrderLine { ticket_type: ticket(name), quantity: 1 }];
    command(Subject::Person(format!("local_{person}")), key, name, Action::Hold(lines))
}

async fn one(ledger: &mut LedgerInstance, command: Command) -> Answer {
    ask(ledger, vec![command]).await.remove(0).1
}

fn booking(answer: &Answer) -> Booking {
    match &answer.as_ref().unwrap().outcome {
        Outcome::Booking(booking) | Outcome::RefundDue(booking) => booking.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_of_another_ledger_are_seen_at_once() {
    let mut scene = Scene::new("seen", CACHED).await;
    assert!(one(&mut scene.first, open("a", 2, 9)).await.is_ok());
    assert!(one(&mut scene.first, hold("ada", "1", "a")).await.is_ok());
    let theirs = one(&mut scene.second, hold("bob", "2", "a")).await;
    assert!(theirs.is_ok());
    // Refused, replayed and refused for its key: each as of what the other has done.
    let refused = one(&mut scene.first, hold("cy", "3", "a")).await;
    assert!(matches!(&refused, Err(Rejection::SoldOut(short)) if short[0].available == 0), "{refused:?}");
    let again = one(&mut scene.first, hold("bob", "2", "a")).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.outcome, theirs.as_ref().unwrap().outcome);
    let given_back = command(Subject::Person("local_bob".into()), "4", "a", Action::Cancel(booking(&theirs).id));
    assert!(one(&mut scene.second, given_back).await.is_ok());
    assert!(one(&mut scene.first, hold("cy", "3", "a")).await.is_ok(), "a refused key may succeed later");
    scene.books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_are_loaded_however_many_there_are() {
    let mut scene = Scene::new("many", CACHED).await;
    // More than one statement loads.
    let batches = 20;
    assert!(one(&mut scene.first, open("a", 256 * batches + 1, 1)).await.is_ok());
    for batch in 0..batches {
        let holds = (0..256).map(|number| hold(&format!("p{batch}-{number}"), "1", "a")).collect();
        assert!(ask(&mut scene.first, holds).await.iter().all(|(_, answer)| answer.is_ok()));
    }
    for (batch, number) in [(0, 0), (0, 255), (batches / 2, 17), (batches - 1, 0), (batches - 1, 255)] {
        let more = one(&mut scene.second, hold(&format!("p{batch}-{number}"), "2", "a")).await;
        assert!(matches!(&more, Err(Rejection::OverLimit(limit)) if limit.has == 1), "p{batch}-{number}: {more:?}");
    }
    assert!(one(&mut scene.second, hold("last", "1", "a")).await.is_ok());
    assert!(matches!(one(&mut scene.second, hold("late", "1", "a")).await, Err(Rejection::SoldOut(_))));
    scene.books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_event_that_lost_its_version_race_is_decided_again() {
    let mut scene = Scene::new("swap", CACHED).await;
    for name in ["a", "b"] {
        assert!(one(&mut scene.first, open(name, 100, 1)).await.is_ok());
    }
    let (there, paused) = oneshot::channel();
    let (go, gone) = oneshot::channel();
    scene.proxy.trouble(ProxyFault::Pause(there, gone));
    let mut first = scene.first;
    let batch = vec![hold("ada", "1", "a"), hold("ada", "2", "b"), hold("bob", "3", "a"), hold("cy", "4", "b")];
    let deciding = tokio::spawn(async move { (first.apply(batch).await.unwrap(), first) });
    paused.await.unwrap();
    // Decided and not yet written: now ada has what she may have of b.
    assert!(one(&mut scene.second, hold("ada", "other", "b")).await.is_ok());
    go.send(()).unwrap();
    let (answers, first) = deciding.await.unwrap();
    scene.first = first;
    assert!(answers[0].is_ok() && answers[2].is_ok() && answers[3].is_ok(), "{answers:?}");
    assert!(matches!(&answers[1], Err(Rejection::OverLimit(limit)) if limit.has == 1), "{answers:?}");
    assert_eq!(scene.number("SELECT COUNT(*) FROM bookings").await, 4);
    assert_eq!(scene.number("SELECT COUNT(*) FROM idempotency WHERE person <> 'platform'").await, 4);
    scene.books_balance().await;
    // And it goes on from there.
    assert!(one(&mut scene.first, hold("dan", "5", "b")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_unknown_outcome_is_applied_once() {
    let mut scene = Scene::new("fate", CACHED).await;
    assert!(one(&mut scene.first, open("a", 100, 9)).await.is_ok());
    for (number, trouble, replayed) in [(0, ProxyFault::LoseAnswer, true), (1, ProxyFault::LoseRequest, false)] {
        scene.proxy.trouble(trouble);
        let batch = vec![hold("ada", &format!("a{number}"), "a"), hold("bob", &format!("b{number}"), "a")];
        let answers = scene.first.apply(batch.clone()).await.unwrap();
        assert!(scene.proxy.is_calm(), "it was troubled");
        for (command, answer) in batch.into_iter().zip(answers) {
            let answer = answer.unwrap();
            assert_eq!(answer.replayed, replayed);
            let again = one(&mut scene.second, command).await.unwrap();
            assert!(again.replayed);
            assert_eq!(again.outcome, answer.outcome);
        }
        assert_eq!(scene.number("SELECT COUNT(*) FROM bookings").await, 2 * (number + 1));
    }
    scene.books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_arrives_after_its_refusal_does_nothing() {
    const CLOCK: &str = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT";
    let mut scene = Scene::new("late", CACHED).await;
    assert!(one(&mut scene.first, open("a", 100, 9)).await.is_ok());
    let (there, is_there) = oneshot::channel();
    let (part, parted) = oneshot::channel();
    let (deliver, delivered) = oneshot::channel();
    let (done, is_done) = oneshot::channel();
    scene.proxy.trouble(ProxyFault::Delay(there, parted, delivered, done));
    let deadline = scene.number(CLOCK).await + 500_000;
    let late = Command { deadline: i64::try_from(deadline).unwrap(), ..hold("ada", "1", "a") };
    let mut first = scene.first;
    let deciding = tokio::spawn(async move { first.apply(vec![late]).await.unwrap() });
    is_there.await.unwrap();
    while number(&scene.database, CLOCK).await <= deadline {
        tokio::task::yield_now().await;
    }
    part.send(()).unwrap();
    // Its key is not there, and it is too late to begin.
    let answers = deciding.await.unwrap();
    assert!(matches!(answers[..], [Err(Rejection::Unavailable(_))]), "{answers:?}");
    deliver.send(()).unwrap();
    is_done.await.unwrap();
    assert_eq!(number(&scene.database, "SELECT COUNT(*) FROM bookings").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_hold_makes_room_at_once() {
    let short = Settings { hold_seconds: "1", ..CACHED };
    let mut scene = Scene::new("overdue", short).await;
    assert!(one(&mut scene.first, open("a", 1, 1)).await.is_ok());
    assert!(one(&mut scene.first, hold("ada", "1", "a")).await.is_ok());
    // It takes its second, by the database's clock.
    let taken = loop {
        match one(&mut scene.first, hold("bob", "2", "a")).await {
            Err(Rejection::SoldOut(_)) => tokio::task::yield_now().await,
            other => break other,
        }
    };
    assert!(taken.is_ok(), "{taken:?}");
    assert_eq!(scene.number("SELECT COUNT(*) FROM bookings WHERE status = 'expired'").await, 1);
    scene.books_balance().await;
    let swept = loop {
        match one(&mut scene.first, platform("", "a", Action::Expire)).await.unwrap().outcome {
            Outcome::Swept(0) => tokio::task::yield_now().await,
            other => break other,
        }
    };
    assert_eq!(swept, Outcome::Swept(1));
    assert_eq!(scene.number("SELECT COUNT(*) FROM bookings WHERE status = 'expired'").await, 2);
    scene.books_balance().await;
}

/// The same commands give the same answers and leave the same rows, with memory and without.
#[tokio::test(flavor = "multi_thread")]
async fn the_cache_changes_no_answer() {
    let mut with = Scene::new("with", CACHED).await;
    let mut without = Scene::new("without", UNCACHED).await;
    let (one, other) = (life(&mut with.first).await, life(&mut without.first).await);
    assert_eq!(one, other);
    for statement in [
        "SELECT CAST(SUM(held * 1000 + sold * 10 + capacity) AS BIGINT) FROM inventory_lines",
        "SELECT COUNT(*) FROM bookings WHERE status = 'confirmed'",
        "SELECT COUNT(*) FROM bookings WHERE status = 'cancelled'",
        "SELECT COUNT(*) FROM booking_items",
        "SELECT COUNT(*) FROM idempotency",
        "SELECT CAST(SUM(amount) AS BIGINT) FROM refunds WHERE status = 'due'",
        "SELECT COUNT(*) FROM journal WHERE topic = 'booking-events'",
        "SELECT COUNT(*) FROM journal WHERE type = 'booking.updated'",
        "SELECT COUNT(*) FROM journal WHERE type = 'inventory.changed'",
        "SELECT COUNT(*) FROM inventory WHERE status = 'closed'",
        "SELECT CAST(SUM(revision) AS BIGINT) FROM inventory",
    ] {
        assert_eq!(with.number(statement).await, without.number(statement).await, "{statement}");
    }
    with.books_balance().await;
}

/// Everything that can be asked of two events. Gives the answers, without ids and times.
async fn life(ledger: &mut LedgerInstance) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |answers: &[Answer]| {
        told.extend(answers.iter().map(|answer| match answer {
            Ok(Receipt { replayed, outcome: Outcome::Booking(it) | Outcome::RefundDue(it), .. }) => {
                let Booking { status, items, total, expires_at, .. } = it;
                format!("{replayed} {status:?} {items:?} {total:?} {}", expires_at.is_some())
            }
            Ok(Receipt { replayed, outcome, .. }) => format!("{replayed} {outcome:?}"),
            Err(rejection) => format!("{rejection:?}"),
        }));
    };
    let mut ask = async |commands: Vec<Command>| {
        let answers = ledger.apply(commands).await.unwrap();
        tell(&answers);
        answers
    };
    let paid = |id: &str, payment: &str| {
        let paid = vocabulary::booking::Money { amount: 4500, currency: "EUR".into() };
        Action::Confirm(Confirmation { booking: id.into(), payment: payment.into(), paid })
    };
    let person = |name: &str| Subject::Person(format!("local_{name}"));
    ask(vec![hold("ada", "early", "a")]).await;
    // Opened and sold from in one batch; a second event in the next.
    let answers = ask(vec![open("a", 3, 2), hold("ada", "1", "a"), hold("bob", "1", "a"), hold("ada", "1", "a")]).await;
    let (ada, bob) = (booking(&answers[1]).id, booking(&answers[2]).id);
    ask(vec![open("b", 1, 1), hold("ada", "1", "b"), hold("bob", "1", "b"), hold("ada", "2", "a")]).await;
    ask(vec![hold("ada", "3", "a"), hold("cy", "1", "a")]).await;
    ask(vec![command(person("ada"), "pay", "a", Action::BeginPayment(ada.clone()))]).await;
    ask(vec![
        platform("paid", "a", paid(&ada, "p1")),
        platform("paid", "a", paid(&ada, "p1")),
        platform("paid", "a", paid(&bob, "p1")),
    ])
    .await;
    ask(vec![platform("late", "a", paid(&ada, "p2")), command(person("bob"), "back", "a", Action::Cancel(bob.clone()))]).await;
    // What ada has bought counts, though only holds stand in memory.
    ask(vec![hold("ada", "4", "a"), hold("ada", "5", "a")]).await;
    let mut wider = sale("a", 2, 9, 2);
    wider.offers.push(Offer::new(ticket("more"), 0, 5, 1));
    ask(vec![platform("wider", "a", Action::Adjust(wider)), platform("again", "a", Action::Open(sale("a", 1, 3, 2)))]).await;
    let free = vec![OrderLine { ticket_type: ticket("more"), quantity: 1 }, OrderLine { ticket_type: ticket("a"), quantity: 1 }];
    let answers = ask(vec![command(person("dan"), "both", "a", Action::Hold(free))]).await;
    assert_eq!(booking(&answers[0]).status, BookingStatus::Held);
    ask(vec![command(person("ada"), "refund", "a", Action::Cancel(ada.clone()))]).await;
    ask(vec![platform("close", "a", Action::Close(3)), hold("eve", "1", "a"), platform("", "a", Action::Expire)]).await;
    ask(vec![hold("ada", "1", "a"), hold("cy", "9", "b"), hold("cy", "9", "none")]).await;
    told
}
