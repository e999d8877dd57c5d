//! The platform as a process: starting, stopping, crashing, being replaced while it runs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it skips"
)]

use client::{Client, OnSale, eventually, unique};
use serde_json::json;
use server::{Form, Server, copy_of_the_application, fresh_folder};
use std::{
    path::Path,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use test_support::archives::unzipped;
use test_support::people::{self, Known};
use test_support::{client, root, server};

fn marquee(arguments: &[&str]) -> Output {
    Command::new(test_support::marquee()).args(arguments).current_dir(root()).stdin(Stdio::null()).output().unwrap()
}

/// The last line of what it said, which is the reason.
fn reason(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_clean_stop_loses_nothing() {
    let folder = fresh_folder("restart");
    let server = Server::start_in(Form::Up, folder.clone(), &[], &[]);
    let (organiser, id) = Client::organiser(&server).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 6).await;
    let key = unique("key");
    let booking = organiser.post_with(&key, "/api/bookings", &show.order(2)).await;
    let token = organiser.token.clone();
    drop(organiser);
    assert_eq!(server.interrupt(), Some(0), "stopped as asked");

    let server = Server::start_in(Form::Up, folder, &[], &[]);
    let mut organiser = Client::new(&server);
    organiser.token = token;
    assert_eq!(show.available(&organiser).await, 8);
    let again = organiser.post_with(&key, "/api/bookings", &show.order(2)).await;
    assert_eq!((again.status, again.bytes), (booking.status, booking.bytes));
}

/// A deployment without a provider sells nothing for nothing, and its built-in one is nowhere to be found. Quotas and limits are settings.
#[tokio::test]
async fn without_a_provider_payments_are_refused_and_settings_apply() {
    let variables =
        [("sandbox_payments", "off"), ("quota_drafts", "2"), ("held_places_per_address", "3"), ("held_percent_per_address", "0")];
    let server = Server::start_in(
        Form::Up,
        fresh_folder("no-provider"),
        &[&variables[..], &[("held_places_per_account", "1")]].concat(),
        &[],
    );
    let (organiser, id) = Client::organiser(&server).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 2).await;
    let booking = organiser.post_with(&unique("key"), "/api/bookings", &show.order(2)).await.expect(201);
    let pay = json!({"booking_id": booking["id"], "method": {"type": "card", "token": "tok_ok"}});
    organiser.post_with(&unique("key"), "/api/payments", &pay).await.expect_problem(409, "payments-off");
    for (method, path) in [
        (reqwest::Method::POST, "/api/payments/webhooks/sandbox/local".to_owned()),
        (reqwest::Method::GET, format!("/api/payments/sandbox/{}?secret=x", booking["id"].as_str().unwrap())),
        (reqwest::Method::POST, format!("/api/payments/sandbox/{}", booking["id"].as_str().unwrap())),
    ] {
        let answer = organiser.send_unchecked(method, &path, &[], Some(b"{}".to_vec())).await;
        answer.expect_problem(404, "not-found");
    }
    let other = Client::register(&server).await;
    let refused = other.elsewhere().post_with(&unique("key"), "/api/bookings", &show.order(2)).await;
    refused.expect_problem(429, "too-many-holds");
    other.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);

    for _ in 0..2 {
        organiser.post("/api/events", &client::event(&id, json!({}))).await.expect(201);
    }
    let detail =
        organiser.post("/api/events", &client::event(&id, json!({}))).await.expect_problem(409, "quota-exceeded")["detail"]
            .to_string();
    assert!(detail.contains("2 drafts") && detail.contains("publish or cancel"), "{detail}");
}

