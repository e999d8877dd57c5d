//! The checker finds each thing that can be wrong in histories that were made up to be wrong, and nothing in one that is right.

use crate::checker::{Fault, check};
use crate::history::{Answer, Ask, Request};
use crate::witness::{Database, Event, Key, Row, Status, Step};

/// Requests, and a database that agrees with them, for one event with 5 places, 3 a person.
#[derive(Clone)]
struct Story {
    requests: Vec<Request>,
    database: Database,
}

fn request(person: &str, key: &str, ask: Ask, (start, end): (u64, u64), answer: Answer) -> Request {
    let (event, person, key) = ("e".to_owned(), person.to_owned(), key.to_owned());
    Request { event, person, key, ask, edge: 0, start, end, answer }
}

fn accepted(booking: &str, version: Option<u64>) -> Answer {
    Answer::Accepted { booking: booking.to_owned(), version, body: booking.into() }
}

fn cancel(booking: &str) -> Ask {
    Ask::Cancel { booking: booking.to_owned() }
}

fn pay(booking: &str) -> Ask {
    Ask::Pay { booking: booking.to_owned() }
}

impl Story {
    fn new() -> Self {
        let event = Event { id: "e".to_owned(), version: 100, capacity: 5, limit: 3, held: 0, sold: 0, free: false };
        let database = Database { events: [("e".to_owned(), event)].into(), ..Database::default() };
        Self { requests: Vec::new(), database }
    }

    fn ask(&mut self, person: &str, key: &str, ask: Ask, time: (u64, u64), answer: Answer) {
        self.requests.push(request(person, key, ask, time, answer));
    }

    /// A step of a booking, with its rows.
    fn step(&mut self, person: &str, booking: &str, quantity: i64, version: u64, status: Status) {
        let event = self.database.events.get_mut("e").unwrap();
        let known = self.database.rows.iter_mut().find(|row| row.booking == booking);
        let created = known.is_none();
        let mut count = |status: Status, quantity: i64| match status {
            Status::Held | Status::Paying => event.held += quantity,
            Status::Confirmed => event.sold += quantity,
            Status::Cancelled | Status::Expired => {}
        };
        count(status, quantity);
        match known {
            Some(row) => {
                count(row.status, -quantity);
                row.status = status;
            }
            None => self.database.rows.push(Row { event: "e".to_owned(), booking: booking.to_owned(), quantity, status }),
        }
        let (event, booking, person) = ("e".to_owned(), booking.to_owned(), person.to_owned());
        self.database.steps.push(Step { event, version, booking, person, quantity, status, created });
    }

    fn key(&mut self, person: &str, key: &str, booking: &str, version: u64) {
        let (event, person) = ("e".to_owned(), person.to_owned());
        self.database.keys.push(Key { event, person, key: key.to_owned(), booking: booking.to_owned(), version });
    }

    /// A hold that was accepted, and is there. The booking is named for the key.
    fn held(&mut self, person: &str, key: &str, quantity: i64, version: u64, time: (u64, u64)) {
        self.ask(person, key, Ask::Hold { quantity }, time, accepted(key, Some(version)));
        self.step(person, key, quantity, version, Status::Held);
        self.key(person, key, key, version);
    }

    fn cancelled(&mut self, person: &str, key: &str, booking: &str, version: u64, time: (u64, u64)) {
        self.ask(person, key, cancel(booking), time, accepted(booking, Some(version)));
        let quantity = self.database.steps.iter().find(|step| step.booking == booking).unwrap().quantity;
        self.step(person, booking, quantity, version, Status::Cancelled);
        self.key(person, key, booking, version);
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<_> = check(&self.requests, &self.database).into_iter().map(|violation| violation.fault).collect();
        faults.dedup();
        faults
    }
}

