//! Random rows of commands, with time passing between them.

use super::model::Rows;
use super::{EVENT, HOLD, MINUTE, SECOND, START, euros, offer, order, person};
use crate::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

/// A command before it is known which bookings there will be.
#[derive(Debug, Clone)]
struct Plan {
    /// Which person, where it takes one.
    who: usize,
    /// A key that others may have used, or none: one of its own.
    key: Option<u8>,
    /// Microseconds from now.
    deadline: i64,
    step: Step,
}

#[derive(Debug, Clone)]
enum Step {
    Open(Sale),
    Adjust(Sale),
    Close(u64),
    Hold(Vec<(usize, u32)>),
    BeginPayment(usize),
    EndPayment(usize),
    Confirm {
        booking: usize,
        payment: usize,
        wrong: bool,
    },
    CancelAsOwner(usize),
    CancelAs(usize, Subject),
    Annul(usize, Option<i64>),
    Expire,
    /// The very same command as one before.
    Again(usize),
}

#[derive(Debug, Clone)]
struct Case {
    read_overdue: usize,
    opening: Sale,
    /// How much time passes, then what is asked in one transaction.
    batches: Vec<(i64, Vec<Plan>)>,
}

const PERSONS: [&str; 3] = ["ada", "bob", "cy"];
/// Two of them ask from one network.
const CLIENTS: [&str; 3] = ["192.0.2.1", "192.0.2.1", "192.0.2.2"];
const TYPES: [&str; 3] = ["standard", "balcony", "free"];
/// What they may share, by which and of what size being a matter of chance.
const HALLS: [&str; 2] = ["hall", "stage"];

#[test]
fn no_sequence_oversells_or_loses_a_booking() {
    let seed = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => RandomState::new().hash_one("seed"),
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&u64::to_be_bytes(seed));
    let config = Config { cases: 2000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let mut seen = std::cell::RefCell::new(BTreeMap::new());
    if let Err(failure) = runner.run(&case(), |case| {
        run(&case, &mut seen.borrow_mut());
        Ok(())
    }) {
        panic!("{failure}\nagain with SEED={seed}");
    }
    // A generator that never gets anywhere would find nothing.
    let seen = seen.get_mut();
    let all = [
        "sale",
        "booking",
        "replayed",
        "refund-due",
        "swept",
        "unknown-event",
        "unknown-ticket-type",
        "unknown-booking",
        "not-on-sale",
        "sold-out",
        "over-limit",
        "too-many-holds",
        "expired",
        "wrong-state",
        "not-cancellable",
        "capacity-too-low",
        "stale-revision",
        "key-conflict",
        "unavailable",
        "invalid",
    ];
    for kind in all {
        assert!(seen.contains_key(kind), "no {kind} in any case of SEED={seed}: {seen:?}");
    }
}

fn run(case: &Case, seen: &mut BTreeMap<&'static str, usize>) {
    let mut rows = Rows::default();
    let mut now = START;
    let mut asked: Vec<Command> = Vec::new();
    let mut accepted: Vec<(Command, Receipt)> = Vec::new();
    let opening = Plan { who: 0, key: None, deadline: MINUTE, step: Step::Open(case.opening.clone()) };
    let opening = (0, vec![opening]);
    for (pause, plans) in std::iter::once(&opening).chain(&case.batches) {
        now += pause;
        let mut commands = Vec::new();
        for plan in plans {
            let command = command(plan, &rows, &asked, now);
            asked.push(command.clone());
            commands.push(command);
        }
        let before = rows.clone();
        let answers = rows.apply(now, case.read_overdue, &commands);
        if let ([command], [answer]) = (commands.as_slice(), answers.as_slice()) {
            check_answer(&before, &rows, now, command, answer);
        }
        for (command, answer) in commands.into_iter().zip(answers) {
            *seen.entry(kind(&answer)).or_default() += 1;
            if let Ok(receipt) = answer
                && !receipt.replayed
                && command.action != Action::Expire
            {
                accepted.push((command, receipt));
            }
        }
    }
    for (command, receipt) in accepted {
        let late = Instant::MAX / 2;
        let mut expected = receipt;
        expected.replayed = true;
        assert_eq!(rows.apply(late, 8, &[command]), [Ok(expected)], "a key gives what it gave");
    }
}