/// Without Kafka, without a server for mail: in this process, into files.
#[tokio::test]
async fn a_booking_has_its_effects_in_up_mode_too() {
    let folder = fresh_folder("follows");
    let server = Server::start_in(Form::Up, folder.clone(), &[], &[]);
    let (organiser, id) = Client::organiser(&server).await;
    let show = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let booking = organiser.post_with(&unique("key"), "/api/bookings", &show.order(2)).await.expect(201);
    let booking = booking["id"].as_str().unwrap();
    let path = format!("/api/events/{}/analytics", show.id);
    let analytics =
        eventually("analytics", async || organiser.get(&path).await.expect(200), |it| it["totals"]["bookings"] == 1).await;
    assert_eq!(analytics["totals"]["tickets"], 2);
    let mails = async || {
        let files = std::fs::read_dir(folder.join("mail")).into_iter().flatten();
        let texts: Vec<String> = files.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok()).collect();
        texts.iter().any(|text| text.contains("Welcome")) && texts.iter().any(|text| text.contains(booking))
    };
    eventually("the welcome and the tickets", mails, |there| *there).await;
    // Once, and not again after a restart.
    drop(organiser);
    assert_eq!(server.interrupt(), Some(0));
    let output = marquee(&["audit", "--region", "local", "--data", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{}", reason(&output));
}

#[tokio::test]
async fn usage_errors_and_failures_name_a_remedy() {
    for (arguments, code) in [(&["up", "--colour"][..], 2), (&["fly"], 2), (&[], 2), (&["up", "--port", "many"], 2)] {
        assert_eq!(marquee(arguments).status.code(), Some(code), "{arguments:?}");
    }
    assert_eq!(marquee(&["version"]).status.code(), Some(0));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = fresh_folder("failures");
    let output = marquee(&["up", "--no-demo", "--data", folder.to_str().unwrap(), "--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(reason(&output).contains(&port) && reason(&output).contains("--port"), "{}", reason(&output));

    let file = folder.join("a-file");
    std::fs::write(&file, "").unwrap();
    let output = marquee(&["up", "--no-demo", "--data", file.join("data").to_str().unwrap(), "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(reason(&output).contains("a-file") && reason(&output).contains("--data"), "{}", reason(&output));

    let broken = folder.join("spin.toml");
    std::fs::write(
        &broken,
        "spin_manifest_version = 2\n[application]\nname = \"x\"\n[[trigger.http]]\nroute = \"/\"\ncomponent = \"nobody\"\n",
    )
    .unwrap();
    let output = marquee(&["check", broken.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(reason(&output).contains("nobody"), "{}", reason(&output));
    assert_eq!(marquee(&["check", "spin.toml"]).status.code(), Some(0));
}

#[test]
fn an_operator_begins_a_new_epoch() {
    let folder = fresh_folder("epoch");
    let run = |arguments: &[&str]| {
        let output = marquee(&[arguments, &["--data", folder.to_str().unwrap()]].concat());
        assert!(output.status.success(), "{}", reason(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["migrate"]);
    assert!(run(&["epoch"]).contains("none has begun yet"));
    let begun = run(&["epoch", "--new"]);
    let epoch = begun.split_whitespace().skip_while(|word| *word != "epoch").nth(1).unwrap().to_owned();
    assert!(run(&["epoch"]).contains(&format!("epoch {epoch}, position 0")));
    assert!(!run(&["epoch", "--new"]).contains(&epoch), "one more is another one");
}

#[tokio::test]
async fn a_data_folder_serves_one_process() {
    let folder = fresh_folder("twice");
    let _server = Server::start_in(Form::Up, folder.clone(), &[], &[]);
    let output = marquee(&["up", "--no-demo", "--data", folder.to_str().unwrap(), "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(reason(&output).contains("twice"), "{}", reason(&output));
}

/// What a buyer was told, kept outside of the platform.
struct PromisedBooking {
    key: String,
    body: Vec<u8>,
    quantity: i64,
    confirmed: bool,
}

/// Holds and pays as fast as the platform lets it, until it dies; every answer is kept.
async fn buy_until(stopped: &AtomicBool, buyer: &Client<'_>, show: &OnSale, promises: &mut Vec<PromisedBooking>) {
    while !stopped.load(Ordering::Relaxed) {
        let (key, quantity) = (unique("key"), 1 + i64::try_from(promises.len() % 3).unwrap());
        let Some(answer) = buyer.try_post_with(&key, "/api/bookings", &show.order(quantity)).await else { continue };
        if answer.status != 201 {
            continue;
        }
        let mut promise = PromisedBooking { key, body: answer.bytes, quantity, confirmed: false };
        if promises.len().is_multiple_of(2) {
            let payment = json!({"booking_id": answer.json["id"], "method": {"type": "card", "token": "tok_ok"}});
            promise.confirmed =
                buyer.try_post_with(&unique("key"), "/api/payments", &payment).await.is_some_and(|answer| answer.status == 201);
        }
        promises.push(promise);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_crashes_lose_nothing_and_sell_nothing_twice() {
    let folder = fresh_folder("crash");
    let mut promises = Vec::new();
    let mut show = None;
    const CAPACITY: i64 = 100_000;
    for round in 0..20 {
        let server = Server::start_in(Form::Up, folder.clone(), &[("hold_seconds", "3600")], &[]);
        if show.is_none() {
            let (organiser, id) = Client::organiser(&server).await;
            show = Some(OnSale::with(&organiser, &id, 100, CAPACITY, 100).await);
        }
        let show = show.as_ref().unwrap();
        // The limit per person would end the load: every round has a person of its own.
        let buyer = Client::register(&server).await;
        let stopped = AtomicBool::new(false);
        let mut made = Vec::new();
        let process = server.id();
        let killer = async {
            tokio::time::sleep(Duration::from_millis(120 + 37 * round)).await;
            Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap();
            stopped.store(true, Ordering::Relaxed);
        };
        tokio::join!(buy_until(&stopped, &buyer, show, &mut made), killer);
        let token = buyer.token.clone();
        drop(buyer);
        server.kill();

        let server = Server::start_in(Form::Up, folder.clone(), &[("hold_seconds", "3600")], &[]);
        let mut buyer = Client::new(&server);
        buyer.token = token;
        // No acknowledged booking is missing, and a retried key gets its first answer.
        for promise in &made {
            let again = buyer.post_with(&promise.key, "/api/bookings", &show.order(promise.quantity)).await;
            assert_eq!(
                (again.status.as_u16(), String::from_utf8_lossy(&again.bytes)),
                (201, String::from_utf8_lossy(&promise.body)),
                "round {round}"
            );
            if promise.confirmed {
                let path = format!("/api/bookings/{}", again.json["id"].as_str().unwrap());
                assert_eq!(buyer.get(&path).await.expect(200)["status"], "confirmed", "round {round}");
            }
        }
        promises.append(&mut made);
        drop(buyer);
        server.kill();
        balance(&folder, CAPACITY, round);
    }
    assert!(promises.len() >= 20, "the load was too thin to mean anything: {} bookings", promises.len());
}

/// The books, read from the database itself.
fn balance(folder: &Path, capacity: i64, round: u64) {
    let database = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|it| it == "db" || it == "sqlite"));
    let database = rusqlite::Connection::open(database.expect("a database in the folder")).unwrap();
    let number = |statement: &str| database.query_row(statement, [], |row| row.get::<_, i64>(0)).unwrap();
    let in_state = |states: &str| {
        number(&format!(
            "SELECT COALESCE(SUM(i.quantity), 0) FROM booking_items i JOIN bookings b ON b.id = i.booking WHERE b.status IN ({states})"
        ))
    };
    let (held, sold) = (number("SELECT SUM(held) FROM inventory_lines"), number("SELECT SUM(sold) FROM inventory_lines"));
    assert_eq!((held, sold), (in_state("'held', 'paying'"), in_state("'confirmed'")), "round {round}");
    assert!(held + sold <= capacity);
    assert_eq!(
        number("SELECT COUNT(*) FROM bookings"),
        number("SELECT COUNT(*) FROM journal WHERE type = 'booking.created'"),
        "round {round}"
    );
    assert_eq!(
        number("SELECT COUNT(*) FROM positioned_journal WHERE position IS NOT NULL"),
        number("SELECT COALESCE(MAX(position), 0) FROM positioned_journal"),
        "gapless"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_takes_over_without_a_failed_request() {
    let folder = fresh_folder("watch");
    let (built, copy) = (root().join("target/wasm32-wasip2/release"), copy_of_the_application(&folder));
    let server = Server::start_in(Form::Up, folder.clone(), &[], &["--watch", "--manifest", copy.to_str().unwrap()]);
    let client = Client::new(&server);
    let at = async |path| {
        let page = client.send_unchecked(reqwest::Method::GET, path, &[], None).await;
        (page.status.as_u16(), page.bytes)
    };
    let (keys, document) = ("/.well-known/jwks.json", "/api/openapi.json");
    let before = (at(keys).await, at(document).await);
    assert_eq!((before.0.0, before.1.0), (200, 200));

    let stopped = AtomicBool::new(false);
    let readers = async {
        let mut answers = 0;
        while !stopped.load(Ordering::Relaxed) {
            client.send_unchecked(reqwest::Method::GET, "/api/events", &[], None).await.expect(200);
            answers += 1;
        }
        answers
    };
    let switcher = async {
        // First one that is no component at all: what ran goes on.
        std::fs::write(folder.join("auth.wasm"), b"not wasm").unwrap();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(at(keys).await, before.0, "a broken build never gets traffic");
        let put = |component: &str, place: &str| {
            let new = folder.join("new.wasm");
            std::fs::copy(built.join(component), &new).unwrap();
            std::fs::rename(&new, folder.join(place)).unwrap();
        };
        // Then one without what the host calls of it.
        put("operations.wasm", "auth.wasm");
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(at(keys).await, before.0, "a version that the platform cannot work with never gets traffic");
        put("auth.wasm", "auth.wasm");
        put("operations.wasm", "web.wasm");
        eventually("the new code answers", async || at(document).await, |answer| *answer != before.1).await;
        assert_eq!(at(keys).await, before.0);
        stopped.store(true, Ordering::Relaxed);
    };
    let (answers, ()) = tokio::join!(readers, switcher);
    assert!(answers > 10, "{answers}");
}

#[tokio::test]
async fn the_first_start_loads_a_demo_catalog() {
    let folder = fresh_folder("demo");
    let mut child = Command::new(test_support::marquee())
        .args(["up", "--port", "0", "--data", folder.to_str().unwrap()])
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap())).map(Result::unwrap);
    let ready = lines.find(|line| line.starts_with("ready")).unwrap();
    let edge = ready.split_whitespace().find(|word| word.starts_with("http")).unwrap().to_owned();
    // The three commands that it prints work as pasted.
    let commands: Vec<_> = lines.filter(|line| line.trim_start().starts_with("curl ")).take(3).collect();
    for command in &commands {
        let output = Command::new("sh").args(["-c", &format!("{} --fail", command.trim())]).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let page: serde_json::Value = reqwest::get(format!("{edge}/api/events?limit=1")).await.unwrap().json().await.unwrap();
    let counted: i64 = page["facets"]["category"].as_object().unwrap().values().map(|count| count.as_i64().unwrap()).sum();
    assert!(counted >= 200, "{counted} events");
    assert!(page["facets"]["city"].as_object().unwrap().len() >= 20);
    let scarce: serde_json::Value =
        reqwest::get(format!("{edge}/api/events?available=true&limit=100")).await.unwrap().json().await.unwrap();
    assert!(!scarce["items"].as_array().unwrap().is_empty());
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// "The API by example", as it stands in the README.
#[tokio::test]
async fn the_readme_script_works_as_pasted() {
    let folder = fresh_folder("readme");
    let server = Server::start_in(Form::Up, folder.clone(), &[], &[]);
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once("## The API by example").expect("a section of this name");
    let (_, block) = section.split_once("```sh\n").expect("a script");
    let script = block.split("```").next().unwrap();
    let [edge, other] = &server.edges;
    let script = script.replace("http://127.0.0.1:8080", edge).replace("http://127.0.0.1:8081", other);
    // What fails on the way must not go unseen.
    let mut shell = Command::new("bash");
    let output = shell.args(["-eo", "pipefail", "-c", &script]).current_dir(&folder).stdin(Stdio::null()).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    for word in ["\"status\":\"confirmed\"", "\"status\":\"cancelled\"", "\"refunds\":[{"] {
        assert!(said.contains(word), "{word} is not in what it printed:\n{said}\n{errors}");
    }
    for paper in ["receipt.pdf", "tickets.pdf"] {
        assert!(std::fs::read(folder.join(paper)).unwrap().starts_with(b"%PDF"), "{paper}");
    }
}

/// Of who is erased nothing is left: no row, no entry, and not a byte of a file, but for what they were sent.
#[tokio::test]
async fn an_erased_person_is_found_nowhere() {
    let folder = fresh_folder("erased");
    let admin = [("admin_email", "admin@example.com"), ("admin_password", client::PASSWORD)];
    let server = Server::start_in(Form::Up, folder.clone(), &admin, &[]);
    let mut operator = Client::new(&server);
    let login = json!({"email": "admin@example.com", "password": client::PASSWORD});
    operator.take_tokens(&operator.post("/api/auth/login", &login).await.expect(200));
    let known = Known::everywhere(&server, &operator, None).await;
    known.followed().await;
    let (word, user, payment) = (known.word.clone(), known.person.user.clone(), known.payment.clone());
    assert!(!people::in_files(&folder, &word).is_empty(), "it is in the database");
    known.erased().await;
    let organiser_token = known.organiser.token.clone();
    let show = OnSale::with(&known.organiser, &known.organiser_id, 4_500, 5, 2).await;
    let another = Client::register(&server).await;
    let booking = another.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201)["id"].clone();
    let pay = json!({"booking_id": booking, "method": {"type": "card", "token": "tok_ok"}});
    let paid = another.post_with(&unique("key"), "/api/payments", &pay).await.expect(201)["id"].clone();
    let (booking, paid) = (booking.as_str().unwrap(), paid.as_str().unwrap().to_uppercase().replace('_', "-"));
    let bought = [format!("receipt-{paid}.pdf"), format!("tickets-{booking}.pdf")].map(|name| format!("local/papers/{name}"));
    let buyer = another.user.clone();
    drop((known, operator, another));
    assert_eq!(server.interrupt(), Some(0));
    assert_eq!(people::in_files(&folder, &word), Vec::<String>::new());
    let data = folder.to_str().unwrap().to_owned();
    let audit = marquee(&["audit", "--region", "local", "--data", &data]);
    assert!(audit.status.success(), "{}", reason(&audit));

    // What an operator does, where nothing runs: everything that is known into a file, and somebody else's account as soon as a node runs.
    let file = folder.join("export.json");
    let exported = marquee(&["people", "export", &user, file.to_str().unwrap(), "--data", &data]);
    assert!(exported.status.success(), "{}", reason(&exported));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("user.erased") && text.contains(&payment) && !text.contains(&word), "{text}");
    // With papers, where there are any: of who was erased there are none.
    for (who, papers) in [(&user, vec![]), (&buyer, bought.to_vec())] {
        let file = folder.join(format!("{who}.zip"));
        let exported = marquee(&["people", "export", who, file.to_str().unwrap(), "--data", &data]);
        assert!(exported.status.success(), "{}", reason(&exported));
        let names: Vec<_> = unzipped(&std::fs::read(&file).unwrap()).into_keys().collect();
        assert_eq!(names, [vec!["local/data.json".to_owned()], papers].concat());
    }
    let unknown = marquee(&["people", "erase", "nobody@example.com", "--data", &data]);
    assert!(!unknown.status.success() && reason(&unknown).contains("knows nobody"), "{}", reason(&unknown));
    let only = marquee(&["people", "erase", "admin@example.com", "--data", &data]);
    assert!(only.status.success(), "{}", reason(&only));

    let server = Server::start_in(Form::Up, folder.clone(), &admin, &[]);
    let mut organiser = Client::new(&server);
    organiser.token = organiser_token;
    let receipt = organiser.get(&format!("/api/payments/{payment}/receipt")).await.status;
    assert_eq!(receipt, 404, "a receipt is its buyer's, who is nobody");
    let mut operator = Client::new(&server);
    let answer = operator.post("/api/auth/login", &login).await;
    assert_eq!(answer.status, 200, "the only admin is not erased");
    operator.take_tokens(&answer.json);
    let kinds = async || {
        let log = operator.get("/api/audit?limit=100").await.expect(200);
        log["items"].as_array().unwrap().iter().filter(|entry| entry["type"] == "user.erased").count()
    };
    assert_eq!(kinds().await, 1);
    let gone = Client::register(&server).await;
    let id = gone.user.clone();
    drop((organiser, operator));
    drop(gone);
    assert_eq!(server.interrupt(), Some(0));
    let asked = marquee(&["people", "erase", &id, "--data", &data]);
    assert!(String::from_utf8_lossy(&asked.stdout).contains("as soon as a node of the region runs"), "{}", reason(&asked));
    let server = Server::start_in(Form::Up, folder.clone(), &admin, &[]);
    let mut operator = Client::new(&server);
    operator.take_tokens(&operator.post("/api/auth/login", &login).await.expect(200));
    let path = format!("/api/users/{id}/suspend");
    // To suspend who is erased is to suspend nobody.
    eventually("it is done", async || operator.post(&path, &json!({})).await.status, |it| *it == 404).await;
}
