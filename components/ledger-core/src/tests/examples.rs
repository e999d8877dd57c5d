//! One example for every answer there is, and for the rules that are easily got wrong.

use super::model::Rows;
use super::{CAP, EVENT, HOLD, MINUTE, SECOND, START, euros, offer, order, person};
use crate::*;

/// An event's tables and a clock.
struct World {
    rows: Rows,
    now: Instant,
    asked: usize,
}

type Answer = Result<Receipt, Rejection>;

/// Ten standard places at 45.00, two on the balcony, five free ones; three each. Refunds for an hour, on sale for two.
fn sale(revision: u64) -> Sale {
    Sale {
        revision,
        currency: "EUR".to_owned(),
        sales_from: None,
        sales_until: Some(START + 120 * MINUTE),
        refund_until: Some(START + 60 * MINUTE),
        offers: vec![
            offer("standard", 4500, 10, 3),
            offer("balcony", 9000, 2, 3),
            offer("free", 0, 5, 3),
        ],
    }
}

impl World {
    fn unopened() -> Self {
        Self {
            rows: Rows::default(),
            now: START,
            asked: 0,
        }
    }

    fn open() -> Self {
        let mut world = Self::unopened();
        assert_eq!(outcome(world.ask(Subject::Platform, Action::Open(sale(3)))), Outcome::Sale(3));
        world
    }

    fn command(&mut self, subject: Subject, action: Action) -> Command {
        self.asked += 1;
        Command {
            subject,
            idempotency_key: format!("key-{}", self.asked),
            event_id: EVENT.to_owned(),
            deadline: self.now + SECOND,
            action,
        }
    }

    fn ask(&mut self, subject: Subject, action: Action) -> Answer {
        let command = self.command(subject, action);
        self.send(&command)
    }

    fn send(&mut self, command: &Command) -> Answer {
        self.rows.apply(self.now, 100, std::slice::from_ref(command)).remove(0)
    }

    fn hold(&mut self, name: &str, ticket_type: &str, quantity: u32) -> Booking {
        booking(self.ask(person(name), order(&[(ticket_type, quantity)])))
    }

    fn pay(&mut self, id: &str, payment: &str) -> Answer {
        let paid = self.rows.bookings[id].booking.total.clone();
        self.ask(Subject::Platform, confirmation(id, payment, paid))
    }

    /// A booking of two standard places, confirmed by payment `p`.
    fn bought(&mut self, name: &str) -> String {
        let id = self.hold(name, "standard", 2).id;
        assert_eq!(booking(self.pay(&id, "p")).status, BookingStatus::Confirmed);
        id
    }
}

fn confirmation(booking: &str, payment: &str, paid: Money) -> Action {
    Action::Confirm(Confirmation {
        booking: booking.to_owned(),
        payment: payment.to_owned(),
        paid,
    })
}

fn outcome(answer: Answer) -> Outcome {
    answer.unwrap().outcome
}

fn booking(answer: Answer) -> Booking {
    match outcome(answer) {
        Outcome::Booking(booking) => booking,
        other => panic!("{other:?}"),
    }
}

fn refund_due(answer: Answer) -> Booking {
    match outcome(answer) {
        Outcome::RefundDue(booking) => booking,
        other => panic!("{other:?}"),
    }
}

fn shortage(ticket_type: &str, available: u32) -> Shortage {
    Shortage {
        ticket_type: ticket_type.to_owned(),
        available,
    }
}

fn changed(change: impl FnOnce(&mut Sale)) -> Sale {
    let mut sale = sale(4);
    change(&mut sale);
    sale
}