/// A single command's answer fits the tables before and after it.
fn check_answer(before: &Rows, after: &Rows, now: Instant, command: &Command, answer: &Result<Receipt, Rejection>) {
    match answer {
        Err(Rejection::SoldOut(shortages)) => {
            let Action::Hold(lines) = &command.action else { panic!("{command:?}: sold out") };
            assert!(!shortages.is_empty());
            let asked: Vec<_> = lines.iter().map(|line| (line.ticket_type.as_str(), line.quantity)).collect();
            assert!(before.is_short_of(&asked, now), "{shortages:?}");
            for shortage in shortages {
                assert!(asked.iter().any(|(ticket_type, _)| *ticket_type == shortage.ticket_type));
                assert_eq!(i64::from(shortage.available), before.available(&shortage.ticket_type, now));
            }
        }
        Ok(receipt) if !receipt.replayed => match &receipt.outcome {
            Outcome::Booking(booking) => {
                assert_eq!(&after.bookings[&booking.id].booking, booking);
                check_limits(before, after, now, booking);
                let closed = after.inventory.as_ref().unwrap().1.status == SaleStatus::Closed;
                let again = before.bookings.get(&booking.id).map(|record| record.booking.status) == Some(booking.status);
                assert!(!closed || again || booking.status != BookingStatus::Confirmed, "confirmed after the end");
                if let (Action::Hold(lines), Subject::Person(_)) = (&command.action, &command.subject) {
                    for line in lines {
                        let taken = before.own(&line.ticket_type, now) - after.own(&line.ticket_type, now);
                        assert_eq!(taken, i64::from(line.quantity));
                    }
                }
            }
            Outcome::RefundDue(booking) => {
                let Action::Confirm(confirmation) = &command.action else { panic!("{command:?}: a refund") };
                let sum: i64 = after.refunds.iter().filter(|it| it.payment == confirmation.payment).map(|it| it.amount).sum();
                let bought = before.bookings[&booking.id].payment.as_ref() == Some(&confirmation.payment);
                if bought && booking.status == BookingStatus::Cancelled {
                    assert_eq!(after.refunds, before.refunds, "what goes back was decided when it was cancelled");
                    return;
                }
                assert_eq!(sum, booking.total.amount, "all of it goes back, once");
                let closed = after.inventory.as_ref().unwrap().1.status == SaleStatus::Closed;
                let items: Vec<_> = booking.items.iter().map(|item| (item.ticket_type.as_str(), item.quantity)).collect();
                let short = before.is_short_of(&items, now);
                let gone = matches!(booking.status, BookingStatus::Confirmed | BookingStatus::Cancelled);
                let beyond = beyond_limit(before, now, booking);
                assert!(closed || short || gone || beyond, "there was no need to refuse {booking:?}");
                // A payment that went back before keeps the reason of then.
                let new = after.refunds.get(before.refunds.len()..).unwrap_or_default();
                let Some(reason) = new.iter().find(|it| it.payment == confirmation.payment).map(|it| it.reason) else { return };
                assert_eq!(reason == RefundReason::OverLimit, !closed && !gone && beyond, "{reason:?} of {booking:?}");
            }
            Outcome::Sale(_) | Outcome::Swept(_) => {}
        },
        _ => {}
    }
}

/// Whether a booking that counts for nobody's limit any more would give its owner more than one person may have.
fn beyond_limit(before: &Rows, now: Instant, booking: &Booking) -> bool {
    let counts = before.bookings.get(&booking.id).is_some_and(|record| record.counts(now));
    let has = before.places(&booking.person, now);
    let beyond = |item: &BookingItem| {
        let has = has.get(&item.ticket_type).copied().unwrap_or_default();
        has + i64::from(item.quantity) > i64::from(before.lines[&item.ticket_type].terms.per_person_limit)
    };
    !counts && booking.items.iter().any(beyond)
}