/// Three people: one holds and pays, one cancels, one is refused and gets what was given back.
fn sound() -> Story {
    let mut story = Story::new();
    story.held("a", "a1", 3, 1, (10, 20));
    story.held("b", "b1", 2, 2, (12, 30));
    story.ask("c", "c1", Ask::Hold { quantity: 2 }, (31, 40), Answer::SoldOut { left: 0 });
    story.ask("a", "a2", Ask::Hold { quantity: 1 }, (32, 41), Answer::OverLimit { has: 3 });
    // The first answer was lost.
    story.ask("b", "b2", cancel("b1"), (42, 50), Answer::Unknown);
    story.cancelled("b", "b2", "b1", 3, (51, 60));
    // Cancelled already: shown as it is.
    story.ask("b", "b3", cancel("b1"), (61, 70), accepted("b1", Some(3)));
    story.held("c", "c1", 2, 7, (61, 75));
    story.step("a", "a1", 3, 8, Status::Paying);
    story.step("a", "a1", 3, 9, Status::Confirmed);
    story.ask("a", "a3", pay("a1"), (62, 90), accepted("a1", None));
    story.ask("a", "a4", cancel("a1"), (91, 95), Answer::NotCancellable);
    story.ask("a", "a5", pay("a1"), (91, 95), Answer::NotPayable);
    // Never answered, and not done; never answered, and done.
    story.ask("d", "d1", Ask::Hold { quantity: 1 }, (10, 90), Answer::Unknown);
    story.cancelled("c", "c2", "c1", 10, (96, 98));
    story.ask("d", "d2", Ask::Hold { quantity: 1 }, (97, 99), Answer::Unknown);
    story.step("d", "d2", 1, 12, Status::Held);
    story.key("d", "d2", "d2", 12);
    story
}

#[test]
fn a_valid_history_passes() {
    assert_eq!(check(&sound().requests, &sound().database), []);
}

#[test]
fn overselling_is_found() {
    let mut story = sound();
    story.held("f", "f1", 3, 13, (100, 110));
    assert_eq!(story.faults(), [Fault::Oversold]);
}

#[test]
fn exceeding_a_persons_limit_is_found() {
    let mut story = sound();
    story.held("d", "d3", 1, 13, (100, 110));
    story.database.events.get_mut("e").unwrap().limit = 1;
    story.database.events.get_mut("e").unwrap().capacity = 10;
    assert!(story.faults().contains(&Fault::OverLimit));
}

#[test]
fn a_lost_booking_is_found() {
    // The answer alone.
    let mut story = sound();
    story.ask("f", "f1", Ask::Hold { quantity: 1 }, (100, 110), accepted("f1", Some(13)));
    assert_eq!(story.faults(), [Fault::Lost]);
    // Done, but not what was answered.
    let mut story = sound();
    story.held("f", "f1", 1, 13, (100, 110));
    story.requests.last_mut().unwrap().answer = accepted("f1", Some(14));
    assert_eq!(story.faults(), [Fault::Lost]);
    // A payment that bought nothing, and a cancellation that gave nothing back.
    let underway = Answer::Underway { body: Vec::new() };
    for (ask, answer) in [(pay("d2"), accepted("d2", None)), (pay("d2"), underway), (cancel("d2"), accepted("d2", Some(13)))] {
        let mut story = sound();
        story.ask("d", "d3", ask, (100, 110), answer);
        assert_eq!(story.faults(), [Fault::Lost]);
    }
    // A row that is gone.
    let mut story = sound();
    story.database.rows.retain(|row| row.booking != "d2");
    assert!(story.faults().contains(&Fault::Lost));
}

#[test]
fn a_double_booking_is_found() {
    // One key, two bookings.
    let mut story = sound();
    story.step("d", "d2-again", 1, 13, Status::Held);
    assert_eq!(story.faults(), [Fault::Doubled]);
}

#[test]
fn a_booking_that_was_refused_is_found() {
    let mut story = sound();
    story.held("f", "f1", 1, 13, (100, 110));
    story.requests.last_mut().unwrap().answer = Answer::NotDone;
    assert_eq!(story.faults(), [Fault::DoneAfterAll]);
    // A second try that nobody answered leaves it open.
    story.ask("f", "f1", Ask::Hold { quantity: 1 }, (111, 120), Answer::Unknown);
    assert_eq!(story.faults(), []);
    let mut story = sound();
    story.ask("d", "d3", pay("d2"), (100, 110), Answer::NotDone);
    story.step("d", "d2", 1, 13, Status::Paying);
    assert_eq!(story.faults(), [Fault::DoneAfterAll]);
}

