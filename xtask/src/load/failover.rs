//! `failover`: the node that leads dies in the middle of a sale. What was acknowledged must be there; the pause is shown.

use super::{end, k6};
use crate::{fleet::Fleet, step::say};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How long the sale runs before the kill, in seconds: in full and in short.
const BEFORE: (u64, u64) = (10, 4);
/// How long it may take until the sale begins.
const BEGINS: Duration = Duration::from_secs(60);

/// An acknowledged booking.
struct AcceptedBooking {
    /// Milliseconds since the Unix epoch, when its answer was read.
    at: f64,
    booking: String,
}

/// Runs it.
pub fn run(short: bool) -> Result<()> {
    let mut fleet = Fleet::start("failover", 2)?;
    let nodes = fleet.nodes();
    let urls = [fleet.edge(&nodes)?, fleet.edge(&nodes)?].join(",");
    let samples = PathBuf::from(format!("target/failover-{}.json", std::process::id()));
    say(&format!("k6 runs failover against {urls}"));
    let mut k6 = k6("failover", short)?;
    let mut k6 =
        k6.env("URLS", urls).args(["--out", &format!("json={}", samples.display())]).spawn().context("cannot start k6")?;
    let killed = kill_leader(&fleet, &mut k6, Duration::from_secs(if short { BEFORE.1 } else { BEFORE.0 }));
    // It is waited for whatever happened.
    end("failover", k6)?;
    let killed = killed?;
    let mut accepted = read(&samples)?;
    let _ = std::fs::remove_file(&samples);
    accepted.sort_by(|one, other| one.at.total_cmp(&other.at));

    let there: BTreeSet<String> = fleet.query("SELECT id FROM bookings")?.into_iter().flatten().collect();
    let lost: Vec<&str> = accepted.iter().map(|one| one.booking.as_str()).filter(|id| !there.contains(*id)).collect();
    let longest = accepted.windows(2).filter_map(|pair| Some(pair.last()?.at - pair.first()?.at)).fold(0.0, f64::max);
    let next =
        accepted.iter().map(|one| one.at - killed).find(|after| *after > 0.0).context("nothing was accepted after the kill")?;
    say(&format!("failover: {} bookings acknowledged, {} of them are not there", accepted.len(), lost.len()));
    say(&format!(
        "  the leader was killed after {:.1} s; the next booking was acknowledged {:.2} s later (expected: at most 5 s)",
        (killed - accepted.first().map_or(killed, |first| first.at)) / 1e3,
        next / 1e3
    ));
    say(&format!("  longest time between two acknowledged bookings: {:.2} s", longest / 1e3));
    if !lost.is_empty() {
        bail!("lost: {}", lost.join(", "));
    }
    Ok(())
}

/// Kills, as a power cut does, the node that leads the event that is on sale, once it has been so for a while. Gives when, in milliseconds
/// since the Unix epoch.
fn kill_leader(fleet: &Fleet, k6: &mut Child, after: Duration) -> Result<f64> {
    let deadline = Instant::now() + BEGINS;
    let event = loop {
        if let Some(event) = fleet.query("SELECT event FROM bookings LIMIT 1")?.into_iter().flatten().next() {
            break event;
        }
        if Instant::now() > deadline || k6.try_wait()?.is_some() {
            bail!("nothing was sold within {} s", BEGINS.as_secs());
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    std::thread::sleep(after);
    let leader = fleet.leader_of(&event)?;
    Command::new("kill").args(["-KILL", &leader.to_string()]).status()?;
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1e3)
}

/// The samples of the metric `accepted_at`.
fn read(file: &Path) -> Result<Vec<AcceptedBooking>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let points = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_ours = points.filter(|point| {
        point.get("type").is_some_and(|kind| kind == "Point") && point.get("metric").is_some_and(|metric| metric == "accepted_at")
    });
    let read = |point: Value| -> Option<AcceptedBooking> {
        let data = point.get("data")?;
        Some(AcceptedBooking {
            at: data.get("value")?.as_f64()?,
            booking: data.get("tags")?.get("booking")?.as_str()?.to_owned(),
        })
    };
    of_ours.map(|point| read(point).context("a sample that k6 wrote differently")).collect()
}
