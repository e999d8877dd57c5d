//! Records into the database, each once.

use super::world::*;
use crate::Fate;
use kit::sql::testing::Database;
use migrations::Engine;
use serde_json::json;

fn figures(database: &Database) -> (i64, i64, i64, i64, i64, i64) {
    let columns = "holds, bookings, tickets, cancelled, revenue, refunded";
    database.all_rows(&format!("SELECT {columns} FROM analytics WHERE event = 'eu_e' AND day = '2027-01-15'"))[0]
}

#[test]
fn every_record_counts_once_however_often_it_comes() {
    for database in worlds() {
        database.enter();
        let post = Post::default();
        let records = [
            registered("a.0", "eu_ada"),
            booking("b.0", "booking.created", "eu_paid", "held", None),
            booking("b.1", "booking.updated", "eu_paid", "paying", None),
            booking("b.2", "booking.updated", "eu_paid", "confirmed", Some("eu_pay")),
            payment("c.0", "payment.initiated", None),
            payment("c.1", "payment.completed", None),
            booking("d.0", "booking.created", "eu_free", "confirmed", None),
            booking("e.0", "booking.cancelled", "eu_paid", "cancelled", Some("eu_pay")),
            booking("e.1", "booking.cancelled", "eu_held", "cancelled", None),
            payment("f.0", "payment.completed", Some(4500)),
            record("g.0", "event.updated", "eu_e", &json!({"id": "eu_e", "actor": "eu_u"})),
        ];
        let done = vec![Fate::Done; records.len()];
        assert_eq!(post.handle(&records), done);
        let all = |database: &Database| {
            let rows = ["SELECT COUNT(*) FROM inbox", "SELECT COUNT(*) FROM mail_log"].map(|query| number(database, query));
            (figures(database), checked_log(database, "eu"), rows)
        };
        // The cancellation of a booking that was only held counts nowhere; `eu_held` is not in the tables, so its mail fails.
        assert_eq!(all(&database), ((2, 2, 3, 1, 9000, 4500), Ok(11), [11, 6]));
        assert_eq!(post.sent.borrow().len(), 5);

        // Again, one by one, the last first; all of them; and twice in one batch.
        for record in records.iter().rev() {
            assert_eq!(post.handle(std::slice::from_ref(record)), [Fate::Done]);
        }
        assert_eq!(post.handle(&records), done);
        let new = booking("h.0", "booking.created", "eu_paid", "held", None);
        assert_eq!(post.handle(&[new.clone(), records[3].clone(), new.clone()]), [Fate::Done, Fate::Done, Fate::Done]);
        assert_eq!(all(&database), ((3, 2, 3, 1, 9000, 4500), Ok(12), [12, 6]));
        assert_eq!(post.sent.borrow().len(), 5);
    }
}

#[test]
fn what_is_known_of_who_did_it_stands_in_the_log() {
    for database in worlds() {
        database.enter();
        Post::default().handle(&[
            registered("a.0", "eu_ada"),
            record("a.1", "user.login", "eu_ada", &json!({"user_id": "eu_ada", "session_id": "eu_s"})),
            booking("b.0", "booking.created", "eu_paid", "held", None),
            booking("b.1", "booking.cancelled", "eu_paid", "cancelled", None),
            payment("c.0", "payment.completed", Some(1)),
            record("d.0", "event.created", "eu_e", &json!({"id": "eu_e", "actor": "eu_u"})),
            record("e.0", "something.new", "eu_x", &json!({})),
            record(
                "f.0",
                "user.roles-changed",
                "eu_ada",
                &json!({"roles": ["admin"], "actor": "eu_root", "network": "203.0.113.0/24"}),
            ),
            record("f.1", "user.login-failed", "eu_ada", &json!({"network": "2001:db8:7::/48"})),
            record(
                "f.2",
                "user.refused",
                "eu_ada",
                &json!({"actor": "eu_ada", "network": "203.0.113.0/24", "operation": "POST /api/events"}),
            ),
            // Who publishes an event of their own is not believed who did it.
            record("f.3", "com.example.poster", "eu_x", &json!({"actor": "eu_root", "network": "192.0.2.0/24"})),
            // An admin has the mail sent; anybody else who asks for it has shown nothing of who they are.
            record("f.4", "user.password-forgotten", "eu_ada", &json!({"user_id": "eu_ada", "actor": "eu_root"})),
            record("f.5", "user.password-forgotten", "eu_ada", &json!({"user_id": "eu_ada"})),
        ]);
        assert!(checked_log(&database, "eu").is_ok());
        let networks: Vec<(i64, String)> =
            database.all_rows("SELECT sequence, network FROM audit_log WHERE network IS NOT NULL ORDER BY sequence");
        let networks: Vec<_> = networks.iter().map(|(sequence, network)| (*sequence, network.as_str())).collect();
        assert_eq!(networks, [(8, "203.0.113.0/24"), (9, "2001:db8:7::/48"), (10, "203.0.113.0/24")]);
        let rows: Vec<(String, Option<String>)> = database.all_rows("SELECT type, actor FROM audit_log ORDER BY sequence");
        let rows: Vec<_> = rows.iter().map(|(kind, actor)| (kind.as_str(), actor.as_deref())).collect();
        let expected = [
            ("user.registered", Some("eu_ada")),
            ("user.login", Some("eu_ada")),
            ("booking.created", Some("eu_ada")),
            ("booking.cancelled", None),
            ("payment.completed", None),
            ("event.created", Some("eu_u")),
            ("something.new", None),
            ("user.roles-changed", Some("eu_root")),
            ("user.login-failed", None),
            ("user.refused", Some("eu_ada")),
            ("com.example.poster", None),
            ("user.password-forgotten", Some("eu_root")),
            ("user.password-forgotten", None),
        ];
        assert_eq!(rows, expected);
    }
}

