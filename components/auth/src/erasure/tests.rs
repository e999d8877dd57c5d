//! That everything goes: a person who has left something wherever anything can be left, and is then looked for.

use super::{account, traces};
use crate::accounts;
use kit::sql;
use kit::sql::testing::{Database, ready};
use migrations::Engine;
use migrations::personal::{Class, classes};
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::accounts::Erasure;

const NOW: i64 = 1_790_000_000_000_000;
/// In everything that is the person's own.
const MARK: &str = "zanzibar";

/// Every table and column that there is.
fn columns(database: &Database) -> BTreeSet<(String, String)> {
    let statement = match database.engine() {
        Engine::Sqlite => "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
        Engine::Postgres => {
            "SELECT c.table_name::TEXT, c.column_name::TEXT FROM information_schema.columns c JOIN information_schema.tables t \
             ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
             WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'"
        }
    };
    let all: Vec<(String, String)> = database.all_rows(statement);
    all.into_iter().filter(|(table, _)| table != "schema_version" && !table.starts_with("sqlite_")).collect()
}

#[test]
fn every_column_says_what_it_knows_of_people() {
    for database in Database::all() {
        let there = columns(&database);
        let said: BTreeSet<_> = classes().map(|(table, column, _)| (table.to_owned(), column.to_owned())).collect();
        let missing: Vec<_> = there.difference(&said).collect();
        assert!(missing.is_empty(), "these columns need a line in infra/migrations/personal.txt: {missing:?}");
        let gone: Vec<_> = said.difference(&there).collect();
        assert!(gone.is_empty(), "infra/migrations/personal.txt has columns that are not there: {gone:?}");
        assert_eq!(classes().count(), said.len(), "a column has two classes");
    }
}

/// How many rows of a table have a text in one of these columns.
fn having(database: &Database, table: &str, columns: &[&str], text: &str) -> i64 {
    let found = columns.iter().map(|column| format!("LOWER(CAST({column} AS TEXT)) LIKE '%{text}%'")).collect::<Vec<_>>();
    let rows: Vec<(i64,)> = database.all_rows(&format!("SELECT COUNT(*) FROM {table} WHERE {}", found.join(" OR ")));
    rows[0].0
}

fn by_table() -> BTreeMap<&'static str, Vec<(&'static str, Class)>> {
    let mut tables: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (table, column, class) in classes() {
        tables.entry(table).or_default().push((column, class));
    }
    tables
}

