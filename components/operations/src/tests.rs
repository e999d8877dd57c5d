//! What admins are shown, against real databases.

use crate::audit::Filter;
use crate::{audit, limits, regions, replays, status};
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
        let read = |before| asked!(tx => audit::page(&mut tx, "eu", before, 3, &Filter::default()).await?).unwrap();
        let ids = |page: &Json| page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect::<Vec<_>>();
        let first = read(None);
        assert_eq!((ids(&first), &first["next_cursor"]), (vec![json!("c5"), json!("c4"), json!("c3")], &json!("3")));
        let second = read(Some(3));
        assert_eq!((ids(&second), &second["next_cursor"]), (vec![json!("c2"), json!("c1")], &Json::Null));
    }
}

#[test]
fn the_log_leaves_as_csv_without_formulas() {
    for database in Database::all() {
        database.enter();
        // What admins publish has a subject of their own.
        for (sequence, subject, actor) in [(1, "eu_u", "NULL"), (2, "=HYPERLINK(\"http://x\")", "'eu_root'")] {
            database.run(&format!(
                "INSERT INTO audit_log (region, sequence, ce_id, type, subject, actor, network, at, digest, previous, hash) \
                 VALUES ('eu', {sequence}, 'c{sequence}', 'user.login', '{subject}', {actor}, '192.0.2.0/24', 0, 'd', 'p', 'h')"
            ));
        }
        let text = ready(async {
            let mut tx = sql::read().await.unwrap();
            let page = audit::page(&mut tx, "eu", None, 10, &Filter::default()).await.unwrap();
            tx.rollback().await.unwrap();
            String::from_utf8(page.table().answer("audit-log-eu", None).body.to_vec()).unwrap()
        });
        let lines: Vec<_> = text.trim_start_matches('\u{feff}').split_terminator("\r\n").collect();
        assert_eq!(
            lines,
            [
                "region,sequence,id,type,subject,actor,network,at,digest,previous,hash",
                "eu,2,c2,user.login,\"'=HYPERLINK(\"\"http://x\"\")\",eu_root,192.0.2.0/24,1970-01-01T00:00:00Z,d,p,h",
                "eu,1,c1,user.login,eu_u,,192.0.2.0/24,1970-01-01T00:00:00Z,d,p,h",
            ]
        );
    }
}

#[test]
fn the_log_is_looked_through_for_who_what_and_when() {
    for database in Database::all() {
        database.enter();
        let head = limits::AUDIT_SCANNED + 4;
        database.run(&format!("INSERT INTO audit_heads (region, sequence, hash) VALUES ('eu', {head}, 'h')"));
        for (sequence, kind, subject, actor, at) in [
            (2, "user.suspended", "eu_a", "'eu_root'", 10),
            (3, "user.login", "eu_a", "'eu_a'", 20),
            (head - 1, "users.import", "eu_x", "NULL", 30),
            (head, "user.suspended", "eu_b", "'eu_root'", 40),
        ] {
            database.run(&format!(
                "INSERT INTO audit_log (region, sequence, ce_id, type, subject, actor, network, at, digest, previous, hash) \
                 VALUES ('eu', {sequence}, 'c', '{kind}', '{subject}', {actor}, NULL, {at}, 'd', 'p', 'h')"
            ));
        }
        let read = |filter: Filter, before, limit| {
            let page = asked!(tx => audit::page(&mut tx, "eu", before, limit, &filter).await?).unwrap();
            let sequences: Vec<_> =
                page["items"].as_array().unwrap().iter().map(|item| item["sequence"].as_i64().unwrap()).collect();
            (sequences, page["next_cursor"].as_str().map(str::to_owned))
        };
        let text = |text: &str| Some(text.to_owned());
        let by = |actor: &str| Filter { actor: text(actor), ..Filter::default() };
        assert_eq!(read(by("eu_root"), None, 10), (vec![head, 2], None));
        assert_eq!(read(by("eu_root"), None, 1), (vec![head], Some(head.to_string())));
        assert_eq!(read(Filter { kind: text("user.login"), ..by("eu_root") }, None, 10), (vec![], None));
        assert_eq!(read(Filter { subject: text("eu_a"), ..Filter::default() }, None, 10), (vec![3, 2], None));
        // What is not looked up is looked through, some of the log at a time.
        let kind = |kind: &str| Filter { kind: text(kind), ..Filter::default() };
        assert_eq!(read(kind("user"), None, 10), (vec![head], Some("5".to_owned())), "a first word is a whole word");
        assert_eq!(read(kind("user"), Some(5), 10), (vec![3, 2], None));
        assert_eq!(read(kind("user.suspended"), Some(5), 10), (vec![2], None));
        let since = Filter { from: Some(20), to: Some(40), ..Filter::default() };
        assert_eq!(read(since, None, 10), (vec![head - 1], Some("5".to_owned())), "from then on, and before that");
    }
}

#[test]
fn a_region_says_how_it_is() {
    for database in Database::all() {
        database.enter();
        let now = 1_800_000_000_000_000;
        database.set_now(now);
        database.run("INSERT INTO sequencer (name, position, epoch) VALUES ('journal', 500, 'e')");
        database.run(&format!(
            "INSERT INTO leases (name, owner, address, epoch, expires_at) VALUES ('partition-00', 'eu-0-1', 'a', 3, {}), ('runner', 'eu-1-2', 'b', 4, {now})",
            now + 1
        ));
        for (name, reported_at) in [("eu-0", now - limits::SILENT), ("eu-1", now - limits::SILENT - 1)] {
            database.run(&format!(
                "INSERT INTO node_reports (name, role, version, status, checks, breakers, started_at, reported_at) \
                 VALUES ('{name}', 'region', '0.1.0', 'up', '[{{\"name\": \"redis\"}}]', '[]', 0, {reported_at})"
            ));
        }
        database.run("INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at) \
            VALUES ('a', 'u', 'welcome', '{}', 'due', 1, 0, 0, 0, 0)");
        database.run("INSERT INTO audit_heads (region, sequence, hash) VALUES ('eu', 7, 'h')");
        database.run("INSERT INTO audit_seals (region, sequence, key, hash, at, signature) VALUES ('eu', 3, 'k', 'h', 0, 's'), ('eu', 6, 'k', 'h', 0, 's')");
        let region = asked!(tx => regions::region(&mut tx, "eu".to_owned(), true).await?).unwrap();
        let node = |name: &str, status: &str, at: &str| {
            json!({"name": name, "role": "region", "version": "0.1.0", "status": status, "checks": [{"name": "redis"}], "breakers": [],
                "started_at": "1970-01-01T00:00:00Z", "reported_at": at})
        };
        let (heard, silent) = ("2027-01-15T07:59:40Z", "2027-01-15T07:59:39.999999Z");
        assert_eq!(region["nodes"], json!([node("eu-0", "up", heard), node("eu-1", "silent", silent)]));
        assert_eq!(
            region["leases"],
            json!([{"name": "partition-00", "owner": "eu-0-1", "epoch": 3}, {"name": "runner", "owner": null, "epoch": 4}]),
            "one that has run out is nobody's"
        );
        assert_eq!(region["queues"], json!({"journal": 0, "mail": 1, "webhooks": 0, "payments": 0, "refunds": 0}));
        assert_eq!(region["audit"], json!({"entries": 7, "sealed": 6, "sealed_at": "1970-01-01T00:00:00Z"}));
        assert_eq!(
            (&region["id"], &region["accounts"], &region["journal"]["position"]),
            (&json!("eu"), &json!(true), &json!(500))
        );
    }
}