/// Whoever gets places has no more of them afterwards than one person may, whichever way they came by them. (A limit that is lowered
/// takes away from nobody what they have: then they get no more.)
fn check_limits(before: &Rows, after: &Rows, now: Instant, booking: &Booking) {
    let (had, has) = (before.places(&booking.person, now), after.places(&booking.person, now));
    for (ticket_type, places) in has {
        let limit = i64::from(after.lines[&ticket_type].terms.per_person_limit);
        let had = had.get(&ticket_type).copied().unwrap_or_default();
        assert!(places <= limit.max(had), "{} has {places} of {ticket_type}, had {had}, and may have {limit}", booking.person);
    }
}

fn command(plan: &Plan, rows: &Rows, asked: &[Command], now: Instant) -> Command {
    let name = PERSONS[plan.who];
    let owner = |id: &str| rows.bookings.get(id).map_or(person(name), |record| person(&record.booking.person));
    // Newest first, and one past the end: what there is not.
    let booking = |at: &usize| rows.bookings.keys().rev().nth(*at).cloned().unwrap_or("eu_none".to_owned());
    let steward = Subject::Steward("org".to_owned());
    let (subject, action) = match &plan.step {
        Step::Open(sale) => (steward, Action::Open(sale.clone())),
        Step::Adjust(sale) => (steward, Action::Adjust(sale.clone())),
        Step::Close(revision) => (Subject::Platform, Action::Close(*revision)),
        Step::Hold(lines) => {
            let lines: Vec<_> = lines.iter().map(|(at, quantity)| (*TYPES.get(*at).unwrap_or(&"none"), *quantity)).collect();
            (person(name), order(&lines))
        }
        Step::BeginPayment(at) => (owner(&booking(at)), Action::BeginPayment(booking(at))),
        Step::EndPayment(at) => (Subject::Platform, Action::EndPayment(booking(at))),
        Step::Confirm { booking: at, payment, wrong } => {
            let id = booking(at);
            let total = rows.bookings.get(&id).map_or(1, |record| record.booking.total.amount);
            let confirmation =
                Confirmation { payment: format!("{id}-{payment}"), booking: id, paid: euros(total + i64::from(*wrong)) };
            (Subject::Platform, Action::Confirm(confirmation))
        }
        Step::CancelAsOwner(at) => (owner(&booking(at)), Action::Cancel(booking(at))),
        Step::CancelAs(at, subject) => (subject.clone(), Action::Cancel(booking(at))),
        Step::Annul(at, amount) => (steward, Action::Annul(Annulment { booking: booking(at), refund: *amount })),
        Step::Expire => (Subject::Platform, Action::Expire),
        Step::Again(at) => {
            let before = asked[asked.len() - 1 - at % asked.len()].clone();
            return Command { deadline: now + plan.deadline, ..before };
        }
    };
    let key = plan.key.map_or_else(|| format!("own-{}", asked.len()), |key| format!("key-{key}"));
    Command { client: Some(CLIENTS[plan.who].to_owned()), ..Command::new(subject, key, EVENT, now + plan.deadline, action) }
}