/// Ada, who is to be erased, and Bob, who organises and has nothing to do with it.
const WORLD: &[&str] = &[
    "INSERT INTO users (id, email, name, password_hash, version, created_at, email_verified_at, suspended_at, suspension_reason, contact_at, organiser_role_taken_at, \
     language) VALUES ('eu_ada', 'zanzibar@example.com', 'Ada Zanzibar', 'zanzibar-hash', 3, 1, 2, NULL, 'zanzibar''s words', NULL, 5, 'de'), \
     ('eu_bob', 'bob@example.com', 'Bob', 'h', 1, 1, 2, NULL, NULL, NULL, NULL, 'en')",
    "INSERT INTO user_roles (user_id, role) VALUES ('eu_ada', 'organiser'), ('eu_bob', 'organiser')",
    "INSERT INTO organisers (id, name, created_at, contact_email) VALUES ('eu_o', 'Blue Hall', 1, 'zanzibar@example.com'), \
     ('eu_p', 'Red Hall', 1, 'bob@example.com')",
    "INSERT INTO organiser_members (organiser_id, user_id, role) VALUES ('eu_o', 'eu_ada', 'owner'), ('eu_o', 'eu_bob', 'owner')",
    "INSERT INTO sessions (id, user_id, refresh_hash, rotated_at, expires_at, created_at, network, user_agent) \
     VALUES ('eu_s', 'eu_ada', 'h', 1789999999000000, 9, 1, '192.0.2.0/24', 'Zanzibar/1')",
    "INSERT INTO totp (user_id, secret, key_id, last_step, created_at) VALUES ('eu_ada', 's', 'k', 0, 1)",
    "INSERT INTO recovery_codes (user_id, hash) VALUES ('eu_ada', 'h')",
    "INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, backup_eligible, backed_up, transports, name, created_at) \
     VALUES ('eu_k', 'eu_ada', 'c', 'k', 0, 0, 0, '', 'Zanzibar''s ring', 1)",
    "INSERT INTO challenges (hash, purpose, user_id, tries_left, expires_at) VALUES ('c', 'second-factor', 'eu_ada', 1, 9)",
    "INSERT INTO mail_tokens (user_id, purpose, email, hash, expires_at) VALUES ('eu_ada', 'verify-email', 'zanzibar@example.com', 'h', 9), \
     ('eu_i', 'join-team', 'zanzibar@example.com', 'h', 9)",
    "INSERT INTO email_changes (user_id, session_id, old_email, new_email, expires_at) \
     VALUES ('eu_ada', 'eu_s', 'zanzibar@example.com', 'zanzibar2@example.com', 9), \
     ('eu_bob', 'eu_t', 'bob@example.com', 'zanzibar@example.com', 9)",
    "INSERT INTO invitations (id, organiser_id, email, role, invited_by, created_at, expires_at) \
     VALUES ('eu_i', 'eu_p', 'zanzibar@example.com', 'door', 'eu_bob', 1, 9), ('eu_j', 'eu_o', 'carol@example.com', 'door', 'eu_ada', 1, 9)",
    "INSERT INTO events (id, organiser_id, status, revision, title, description, category, venue_name, city, country, starts_at, ends_at, timezone, \
     currency, region, created_by, created_at, updated_at) VALUES ('eu_e', 'eu_o', 'published', 1, 'T', 'D', 'music', 'V', 'C', 'LK', 1, 2, 'UTC', 'EUR', \
     'eu', 'eu_ada', 1, 1)",
    "INSERT INTO inventory (event, version, status, revision, currency) VALUES ('eu_e', 1, 'open', 1, 'EUR')",
    "INSERT INTO bookings (id, event, person, status, extended, total, currency, ticket_seed, version, created_at, updated_at) VALUES \
     ('eu_b1', 'eu_e', 'eu_ada', 'confirmed', 0, 9000, 'EUR', 's', 1, 1, 1), ('eu_b2', 'eu_e', 'eu_bob', 'confirmed', 0, 4500, 'EUR', 's', 1, 1, 1), \
     ('eu_b3', 'eu_e', 'eu_sale', 'confirmed', 0, 4500, 'EUR', 's', 1, 1, 1)",
    "INSERT INTO payments (id, booking, event, person, amount, currency, status, provider, provider_state, refunded, version, created_at, updated_at) \
     VALUES ('eu_q1', 'eu_b1', 'eu_e', 'eu_ada', 9000, 'EUR', 'completed', 'sandbox', '{}', 0, 1, 1, 1), \
     ('eu_q3', 'eu_b3', 'eu_e', 'eu_sale', 4500, 'EUR', 'completed', 'counter', '{}', 0, 1, 1, 1)",
    "INSERT INTO receipts (payment, seller, buyer_name, buyer_email, title, venue_name, city, country, starts_at, timezone, booked_at, created_at) VALUES \
     ('eu_q1', 'Blue Hall', 'Ada Zanzibar', 'zanzibar@example.com', 'T', 'V', 'C', 'LK', 1, 'UTC', 1, 1), \
     ('eu_q3', 'Blue Hall', 'A. Zanzibar', 'zanzibar@example.com', 'T', 'V', 'C', 'LK', 1, 'UTC', 1, 1)",
    "INSERT INTO order_details (booking, channel, name, email, note, updated_at) VALUES \
     ('eu_b1', 'online', 'Zanzibar', 'office-zanzibar@example.com', 'a friend of Zanzibar', 1), \
     ('eu_b2', 'online', NULL, 'zanzibar@example.com', 'by Zanzibar', 1), \
     ('eu_b3', 'counter', 'Zanzibar', 'zanzibar@example.com', NULL, 1)",
    "INSERT INTO tickets (booking, number, event, ticket_type, generation, holder, held_since, name, version, updated_at) VALUES \
     ('eu_b1', 1, 'eu_e', 'eu_t', 1, NULL, NULL, 'Zanzibar''s child', 1, 1), ('eu_b1', 2, 'eu_e', 'eu_t', 2, 'eu_bob', 1, 'Bob', 1, 1), \
     ('eu_b2', 1, 'eu_e', 'eu_t', 2, 'eu_ada', 1, 'Ada Zanzibar', 1, 1)",
    "INSERT INTO answers (booking, number, question, event, person, label, kind, value, answered_by, answered_at) VALUES \
     ('eu_b1', 0, 'q', 'eu_e', 'eu_ada', 'Anything else?', 'text', '\"Zanzibar sings\"', 'eu_ada', 1), \
     ('eu_b2', 1, 'q', 'eu_e', 'eu_ada', 'Your name?', 'text', '\"Zanzibar\"', 'eu_bob', 1), \
     ('eu_b2', 2, 'q', 'eu_e', 'eu_bob', 'Your name?', 'text', '\"Bob\"', 'eu_bob', 1)",
    "INSERT INTO ticket_offers (id, booking, number, generation, offered_by, email, status, accepted_by, expires_at, created_at, updated_at) VALUES \
     ('eu_f1', 'eu_b1', 1, 1, 'eu_ada', 'cousin-zanzibar@example.com', 'open', NULL, 9, 1, 1), \
     ('eu_f2', 'eu_b2', 1, 1, 'eu_bob', 'zanzibar@example.com', 'accepted', 'eu_ada', 9, 1, 1), \
     ('eu_f3', 'eu_b1', 2, 1, 'eu_bob', 'zanzibar@example.com', 'open', NULL, 9, 1, 1)",
    "INSERT INTO mail_log (id, recipient, address, template, needs, state, attempts, due_at, claimed_until, error, created_at, updated_at) VALUES \
     ('m1', 'eu_ada', 'zanzibar@example.com', 'welcome', '{}', 'sent', 1, 1, 0, NULL, 1, 1), \
     ('m2', 'eu_ada', NULL, 'welcome', '{}', 'due', 1, 1, 0, 'no mailbox zanzibar', 1, 1), \
     ('m3', 'eu_bob', 'zanzibar@example.com', 'ticket-offered', '{}', 'sent', 1, 1, 0, NULL, 1, 1), \
     ('m4', 'eu_bob', 'bob@example.com', 'welcome', '{}', 'sent', 1, 1, 0, NULL, 1, 1)",
    "INSERT INTO webhook_deliveries (id, webhook, type, body, state, attempts, due_at, give_up_at, claimed_until, answer, created_at, updated_at, person) \
     VALUES ('d1', 'eu_w', 'order.confirmed', \
     '{\"data\":{\"order\":{\"id\":\"eu_b1\",\"buyer\":{\"name\":\"Zanzibar\",\"email\":\"office-zanzibar@example.com\"}}}}', 'due', 0, 1, 9, 0, \
     'hello zanzibar', 1, 1, 'eu_ada'), \
     ('d2', 'eu_w', 'order.confirmed', \
     '{\"data\":{\"order\":{\"id\":\"eu_b2\",\"buyer\":{\"name\":\"Zanzibar\",\"email\":\"zanzibar@example.com\"}}}}', 'due', 0, 1, 9, 0, \
     'hello', 1, 1, 'eu_bob'), \
     ('d3', 'eu_w', 'order.confirmed', \
     '{\"data\":{\"order\":{\"id\":\"eu_b4\",\"buyer\":{\"name\":\"Bob\",\"email\":\"bob@example.com\"}}}}', 'due', 0, 1, 9, 0, 'hello', 1, 1, 'eu_bob')",
    "INSERT INTO idempotency (scope, person, key, request_hash, outcome, created_at) VALUES \
     ('payments', 'eu_ada', 'k-zanzibar', 'h', '{\"status\":201,\"headers\":[],\"body\":\"Zanzibar\"}', 1), \
     ('order-details', 'eu_bob', 'k', 'h', \
     '{\"status\":200,\"headers\":[],\"body\":\"{\\\"buyer\\\":{\\\"name\\\":\\\"Zanzibar\\\",\\\"email\\\":\\\"zanzibar@example.com\\\"},\\\"note\\\":\\\"by Zanzibar\\\"}\"}', 1)",
];