#[test]
fn every_rejection() {
    use Rejection::*;
    type Setup = fn(&mut World) -> Action;
    let (ada, steward) = (|| person("ada"), || Subject::Steward("org".to_owned()));
    let cases: Vec<(&str, Subject, Setup, Rejection)> = vec![
        ("another event", ada(), |w| { *w = World::unopened(); order(&[("standard", 1)]) }, UnknownEvent),
        ("sweep of another event", Subject::Platform, |w| { *w = World::unopened(); Action::Expire }, UnknownEvent),
        ("ticket type", ada(), |_| order(&[("standard", 1), ("box", 1)]), UnknownTicketType("box".to_owned())),
        ("before the sale", ada(), |w| {
            let sale = changed(|sale| sale.sales_from = Some(START + 1));
            w.ask(Subject::Platform, Action::Adjust(sale)).unwrap();
            order(&[("standard", 1)])
        }, NotOnSale(SalePhase::NotYet)),
        ("after the sale", ada(), |w| { w.now = START + 120 * MINUTE; order(&[("standard", 1)]) }, NotOnSale(SalePhase::Over)),
        ("closed", ada(), |w| {
            w.ask(Subject::Platform, Action::Close(4)).unwrap();
            order(&[("standard", 1)])
        }, NotOnSale(SalePhase::Closed)),
        ("opened after closing", steward(), |w| {
            w.ask(Subject::Platform, Action::Close(4)).unwrap();
            Action::Open(sale(5))
        }, NotOnSale(SalePhase::Closed)),
        ("opened at the revision that closed it", steward(), |w| {
            w.ask(Subject::Platform, Action::Close(4)).unwrap();
            Action::Open(sale(4))
        }, NotOnSale(SalePhase::Closed)),
        ("adjusted after closing", steward(), |w| {
            w.ask(Subject::Platform, Action::Close(4)).unwrap();
            Action::Adjust(sale(5))
        }, NotOnSale(SalePhase::Closed)),
        ("payment after closing", ada(), |w| {
            let id = w.hold("ada", "standard", 1).id;
            w.ask(Subject::Platform, Action::Close(4)).unwrap();
            Action::BeginPayment(id)
        }, NotOnSale(SalePhase::Closed)),
        ("sold out", ada(), |w| {
            w.hold("bob", "balcony", 1);
            order(&[("standard", 1), ("balcony", 2)])
        }, SoldOut(vec![shortage("balcony", 1)])),
        ("free ones sold out", ada(), |w| {
            w.hold("bob", "free", 3);
            order(&[("free", 3)])
        }, SoldOut(vec![shortage("free", 2)])),
        ("too many at once", ada(), |_| order(&[("standard", 4)]), OverLimit(Limit {
            ticket_type: "standard".to_owned(), per_person: 3, has: 0,
        })),
        ("too many in all", ada(), |w| {
            w.bought("ada");
            order(&[("standard", 2)])
        }, OverLimit(Limit { ticket_type: "standard".to_owned(), per_person: 3, has: 2 })),
        ("payment of an overdue hold", ada(), |w| {
            let id = w.hold("ada", "standard", 1).id;
            w.now += HOLD;
            Action::BeginPayment(id)
        }, Expired),
        ("payment of an expired one", ada(), |w| {
            let id = w.hold("ada", "standard", 1).id;
            w.now += HOLD;
            w.ask(Subject::Platform, Action::Expire).unwrap();
            Action::BeginPayment(id)
        }, Expired),
        ("end of a payment too late", Subject::Platform, |w| {
            let id = w.hold("ada", "standard", 1).id;
            w.ask(person("ada"), Action::BeginPayment(id.clone())).unwrap();
            w.now += CAP;
            Action::EndPayment(id)
        }, Expired),
        ("end of no payment", Subject::Platform, |w| Action::EndPayment(w.hold("ada", "standard", 1).id), WrongState(BookingStatus::Held)),
        ("payment of what is paid", ada(), |w| Action::BeginPayment(w.bought("ada")), WrongState(BookingStatus::Confirmed)),
        ("payment of what was given back", ada(), |w| {
            let id = w.hold("ada", "standard", 1).id;
            w.ask(person("ada"), Action::Cancel(id.clone())).unwrap();
            Action::BeginPayment(id)
        }, WrongState(BookingStatus::Cancelled)),
        ("cancelled twice", ada(), |w| {
            let id = w.hold("ada", "standard", 1).id;
            w.ask(person("ada"), Action::Cancel(id.clone())).unwrap();
            Action::Cancel(id)
        }, WrongState(BookingStatus::Cancelled)),
        ("cancelled when overdue", Subject::Platform, |w| {
            let id = w.hold("ada", "standard", 1).id;
            w.now += HOLD;
            Action::Cancel(id)
        }, WrongState(BookingStatus::Expired)),
        ("cancelled when expired", ada(), |w| {
            let id = w.hold("ada", "standard", 1).id;
            w.now += HOLD;
            w.ask(Subject::Platform, Action::Expire).unwrap();
            Action::Cancel(id)
        }, WrongState(BookingStatus::Expired)),
        ("no refunds", ada(), |w| {
            let sale = changed(|sale| sale.refund_until = None);
            w.ask(Subject::Platform, Action::Adjust(sale)).unwrap();
            Action::Cancel(w.bought("ada"))
        }, NotCancellable(CancelRefusal::NoRefunds)),
        ("refunds are over", ada(), |w| {
            let id = w.bought("ada");
            w.now = START + 60 * MINUTE;
            Action::Cancel(id)
        }, NotCancellable(CancelRefusal::TooLate)),
        ("a free one after the sale", ada(), |w| {
            let id = w.hold("ada", "free", 1).id;
            w.now = START + 120 * MINUTE;
            Action::Cancel(id)
        }, NotCancellable(CancelRefusal::TooLate)),
        ("another's booking", ada(), |w| Action::Cancel(w.hold("bob", "standard", 1).id), UnknownBooking),
        ("another's payment", ada(), |w| Action::BeginPayment(w.hold("bob", "standard", 1).id), UnknownBooking),
        ("no booking", Subject::Platform, |_| Action::Cancel("eu_none".to_owned()), UnknownBooking),
        ("capacity", steward(), |w| {
            w.bought("ada");
            w.hold("bob", "standard", 1);
            Action::Adjust(changed(|sale| sale.offers[0].capacity = 2))
        }, CapacityTooLow(shortage("standard", 3))),
        ("stale open", steward(), |_| Action::Open(sale(2)), StaleRevision(3)),
        ("stale adjustment", steward(), |_| Action::Adjust(sale(2)), StaleRevision(3)),
        ("stale end", Subject::Platform, |_| Action::Close(2), StaleRevision(3)),
        ("buyer opens", ada(), |_| Action::Open(sale(4)), Forbidden),
        ("buyer adjusts", ada(), |_| Action::Adjust(sale(4)), Forbidden),
        ("buyer closes", ada(), |_| Action::Close(4), Forbidden),
        ("buyer sweeps", ada(), |_| Action::Expire, Forbidden),
        ("steward holds", steward(), |_| order(&[("standard", 1)]), Forbidden),
        ("steward pays", steward(), |w| Action::BeginPayment(w.hold("ada", "standard", 1).id), Forbidden),
        ("buyer confirms", ada(), |w| {
            let id = w.hold("ada", "standard", 1).id;
            confirmation(&id, "p", euros(4500))
        }, Forbidden),
        ("wrong sum", Subject::Platform, |w| {
            let id = w.hold("ada", "standard", 1).id;
            confirmation(&id, "p", euros(4400))
        }, Invalid("paid: the booking's total is 4500 EUR".to_owned())),
        ("wrong currency", Subject::Platform, |w| {
            let id = w.hold("ada", "standard", 1).id;
            confirmation(&id, "p", Money { amount: 4500, currency: "LKR".to_owned() })
        }, Invalid("paid: the booking's total is 4500 EUR".to_owned())),
        ("another currency", steward(), |_| Action::Adjust(changed(|sale| sale.currency = "LKR".to_owned())), Invalid("currency: is EUR".to_owned())),
        ("left out", steward(), |_| Action::Adjust(changed(|sale| { sale.offers.remove(1); })), Invalid("offers: balcony is left out".to_owned())),
        ("nothing offered", steward(), |_| Action::Adjust(changed(|sale| sale.offers.clear())), Invalid("offers: 0 is not 1 to 50".to_owned())),
        ("offered twice", steward(), |_| Action::Adjust(changed(|sale| sale.offers.push(offer("free", 0, 1, 1)))), Invalid("offers: free stands twice".to_owned())),
        ("no currency", steward(), |_| Action::Open(changed(|sale| sale.currency = "eur".to_owned())), Invalid("currency: not three upper-case letters".to_owned())),
        ("no window", steward(), |_| Action::Open(changed(|sale| sale.sales_from = sale.sales_until)), Invalid("sales-until: not after sales-from".to_owned())),
        ("negative price", steward(), |_| Action::Open(changed(|sale| sale.offers[0].price = -1)), Invalid("price: -1 is not 0 to 1000000000000".to_owned())),
        ("no places each", steward(), |_| Action::Open(changed(|sale| sale.offers[0].per_person_limit = 0)), Invalid("per-person-limit: 0".to_owned())),
        ("absurd revision", Subject::Platform, |_| Action::Close(u64::MAX), Invalid("revision: 18446744073709551615 is not 0 to 9223372036854775807".to_owned())),
        ("nothing ordered", ada(), |_| order(&[]), Invalid("lines: 0 is not 1 to 50".to_owned())),
        ("no places ordered", ada(), |_| order(&[("standard", 0)]), Invalid("quantity: 0 is not 1 to 10000".to_owned())),
        ("ordered twice", ada(), |_| order(&[("standard", 1), ("standard", 1)]), Invalid("lines: standard stands twice".to_owned())),
        ("no id", ada(), |_| Action::Cancel(String::new()), Invalid("booking: not 1 to 200 bytes".to_owned())),
        ("a NUL", ada(), |_| Action::Cancel("eu_\0".to_owned()), Invalid("booking: has control characters".to_owned())),
        ("nothing paid", Subject::Platform, |_| confirmation("eu_b", "p", euros(0)), Invalid("paid: not more than 0".to_owned())),
    ];
    for (name, subject, setup, expected) in cases {
        let mut world = World::open();
        let action = setup(&mut world);
        assert_eq!(world.ask(subject, action), Err(expected), "{name}");
    }
}

