//! The rules that are easily got wrong, by example.

use super::world::{World, booking, changed, confirmation, outcome, refund_due, sale, shortage};
use super::{EVENT, HOLD, MINUTE, SECOND, SETTINGS, START, euros, offer, order, person};
use crate::*;

#[test]
fn a_key_replays_its_answer_and_fits_no_other_command() {
    let mut world = World::open();
    let command = world.command(person("ada"), order(&[("standard", 2)]));
    let first = world.send(&command).unwrap();
    world.ask(person("ada"), Action::Cancel("eu_b00002".to_owned())).unwrap();
    world.now += 60 * MINUTE;
    let again = world.send(&command).unwrap();
    assert!(again.replayed && !first.replayed);
    assert_eq!((again.version, again.outcome), (first.version, first.outcome), "even past its deadline");

    let other = Command { action: order(&[("standard", 1)]), deadline: world.now + SECOND, ..command.clone() };
    assert_eq!(world.send(&other), Err(Rejection::KeyConflict));
    let anothers = Command { subject: person("bob"), ..other };
    assert!(!world.send(&anothers).unwrap().replayed, "a key is its subject's own");
}

#[test]
fn entries_carry_the_trace_of_their_command() {
    let mut world = World::open();
    let traced = |trace: &str, command| Command { trace: Some(trace.to_owned()), ..command };
    let hold = traced("first", world.command(person("ada"), order(&[("standard", 2)])));
    booking(world.send(&hold));
    assert!(world.send(&traced("second", hold)).unwrap().replayed, "it is the same request");
    world.hold("bob", "standard", 1);
    let told: Vec<_> = world.rows.journal.iter().map(|entry| entry.trace.as_deref()).collect();
    assert_eq!(told, [Some("first"), None]);
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
fn a_command_past_its_deadline_is_not_decided() {
    let mut world = World::open();
    let command = world.command(person("ada"), order(&[("standard", 2)]));
    world.now = command.deadline;
    assert_eq!(world.send(&command), Err(Rejection::Unavailable(limits::RETRY_MILLISECONDS)));
    assert!(world.rows.bookings.is_empty());
}

#[test]
fn only_as_many_overdue_holds_expire_as_are_needed() {
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
fn more_overdue_holds_than_one_read_cost_another_attempt() {
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
    let big = Sale { offers: vec![offer("standard", 100, 1000, 1000)], ..sale(1) };
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
        let settings = Settings { hold: hold * MINUTE, paying_cap: cap * MINUTE, ..SETTINGS };
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
fn capacity_may_go_down_to_the_places_taken() {
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
fn a_late_payment_confirms_if_places_are_left() {
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
fn a_payment_that_comes_too_late_is_refunded_once() {
    type Setup = fn(&mut World) -> String;
    let cases: Vec<(&str, BookingStatus, RefundReason, Setup)> = vec![
        ("no room", BookingStatus::Expired, RefundReason::SoldOut, |world| {
            let id = world.hold("ada", "balcony", 2).id;
            world.now += HOLD;
            world.hold("bob", "balcony", 2);
            id
        }),
        ("beyond the limit", BookingStatus::Held, RefundReason::OverLimit, |world| {
            let id = world.hold("ada", "standard", 2).id;
            world.now += HOLD;
            world.hold("ada", "standard", 2);
            id
        }),
        ("closed", BookingStatus::Held, RefundReason::EventCancelled, |world| {
            let id = world.hold("ada", "standard", 2).id;
            world.ask(Subject::Platform, Action::Close(4)).unwrap();
            id
        }),
        ("cancelled", BookingStatus::Cancelled, RefundReason::BookingCancelled, |world| {
            let id = world.hold("ada", "standard", 2).id;
            world.ask(person("ada"), Action::Cancel(id.clone())).unwrap();
            id
        }),
        ("paid already", BookingStatus::Confirmed, RefundReason::AlreadyPaid, |world| world.bought("ada")),
    ];
    for (name, status, reason, setup) in cases {
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
        assert_eq!(refund[0].reason, reason, "{name}");
        assert_eq!(world.rows.journal.len(), told, "{name}: nothing happened to the booking");
    }
}

/// One person holds all they may, pays slowly, holds as much again, and so on; then all the money arrives.
#[test]
fn late_payments_respect_the_persons_limit() {
    let mut world = World::open();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(world.hold("ada", "standard", 3).id);
        world.ask(Subject::Platform, Action::BeginPayment(ids[ids.len() - 1].clone())).unwrap();
        world.now += HOLD;
    }
    // Rows say paying, or expired once tidied: that makes no difference.
    for sweep in [false, true] {
        let mut world = World { rows: world.rows.clone(), now: world.now, asked: world.asked };
        if sweep {
            world.ask(Subject::Platform, Action::Expire).unwrap();
        }
        assert_eq!(booking(world.pay(&ids[0], "p0")).status, BookingStatus::Confirmed, "the first that arrives fits");
        for (id, payment) in [(&ids[1], "p1"), (&ids[2], "p2")] {
            refund_due(world.pay(id, payment));
        }
        assert_eq!(world.rows.lines["standard"].sold, 3);
        let refunds: Vec<_> = world.rows.refunds.iter().map(|it| (it.payment.as_str(), it.amount, it.reason)).collect();
        assert_eq!(refunds, [("p1", 13500, RefundReason::OverLimit), ("p2", 13500, RefundReason::OverLimit)]);
    }
}

#[test]
fn late_payments_of_one_batch_see_each_other() {
    let mut world = World::open();
    let ids = [world.hold("ada", "standard", 3).id, {
        world.now += HOLD;
        world.hold("ada", "standard", 3).id
    }];
    world.now += HOLD;
    let paid = world.rows.bookings[&ids[0]].booking.total.clone();
    let commands: Vec<_> = ids.iter().map(|id| world.command(Subject::Platform, confirmation(id, id, paid.clone()))).collect();
    let answers = world.rows.apply(world.now, 10, &commands);
    assert!(matches!(outcome(answers[0].clone()), Outcome::Booking(_)));
    assert!(matches!(outcome(answers[1].clone()), Outcome::RefundDue(_)));
}

#[test]
fn a_payment_in_time_is_not_refused_by_the_limit() {
    let mut world = World::open();
    let first = world.hold("ada", "standard", 1).id;
    let second = world.hold("ada", "standard", 2).id;
    world.ask(Subject::Platform, Action::Adjust(changed(|sale| sale.offers[0].per_person_limit = 2))).unwrap();
    for (id, payment) in [(&first, "p1"), (&second, "p2")] {
        assert_eq!(booking(world.pay(id, payment)).status, BookingStatus::Confirmed, "what is held was within the limit");
    }
}

#[test]
fn terms_of_refund_are_those_of_the_purchase() {
    for (bought, changed_to, cancels) in [
        (Some(START + 60 * MINUTE), None, true),
        (Some(START + 60 * MINUTE), Some(START + MINUTE), true),
        (None, Some(START + 60 * MINUTE), false),
    ] {
        let mut world = World::open();
        world.ask(Subject::Platform, Action::Adjust(changed(|sale| sale.refund_until = bought))).unwrap();
        let id = world.bought("ada");
        let later = Sale { revision: 5, ..changed(|sale| sale.refund_until = changed_to) };
        world.ask(Subject::Platform, Action::Adjust(later)).unwrap();
        world.now += 10 * MINUTE;
        let answer = world.ask(person("ada"), Action::Cancel(id));
        assert_eq!(answer.is_ok(), cancels, "bought with {bought:?}, then {changed_to:?}: {answer:?}");
    }
}

#[test]
fn the_journal_names_who_cancelled_a_booking() {
    for (subject, close, by) in [
        (person("ada"), false, CancelledBy::Buyer),
        (Subject::Steward("org".to_owned()), false, CancelledBy::Organiser),
        (Subject::Platform, true, CancelledBy::Event),
    ] {
        let mut world = World::open();
        let id = world.bought("ada");
        if close {
            world.ask(Subject::Platform, Action::Close(4)).unwrap();
        }
        world.ask(subject, Action::Cancel(id)).unwrap();
        assert_eq!(world.rows.journal.last().unwrap().cancelled_by, Some(by));
        let reason = if close { RefundReason::EventCancelled } else { RefundReason::Cancelled };
        assert_eq!(world.rows.refunds[0].reason, reason);
    }
}

#[test]
fn a_repeated_confirmation_is_applied_once() {
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
        let [refund] = &world.rows.refunds[..] else { panic!("{:?}", world.rows.refunds) };
        assert_eq!((refund.payment.as_str(), refund.amount), ("p", 9000));
        // The provider tells of that payment once more: it has gone back already.
        assert_eq!(refund_due(world.pay(&id, "p")), cancelled);
        assert_eq!(world.rows.refunds.len(), 1);
    }
}

#[test]
fn a_partly_refunded_booking_is_refunded_for_the_rest() {
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
fn an_annulment_gives_back_what_the_organiser_says_and_no_more() {
    for (refund, amounts) in [(Some(0), vec![]), (Some(4500), vec![4500]), (Some(9000), vec![9000]), (None, vec![9000])] {
        let mut world = World::open();
        let booking_id = world.bought("ada");
        let steward = || Subject::Steward("org".to_owned());
        let annulment = |refund| Action::Annul(Annulment { booking: booking_id.clone(), refund });
        let beyond = world.ask(steward(), annulment(Some(9001)));
        assert!(matches!(beyond, Err(Rejection::Invalid(_))), "{beyond:?}");
        assert_eq!(world.ask(person("ada"), annulment(refund)), Err(Rejection::Forbidden));
        let cancelled = booking(world.ask(steward(), annulment(refund)));
        assert_eq!(cancelled.status, BookingStatus::Cancelled);
        assert_eq!(world.rows.journal.last().unwrap().cancelled_by, Some(CancelledBy::Organiser));
        let due = |world: &World| world.rows.refunds.iter().map(|refund| refund.amount).collect::<Vec<_>>();
        assert_eq!(due(&world), amounts, "{refund:?}");
        // The provider says once more that it was paid: what was withheld stays withheld.
        assert_eq!(refund_due(world.pay(&booking_id, "p")), cancelled);
        assert_eq!(due(&world), amounts, "{refund:?}");
    }
}

#[test]
fn commands_of_one_batch_see_each_other_and_take_a_version_each() {
    let mut world = World::unopened();
    let mut commands =
        vec![world.command(person("ada"), order(&[("balcony", 2)])), world.command(Subject::Platform, Action::Open(sale(3)))];
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
fn the_stored_outcome_format_is_stable() {
    let mut world = World::open();
    let booking = world.hold("ada", "standard", 2);
    let accepted = Accepted { version: 2, outcome: Outcome::Booking(booking) };
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
    assert_eq!(hash, "54599832e2d4aacb64dfc4af47c3191602737dfe3551dc8ed12a68ed1c338aab", "a stored hash must go on fitting");
}

/// Thirty new accounts of one attacker, as fast as they can: the places are other people's as well.
#[test]
fn one_network_cannot_hold_a_whole_event_with_many_accounts() {
    let mut world = World::unopened();
    let large = Sale { offers: vec![offer("standard", 4500, 300, 10)], ..sale(3) };
    world.ask(Subject::Platform, Action::Open(large)).unwrap();
    // Of an event of 300 an address may hold a tenth.
    let hold = |world: &mut World, name: &str, client: &str| {
        let command = world.command(person(name), order(&[("standard", 10)]));
        world.send(&Command { client: Some(client.to_owned()), ..command })
    };
    let answers: Vec<_> = (0..30).map(|number| hold(&mut world, &format!("attacker{number}"), "192.0.2.1")).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3);
    let limit = HoldLimit { scope: HoldScope::Address, places: 30, held: 30 };
    assert!(answers[3..].iter().all(|answer| *answer == Err(Rejection::TooManyHolds(limit.clone()))), "{answers:?}");
    assert_eq!(world.rows.available("standard", world.now), 270);
    hold(&mut world, "somebody", "192.0.2.2").unwrap();

    // Bought, cancelled and expired places are not held any more.
    let first = booking(answers[0].clone()).id;
    booking(world.pay(&first, "p"));
    hold(&mut world, "ada", "192.0.2.1").unwrap();
    assert!(hold(&mut world, "bob", "192.0.2.1").is_err());
    let second = booking(answers[1].clone());
    world.ask(person(&second.person), Action::Cancel(second.id)).unwrap();
    hold(&mut world, "bob", "192.0.2.1").unwrap();
    assert!(hold(&mut world, "cy", "192.0.2.1").is_err());
    world.now += HOLD;
    hold(&mut world, "cy", "192.0.2.1").unwrap();
}

#[test]
fn one_account_cannot_hold_of_every_ticket_type_as_much_as_of_one() {
    let mut world = World::unopened();
    let types = ["a", "b", "c", "d"].map(|name| offer(name, 4500, 100, 3));
    world.ask(Subject::Platform, Action::Open(Sale { offers: types.into(), ..sale(3) })).unwrap();
    world.hold("ada", "a", 3);
    world.hold("ada", "b", 1);
    let limit = HoldLimit { scope: HoldScope::Account, places: 4, held: 4 };
    assert_eq!(world.ask(person("ada"), order(&[("c", 1)])), Err(Rejection::TooManyHolds(limit)));
    world.hold("bob", "c", 3);
}

/// What the organiser lets one person have, one person may hold, and so may an address.
#[test]
fn a_large_group_may_hold_what_its_organiser_permits() {
    let mut world = World::unopened();
    let groups = Sale { offers: vec![offer("standard", 4500, 100, 50)], ..sale(3) };
    world.ask(Subject::Platform, Action::Open(groups)).unwrap();
    let command = world.command(person("ada"), order(&[("standard", 50)]));
    world.send(&Command { client: Some("192.0.2.1".to_owned()), ..command }).unwrap();
}

/// A limit is no news to who cannot have what there is not.
#[test]
fn a_network_at_its_limit_still_gets_sold_out() {
    let mut world = World::unopened();
    world.ask(Subject::Platform, Action::Open(Sale { offers: vec![offer("standard", 4500, 6, 3)], ..sale(3) })).unwrap();
    let hold = |world: &mut World, name: &str, quantity: u32| {
        let command = world.command(person(name), order(&[("standard", quantity)]));
        world.send(&Command { client: Some("192.0.2.1".to_owned()), ..command })
    };
    for name in ["ada", "bob"] {
        hold(&mut world, name, 3).unwrap();
    }
    assert_eq!(hold(&mut world, "cy", 1), Err(Rejection::SoldOut(vec![shortage("standard", 0)])));
}

/// Nobody need count what is held from a network that may hold all there is.
#[test]
fn a_networks_limit_binds_where_there_is_more_than_it_may_hold() {
    let limits = |address, address_percent| HoldLimits { account: 4, address, address_percent };
    let of = |capacity: u32, limits: HoldLimits| {
        let mut world = World::unopened();
        let sale = Sale { offers: vec![offer("a", 4500, capacity, 3), offer("b", 0, capacity, 3)], ..sale(3) };
        world.ask(Subject::Platform, Action::Open(sale)).unwrap();
        limits.bind_networks(&world.rows.load(world.now, 0, &[]).0.unwrap())
    };
    assert!(of(100, limits(100, 10)) && of(51, limits(100, 99)) && of(3, limits(1, 1)));
    assert!(!of(50, limits(100, 10)) && !of(100, limits(1, 100)) && !of(1_000_000, HoldLimits::NONE) && !of(2, limits(1, 1)));
}