fn build(database: &Database) {
    database.set_now(NOW);
    for statement in WORLD {
        database.run(statement);
    }
}

fn erase(user: &str) -> Result<(), &'static str> {
    ready(async {
        let mut tx = sql::write().await.unwrap();
        let erased = account::erase(&mut tx, user, user, Some("192.0.2.0/24".to_owned())).await;
        match erased {
            Ok(()) => tx.commit().await.unwrap(),
            Err(problem) => {
                tx.rollback().await.unwrap();
                return Err(problem.kind.slug);
            }
        }
        Ok(())
    })
}

/// Until there is nothing left to do, as many steps at a time.
fn erase_traces(steps: u32) {
    while ready(traces::erase_due(steps)).unwrap() == steps {}
}

#[test]
fn nothing_of_an_erased_person_is_left() {
    for database in Database::all() {
        database.enter();
        build(&database);
        // Wherever something can be left of a person they have left it: else this shows nothing.
        for (table, columns) in by_table() {
            for (column, class) in columns.iter().filter(|(_, class)| *class == Class::Erased) {
                let own = matches!(table, "users" | "erasures") || columns.iter().all(|(_, other)| other == class);
                let filled = if own { true } else { having(&database, table, &[column], MARK) > 0 || *column == "person" };
                assert!(filled, "{table}.{column} is empty");
            }
            if columns.iter().all(|(_, class)| *class == Class::Erased) {
                let rows: Vec<(i64,)> = database.all_rows(&format!("SELECT COUNT(*) FROM {table}"));
                assert!(rows[0].0 > 0, "{table} is empty");
            }
        }
        erase("eu_ada").unwrap();
        erase_traces(3);
        for (table, columns) in by_table() {
            let names: Vec<_> = columns.iter().map(|(column, _)| *column).collect();
            assert_eq!(having(&database, table, &names, MARK), 0, "{table}");
        }
        for table in
            ["sessions", "totp", "recovery_codes", "passkeys", "challenges", "mail_tokens", "user_roles", "organiser_members"]
        {
            if table != "mail_tokens" && table != "challenges" {
                assert_eq!(having(&database, table, &["user_id"], "eu_ada"), 0, "{table}");
            } else {
                let rows: Vec<(i64,)> = database.all_rows(&format!("SELECT COUNT(*) FROM {table}"));
                assert_eq!(rows[0].0, 0, "{table}");
            }
        }
        // What is left is an id.
        let left: Vec<(String, String, String, String)> = database.all_rows(
            "SELECT email, name, password_hash, language FROM users WHERE id = 'eu_ada' AND erased_at = 1790000000000000",
        );
        assert_eq!(left, [("eu_ada".to_owned(), String::new(), String::new(), "en".to_owned())]);
        let owned: Vec<(i64, i64)> = database.all_rows(
            "SELECT (SELECT COUNT(*) FROM bookings WHERE person = 'eu_ada'), (SELECT COUNT(*) FROM payments WHERE person = 'eu_ada')",
        );
        assert_eq!(owned, [(1, 1)]);
        let receipts: Vec<(i64,)> = database.all_rows("SELECT COUNT(*) FROM receipts WHERE seller = 'Blue Hall'");
        assert_eq!(receipts, [(2,)]);
        // Their tokens are refused, and nobody else's.
        let revoked: Vec<(String,)> = database.all_rows("SELECT session_id FROM revocations");
        assert_eq!(revoked, [("eu_s".to_owned(),)]);
        let told: Vec<(String, String)> = database.all_rows("SELECT type, payload FROM journal WHERE type = 'user.erased'");
        assert!(told.len() == 1 && told[0].1.contains("eu_ada"), "{told:?}");
        // Everybody else has what they had.
        for (table, columns, rows) in [
            ("users", &["email", "name"][..], 1),
            ("organisers", &["contact_email"], 1),
            ("tickets", &["name"], 1),
            ("mail_log", &["address"], 1),
            ("webhook_deliveries", &["body"], 1),
        ] {
            assert_eq!(having(&database, table, columns, "bob"), rows, "{table}");
        }
        let offers: Vec<(String, String)> = database.all_rows("SELECT id, status FROM ticket_offers ORDER BY id");
        let offer = |id: &str, status: &str| (id.to_owned(), status.to_owned());
        assert_eq!(offers, [offer("eu_f1", "withdrawn"), offer("eu_f2", "accepted"), offer("eu_f3", "withdrawn")]);
        let mails: Vec<(String,)> = database.all_rows("SELECT state FROM mail_log ORDER BY id");
        assert_eq!(mails.iter().map(|(state,)| state.as_str()).collect::<Vec<_>>(), ["sent", "failed", "sent", "sent"]);
        // The address is free, and who has it now is somebody else.
        database.run(
            "INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('eu_eve', 'zanzibar@example.com', 'Eve', 'h', 1, 1)",
        );
        assert_eq!(erase("eu_ada"), Err("unauthenticated"));
        erase_traces(100);
        assert_eq!(having(&database, "users", &["email"], MARK), 1);
        // It is looked for once more, and never again.
        let due = "SELECT passes, due_at FROM erasures";
        assert_eq!(database.all_rows::<(i64, Option<i64>)>(due), [(1, Some(NOW + crate::limits::ERASURE_AGAIN))]);
        database.set_now(NOW + crate::limits::ERASURE_AGAIN);
        database.run("UPDATE tickets SET name = 'Zanzibar, late' WHERE booking = 'eu_b1' AND number = 1");
        erase_traces(100);
        assert_eq!(having(&database, "tickets", &["name"], MARK), 0);
        assert_eq!(database.all_rows::<(i64, Option<i64>)>(due), [(2, None)]);
    }
}