#[test]
fn a_key_is_answered_alike_again_and_serves_nothing_else() {
    let mut world = World::open();
    let command = world.command(person("ada"), order(&[("standard", 2)]));
    let first = world.send(&command).unwrap();
    world.ask(person("ada"), Action::Cancel("eu_b00002".to_owned())).unwrap();
    world.now += 60 * MINUTE;
    let again = world.send(&command).unwrap();
    assert!(again.replayed && !first.replayed);
    assert_eq!((again.version, again.outcome), (first.version, first.outcome), "even past its deadline");

    let other = Command {
        action: order(&[("standard", 1)]),
        deadline: world.now + SECOND,
        ..command.clone()
    };
    assert_eq!(world.send(&other), Err(Rejection::KeyConflict));
    let anothers = Command {
        subject: person("bob"),
        ..other
    };
    assert!(!world.send(&anothers).unwrap().replayed, "a key is its subject's own");
}

#[test]
fn a_refused_key_may_succeed_later() {
    let mut world = World::open();
    let blocking = world.hold("bob", "balcony", 2).id;
    let command = world.command(person("ada"), order(&[("balcony", 1)]));
    assert!(matches!(world.send(&command), Err(Rejection::SoldOut(_))));
    world.ask(person("bob"), Action::Cancel(blocking)).unwrap();
    assert_eq!(booking(world.send(&command)).status, BookingStatus::Held);
}

