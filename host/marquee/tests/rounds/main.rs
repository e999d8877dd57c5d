//! Real faults under load, and a checker that looks whether the answers fit one order of decisions: README.md. Needs what `cargo xtask faults`
//! names: `MARQUEE_TEST_POSTGRES_BIN` and `MARQUEE_TEST_FAKETIME`. `SEED` is taken from the environment.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it measured"
)]

mod checker;
#[cfg(test)]
mod checker_tests;
mod history;
mod kinds;
mod link;
mod messages;
mod people;
mod platform;
mod postgres;
mod random;
mod report;
mod witness;

use futures::StreamExt as _;
use history::{Answer, Request};
use kinds::{ALL, Kind, Scene, recovered};
use people::{Crowd, Show};
use platform::Platform;
use random::Random;
use report::{Counts, EXPECTED, Round};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use test_support::{fleet, server};
use witness::Database;

/// Bookings that are accepted before a fault, at least and at most, and after it.
const BEFORE: (u64, u64) = (60, 200);
const AFTER: usize = 60;
/// Requests that are sent again at once, to see whether they are answered alike.
const REPLAYS: usize = 16;
/// How long anything may take that is only waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How old tokens may get.
const TOKENS: Duration = Duration::from_secs(300);

/// Without `MARQUEE_TEST_ROUNDS` each kind strikes once, and no time is judged: the machine may be busy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_linearizable_under_every_fault() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let rounds = number("MARQUEE_TEST_ROUNDS").map(|rounds| usize::try_from(rounds).unwrap());
    let seed = number("SEED").unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::from(since.subsec_nanos()) ^ since.as_secs()
    });
    let only = std::env::var("MARQUEE_TEST_FAULT").ok();
    eprintln!("SEED={seed} makes the same choices");
    let kinds = deck(rounds.unwrap_or(ALL.len()), seed, only.as_deref());
    let mut platform = Platform::start().await;
    let crowd = Arc::new(Crowd::register(platform.urls()).await);
    let (mut done, mut refreshed) = (Vec::new(), Instant::now());
    for (number, kind) in kinds.into_iter().enumerate() {
        if refreshed.elapsed() > TOKENS {
            crowd.refresh().await;
            refreshed = Instant::now();
        }
        let round = round(&mut platform, &crowd, kind, number, seed).await;
        eprintln!("{}", round.line());
        done.push(round);
    }
    eprintln!("\n{}", report::table(&done));
    let wrong = done.iter().filter(|round| !round.wrong.is_empty()).count();
    assert_eq!(
        wrong,
        0,
        "seed {seed}: the answers of {wrong} rounds fit no order; nodes' logs are in {}",
        platform.folder.display()
    );
    // One before each transaction would drown whatever else the log has to say.
    let (needless, accepted) = (platform.postgres.needless_ends(), done.iter().map(|round| round.counts.accepted).sum::<usize>());
    assert!(needless * 100 < accepted, "Postgres has warned {needless} times of nothing to roll back, in {accepted} bookings");
    let judged = done.iter().filter(|round| round.kind.has_a_bound());
    let slow: Vec<_> = judged.filter(|round| round.pause.is_none_or(|pause| pause > EXPECTED)).map(Round::line).collect();
    assert!(rounds.is_none() || slow.is_empty(), "seed {seed}: longer than {EXPECTED:?}:\n{}", slow.join("\n"));
}

/// So many kinds, each as often as any other or once more.
fn deck(rounds: usize, seed: u64, only: Option<&str>) -> Vec<Kind> {
    let wanted = |kind: &Kind| only.is_none_or(|only| kind.name().contains(only));
    let of: Vec<_> = ALL.into_iter().filter(wanted).collect();
    assert!(!of.is_empty(), "MARQUEE_TEST_FAULT: no fault's name contains {only:?}");
    let mut random = Random::new(seed);
    let mut kinds = Vec::new();
    while kinds.len() < rounds {
        let mut all = of.clone();
        random.shuffle(&mut all);
        kinds.extend(all);
    }
    kinds.truncate(rounds);
    kinds
}