#[test]
fn a_booking_without_a_request_is_found() {
    let mut story = sound();
    story.step("f", "f1", 1, 13, Status::Held);
    story.key("f", "f1", "f1", 13);
    assert_eq!(story.faults(), [Fault::Unasked]);
    let mut story = sound();
    story.step("d", "d2", 1, 13, Status::Paying);
    assert_eq!(story.faults(), [Fault::Unasked]);
    let mut story = sound();
    story.step("d", "d2", 1, 13, Status::Cancelled);
    assert_eq!(story.faults(), [Fault::Unasked]);
}

#[test]
fn unjustified_refusals_are_found() {
    for (ask, time, answer) in [
        // There was one; it was sold out before and after, but not then.
        (Ask::Hold { quantity: 1 }, (100, 110), Answer::SoldOut { left: 0 }),
        // Too few for so many, but not as few as it says.
        (Ask::Hold { quantity: 4 }, (100, 110), Answer::SoldOut { left: 3 }),
        (Ask::Hold { quantity: 1 }, (100, 110), Answer::OverLimit { has: 1 }),
        (cancel("d2"), (100, 110), Answer::NotCancellable),
        (pay("d2"), (100, 110), Answer::NotPayable),
        // It had been true, and was not any more: what was given back had been answered.
        (Ask::Hold { quantity: 2 }, (99, 110), Answer::SoldOut { left: 0 }),
    ] {
        let mut story = sound();
        story.ask("d", "d3", ask, time, answer);
        assert_eq!(story.faults(), [Fault::Untrue]);
    }
    // Each for itself true, but not one after the other.
    let mut story = Story::new();
    story.held("a", "a1", 3, 1, (10, 50));
    story.ask("b", "b1", Ask::Hold { quantity: 3 }, (11, 12), Answer::SoldOut { left: 2 });
    story.ask("b", "b2", Ask::Hold { quantity: 6 }, (13, 14), Answer::SoldOut { left: 5 });
    assert_eq!(story.faults(), [Fault::Untrue]);
    // Refused after it had been done.
    let mut story = Story::new();
    story.held("a", "a1", 3, 1, (10, 20));
    story.ask("a", "a1", Ask::Hold { quantity: 3 }, (21, 30), Answer::SoldOut { left: 2 });
    assert_eq!(story.faults(), [Fault::Untrue]);
}

#[test]
fn real_time_order_violations_are_found() {
    let mut story = sound();
    story.held("f", "f1", 1, 13, (100, 110));
    story.database.steps.iter_mut().filter(|step| step.booking == "f1").for_each(|step| step.version = 6);
    story.database.keys.iter_mut().filter(|key| key.key == "f1").for_each(|key| key.version = 6);
    story.requests.last_mut().unwrap().answer = accepted("f1", Some(6));
    assert!(story.faults().contains(&Fault::OutOfOrder));
}

#[test]
fn different_answers_to_one_key_are_found() {
    let mut story = sound();
    let mut other = story.requests[0].clone();
    other.answer = Answer::Accepted { booking: "a1".to_owned(), version: Some(1), body: b"other".into() };
    story.requests.push(other);
    assert_eq!(story.faults(), [Fault::Changed]);
}

#[test]
fn inconsistent_counts_are_found() {
    let mut story = sound();
    story.database.events.get_mut("e").unwrap().held += 1;
    assert_eq!(story.faults(), [Fault::Unsound]);
    // A step that no booking may take.
    let mut story = sound();
    story.step("d", "d2", 1, 13, Status::Expired);
    assert_eq!(story.faults(), [Fault::Unsound]);
    // Two decisions at one version.
    let mut story = sound();
    story.held("f", "f1", 1, 12, (100, 110));
    assert_eq!(story.faults(), [Fault::Unsound]);
    // Beyond what the inventory says.
    let mut story = sound();
    story.held("f", "f1", 1, 101, (100, 110));
    assert_eq!(story.faults(), [Fault::Unsound]);
}

#[test]
fn unexpected_answers_are_found() {
    let mut story = sound();
    story.ask("f", "f1", Ask::Hold { quantity: 1 }, (100, 110), Answer::Unexpected("500".to_owned()));
    assert_eq!(story.faults(), [Fault::Unexpected]);
}