#[test]
fn an_address_that_nobody_has_shown_to_read_is_left_to_who_does() {
    for database in Database::all() {
        database.enter();
        build(&database);
        database.run("UPDATE users SET email_verified_at = NULL WHERE id = 'eu_ada'");
        erase("eu_ada").unwrap();
        erase_traces(100);
        // Whoever registers with somebody's address takes nothing from them.
        for (table, columns) in [
            ("invitations", ["email"]),
            ("order_details", ["email"]),
            ("receipts", ["buyer_email"]),
            ("organisers", ["contact_email"]),
        ] {
            assert!(having(&database, table, &columns, MARK) > 0, "{table}");
        }
        assert_eq!(having(&database, "users", &["email", "name"], MARK), 0);
    }
}

#[test]
fn nobody_goes_whom_an_organiser_or_the_platform_cannot_do_without() {
    for database in Database::all() {
        database.enter();
        build(&database);
        database.run("DELETE FROM organiser_members WHERE user_id = 'eu_bob'");
        assert_eq!(erase("eu_ada"), Err("wrong-state"));
        database.run("UPDATE organiser_members SET role = 'manager' WHERE user_id = 'eu_ada'");
        database.run("INSERT INTO user_roles (user_id, role) VALUES ('eu_ada', 'admin')");
        assert_eq!(erase("eu_ada"), Err("wrong-state"));
        database.run("INSERT INTO user_roles (user_id, role) VALUES ('eu_bob', 'admin')");
        assert_eq!(having(&database, "users", &["email"], MARK), 1, "a refusal changes nothing");
        erase("eu_ada").unwrap();
    }
}