async fn round(platform: &mut Platform, crowd: &Arc<Crowd>, kind: Kind, number: usize, seed: u64) -> Round {
    let mut random = Random::of(seed, number as u64);
    let address = platform.database();
    let after = witness::last_journal_row(&address).await;
    let shows: Arc<[Show]> = crowd.shows().await.into();
    crowd.history.lock().unwrap().clear();
    let mut lives = crowd.live(&shows, seed ^ number as u64);
    more(crowd, usize::try_from(random.between(BEFORE.0, BEFORE.1)).unwrap()).await;
    let scene = Scene { platform, crowd, shows: &shows, random: &mut random };
    let struck = kind.strike(scene).await;
    let flowing = recovered(crowd, &shows, struck.since).await;
    more(crowd, AFTER).await;
    crowd.stop();
    while let Some(life) = lives.join_next().await {
        life.unwrap();
    }

    let mut requests = std::mem::take(&mut *crowd.history.lock().unwrap());
    for request in requests.iter_mut().filter(|request| struck.restored.is_some_and(|restored| request.start <= restored)) {
        // Whatever was answered, nobody can say now whether it is there.
        request.answer = Answer::Unknown;
    }
    let events: Vec<_> = shows.iter().map(|show| show.id.clone()).collect();
    let mut database = Database::read(&address, &events, &after).await;
    database.restored = struck.restored.is_some();
    let mut wrong: Vec<_> = checker::check(&requests, &database)
        .into_iter()
        .map(|violation| format!("{:?} in {}: {}", violation.fault, violation.event, violation.text))
        .collect();
    if flowing.is_none() {
        wrong.push(format!("nothing was accepted for some show within {PATIENCE:?}"));
    }
    if kind != Kind::Clock && requests.iter().any(|request| request.answer == Answer::Unauthenticated) {
        wrong.push("somebody was not known whose token is good".to_owned());
    }
    wrong.extend(ask_again(crowd, &shows, &requests, &database).await);
    wrong.extend(told(platform, crowd, &shows).await);
    if !wrong.is_empty() {
        let text: Vec<_> = requests.iter().map(|request| format!("{request:?}")).collect();
        let file = platform.folder.join(format!("round-{number}.txt"));
        std::fs::write(&file, format!("{}\n{database:#?}\n", text.join("\n"))).unwrap();
        wrong.push(format!("the history is in {}", file.display()));
    }
    let pause = flowing.map(|flowing| Duration::from_micros(flowing - struck.since));
    Round { number, kind, what: struck.what, pause, counts: Counts::of(&requests), wrong }
}

/// Waits until so many more have been accepted, or it takes too long: then the round says so.
async fn more(crowd: &Crowd, count: usize) {
    let (wanted, deadline) = (crowd.accepted() + count, Instant::now() + PATIENCE);
    while crowd.accepted() < wanted && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whatever was acknowledged is answered again, byte for byte; and what was done without a word of it is acknowledged now.
async fn ask_again(crowd: &Crowd, shows: &[Show], requests: &[Request], database: &Database) -> Vec<String> {
    let mut seen = HashSet::new();
    let settled = |request: &&Request| request.answer.body().is_some() || database.left_by(request).is_some();
    let all = requests.iter().filter(settled).filter(|request| seen.insert((&request.person, &request.key)));
    let wrong = futures::stream::iter(all).map(|request| one_again(crowd, shows, request, database));
    wrong.buffer_unordered(REPLAYS).filter_map(async |wrong| wrong).collect().await
}

async fn one_again(crowd: &Crowd, shows: &[Show], request: &Request, database: &Database) -> Option<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut last;
    loop {
        last = Answer::of(&request.ask, crowd.again(request, shows).await);
        let right = match (&request.answer, &last) {
            (before, after) if before.body().is_some() && after.body().is_some() => {
                if before.body() == after.body() {
                    return None;
                }
                return Some(format!("{} was answered in another way afterwards", request.key));
            }
            (_, Answer::Accepted { booking, .. }) => database.left_by(request).is_some_and(|key| key.booking == *booking),
            (_, Answer::NotDone | Answer::Unknown) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            _ => false,
        };
        return (!right).then(|| format!("{} was done, and is answered {last:?} afterwards", request.key));
    }
}

/// All edges come to show what the database says, and all of the journal gets its position, without a gap. What nobody waits for any more may
/// still be done meanwhile.
async fn told(platform: &Platform, crowd: &Crowd, shows: &[Show]) -> Option<String> {
    let (address, deadline) = (platform.database(), Instant::now() + PATIENCE);
    loop {
        let mut behind = Vec::new();
        let untold = witness::untold(&address).await;
        if untold != (0, 0) {
            behind
                .push(format!("the journal has {} rows without a position, and {} positions without a row", untold.0, untold.1));
        }
        let free = witness::free(&address).await;
        for show in shows {
            for edge in 0..platform.edges.len() {
                let (shown, is) = (crowd.available(edge, show).await, free.get(&show.id).copied());
                if shown != is {
                    behind.push(format!("edge-{edge} shows {shown:?} of {}, and there are {is:?}", show.id));
                }
            }
        }
        if behind.is_empty() {
            return None;
        }
        if Instant::now() > deadline {
            return Some(behind.join("; "));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
