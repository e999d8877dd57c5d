//! Full-text search with the replica's index against reading every text, side by side; what loading and changing the index cost.
//!
//! `cargo xtask bench search`

#![allow(clippy::print_stdout, reason = "it is what it is for")]

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contracts::Replica as _;
use edge::feed::{self, Batch, Cursor, Snapshot, Source, Subscription};
use edge::{Follower, Identity, Replica};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use read_model::{EventDoc, EventStatus, Fact, Query, ReadModel, TicketType, Venue};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vocabulary::edge as wit;

const SIZES: [usize; 2] = [10_000, 100_000];
const WORDS: u64 = 20_000;
const SYLLABLES: [&str; 16] =
    ["ka", "lo", "mi", "ren", "sa", "tu", "vor", "ni", "pel", "go", "dra", "she", "bi", "chan", "ux", "é"];
/// How long each kind of search is repeated.
const EACH: Duration = Duration::from_millis(300);
const CHANGES: usize = 2_000;

/// A snapshot's facts, and what follows.
type FeedOpening = (Vec<Fact>, mpsc::Receiver<Arc<Batch>>);

/// A feed of one snapshot, and what is sent after it.
struct Script(Mutex<Option<FeedOpening>>);

impl Source for Script {
    fn open(&self, _cursor: Option<Cursor>) -> BoxFuture<'_, Result<Subscription, feed::Error>> {
        let taken = { self.0.lock().unwrap_or_else(PoisonError::into_inner).take() };
        Box::pin(async move {
            let (facts, batches) = taken.ok_or(feed::Error::Ended)?;
            let batches = futures::stream::unfold(batches, |mut batches| async { Some((Ok(batches.recv().await?), batches)) });
            let key = Fact::Key {
                kid: "k1".to_owned(),
                public_key: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned(),
                until: None,
            };
            let facts = facts.into_iter().chain([key]).collect();
            Ok(Subscription { snapshot: Some(Snapshot { epoch: "e".into(), position: 1, facts }), batches: batches.boxed() })
        })
    }
}

/// Xorshift: the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A word; low numbers are much more frequent than high ones, as in any language.
    fn word(&mut self) -> String {
        let share = (self.next() % 1_000_000) as f64 / 1e6;
        word((WORDS as f64).powf(share) as u64)
    }

    fn text(&mut self, words: usize) -> String {
        (0..words).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }
}

fn word(mut number: u64) -> String {
    // Spread over the alphabet, without making two numbers one.
    number = number.wrapping_mul(0x9E37_79B9) % 0xFFFF_FFFB;
    let mut word = String::new();
    while number > 0 {
        word.push_str(SYLLABLES.get((number % 16) as usize).copied().unwrap_or_default());
        number /= 64;
    }
    word
}

fn event(number: usize, random: &mut Random, revision: u64) -> EventDoc {
    let text = |text: &str| text.to_owned();
    EventDoc {
        id: format!("eu_{number:026}"),
        organiser_id: text("eu_o"),
        status: EventStatus::Published,
        revision,
        title: random.text(4),
        description: if number.is_multiple_of(20) {
            format!("{} 東京タワーの夜", random.text(40))
        } else {
            random.text(40)
        },
        category: text("music"),
        venue: Venue { name: random.text(2), city: word(random.next() % 100), country: text("LK") },
        starts_at: i64::MAX - 1_000_000 + (random.next() % 1_000_000) as i64 - 1,
        ends_at: i64::MAX,
        timezone: text("Asia/Colombo"),
        currency: text("EUR"),
        region: text("eu"),
        ticket_types: vec![TicketType {
            id: format!("eu_t{number:025}"),
            name: text("Standard"),
            price: 4500,
            capacity: 10,
            per_person_limit: 6,
            ..TicketType::default()
        }],
        ..EventDoc::default()
    }
}

fn memory() -> f64 {
    let pages: f64 =
        std::fs::read_to_string("/proc/self/statm").unwrap_or_default().split(' ').nth(1).unwrap_or("0").parse().unwrap_or(0.0);
    pages * 4096.0 / 1e6
}

