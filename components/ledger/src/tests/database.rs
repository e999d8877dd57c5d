//! The rows that decisions leave in the tables, and what the database itself refuses.

use super::node::{Database, MINUTE, SETTINGS, START, booking, command, confirm, fresh, hold, load, open, order, person, sale};
use crate::read;
use crate::write;
use kit::sql::testing::ready;
use ledger_core::*;
use ledger_engine::{Answer, Failure, Plan, PlanState, Transaction as _, decide};
use migrations::Engine;

#[test]
fn rows_match_the_decision() {
    for database in Database::all() {
        let node = database.node();
        // Two events in one transaction, opened and sold from at once.
        let answers = node.apply(
            START,
            &[hold("ada", "eu_x", 1), open("eu_b", 6), open("eu_a", 6), hold("ada", "eu_a", 2), hold("bob", "eu_b", 2)],
        );
        assert_eq!(answers[0], Err(Rejection::UnknownEvent));
        let (first, second) = (booking(&answers[3]).id, booking(&answers[4]).id);
        assert_eq!(node.one("SELECT version FROM inventory WHERE event = 'eu_a'"), 2);

        let platform = |event: &str, action: Action| command(Subject::Platform, event, action);
        let paying = command(person("ada"), "eu_a", Action::BeginPayment(first.clone()));
        let free = command(person("ada"), "eu_a", order(&[("free", 2), ("standard", 1)]));
        let given_back = command(person("bob"), "eu_b", Action::Cancel(second.clone()));
        let answers = node.apply(START + MINUTE, &[paying.clone(), free, given_back, hold("cy", "eu_b", 4)]);
        assert_eq!(booking(&answers[0]).expires_at, Some(START + 11 * MINUTE));
        assert_eq!(booking(&answers[2]).status, BookingStatus::Cancelled);

        let again = node.apply(START + 2 * MINUTE, &[paying]);
        assert_eq!((again[0].as_ref().unwrap().replayed, booking(&again[0])), (true, booking(&answers[0])));
        let version = node.one("SELECT version FROM inventory WHERE event = 'eu_a'");
        assert_eq!(version, 4, "a replay leaves no trace");

        // Confirmed, adjusted with a ticket type more, and cancelled, all in one: the refund is what was paid.
        let mut wider = sale(2, 3);
        wider.offers.push(Offer::new("late", 1, 5, 1));
        let answers = node.apply(
            START + 20 * MINUTE,
            &[
                platform("eu_a", confirm(&first, "p1")),
                platform("eu_a", Action::Adjust(wider)),
                command(person("ada"), "eu_a", Action::Cancel(first.clone())),
                platform("eu_a", confirm(&first, "p2")),
                command(person("eve"), "eu_a", order(&[("standard", 3), ("late", 1)])),
                platform("eu_b", Action::Expire),
            ],
        );
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(answers[5].as_ref().unwrap().outcome, Outcome::Swept(1));
        assert_eq!(node.one("SELECT COUNT(*) FROM refunds WHERE status = 'due' AND amount = 9000"), 2);
        assert_eq!(node.one("SELECT capacity FROM inventory_lines WHERE event = 'eu_a' AND ticket_type = 'standard'"), 3);

        let close = |revision| platform("eu_a", Action::Close(revision));
        assert!(node.apply(START + 21 * MINUTE, &[close(3)])[0].is_ok());
        let late = node.apply(START + 21 * MINUTE, &[hold("fay", "eu_a", 1), close(2)]);
        assert_eq!(late, [Err(Rejection::NotOnSale(SalePhase::Closed)), Err(Rejection::StaleRevision(3))]);
        let told_again = node.apply(START + 22 * MINUTE, &[platform("eu_a", confirm(&first, "p2"))]);
        assert!(matches!(told_again[0].as_ref().unwrap().outcome, Outcome::RefundDue(_)));
        assert_eq!(node.one("SELECT COUNT(*) FROM refunds"), 2);
    }
}

