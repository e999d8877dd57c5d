//! An evening at the door of a large event: scanners with and without a network, tickets that are shown twice, cancelled or given away; and
//! in the end everybody was let in once.

use crate::{
    client::{Client, OnSale, unique},
    server::{Form, Server},
    tickets::{booked, code, tickets},
};
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use ticket_code::{Code, PublicKey};

/// Places of one booking.
const EACH: usize = 100;
/// Scans that are told of at once.
const MERGED: usize = 400;

/// What a scanner has downloaded.
struct OfflineList {
    keys: Vec<PublicKey>,
    void: BTreeSet<String>,
    listed: BTreeSet<String>,
}

impl OfflineList {
    async fn download(door: &Client<'_>, event: &str) -> Self {
        let mut list = Self { keys: Vec::new(), void: BTreeSet::new(), listed: BTreeSet::new() };
        let mut cursor = String::new();
        loop {
            let page = door.get(&format!("/api/events/{event}/checkin-list{cursor}")).await.expect(200);
            list.keys = page["keys"]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| PublicKey::parse(key["x"].as_str().unwrap()).unwrap())
                .collect();
            for ticket in page["tickets"].as_array().unwrap() {
                let hash = ticket["code_hash"].as_str().unwrap().to_owned();
                if ticket["void"] == true { &mut list.void } else { &mut list.listed }.insert(hash);
            }
            let Some(next) = page["next_cursor"].as_str() else { return list };
            cursor = format!("?cursor={next}");
        }
    }

    /// Whether a scanner without a network lets somebody in by a code that it has not seen before.
    fn lets_in(&self, event: &str, text: &str) -> bool {
        let Some(code) = Code::parse(text) else { return false };
        let signed = self.keys.iter().any(|key| code.is_signed_by(key)) && code.is_for_event(event);
        signed && !self.void.contains(&ticket_code::hash(code.reference()))
    }
}

/// A scan at a gate, told of at once; its outcome.
async fn scan(door: &Client<'_>, event: &str, gate: &str, code: &str) -> Value {
    let body = json!({"code": code, "event_id": event, "gate": gate});
    let key = unique("key");
    let headers = [("idempotency-key", key.as_str())];
    // Not held against the document, which takes longer than the answer.
    door.send_unchecked(reqwest::Method::POST, "/api/checkin", &headers, Some(body.to_string().into())).await.expect(200)
}