/// Microseconds of one; repeated for a while.
fn time<R>(mut work: impl FnMut() -> R) -> f64 {
    let (began, mut done) = (Instant::now(), 0_u32);
    while began.elapsed() < EACH || done == 0 {
        std::hint::black_box(work());
        done += 1;
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(done)
}

fn search(replica: &Replica, text: &str) -> Result<wit::Page, wit::ReadError> {
    let query = wit::Query { text: Some(text.to_owned()), limit: 20, ..wit::Query::default() };
    futures::executor::block_on(replica.search(query))
}

async fn caught_up(replica: &Replica, position: i64) {
    while replica.age("eu").is_none() || replica.position("eu") < position {
        tokio::time::sleep(Duration::from_micros(50)).await;
    }
}

/// Says that the feed is alive, as a feed does.
async fn stay_alive(sender: mpsc::Sender<Arc<Batch>>) {
    while sender.send(Arc::new(Batch { after: 1, position: 1, facts: vec![] })).await.is_ok() {
        tokio::time::sleep(edge::limits::FEED_HEARTBEAT).await;
    }
}

async fn measure(events: usize) -> Result<(), Box<dyn Error>> {
    let random = &mut Random(7);
    let facts: Vec<Fact> = (0..events).map(|number| Fact::Event(event(number, random, 1))).collect();
    let (before, began) = (memory(), Instant::now());
    let mut model = ReadModel::default();
    for fact in &facts {
        model.apply(fact.clone());
    }
    let (load_model, with_model) = (began.elapsed(), memory());
    let (sender, batches) = mpsc::channel(4);
    let began = Instant::now();
    let (replica, identity, stop) = (Replica::new(["eu"]), Identity::new("eu"), CancellationToken::new());
    let source = Arc::new(Script(Mutex::new(Some((facts, batches)))));
    let follower = Follower::new("edge-0", "eu", source, &replica, &identity);
    let following = tokio::spawn(follower.run(stop.clone()));
    caught_up(&replica, 1).await;
    let alive = tokio::spawn(stay_alive(sender.clone()));
    let (load, with_replica) = (began.elapsed(), memory());
    println!("{events} events");
    println!("  load            model {:>6.2} s, model and index {:>6.2} s", load_model.as_secs_f64(), load.as_secs_f64());
    println!("  memory          model {:>6.1} MB, model and index {:>6.1} MB", with_model - before, with_replica - with_model);

    let kinds = [
        ("a rare word", word(19_000)),
        ("a word", word(300)),
        ("a frequent word", word(3)),
        ("three words", format!("{} {} {}", word(3), word(40), word(7))),
        ("two letters", "ka".to_owned()),
        ("one letter", "k".to_owned()),
        ("no such word", "qqq".to_owned()),
        ("unspaced", "タワー".to_owned()),
    ];
    for (kind, text) in kinds {
        let query = Query { text: Some(text.clone()), limit: 20, ..Query::default() };
        let expected = model.search(&query, edge::now())?;
        let found = search(&replica, &text).map_err(|error| format!("{error:?}"))?;
        let ids: Vec<_> = found.items.iter().map(|event| &event.id).collect();
        if ids != expected.items.iter().map(|doc| &doc.id).collect::<Vec<_>>() {
            return Err(format!("{kind}: other answers").into());
        }
        let matches: u32 = expected.categories.iter().map(|facet| facet.count).sum();
        let (index, scan) = (time(|| search(&replica, &text)), time(|| model.search(&query, edge::now())));
        println!("  {kind:<15} {matches:>6} found, index {index:>9.1} us, scan {scan:>9.1} us, ratio {:>7.2}", scan / index);
    }

    let (mut position, began) = (1, Instant::now());
    for change in 0..CHANGES {
        let facts = vec![Fact::Event(event(change * 7 % events, random, 2 + change as u64))];
        let after = position;
        position += 1;
        sender.send(Arc::new(Batch { after, position, facts })).await?;
        caught_up(&replica, position).await;
    }
    println!(
        "  a changed text  {:>9.1} us, {:.1} MB more after {CHANGES}",
        began.elapsed().as_secs_f64() * 1e6 / CHANGES as f64,
        memory() - with_replica
    );
    stop.cancel();
    alive.abort();
    following.await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    for events in SIZES {
        measure(events).await?;
    }
    Ok(())
}