fn case() -> impl Strategy<Value = Case> {
    let pause = prop_oneof![
        6 => 0..2 * SECOND,
        3 => MINUTE..6 * MINUTE,
        1 => Just(HOLD),
        1 => HOLD..3 * HOLD,
    ];
    let batch = prop::collection::vec(plan(), 1..6);
    let batches = prop::collection::vec((pause, batch), 1..24);
    (prop_oneof![Just(64usize), 1..4usize], sale(), batches).prop_map(|(read_overdue, opening, batches)| Case {
        read_overdue,
        opening,
        batches,
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let key = prop_oneof![8 => Just(None), 1 => (0..6u8).prop_map(Some)];
    let deadline = prop_oneof![40 => Just(MINUTE), 1 => Just(0)];
    (0..PERSONS.len(), key, deadline, step()).prop_map(|(who, key, deadline, step)| Plan { who, key, deadline, step })
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..5usize;
    let anybody = prop_oneof![Just(Subject::Platform), Just(Subject::Steward("org".to_owned())), Just(person("eve")),];
    let lines = prop::collection::vec((0..=TYPES.len(), 1..4u32), 1..3);
    let ordinary = prop::collection::vec((0..2usize, 1..3u32), 1..2);
    prop_oneof![
        1 => sale().prop_map(Step::Open),
        3 => sale().prop_map(Step::Adjust),
        1 => (0..9u64).prop_map(Step::Close),
        16 => ordinary.prop_map(Step::Hold),
        6 => lines.prop_map(Step::Hold),
        10 => at().prop_map(Step::BeginPayment),
        3 => at().prop_map(Step::EndPayment),
        14 => (at(), 0..2usize, prop::bool::weighted(0.05))
            .prop_map(|(booking, payment, wrong)| Step::Confirm { booking, payment, wrong }),
        6 => at().prop_map(Step::CancelAsOwner),
        3 => (at(), anybody).prop_map(|(at, subject)| Step::CancelAs(at, subject)),
        3 => (at(), prop::option::of(0..9000i64)).prop_map(|(at, amount)| Step::Annul(at, amount)),
        2 => Just(Step::Expire),
        6 => (0..40usize).prop_map(Step::Again),
    ]
}

fn sale() -> impl Strategy<Value = Sale> {
    let instant = || prop_oneof![4 => Just(None), 1 => (0..120i64).prop_map(|minutes| Some(START + minutes * MINUTE))];
    let capacities = (0..9u32, 0..9u32, 0..9u32);
    let terms = (instant(), instant(), instant(), 1..5u32, 0..10i64, prop::bool::weighted(0.95));
    let shared =
        prop::collection::vec((0..HALLS.len(), 0..9u32, prop::collection::btree_set(0..TYPES.len(), 1..=TYPES.len())), 0..3);
    (0..6u64, capacities, terms, shared).prop_map(
        |(revision, (a, b, c), (from, until, refund_until, limit, price, all), shared)| {
            let mut offers =
                vec![offer(TYPES[0], 4500, a, limit), offer(TYPES[1], 1000 * price, b, 4), offer(TYPES[2], 0, c, limit)];
            if !all {
                offers.truncate(2);
            }
            let halls: BTreeMap<usize, SharedCapacity> = shared
                .into_iter()
                .map(|(hall, capacity, types)| {
                    let ticket_types = types.into_iter().map(|at| TYPES[at].to_owned()).collect();
                    (hall, SharedCapacity { id: HALLS[hall].to_owned(), capacity, ticket_types })
                })
                .collect();
            let shared = halls.into_values().collect();
            Sale { revision, currency: "EUR".to_owned(), sales_from: from, sales_until: until, refund_until, offers, shared }
        },
    )
}

fn kind(answer: &Result<Receipt, Rejection>) -> &'static str {
    match answer {
        Ok(receipt) if receipt.replayed => "replayed",
        Ok(receipt) => match receipt.outcome {
            Outcome::Sale(_) => "sale",
            Outcome::Booking(_) => "booking",
            Outcome::RefundDue(_) => "refund-due",
            Outcome::Swept(_) => "swept",
        },
        Err(rejection) => match rejection {
            Rejection::Invalid(_) => "invalid",
            Rejection::UnknownEvent => "unknown-event",
            Rejection::UnknownTicketType(_) => "unknown-ticket-type",
            Rejection::UnknownBooking => "unknown-booking",
            Rejection::NotOnSale(_) => "not-on-sale",
            Rejection::SoldOut(_) => "sold-out",
            Rejection::OverLimit(_) => "over-limit",
            Rejection::TooManyHolds(_) => "too-many-holds",
            Rejection::Expired => "expired",
            Rejection::WrongState(_) => "wrong-state",
            Rejection::NotCancellable(_) => "not-cancellable",
            Rejection::Forbidden => "forbidden",
            Rejection::Unauthenticated(_) => "unauthenticated",
            Rejection::CapacityTooLow(_) => "capacity-too-low",
            Rejection::StaleRevision(_) => "stale-revision",
            Rejection::KeyConflict => "key-conflict",
            Rejection::Unavailable(_) => "unavailable",
            Rejection::Unknown => "unknown",
        },
    }
}