#[test]
fn past_its_deadline_a_command_is_dropped_undecided() {
    let mut world = World::open();
    let command = world.command(person("ada"), order(&[("standard", 2)]));
    world.now = command.deadline;
    assert_eq!(world.send(&command), Err(Rejection::Unavailable(limits::RETRY_MILLISECONDS)));
    assert!(world.rows.bookings.is_empty());
}

#[test]
fn an_overdue_hold_makes_room_and_no_more_than_is_needed() {
    let mut world = World::open();
    let (first, second) = (world.hold("bob", "balcony", 1).id, world.hold("cy", "balcony", 1).id);
    let elsewhere = world.hold("bob", "standard", 1).id;
    world.now += HOLD;
    world.hold("ada", "balcony", 1);
    let status = |world: &World, id: &str| world.rows.bookings[id].booking.status;
    assert_eq!(status(&world, &first), BookingStatus::Expired);
    assert_eq!(status(&world, &second), BookingStatus::Held);
    assert_eq!(status(&world, &elsewhere), BookingStatus::Held);
    let told: Vec<_> = world.rows.journal.iter().rev().take(2).map(|entry| (entry.kind, entry.booking.status)).collect();
    assert_eq!(told, [(EntryKind::Created, BookingStatus::Held), (EntryKind::Updated, BookingStatus::Expired)]);
    // It does not count towards its owner's limit either.
    world.hold("bob", "standard", 3);
    assert_eq!(outcome(world.ask(Subject::Platform, Action::Expire)), Outcome::Swept(2));
    assert_eq!(outcome(world.ask(Subject::Platform, Action::Expire)), Outcome::Swept(0));
}