#[test]
fn what_cannot_be_understood_is_rejected_and_holds_nobody_up() {
    for database in worlds() {
        database.enter();
        let good = |id: &str| booking(id, "booking.created", "eu_paid", "held", None);
        let mut tombstone = good("x.0");
        tombstone.value = None;
        let mut no_json = good("x.1");
        no_json.value = Some(b"{".to_vec());
        let mut no_object = good("x.2");
        no_object.value = Some(b"[]".to_vec());
        let mut dear = good("x.3");
        dear.value = Some(String::from_utf8(dear.value.unwrap()).unwrap().replace("9000", "9000000000000000000").into_bytes());
        let poison = [
            (registered("x.13", "a\u{0}b"), "ce_subject is not"),
            (record("x.15", "user.login", "eu_ada", &json!({"user_id": "a\u{0}b"})), "not an id"),
            (booking("x.14", "booking.created", "", "held", None), "ce_subject is not"),
            (tombstone, "without value"),
            (no_json, "not JSON"),
            (no_object, "not a JSON object"),
            (dear, "not an amount"),
            (with(good("x.4"), "ce_id", None), "ce_id is missing"),
            (with(good("x.5"), "ce_id", Some(&"i".repeat(201))), "ce_id is not"),
            (with(good("x.6"), "ce_id", Some("a b")), "ce_id is not"),
            (with(good("x.7"), "ce_specversion", Some("0.3")), "ce_specversion"),
            (with(good("x.8"), "ce_source", Some("/regions/EU")), "ce_source"),
            (with(good("x.9"), "ce_time", Some("yesterday")), "ce_time"),
            (with(good("x.10"), "ce_aggregateversion", Some("-1")), "ce_aggregateversion"),
            (with(good("x.11"), "ce_replayed", Some("maybe")), "ce_replayed"),
            (with(good("x.12"), "ce_type", Some("payment.completed")), "not that of payment.completed"),
        ];
        let mut batch = vec![good("a.0")];
        batch.extend(poison.iter().map(|(record, _)| record.clone()));
        batch.push(good("a.1"));
        let fates = Post::default().handle(&batch);
        assert_eq!((&fates[0], fates.last()), (&Fate::Done, Some(&Fate::Done)));
        for ((_, expected), fate) in poison.iter().zip(&fates[1..]) {
            assert!(matches!(fate, Fate::Reject(reason) if reason.contains(expected)), "{fate:?}: {expected}");
        }
        assert_eq!((figures(&database).0, checked_log(&database, "eu")), (2, Ok(2)));
    }
}

#[test]
fn what_the_database_refuses_is_rejected_alone() {
    for database in worlds() {
        database.enter();
        database.alter(match database.engine() {
            Engine::Sqlite => {
                "CREATE TRIGGER poison BEFORE INSERT ON audit_log WHEN NEW.ce_id = 'b.37' \
                 BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: poison'); END"
            }
            Engine::Postgres => "ALTER TABLE audit_log ADD CONSTRAINT poison CHECK (ce_id <> 'b.37')",
        });
        let records: Vec<_> =
            (0..100).map(|number| booking(&format!("b.{number}"), "booking.created", "eu_paid", "held", None)).collect();
        let fates = Post::default().handle(&records);
        for (number, fate) in fates.iter().enumerate() {
            match fate {
                Fate::Reject(reason) => assert!(number == 37 && reason.contains("poison"), "{number}: {reason}"),
                other => assert!(number != 37 && *other == Fate::Done, "{number}: {other:?}"),
            }
        }
        assert_eq!((figures(&database).0, checked_log(&database, "eu")), (99, Ok(99)));
        assert_eq!(number(&database, "SELECT COUNT(*) FROM inbox"), 99);
    }
}