#[test]
fn guests_that_an_account_has_gathered_go_with_it() {
    for database in Database::all() {
        database.enter();
        build(&database);
        for statement in [
            "INSERT INTO users (id, email, guest_email, name, password_hash, version, created_at) VALUES \
             ('eu_g', 'eu_g', 'zanzibar@example.com', 'Zanzibar', '', 1, 1), ('eu_h', 'eu_h', 'bob@example.com', 'Bob', '', 1, 1)",
            "INSERT INTO guest_claims (guest, account, claimed_at) VALUES ('eu_g', 'eu_ada', 1), ('eu_h', 'eu_bob', 1)",
            "INSERT INTO guest_links (hash, guest, booking, asked, created_at, expires_at) VALUES ('h', 'eu_g', 'eu_b4', 0, 1, 9), ('i', 'eu_h', 'eu_b5', 0, 1, 9)",
            "INSERT INTO bookings (id, event, person, status, extended, total, currency, ticket_seed, version, created_at, updated_at) \
             VALUES ('eu_b4', 'eu_e', 'eu_g', 'confirmed', 0, 0, 'EUR', 's', 1, 1, 1)",
            "INSERT INTO order_details (booking, channel, name, email, note, updated_at) VALUES ('eu_b4', 'online', 'Zanzibar', NULL, NULL, 1)",
        ] {
            database.run(statement);
        }
        erase("eu_ada").unwrap();
        erase_traces(100);
        assert_eq!(having(&database, "users", &["email", "guest_email", "name"], MARK), 0);
        assert_eq!(having(&database, "order_details", &["name"], MARK), 0);
        let told: Vec<(String,)> = database.all_rows("SELECT user_id FROM erasures ORDER BY sequence");
        assert_eq!(told, [("eu_g".to_owned(),), ("eu_ada".to_owned(),)]);
        let links: Vec<(String,)> = database.all_rows("SELECT guest FROM guest_links");
        assert_eq!(links, [("eu_h".to_owned(),)]);
        assert_eq!(having(&database, "users", &["guest_email"], "bob"), 1, "others' guests stay");
    }
}