#[test]
fn more_overdue_holds_than_are_read_only_cost_another_try() {
    let mut world = World::open();
    for name in ["a", "b", "c", "d", "e"] {
        world.hold(name, "standard", 2);
    }
    world.now += HOLD;
    let command = world.command(person("ada"), order(&[("standard", 3)]));
    let mut tries = 0;
    let answer = loop {
        tries += 1;
        let answer = world.rows.apply(world.now, 1, std::slice::from_ref(&command)).remove(0);
        if !matches!(answer, Err(Rejection::Unavailable(_))) || tries > 5 {
            break answer;
        }
    };
    assert_eq!((booking(answer).status, tries), (BookingStatus::Held, 2));
}

#[test]
fn one_sweep_is_bounded() {
    let mut world = World::unopened();
    let big = Sale {
        offers: vec![offer("standard", 100, 1000, 1000)],
        ..sale(1)
    };
    world.ask(Subject::Platform, Action::Open(big)).unwrap();
    for _ in 0..limits::SWEPT_BY_EXPIRE + 5 {
        world.hold("ada", "standard", 1);
    }
    world.now += HOLD;
    for swept in [200, 5, 0] {
        let command = world.command(Subject::Platform, Action::Expire);
        let answer = world.rows.apply(world.now, 1000, &[command]).remove(0);
        assert_eq!(outcome(answer), Outcome::Swept(swept));
    }
}

#[test]
fn a_payment_extends_the_deadline_once() {
    let mut world = World::open();
    let id = world.hold("ada", "standard", 1).id;
    world.now += 4 * MINUTE;
    let paying = booking(world.ask(person("ada"), Action::BeginPayment(id.clone())));
    assert_eq!((paying.status, paying.expires_at), (BookingStatus::Paying, Some(world.now + HOLD)));
    let held = booking(world.ask(Subject::Platform, Action::EndPayment(id.clone())));
    assert_eq!((held.status, held.expires_at), (BookingStatus::Held, paying.expires_at));
    world.now += 4 * MINUTE;
    let again = booking(world.ask(person("ada"), Action::BeginPayment(id.clone())));
    assert_eq!((again.status, again.expires_at), (BookingStatus::Paying, paying.expires_at));
    let still = booking(world.ask(person("ada"), Action::BeginPayment(id)));
    assert_eq!(still, again);
}

#[test]
fn a_deadline_never_moves_past_the_cap_nor_back() {
    let world = World::open();
    for (hold, cap, after, expected) in [(10, 12, 5, 12), (10, 30, 5, 15), (10, 5, 2, 10)] {
        let settings = Settings {
            hold: hold * MINUTE,
            paying_cap: cap * MINUTE,
        };
        let mut rows = world.rows.clone();
        let (state, mut facts) = rows.load(START, 10, &[]);
        facts.places.insert("ada".to_owned(), Default::default());
        let mut batch = Batch::new(EVENT.to_owned(), state.clone(), facts, START, settings);
        let mut asking = World::unopened();
        let hold = asking.command(person("ada"), order(&[("standard", 1)]));
        let id = booking(batch.decide(&hold, rows.fresh())).id;
        let now = START + after * MINUTE;
        let mut batch = Batch::new(EVENT.to_owned(), batch.state().cloned(), batch.facts().clone(), now, settings);
        asking.now = now;
        let begin = asking.command(person("ada"), Action::BeginPayment(id));
        let paying = booking(batch.decide(&begin, rows.fresh()));
        assert_eq!(paying.expires_at, Some(START + expected * MINUTE));
    }
}

#[test]
fn free_places_are_confirmed_at_once_and_can_be_given_back() {
    let mut world = World::open();
    let free = world.hold("ada", "free", 2);
    assert_eq!((free.status, free.expires_at, free.total), (BookingStatus::Confirmed, None, euros(0)));
    assert_eq!(world.rows.lines["free"].sold, 2);
    let cancelled = booking(world.ask(person("ada"), Action::Cancel(free.id)));
    assert_eq!(cancelled.status, BookingStatus::Cancelled);
    assert_eq!(world.rows.lines["free"].sold, 0);
    assert!(world.rows.refunds.is_empty());
    let mixed = booking(world.ask(person("ada"), order(&[("free", 1), ("standard", 1)])));
    assert_eq!((mixed.status, mixed.total), (BookingStatus::Held, euros(4500)));
}

