//! What ticket types share, by example.

use super::world::{World, booking, outcome, sale, shortage};
use super::{HOLD, MINUTE, offer, order, person};
use crate::*;

fn hall(capacity: u32, ticket_types: &[&str]) -> SharedCapacity {
    let ticket_types = ticket_types.iter().map(|name| (*name).to_owned()).collect();
    SharedCapacity { id: "hall".to_owned(), capacity, ticket_types }
}

fn sharing(revision: u64, shared: Vec<SharedCapacity>) -> Sale {
    Sale { shared, ..sale(revision) }
}

/// Ten standard places and two on the balcony, of which there are four together; five free ones of their own.
fn shared_by_two() -> World {
    let mut world = World::unopened();
    let shared = vec![hall(4, &["standard", "balcony"])];
    assert_eq!(outcome(world.ask(Subject::Platform, Action::Open(sharing(3, shared)))), Outcome::Sale(3));
    world
}

/// What is held and sold of a line.
fn taken(world: &World, id: &str) -> (i64, i64) {
    let line = &world.rows.lines[id];
    (line.held, line.sold)
}

#[test]
fn a_ticket_type_is_sold_out_with_what_it_shares() {
    let mut world = shared_by_two();
    let ada = world.bought("ada");
    assert_eq!(taken(&world, "hall"), (0, 2));
    let bob = world.hold("bob", "balcony", 1).id;
    assert_eq!((taken(&world, "hall"), taken(&world, "balcony")), ((1, 2), (1, 0)));
    let two = order(&[("standard", 2)]);
    assert_eq!(world.ask(person("cy"), two.clone()), Err(Rejection::SoldOut(vec![shortage("standard", 1)])));
    // One of each is left for whoever comes first, and not both.
    let both = order(&[("standard", 1), ("balcony", 1)]);
    let short = vec![shortage("standard", 1), shortage("balcony", 1)];
    assert_eq!(world.ask(person("cy"), both), Err(Rejection::SoldOut(short)));
    world.hold("cy", "free", 2);
    assert_eq!(taken(&world, "hall"), (1, 2), "of which nothing is shared");
    // Whatever gives places back gives them back to both.
    booking(world.ask(person("bob"), Action::Cancel(bob)));
    assert_eq!(taken(&world, "hall"), (0, 2));
    world.hold("cy", "standard", 2);
    booking(world.ask(person("ada"), Action::Cancel(ada)));
    assert_eq!(taken(&world, "hall"), (2, 0));
    world.now += HOLD;
    world.hold("dee", "standard", 3);
    world.hold("eve", "balcony", 1);
    assert_eq!(taken(&world, "hall"), (4, 0), "what was overdue has made room");
}

#[test]
fn what_is_shared_goes_no_lower_than_what_is_taken() {
    let mut world = shared_by_two();
    world.bought("ada");
    world.hold("bob", "balcony", 1);
    world.now += HOLD;
    world.hold("cy", "standard", 1);
    let adjust = |world: &mut World, revision, capacity| {
        let shared = vec![hall(capacity, &["standard", "balcony"])];
        world.ask(Subject::Platform, Action::Adjust(sharing(revision, shared)))
    };
    assert_eq!(adjust(&mut world, 4, 2), Err(Rejection::CapacityTooLow(shortage("hall", 3))));
    assert_eq!(outcome(adjust(&mut world, 4, 3)), Outcome::Sale(4), "what is overdue is not in the way");
    assert_eq!((taken(&world, "hall"), taken(&world, "balcony")), ((1, 2), (0, 0)));
    assert!(matches!(world.ask(person("eve"), order(&[("standard", 1)])), Err(Rejection::SoldOut(_))));
}

#[test]
fn whoever_shares_it_brings_what_they_have_taken() {
    let mut world = shared_by_two();
    let ada = world.bought("ada");
    world.hold("bob", "free", 2);
    let adjust = |world: &mut World, revision, shared| {
        outcome(world.ask(Subject::Platform, Action::Adjust(sharing(revision, shared))));
    };
    adjust(&mut world, 4, vec![hall(4, &["free", "balcony"])]);
    assert_eq!(taken(&world, "hall"), (0, 2));
    booking(world.ask(person("ada"), Action::Cancel(ada)));
    assert_eq!(taken(&world, "hall"), (0, 2), "those are no standard ones any more");
    adjust(&mut world, 5, vec![]);
    assert_eq!(taken(&world, "hall"), (0, 0), "it is shared no more");
    world.hold("eve", "standard", 3);
    adjust(&mut world, 6, vec![hall(5, &["free", "standard"])]);
    assert_eq!(taken(&world, "hall"), (3, 2), "and shared again");
    let few = Action::Adjust(sharing(7, vec![hall(4, &["free", "standard"])]));
    assert_eq!(world.ask(Subject::Platform, few), Err(Rejection::CapacityTooLow(shortage("hall", 5))));
}