/// As another region does it, which hears of it later, perhaps twice, and knows of the account what was said of it.
#[test]
fn another_region_forgets_as_soon_as_it_hears_of_it() {
    for database in Database::all() {
        database.enter();
        build(&database);
        erase("eu_ada").unwrap();
        let told = ready(super::after("us", 0)).unwrap();
        let erasure = Erasure { sequence: NOW, user: "eu_ada".to_owned(), email: Some("zanzibar@example.com".to_owned()) };
        assert_eq!(told, std::slice::from_ref(&erasure));
        // The address is told until every region has it that asks.
        erase_traces(100);
        assert_eq!(ready(super::after("us", 0)).unwrap(), [erasure]);
        assert_eq!(ready(super::after("us", NOW)).unwrap(), []);
        erase_traces(100);
        assert_eq!(ready(super::after("asia", 0)).unwrap()[0].email, None);

        for other in Database::all().into_iter().filter(|other| other.engine() == database.engine()) {
            other.enter();
            build(&other);
            other.run("DELETE FROM sessions");
            assert_eq!(ready(super::last()).unwrap(), 0);
            for _ in 0..2 {
                ready(super::add(&told)).unwrap();
            }
            assert_eq!(ready(super::last()).unwrap(), NOW);
            // What was on its way from before is written down no more.
            let address = vocabulary::accounts::Address {
                id: "eu_ada".to_owned(),
                email: "zanzibar@example.com".to_owned(),
                name: "Ada Zanzibar".to_owned(),
                verified_at: None,
                language: None,
                guest: false,
            };
            ready(crate::mirror::put_addresses(&[address])).unwrap();
            erase_traces(2);
            for table in [
                "users",
                "order_details",
                "receipts",
                "tickets",
                "ticket_offers",
                "mail_log",
                "webhook_deliveries",
                "idempotency",
                "erasures",
            ] {
                let columns: Vec<_> = by_table()[table].iter().map(|(column, _)| *column).collect();
                assert_eq!(having(&other, table, &columns, MARK), 0, "{table}");
            }
        }
    }
}

#[test]
fn erasures_have_an_order_that_a_restore_does_not_repeat() {
    for database in Database::all() {
        database.enter();
        build(&database);
        database.run("DELETE FROM organiser_members");
        erase("eu_ada").unwrap();
        erase("eu_bob").unwrap();
        database.run("DELETE FROM erasures");
        database.run("UPDATE erasure_sequence SET last = 0");
        database.run("UPDATE users SET erased_at = NULL WHERE id = 'eu_bob'");
        database.set_now(NOW + 5);
        erase("eu_bob").unwrap();
        let sequences: Vec<(i64,)> = database.all_rows("SELECT sequence FROM erasures");
        assert_eq!(sequences, [(NOW + 5,)], "later than any before");
        let found = ready(async {
            let mut tx = sql::read().await.unwrap();
            let found = accounts::find(&mut tx, "eu_bob").await.unwrap();
            tx.rollback().await.unwrap();
            found
        });
        assert_eq!(found, None);
    }
}