#[test]
fn prices_are_fixed_when_the_hold_is_taken() {
    let mut world = World::open();
    let id = world.hold("ada", "standard", 2).id;
    let dearer = changed(|sale| {
        sale.offers[0].price = 9900;
        sale.offers.push(offer("late", 100, 1, 1));
    });
    assert_eq!(outcome(world.ask(Subject::Platform, Action::Open(dearer))), Outcome::Sale(4), "a newer revision adjusts");
    assert_eq!(booking(world.pay(&id, "p")).total, euros(9000));
    assert_eq!(world.hold("bob", "standard", 1).total, euros(9900));
    assert_eq!(world.hold("bob", "late", 1).total, euros(100));
}

#[test]
fn opening_and_closing_again_is_accepted() {
    let mut world = World::open();
    assert_eq!(outcome(world.ask(Subject::Platform, Action::Open(sale(3)))), Outcome::Sale(3));
    assert_eq!(outcome(world.ask(Subject::Platform, Action::Close(5))), Outcome::Sale(5));
    assert_eq!(outcome(world.ask(Subject::Platform, Action::Close(5))), Outcome::Sale(5));
}

#[test]
fn capacity_may_go_down_to_what_is_taken_overdue_holds_aside() {
    let mut world = World::open();
    world.bought("ada");
    world.hold("bob", "standard", 3);
    world.now += HOLD;
    world.hold("cy", "standard", 1);
    let smaller = |capacity| Action::Adjust(changed(|sale| sale.offers[0].capacity = capacity));
    assert_eq!(world.ask(Subject::Platform, smaller(2)), Err(Rejection::CapacityTooLow(shortage("standard", 3))));
    assert_eq!(outcome(world.ask(Subject::Platform, smaller(3))), Outcome::Sale(4));
    assert_eq!(world.rows.lines["standard"].held, 1);
    assert!(matches!(world.ask(person("eve"), order(&[("standard", 1)])), Err(Rejection::SoldOut(_))));
}

#[test]
fn money_that_comes_late_buys_what_is_still_there() {
    let mut world = World::open();
    let (swept, overdue) = (world.hold("ada", "balcony", 1).id, world.hold("bob", "balcony", 1).id);
    world.now += HOLD;
    world.hold("cy", "balcony", 1);
    world.now += HOLD;
    assert_eq!(world.rows.bookings[&swept].booking.status, BookingStatus::Expired);
    world.now = START + 200 * MINUTE;
    assert_eq!(booking(world.pay(&overdue, "p1")).status, BookingStatus::Confirmed, "after the sale, too");
    assert_eq!(booking(world.pay(&swept, "p2")).status, BookingStatus::Confirmed, "the third hold is overdue by now");
    assert_eq!(world.rows.lines["balcony"].sold, 2);
    assert!(world.rows.refunds.is_empty());
}

#[test]
fn money_that_comes_too_late_goes_back_once() {
    type Setup = fn(&mut World) -> String;
    let cases: Vec<(&str, BookingStatus, Setup)> = vec![
        ("no room", BookingStatus::Expired, |world| {
            let id = world.hold("ada", "balcony", 2).id;
            world.now += HOLD;
            world.hold("bob", "balcony", 2);
            id
        }),
        ("closed", BookingStatus::Held, |world| {
            let id = world.hold("ada", "standard", 2).id;
            world.ask(Subject::Platform, Action::Close(4)).unwrap();
            id
        }),
        ("cancelled", BookingStatus::Cancelled, |world| {
            let id = world.hold("ada", "standard", 2).id;
            world.ask(person("ada"), Action::Cancel(id.clone())).unwrap();
            id
        }),
        ("paid already", BookingStatus::Confirmed, |world| world.bought("ada")),
    ];
    for (name, status, setup) in cases {
        let mut world = World::open();
        let id = setup(&mut world);
        let before = world.rows.bookings[&id].clone();
        let told = world.rows.journal.len();
        for _ in 0..2 {
            let left = refund_due(world.pay(&id, "late"));
            assert_eq!((left.status, &left), (status, &before.booking), "{name}: as it is");
        }
        let refund = &world.rows.refunds[..];
        assert_eq!(refund.len(), 1, "{name}");
        assert_eq!((refund[0].payment.as_str(), refund[0].amount), ("late", before.booking.total.amount), "{name}");
        assert_eq!(refund[0].reason, RefundReason::Late, "{name}");
        assert_eq!(world.rows.journal.len(), told, "{name}: nothing happened to the booking");
    }
}

