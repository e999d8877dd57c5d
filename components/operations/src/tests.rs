//! What admins are shown, against real databases.

use crate::{audit, replays, status};
use kit::Problem;
use kit::sql;
use kit::sql::testing::{Database, ready};
use serde_json::{Value as Json, json};

/// What a request gets of the database, as JSON.
macro_rules! asked {
    ($tx:ident => $work:expr) => {
        ready(async {
            let mut $tx = sql::write().await?;
            let value = $work;
            $tx.commit().await?;
            Ok::<Json, Problem>(serde_json::to_value(value).unwrap())
        })
    };
}

#[test]
fn a_replay_is_stored_for_the_relay() {
    for database in Database::all() {
        database.enter();
        database.set_now(1_800_000_000_000_000);
        database.run("INSERT INTO sequencer (name, position, epoch) VALUES ('journal', 500, 'e'), ('kafka', 480, 'e')");
        let replay = asked!(tx => replays::open(&mut tx, "eu_r1".into(), 10, 20, "eu_u").await?).unwrap();
        let expected = json!({
            "id": "eu_r1", "first": 10, "last": 20, "next": 10, "requested_by": "eu_u", "created_at": "2027-01-15T08:00:00Z", "done_at": null
        });
        assert_eq!(replay, expected);
        let beyond = asked!(tx => replays::open(&mut tx, "eu_r2".into(), 10, 501, "eu_u").await?).unwrap_err();
        assert_eq!((beyond.kind.status, beyond.faults[0].pointer.as_str()), (400, "/last"));

        database.run("INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at) \
            VALUES ('a', 'u', 'welcome', '{}', 'sent', 1, 0, 0, 0, 0), ('b', 'u', 'welcome', '{}', 'due', 1, 0, 0, 0, 0)");
        let shown = asked!(tx => status::status(&mut tx, "eu".to_owned()).await?).unwrap();
        let expected = json!({
            "region": "eu", "as_of": "2027-01-15T08:00:00Z", "position": 500, "kafka": {"position": 480, "lag": 20}, "worker": null,
            "replays": [replay], "mail": {"due": 1, "sent": 1, "failed": 0}
        });
        assert_eq!(shown, expected);
    }
}

#[test]
fn open_replays_are_limited() {
    for database in Database::all() {
        database.enter();
        database.run("INSERT INTO sequencer (name, position, epoch) VALUES ('journal', 5, 'e')");
        let nowhere = asked!(tx => replays::open(&mut tx, "eu_r".into(), 1, 5, "eu_u").await?).unwrap_err();
        assert_eq!(nowhere.kind.slug, "wrong-state", "nobody would do it");
        database.run("INSERT INTO sequencer (name, position, epoch) VALUES ('kafka', 5, 'e')");
        for number in 0..20 {
            asked!(tx => replays::open(&mut tx, format!("eu_r{number}"), 1, 5, "eu_u").await?).unwrap();
        }
        let refused = asked!(tx => replays::open(&mut tx, "eu_more".into(), 1, 5, "eu_u").await?).unwrap_err();
        assert_eq!(refused.kind.slug, "wrong-state");
        database.run("UPDATE replays SET done_at = 1, next = 6 WHERE id = 'eu_r7'");
        asked!(tx => replays::open(&mut tx, "eu_more".into(), 1, 5, "eu_u").await?).unwrap();
        let shown = asked!(tx => replays::shown(&mut tx).await?).unwrap();
        assert_eq!(shown.as_array().unwrap().len(), 20, "those under way go first");
    }
}

#[test]
fn the_log_is_read_newest_first() {
    for database in Database::all() {
        database.enter();
        for region in ["eu", "us"] {
            for sequence in 1..=5 {
                database.run(&format!(
                    "INSERT INTO audit_log (region, sequence, ce_id, type, subject, actor, network, at, digest, previous, hash) \
                     VALUES ('{region}', {sequence}, 'c{sequence}', 'user.login', 'eu_u', NULL, '192.0.2.0/24', 0, 'd', 'p', 'h')"
                ));
            }
        }
        let read = |before| asked!(tx => audit::page(&mut tx, "eu", before, 3).await?).unwrap();
        let ids = |page: &Json| page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect::<Vec<_>>();
        let first = read(None);
        assert_eq!((ids(&first), &first["next_cursor"]), (vec![json!("c5"), json!("c4"), json!("c3")], &json!("3")));
        let second = read(Some(3));
        assert_eq!((ids(&second), &second["next_cursor"]), (vec![json!("c2"), json!("c1")], &Json::Null));
    }
}