#[test]
fn what_types_share_is_a_row_beside_theirs() {
    for database in Database::all() {
        let node = database.node();
        let hall = |capacity, ticket_types: &[&str]| {
            let ticket_types = ticket_types.iter().map(|name| (*name).to_owned()).collect();
            vec![SharedCapacity { id: "hall".to_owned(), capacity, ticket_types }]
        };
        let opening = Action::Open(Sale { shared: hall(3, &["standard", "free"]), ..sale(1, 6) });
        node.apply(START, &[command(Subject::Platform, "eu_a", opening), hold("ada", "eu_a", 2)]);
        let of = |column: &str, line: &str| {
            node.one(&format!("SELECT {column} FROM inventory_lines WHERE event = 'eu_a' AND ticket_type = '{line}'"))
        };
        assert_eq!((of("held", "hall"), of("held", "standard"), of("per_person_limit", "hall")), (2, 2, -1));
        let free = |name: &str, quantity| command(person(name), "eu_a", order(&[("free", quantity)]));
        let answers = node.apply(START, &[free("bob", 2), hold("cy", "eu_a", 2), free("dee", 1), hold("eve", "eu_a", 1)]);
        let sold_out = |answer: &Answer| matches!(answer, Err(Rejection::SoldOut(_)));
        assert!(sold_out(&answers[0]) && sold_out(&answers[1]) && answers[2].is_ok() && sold_out(&answers[3]), "{answers:?}");
        assert_eq!((of("held", "hall"), of("sold", "hall"), of("sold", "free")), (2, 1, 1));
        // Shared by another from now on, and then by nobody.
        let adjust = |revision, shared| command(Subject::Platform, "eu_a", Action::Adjust(Sale { shared, ..sale(revision, 6) }));
        assert!(node.apply(START, &[adjust(2, hall(3, &["standard"])), free("fay", 4)]).iter().all(Result::is_ok));
        assert_eq!((of("held", "hall"), of("sold", "hall"), of("sold", "free")), (2, 0, 5));
        assert!(node.apply(START, &[adjust(3, Vec::new()), hold("gus", "eu_a", 4)]).iter().all(Result::is_ok));
        assert_eq!((of("held", "hall"), of("held", "standard")), (0, 6));
    }
}

#[test]
fn two_ledgers_on_one_database_never_oversell() {
    for database in Database::all() {
        database.node().apply(START, &[open("eu_a", 100), open("eu_b", 1000)]);
        let sold: usize = std::thread::scope(|scope| {
            let ledger = |number: usize| {
                let node = database.node();
                move || {
                    let mut sold = 0;
                    for round in 0..40 {
                        let name = |seat: usize| format!("p{number}-{round}-{seat}");
                        let mut commands: Vec<_> = (0..5).map(|seat| hold(&name(seat), "eu_a", 1)).collect();
                        commands.insert(2, hold(&name(9), "eu_b", 1));
                        let answers = node.apply(START + round, &commands);
                        for (command, answer) in commands.iter().zip(&answers).filter(|(command, _)| command.event_id == "eu_a") {
                            match answer {
                                Ok(_) => sold += 1,
                                Err(Rejection::SoldOut(_)) => {}
                                Err(other) => panic!("{command:?}: {other:?}"),
                            }
                        }
                    }
                    sold
                }
            };
            let ledgers: Vec<_> = (0..2).map(|number| scope.spawn(ledger(number))).collect();
            ledgers.into_iter().map(|ledger| ledger.join().unwrap()).sum()
        });
        let node = database.node();
        assert_eq!(sold, 100);
        assert_eq!(node.one("SELECT held FROM inventory_lines WHERE event = 'eu_a' AND ticket_type = 'standard'"), 100);
        assert_eq!(node.one("SELECT COUNT(*) FROM bookings WHERE event = 'eu_a'"), 100);
        assert_eq!(node.one("SELECT held FROM inventory_lines WHERE event = 'eu_b' AND ticket_type = 'standard'"), 80);
    }
}

#[test]
fn database_constraints_refuse_oversales() {
    for database in Database::all() {
        let node = database.node();
        node.apply(START, &[open("eu_a", 3)]);
        // Two decisions on one and the same reading, as if nothing kept the ledgers apart.
        let (one, two) = ([hold("ada", "eu_a", 2)], [hold("bob", "eu_a", 2)]);
        let decided = [&one, &two].map(|commands| {
            let mut tx = node.begin(START);
            let commands: &[&Command] = &commands.iter().collect::<Vec<_>>();
            let plan = Plan::new(commands);
            let read = load(&mut tx, &plan);
            ready(tx.rollback()).unwrap();
            decide(commands, &plan, read, START, SETTINGS, |_| fresh())
        });
        assert!(decided.iter().all(|decided| decided.answers[0].is_ok()));
        node.write(&decided[0], START).unwrap();
        let refused = node.write(&decided[1], START).unwrap_err();
        assert!(matches!(&refused, Failure::Bad(text) if text.to_lowercase().contains("check")), "{refused}");
        assert_eq!(node.one("SELECT held FROM inventory_lines WHERE event = 'eu_a' AND ticket_type = 'standard'"), 2);
        // And the event cannot be opened twice either.
        let opened = [open("eu_new", 1), open("eu_new", 2)].map(|command| {
            let commands = [&command];
            decide(&commands, &Plan::new(&commands), PlanState::default(), START, SETTINGS, |_| fresh())
        });
        node.write(&opened[0], START).unwrap();
        let refused = node.write(&opened[1], START).unwrap_err();
        assert!(matches!(refused, Failure::Race(_)), "{refused}");
    }
}