#[test]
fn a_confirmation_told_twice_is_one() {
    let mut world = World::open();
    let id = world.bought("ada");
    let before = world.rows.bookings[&id].booking.clone();
    assert_eq!(booking(world.pay(&id, "p")), before);
    assert!(world.rows.refunds.is_empty());
}

#[test]
fn cancelling_what_is_paid_makes_a_refund_due() {
    for subject in [person("ada"), Subject::Steward("org".to_owned()), Subject::Platform] {
        let mut world = World::open();
        let id = world.bought("ada");
        if !matches!(subject, Subject::Person(_)) {
            world.ask(Subject::Platform, Action::Close(4)).unwrap();
            world.now += 600 * MINUTE;
        }
        let cancelled = booking(world.ask(subject, Action::Cancel(id.clone())));
        assert_eq!(cancelled.status, BookingStatus::Cancelled);
        let [refund] = &world.rows.refunds[..] else {
            panic!("{:?}", world.rows.refunds)
        };
        assert_eq!((refund.payment.as_str(), refund.amount, refund.reason), ("p", 9000, RefundReason::Cancelled));
        // The provider tells of that payment once more: it has gone back already.
        assert_eq!(refund_due(world.pay(&id, "p")), cancelled);
        assert_eq!(world.rows.refunds.len(), 1);
    }
}

#[test]
fn what_was_refunded_in_part_is_refunded_for_the_rest() {
    let mut world = World::open();
    let id = world.bought("ada");
    world.rows.refunds.push(Refund {
        id: "eu_part".to_owned(),
        payment: "p".to_owned(),
        booking: id.clone(),
        amount: 1000,
        currency: "EUR".to_owned(),
        reason: RefundReason::Cancelled,
    });
    world.ask(person("ada"), Action::Cancel(id)).unwrap();
    assert_eq!(world.rows.refunds[1].amount, 8000);
}

#[test]
fn commands_of_one_batch_see_each_other_and_take_a_version_each() {
    let mut world = World::unopened();
    let mut commands = vec![
        world.command(person("ada"), order(&[("balcony", 2)])),
        world.command(Subject::Platform, Action::Open(sale(3))),
    ];
    for name in ["ada", "bob"] {
        commands.push(world.command(person(name), order(&[("balcony", 2)])));
    }
    commands.push(world.command(person("ada"), Action::Cancel("eu_b00003".to_owned())));
    commands.push(world.command(person("bob"), order(&[("balcony", 2)])));
    let answers = world.rows.apply(world.now, 10, &commands);
    let versions: Vec<_> = answers.iter().map(|answer| answer.as_ref().ok().map(|receipt| receipt.version)).collect();
    assert_eq!(versions, [None, Some(1), Some(2), None, Some(4), Some(5)]);
    assert_eq!(answers[0], Err(Rejection::UnknownEvent));
    assert!(matches!(answers[3], Err(Rejection::SoldOut(_))));
    assert_eq!(world.rows.inventory.as_ref().unwrap().0, 5);
}

#[test]
fn a_stored_outcome_keeps_its_form() {
    let mut world = World::open();
    let booking = world.hold("ada", "standard", 2);
    let accepted = Accepted {
        version: 2,
        outcome: Outcome::Booking(booking),
    };
    let json = serde_json::to_value(&accepted).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"version": 2, "outcome": {"booking": {
            "id": "eu_b00002", "event_id": EVENT, "person": "ada", "status": "held", "expires_at": START + HOLD,
            "items": [{"ticket_type": "standard", "quantity": 2, "unit_price": 4500}],
            "total": {"amount": 9000, "currency": "EUR"}, "version": 2, "created_at": START,
        }}})
    );
    let hash = request_hash(&order(&[("standard", 2)])).unwrap();
    assert_eq!(hash, "aaaa", "a stored hash must go on fitting");
}
