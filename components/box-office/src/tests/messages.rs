//! Messages as they are stored.

use super::world::*;
use crate::limits;
use crate::messages::rules::Audience;
use crate::messages::store;
use kit::messages::{Draft, Kind};
use kit::sql::{self, testing::ready};

fn draft() -> Draft {
    Draft { kind: Kind::News, subject: "Another entrance".to_owned(), text: "By the garden.".to_owned() }
}

#[test]
fn a_message_is_counted_by_event_and_organiser_and_listed_newest_first() {
    for database in worlds() {
        database.enter();
        let audience = Audience { ticket_types: Some(vec!["eu_seat".to_owned()]), admitted: Some(false), holders: true };
        for number in 0..3 {
            database.set_now(NOW + number * SECOND);
            written(async |tx| {
                let id = format!("eu_m{number}");
                Ok(store::insert(tx, &id, (EVENT, "eu_o"), &draft(), &audience, "eu_owner").await?)
            })
            .unwrap();
        }
        database.run(
            "INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at, message, bulk) \
             VALUES ('a', 'eu_ada', 'message', '{}', 'due', 0, 0, 0, 0, 0, 'eu_m2', 1), \
             ('b', 'eu_grace', 'message', '{}', 'sent', 1, 0, 0, 0, 0, 'eu_m2', 1)",
        );
        ready(async {
            let mut tx = sql::read().await.unwrap();
            let page = store::page(&mut tx, EVENT, None, 2).await.unwrap();
            let found: Vec<_> = page.iter().map(|row| (row.id.as_str(), row.queued)).collect();
            assert_eq!(found, [("eu_m2", 1), ("eu_m1", 0)]);
            let rest = store::page(&mut tx, EVENT, Some((page[1].created_at, page[1].id.clone())), 2).await.unwrap();
            assert_eq!((rest.len(), rest[0].id.as_str()), (1, "eu_m0"));
            assert_eq!(rest[0].ticket_types.as_deref(), Some(r#"["eu_seat"]"#));
            assert_eq!((rest[0].admitted, rest[0].holders, rest[0].addressed_at), (Some(false), true, None));
            assert!(store::find(&mut tx, "eu_e2", "eu_m0").await.unwrap().is_none(), "another event's");
            // The third is a day and no more away.
            for (column, id) in [("event", EVENT), ("organiser_id", "eu_o")] {
                assert_eq!(store::full(&mut tx, column, id, 3).await.unwrap(), Some(limits::DAY - 2 * SECOND));
                assert_eq!(store::full(&mut tx, column, id, 4).await.unwrap(), None);
            }
            assert_eq!(store::full(&mut tx, "event", "eu_e2", 1).await.unwrap(), None);
        });
        database.set_now(NOW + limits::DAY);
        ready(async {
            let mut tx = sql::read().await.unwrap();
            assert_eq!(store::full(&mut tx, "event", EVENT, 3).await.unwrap(), None);
        });
    }
}

#[test]
fn for_a_program_somebody_of_its_organisers_team_is_known() {
    for database in worlds() {
        database.enter();
        let known = || {
            ready(async {
                let mut tx = sql::read().await.unwrap();
                store::has_known_member(&mut tx, "eu_o").await.unwrap()
            })
        };
        assert!(known());
        database.run("UPDATE users SET email_verified_at = NULL WHERE id IN ('eu_owner', 'eu_manager', 'eu_idle')");
        assert!(!known(), "who stands at the door does not answer for an organiser");
    }
}

#[test]
fn tests_to_oneself_are_counted() {
    for database in worlds() {
        database.enter();
        written(async |tx| Ok(store::queue_test(tx, "t1", "eu_owner", EVENT, &draft()).await?)).unwrap();
        ready(async {
            let mut tx = sql::read().await.unwrap();
            for (person, since, count) in [("eu_owner", NOW - 1, 1), ("eu_owner", NOW, 0), ("eu_manager", 0, 0)] {
                assert_eq!(store::tests_since(&mut tx, person, since).await.unwrap(), count, "{person}");
            }
        });
        let needs = &database.all_rows::<(String,)>("SELECT needs FROM mail_log")[0].0;
        assert!(needs.contains(r#""kind":"news""#) && needs.contains(EVENT), "{needs}");
    }
}