#[test]
fn the_largest_batch_fits_into_statements() {
    for database in Database::all() {
        let node = database.node();
        let offers = (0..50).map(|number| Offer::new(format!("t{number}"), 100, 1000, 9));
        let mut wide = sale(1, 0);
        wide.offers = offers.collect();
        let names: Vec<_> = wide.offers.iter().map(|offer| offer.ticket_type.clone()).collect();
        let lines: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
        node.apply(START, &[command(Subject::Platform, "eu_a", Action::Open(wide))]);
        let commands: Vec<_> = (0..ledger_engine::limits::COMMANDS)
            .map(|number| command(person(&format!("p{number}")), "eu_a", order(&lines)))
            .collect();
        let answers = node.apply(START, &commands);
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(node.one("SELECT COUNT(*) FROM booking_items"), 256 * 50);
    }
}

#[test]
fn overdue_holds_of_one_event_do_not_hide_those_of_another() {
    for database in Database::all() {
        let node = database.node();
        node.apply(START, &[open("eu_a", 2000), open("eu_b", 3)]);
        for round in 0..5 {
            let holds: Vec<_> = (0..250).map(|number| hold(&format!("p{round}-{number}"), "eu_a", 1)).collect();
            node.apply(START, &holds);
        }
        node.apply(START + MINUTE, &[hold("bob", "eu_b", 3)]);
        let later = START + 20 * MINUTE;
        let answers = node.apply(later, &[command(Subject::Platform, "eu_a", Action::Expire), hold("ada", "eu_b", 3)]);
        assert_eq!(answers[0].as_ref().unwrap().outcome, Outcome::Swept(200));
        assert_eq!(booking(&answers[1]).status, BookingStatus::Held);
        assert_eq!(node.one("SELECT COUNT(*) FROM bookings WHERE status = 'expired'"), 201);
    }
}

#[test]
fn no_statement_scans_a_whole_table() {
    for database in Database::all().into_iter().filter(|database| database.engine() == Engine::Sqlite) {
        let node = database.node();
        node.apply(START, &[open("eu_a", 10)]);
        let commands =
            [hold("ada", "eu_a", 1), command(Subject::Platform, "eu_a", confirm("eu_b1", "p")), hold("bob", "eu_a", 1)];
        let commands: Vec<&Command> = commands.iter().collect();
        let plan = Plan::new(&commands);
        let mut tx = node.begin(START);
        let read = load(&mut tx, &plan);
        ready(tx.rollback()).unwrap();
        let statements = [
            Some(read::swap("eu_a", 3)),
            Some(read::lines_statement(&read.events())),
            read::keys_statement(&plan),
            read::bookings_statement(&plan),
            Some(read::overdue_statement(&read.events(), START)),
            read::places_statement(&plan, START),
            read::refunds_statement(&read.payments(&plan)),
        ];
        let decided = decide(&commands, &plan, read, START, SETTINGS, |_| fresh());
        let reads = statements.into_iter().flatten().map(|read| (read.text, read.parameters));
        let writes = write::statements(&decided.batches, START).unwrap();
        for (text, parameters) in reads.chain(writes.into_iter().map(|write| (write.text, write.parameters))) {
            for step in node.explained(&text, parameters) {
                for table in ["inventory", "inventory_lines", "bookings", "booking_items", "idempotency", "refunds", "b", "i"] {
                    let whole = step.split_whitespace().collect::<Vec<_>>() == ["SCAN", table]
                        || step.starts_with(&format!("SCAN {table} USING INDEX"));
                    let derived = table == "b" && text.contains("ranked");
                    assert!(!whole || derived, "{step}: {text}");
                }
            }
        }
    }
}