#[test]
fn without_a_database_everything_comes_again() {
    for database in worlds() {
        database.enter();
        let post = Post::default();
        let records = [registered("a.0", "eu_ada"), with(registered("a.1", "eu_ada"), "ce_id", None)];
        database.set_down(true);
        let fates = post.handle(&records);
        assert!(matches!(fates[..], [Fate::Retry(1..), Fate::Reject(_)]), "{fates:?}");
        database.set_down(false);
        assert_eq!(post.handle(&records)[0], Fate::Done);
        assert_eq!((post.sent.borrow().len(), checked_log(&database, "eu")), (1, Ok(1)));
    }
}

#[test]
fn a_large_batch_is_done_in_order() {
    for database in worlds() {
        database.enter();
        let records: Vec<_> =
            (0..1300).map(|number| booking(&format!("b.{number:04}"), "booking.created", "eu_paid", "held", None)).collect();
        assert!(Post::default().handle(&records).iter().all(|fate| *fate == Fate::Done));
        let ids: Vec<(String,)> = database.all_rows("SELECT ce_id FROM audit_log ORDER BY sequence");
        assert!(ids.is_sorted() && ids.len() == 1300);
        assert_eq!((figures(&database).0, checked_log(&database, "eu")), (1300, Ok(1300)));
    }
}

#[test]
fn several_workers_make_one_chain() {
    for database in worlds() {
        // Each has records of its own, and some that the other has too: a partition that changed hands.
        std::thread::scope(|scope| {
            for worker in 0..2 {
                let database = &database;
                scope.spawn(move || {
                    database.enter();
                    for round in 0..30 {
                        let own = (0..5).map(|number| format!("w{worker}.{round}.{number}"));
                        let shared = (0..5).map(|number| format!("both.{round}.{number}"));
                        let mut ids: Vec<_> = own.chain(shared).collect();
                        if worker == 1 {
                            ids.reverse();
                        }
                        let records: Vec<_> =
                            ids.iter().map(|id| booking(id, "booking.created", "eu_paid", "held", None)).collect();
                        // What comes again comes again at once.
                        let mut tries = 0;
                        while Post::default().handle(&records).iter().any(|fate| *fate != Fate::Done) {
                            tries += 1;
                            assert!(tries < 100, "the workers keep each other from it");
                        }
                    }
                });
            }
        });
        assert_eq!((figures(&database).0, checked_log(&database, "eu")), (450, Ok(450)));
        assert_eq!(number(&database, "SELECT COUNT(DISTINCT ce_id) FROM audit_log"), 450);
    }
}

#[test]
fn a_log_that_was_tampered_with_is_found_out() {
    for database in worlds() {
        let records: Vec<_> =
            (0..10).map(|number| booking(&format!("b.{number}"), "booking.created", "eu_paid", "held", None)).collect();
        for (tampering, at) in [
            ("UPDATE audit_log SET actor = 'eu_eve' WHERE sequence = 4", 4),
            ("DELETE FROM audit_log WHERE sequence = 6", 6),
            ("DELETE FROM audit_log WHERE sequence > 8", 9),
            ("UPDATE audit_heads SET hash = 'x'", 11),
        ] {
            database.enter();
            for table in ["inbox", "audit_log", "audit_heads"] {
                database.run(&format!("DELETE FROM {table}"));
            }
            Post::default().handle(&records);
            assert_eq!(checked_log(&database, "eu"), Ok(10));
            database.run(tampering);
            assert_eq!(checked_log(&database, "eu").map_err(|broken| broken.at()), Err(at), "{tampering}");
        }
    }
}

#[test]
fn each_region_has_a_chain_of_its_own() {
    for database in worlds() {
        database.enter();
        let of = |id: &str, source| with(booking(id, "booking.created", "eu_paid", "held", None), "ce_source", Some(source));
        Post::default().handle(&[of("a.0", "/regions/eu"), of("a.1", "/regions/us"), of("a.2", "/regions/eu")]);
        assert_eq!((checked_log(&database, "eu"), checked_log(&database, "us")), (Ok(2), Ok(1)));
    }
}