/// An order that is the same in every run and not that in which the tickets were made.
fn shuffled(mut codes: Vec<String>) -> Vec<String> {
    codes.sort_unstable_by_key(|code| {
        code.bytes().rev().take(24).fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    });
    codes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_let_in_once() {
    let form = Form::of_this_run();
    let bookings = match form {
        Form::Postgres => 30,
        Form::Up => 4,
        Form::Fleet | Form::Composed | Form::Spin => {
            eprintln!("skipped: the evening takes place in the forms `up` and `postgres`, not in {form:?}");
            return;
        }
    };
    let server = Server::start("evening", &[]);
    let (organiser, id) = Client::organiser(&server).await;
    let show = OnSale::with(&organiser, &id, 0, 5_000, 1_000).await;
    let event = show.id.as_str();
    let (mut buyer, mut all, mut first) = (Client::register(&server).await, Vec::new(), None);
    for number in 0..bookings {
        let path = booked(&buyer, &show, i64::try_from(EACH).unwrap()).await;
        all.push(tickets(&buyer, &path).await.iter().map(|ticket| code(ticket).to_owned()).collect::<Vec<_>>());
        first.get_or_insert((buyer.elsewhere(), path));
        if number % 8 == 7 {
            buyer = Client::register(&server).await;
        }
    }
    // One booking is cancelled; what was bought after a scanner's download is still good.
    let (owner, path) = first.unwrap();
    owner.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    let void = all.remove(0);
    let list = OfflineList::download(&organiser, event).await;
    assert_eq!((list.void.len(), list.listed.len()), (EACH, EACH * (bookings - 1)));
    let late = booked(&buyer, &show, 5).await;
    all.push(tickets(&buyer, &late).await.iter().map(|ticket| code(ticket).to_owned()).collect());
    let good = shuffled(all.concat());
    let before =
        organiser.get(&format!("/api/events/{event}/checkin-list")).await.expect(200)["as_of"].as_str().unwrap().to_owned();

    // A sixth comes to each of two gates without a network, a few of these once more elsewhere; everybody else to four gates with one, a
    // tenth of them twice.
    let sixth = good.len() / 6;
    let (offline, online) = good.split_at(2 * sixth);
    let twice = 40;
    let mut gates: Vec<Vec<String>> = vec![Vec::new(); 4];
    let again = online.iter().step_by(10);
    let strange = ["nonsense".to_owned(), online[0].replace(".T1.", ".T1.X")];
    let coming = online.iter().chain(again).chain(&void[..50]).chain(&offline[..twice]).chain(&strange);
    for (number, code) in coming.enumerate() {
        gates[number % 4].push(code.clone());
    }
    let mut without: Vec<Vec<Value>> = Vec::new();
    for (gate, codes, others) in [("east", &offline[..sixth], &offline[sixth]), ("west", &offline[sixth..], &offline[0])] {
        // At each of them one ticket that was cancelled, and one that was let in at the other.
        let shown = codes.iter().chain([&void[60], others]);
        let lets_in = shown.filter(|code| list.lets_in(event, code));
        without.push(lets_in.map(|code| json!({"code": code, "gate": gate, "at": before})).collect());
    }
    assert_eq!(without.iter().map(Vec::len).sum::<usize>(), 2 * sixth + 2, "what is void is known without a network");

    let doors: Vec<_> = (0..4).map(|_| organiser.elsewhere()).collect();
    let scanning = doors.iter().zip(&gates).enumerate().map(async |(number, (door, codes))| {
        let gate = format!("gate {number}");
        let mut outcomes = Vec::new();
        // As many at a time as there are people who hold out a ticket.
        for some in codes.chunks(4) {
            outcomes.extend(join_all(some.iter().map(async |code| (code.clone(), scan(door, event, &gate, code).await))).await);
        }
        outcomes
    });
    // The two come back while the others go on, and one of them tells of everything twice.
    let merge = async |scans: &[Value]| {
        let mut results = Vec::new();
        for chunk in scans.chunks(MERGED) {
            let body = json!({"event_id": event, "scans": chunk});
            // What took too long may be done or not: it is told of again.
            let mut answer = organiser.post("/api/checkin/merge", &body).await;
            for _ in 0..10 {
                if answer.status != 504 {
                    break;
                }
                answer = organiser.post("/api/checkin/merge", &body).await;
            }
            let merged = answer.expect(200);
            results.extend(merged["results"].as_array().unwrap().clone());
        }
        results
    };
    let merging = async {
        let (east, west) = tokio::join!(merge(&without[0]), merge(&without[1]));
        assert_eq!(merge(&without[1]).await, west, "what is told of again has its outcome from before");
        [east, west].concat()
    };
    let (scanned, merged) = tokio::join!(join_all(scanning), merging);

    let mut results: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (code, outcome) in scanned.concat() {
        results.entry(code).or_default().push(outcome);
    }
    let words = |code: &String| {
        let mut words: Vec<_> = results[code].iter().map(|outcome| outcome["result"].as_str().unwrap()).collect();
        words.sort_unstable();
        words
    };
    for (number, code) in online.iter().enumerate() {
        let expected = if number % 10 == 0 { &["admitted", "already-admitted"][..] } else { &["admitted"] };
        assert_eq!(words(code), expected, "{code}");
        assert!(results[code].iter().all(|outcome| outcome["admitted_at"] == results[code][0]["admitted_at"]), "{code}");
    }
    assert!(void[..50].iter().all(|code| results[code].iter().all(|outcome| outcome["reason"] == "cancelled")));
    assert!(strange.iter().all(|code| words(code) == ["unknown"]));
    let admitted = merged.iter().filter(|outcome| outcome["result"] == "admitted").count();
    assert_eq!(
        (merged.len(), admitted),
        (2 * sixth + 2, 2 * sixth),
        "a scan without a network was first, whenever it was told of"
    );

    // What the organiser sees: each ticket once, and those from without a network at their gates.
    let (mut seen, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = organiser.get(&format!("/api/events/{event}/attendees?limit=100{cursor}")).await.expect(200);
        for item in page["items"].as_array().unwrap() {
            assert_eq!(item["state"], "admitted", "{item}");
            assert!(seen.insert(item["code"].as_str().unwrap().to_owned(), item["gate"].as_str().unwrap().to_owned()).is_none());
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.keys().collect::<BTreeSet<_>>(), good.iter().collect::<BTreeSet<_>>());
    assert!(
        offline.iter().all(|code| ["east", "west"].contains(&&*seen[code]))
            && online.iter().all(|code| seen[code].starts_with("gate"))
    );
    let lists = organiser.get(&format!("/api/events/{event}/checkin-lists")).await.expect(200);
    assert_eq!(lists["items"][0]["admissions"], json!(good.len()));
}