#[test]
fn a_late_payment_needs_room_in_what_is_shared() {
    let mut world = shared_by_two();
    let ada = world.hold("ada", "balcony", 2).id;
    world.now += HOLD;
    world.hold("bob", "standard", 3);
    world.now += MINUTE;
    assert!(matches!(outcome(world.pay(&ada, "p")), Outcome::RefundDue(_)));
    assert_eq!(world.rows.refunds[0].reason, RefundReason::SoldOut);
}

#[test]
fn what_is_shared_is_no_ticket_type() {
    let mut world = shared_by_two();
    assert_eq!(world.ask(person("ada"), order(&[("hall", 1)])), Err(Rejection::UnknownTicketType("hall".to_owned())));
    let offers = |name: &str| [sale(4).offers, vec![offer(name, 100, 5, 2)]].concat();
    let bad: Vec<(&str, Sale)> = vec![
        ("a ticket type by its id", Sale { offers: offers("hall"), ..sale(4) }),
        ("the id of a ticket type", sharing(4, vec![SharedCapacity { id: "free".to_owned(), ..hall(4, &["free"]) }])),
        ("shared by nobody", sharing(4, vec![hall(4, &[])])),
        ("by a stranger", sharing(4, vec![hall(4, &["standard", "box"])])),
        ("by one twice", sharing(4, vec![hall(4, &["standard", "standard"])])),
        ("twice", sharing(4, vec![hall(4, &["standard"]), hall(4, &["standard"])])),
        ("by one too often", sharing(4, (0..=limits::SHARED_OF_TYPE).map(|number| named(number, 4)).collect())),
        ("too many", sharing(4, (0..=*limits::SHARED.end()).map(|number| named(number, 4)).collect())),
    ];
    for (name, sale) in bad {
        let answer = world.ask(Subject::Platform, Action::Adjust(sale));
        assert!(matches!(answer, Err(Rejection::Invalid(_))), "{name}: {answer:?}");
    }
}

fn named(number: usize, capacity: u32) -> SharedCapacity {
    SharedCapacity { id: format!("hall{number}"), ..hall(capacity, &["standard"]) }
}

#[test]
fn an_event_has_so_many_in_its_life() {
    let mut world = World::open();
    for number in 0..limits::SHARED_EVER {
        let revision = 4 + number as u64;
        outcome(world.ask(Subject::Platform, Action::Adjust(sharing(revision, vec![named(number, 4)]))));
    }
    let revision = 4 + limits::SHARED_EVER as u64;
    let more = Action::Adjust(sharing(revision, vec![named(limits::SHARED_EVER, 4)]));
    assert!(matches!(world.ask(Subject::Platform, more), Err(Rejection::Invalid(_))));
    let again = Action::Adjust(sharing(revision, vec![named(0, 9)]));
    assert_eq!(outcome(world.ask(Subject::Platform, again)), Outcome::Sale(revision), "one that it had");
}

/// Of three hundred places that three types share, each with as many of its own, a network has its part of three hundred.
#[test]
fn limits_of_networks_are_of_what_there_is_in_all() {
    let of = |shared: Vec<SharedCapacity>| {
        let mut world = World::unopened();
        let offers = ["a", "b", "c"].map(|name| offer(name, 4500, 300, 3)).into();
        outcome(world.ask(Subject::Platform, Action::Open(Sale { offers, shared, ..sale(3) })));
        let (version, terms) = world.rows.inventory.clone().unwrap();
        let state = State { event: super::EVENT.to_owned(), version, terms, lines: world.rows.lines };
        let binds = |percent: u32| HoldLimits { account: 1, address: 1, address_percent: percent }.bind_networks(&state);
        (state.capacity(), binds(99), binds(100))
    };
    assert_eq!(of(vec![]), (900, true, false));
    assert_eq!(of(vec![hall(300, &["a", "b", "c"])]), (300, true, false));
    assert_eq!(of(vec![hall(250, &["a"]), SharedCapacity { id: "x".to_owned(), ..hall(100, &["a", "b"]) }]), (650, true, false));
}

/// A key that was used before anything could be shared goes on fitting.
#[test]
fn a_sale_of_which_nothing_is_shared_has_the_hash_that_it_had() {
    let open = |shared| Action::Open(Sale { shared, ..Sale::new(3, "EUR", vec![Offer::new("t", 100, 5, 2)]) });
    let before = "0eda1c57370a14944ef6bc9d9fa0417debd0180f5f5597d209941822424061fd";
    assert_eq!(request_hash(&open(vec![])).unwrap(), before);
    assert_ne!(request_hash(&open(vec![hall(4, &["t"])])).unwrap(), before);
}
