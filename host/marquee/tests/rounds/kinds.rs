//! The kinds of fault. Each strikes while people buy, and is over when it returns; what each does and why stands in README.md.

use crate::history::Instant;
use crate::link::Action;
use crate::messages::Statement;
use crate::people::{Crowd, Show, now};
use crate::platform::Platform;
use crate::random::Random;
use sqlx::{Connection as _, PgConnection};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::block_in_place;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Kill,
    KillEdge,
    Pause,
    Postgres,
    Cut,
    StopInside,
    EdgesCutOff,
    PostgresCutOff,
    Clock,
    Forgotten,
    Promoted,
    PutBack,
    LongAway,
    StartsWithout,
    SlowLine,
}

pub const ALL: [Kind; 15] = [
    Kind::Kill,
    Kind::KillEdge,
    Kind::Pause,
    Kind::Postgres,
    Kind::Cut,
    Kind::StopInside,
    Kind::EdgesCutOff,
    Kind::PostgresCutOff,
    Kind::Clock,
    Kind::Forgotten,
    Kind::Promoted,
    Kind::PutBack,
    Kind::LongAway,
    Kind::StartsWithout,
    Kind::SlowLine,
];

/// Milliseconds, longer than a lease of 2 s: from who wakes up as it ends to who finds everything changed.
const LONG: (u64, u64) = (2_500, 7_000);
/// How long Postgres stays away.
const AWAY: (u64, u64) = (100, 1_500);
/// By how much a clock jumps, in seconds: longer than a token lives, and than anything waits.
const JUMP: i64 = 2 * 3600;
/// How long it takes at most until a trap has sprung, or bookings flow again.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Where a fault strikes.
pub struct Scene<'a> {
    pub platform: &'a mut Platform,
    pub crowd: &'a Crowd,
    pub shows: &'a [Show],
    pub random: &'a mut Random,
}

/// What happened.
pub struct FaultReport {
    pub what: String,
    /// From when on bookings may be expected to flow again.
    pub since: Instant,
    /// Where the database was replaced by an older one: from when on it answers. What was answered before may not be there any more.
    pub restored: Option<Instant>,
}

impl FaultReport {
    fn new(what: String, since: Instant) -> Self {
        Self { what, since, restored: None }
    }
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "region node killed",
            Self::KillEdge => "edge killed",
            Self::Pause => "region node paused",
            Self::Postgres => "Postgres killed",
            Self::Cut => "cut in a commit",
            Self::StopInside => "stopped in a commit",
            Self::EdgesCutOff => "edge | region",
            Self::PostgresCutOff => "region | Postgres",
            Self::Clock => "clock jumps",
            Self::Forgotten => "connections forgotten",
            Self::Promoted => "replica promoted",
            Self::PutBack => "backup put back",
            Self::LongAway => "long without Postgres",
            Self::StartsWithout => "started without Postgres",
            Self::SlowLine => "slow line to Postgres",
        }
    }

    /// Whether bookings are expected to flow again in time. A node that is cut off in silence holds on to what it was asked, and an edge asks
    /// elsewhere after its own 5 s only.
    pub fn has_a_bound(self) -> bool {
        !matches!(self, Self::EdgesCutOff | Self::PostgresCutOff)
    }

    pub async fn strike(self, mut scene: Scene<'_>) -> FaultReport {
        match self {
            Self::Kill => kill(&mut scene).await,
            Self::KillEdge => kill_edge(&mut scene).await,
            Self::Pause => pause(&mut scene).await,
            Self::Postgres => postgres(&mut scene).await,
            Self::Cut => cut(&mut scene).await,
            Self::StopInside => stop_inside(&mut scene).await,
            Self::EdgesCutOff => edges_cut_off(&mut scene).await,
            Self::PostgresCutOff => postgres_cut_off(&mut scene).await,
            Self::Clock => clock(&mut scene).await,
            Self::Forgotten => forgotten(&mut scene).await,
            Self::Promoted => replaced(&mut scene, true).await,
            Self::PutBack => replaced(&mut scene, false).await,
            Self::LongAway => long_away(&mut scene).await,
            Self::StartsWithout => starts_without(&mut scene).await,
            Self::SlowLine => slow_line(&mut scene).await,
        }
    }
}

impl Scene<'_> {
    async fn wait(&mut self, (least, most): (u64, u64)) {
        tokio::time::sleep(Duration::from_millis(self.random.between(least, most))).await;
    }
}

/// Waits until every endless show has sold something that was asked for from then on; gives when that was, or nothing where it never was.
pub async fn recovered(crowd: &Crowd, shows: &[Show], since: Instant) -> Option<Instant> {
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < deadline {
        if let Some(all) = crowd.first_accepted(shows, since).into_iter().collect::<Option<Vec<_>>>() {
            return all.into_iter().max();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    None
}

async fn kill(scene: &mut Scene<'_>) -> FaultReport {
    let victim = scene.random.below(2);
    let node = &mut scene.platform.regions[victim];
    let since = now();
    block_in_place(|| node.kill());
    recovered(scene.crowd, scene.shows, since).await;
    block_in_place(|| node.spawn());
    FaultReport::new(format!("eu-{}", victim + 1), since)
}

async fn kill_edge(scene: &mut Scene<'_>) -> FaultReport {
    let victim = scene.random.below(3);
    let node = &mut scene.platform.edges[victim];
    let since = now();
    block_in_place(|| node.kill());
    recovered(scene.crowd, scene.shows, since).await;
    block_in_place(|| node.spawn());
    FaultReport::new(format!("edge-{victim}"), since)
}

async fn pause(scene: &mut Scene<'_>) -> FaultReport {
    let victim = scene.random.below(2);
    scene.platform.regions[victim].pause(true);
    let since = now();
    scene.wait(LONG).await;
    scene.platform.regions[victim].pause(false);
    FaultReport::new(format!("eu-{}", victim + 1), since)
}

async fn postgres(scene: &mut Scene<'_>) -> FaultReport {
    let killed = scene.random.below(2) == 0;
    let postgres = &mut scene.platform.postgres;
    block_in_place(|| if killed { postgres.kill() } else { postgres.abort() });
    scene.wait(AWAY).await;
    block_in_place(|| scene.platform.postgres.spawn());
    let what = if killed { "SIGKILL" } else { "immediate" };
    FaultReport::new(what.to_owned(), now())
}

async fn cut(scene: &mut Scene<'_>) -> FaultReport {
    let mut what = Vec::new();
    let mut since = now();
    for _ in 0..3 {
        let (statement, way) = (*scene.random.pick(&[Statement::Write, Statement::Commit]), scene.random.below(3));
        let action = || match way {
            0 => Action::CutBefore,
            1 => Action::CutHalfway,
            _ => Action::CutAfter,
        };
        for link in &scene.platform.to_postgres {
            link.trap(statement, action());
        }
        let crossed = interfere(scene, statement);
        let sprung = async {
            while scene.platform.to_postgres.iter().all(crate::link::Link::waits) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::select! {
            () = crossed => {}
            () = sprung => {}
            () = tokio::time::sleep(PATIENCE) => {}
        }
        since = now();
        scene.platform.to_postgres.iter().for_each(crate::link::Link::disarm);
        what.push(format!("{statement:?} {}", ["before", "halfway", "after"][way]));
    }
    FaultReport::new(what.join(", "), since)
}

async fn stop_inside(scene: &mut Scene<'_>) -> FaultReport {
    let statement = *scene.random.pick(&[Statement::Swap, Statement::Commit, Statement::Write]);
    let (mut here, mut go) = (Vec::new(), Vec::new());
    for link in &scene.platform.to_postgres {
        let ((is_here, wait_here), (may_go, wait_go)) = (oneshot::channel(), oneshot::channel());
        // What has been swapped and not committed; what has been written and not been heard of cannot be: that would be committed.
        let action = match statement {
            Statement::Swap => Action::HoldAnswer(is_here, wait_go),
            Statement::Commit | Statement::Write => Action::HoldRequest(is_here, wait_go),
        };
        link.trap(statement, action);
        here.push(wait_here);
        go.push(may_go);
    }
    let (first, second) = (here.remove(0), here.remove(0));
    let crossed = interfere(scene, statement);
    let victim = tokio::select! {
        () = crossed => None,
        Ok(()) = first => Some(0),
        Ok(()) = second => Some(1),
        () = tokio::time::sleep(PATIENCE) => None,
    };
    let since = now();
    scene.platform.to_postgres.iter().for_each(crate::link::Link::disarm);
    let Some(victim) = victim else { return FaultReport::new(format!("{statement:?} never came"), since) };
    scene.platform.regions[victim].pause(true);
    scene.wait(LONG).await;
    scene.platform.regions[victim].pause(false);
    // Dropped: what is held goes on.
    drop(go);
    FaultReport::new(format!("eu-{} {statement:?}", victim + 1), since)
}

/// Takes versions of the shows, as another node would that loads them: batches that are decided from memory then lose, and are decided again in
/// transactions whose swap and commit are statements of their own. Never ends.
async fn interfere(scene: &Scene<'_>, wanted: Statement) {
    if wanted == Statement::Write {
        return std::future::pending().await;
    }
    let shows: Vec<_> = scene.shows.iter().filter(|show| show.endless).map(|show| show.id.clone()).collect();
    let mut connection = PgConnection::connect(&scene.platform.database()).await.unwrap();
    sqlx::query("SET lock_timeout = '50ms'").execute(&mut connection).await.unwrap();
    loop {
        for show in &shows {
            let fence = sqlx::query("UPDATE inventory SET version = version + 1 WHERE event = $1").bind(show);
            // Whoever has the row swaps it too.
            let _ = fence.execute(&mut connection).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn edges_cut_off(scene: &mut Scene<'_>) -> FaultReport {
    // One edge from the whole region, or all edges from one of its nodes.
    let victim = scene.random.below(5);
    let links: Vec<_> = match victim {
        0..3 => scene.platform.to_regions[victim].iter().collect(),
        _ => scene.platform.to_regions.iter().map(|links| &links[victim - 3]).collect(),
    };
    links.iter().for_each(|link| link.silence(true));
    let since = now();
    tokio::time::sleep(Duration::from_millis(scene.random.between(LONG.0, LONG.1))).await;
    links.iter().for_each(|link| link.silence(false));
    let what = if victim < 3 { format!("edge-{victim} from both") } else { format!("all from eu-{}", victim - 2) };
    FaultReport::new(what, since)
}

async fn postgres_cut_off(scene: &mut Scene<'_>) -> FaultReport {
    let victim = scene.random.below(2);
    scene.platform.to_postgres[victim].silence(true);
    let since = now();
    scene.wait(LONG).await;
    scene.platform.to_postgres[victim].silence(false);
    FaultReport::new(format!("eu-{}", victim + 1), since)
}

async fn clock(scene: &mut Scene<'_>) -> FaultReport {
    // Region nodes more often: they decide.
    let victim = *scene.random.pick(&["eu-1", "eu-2", "eu-1", "eu-2", "edge-0", "edge-1", "edge-2"]);
    let jump = if scene.random.below(2) == 0 { JUMP } else { -JUMP };
    scene.platform.set_clock(victim, jump);
    let since = now();
    recovered(scene.crowd, scene.shows, since).await;
    scene.wait(LONG).await;
    scene.platform.set_clock(victim, 0);
    FaultReport::new(format!("{victim} {:+} h", jump / 3600), since)
}

/// How long Postgres stays away where that is long: longer than breakers and back-offs ever wait. As long as a reboot takes, where there is time for it.
const LONG_AWAY: (u64, u64) = (6_000, 8_000);
const REBOOT: (u64, u64) = (30_000, 50_000);
/// One way of a slow line.
const SLOW: Duration = Duration::from_millis(300);
/// Bookings that a copy of the database does not have.
const LOST: usize = 40;

async fn forgotten(scene: &mut Scene<'_>) -> FaultReport {
    // Of one node, or of both: then nobody else can decide.
    let victim = scene.random.below(3);
    let of = scene.platform.to_postgres.iter().enumerate().filter(|(number, _)| victim == 2 || victim == *number);
    of.for_each(|(_, link)| link.forget());
    let what = ["eu-1", "eu-2", "both"][victim];
    FaultReport::new(what.to_owned(), now())
}

async fn replaced(scene: &mut Scene<'_>, promoted: bool) -> FaultReport {
    let copy = block_in_place(|| scene.platform.postgres.copy());
    let (wanted, deadline) = (scene.crowd.accepted() + LOST, std::time::Instant::now() + PATIENCE);
    while scene.crowd.accepted() < wanted && std::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Nobody hears anything of the old one from here on, and the new one is not there yet.
    for link in &scene.platform.to_postgres {
        link.silence(true);
        link.forget();
    }
    let restored = scene.crowd.restored();
    block_in_place(|| scene.platform.postgres.replace(copy, promoted));
    scene.platform.to_postgres.iter().for_each(|link| link.silence(false));
    let what = format!("without the last {LOST} bookings");
    FaultReport { what, since: now(), restored: Some(restored) }
}

async fn long_away(scene: &mut Scene<'_>) -> FaultReport {
    block_in_place(|| scene.platform.postgres.kill());
    scene.wait(if std::env::var_os("MARQUEE_TEST_ROUNDS").is_some() { REBOOT } else { LONG_AWAY }).await;
    block_in_place(|| scene.platform.postgres.spawn());
    FaultReport::new("SIGKILL".to_owned(), now())
}

async fn starts_without(scene: &mut Scene<'_>) -> FaultReport {
    let victim = scene.random.below(2);
    block_in_place(|| {
        scene.platform.postgres.kill();
        let node = &mut scene.platform.regions[victim];
        node.kill();
        node.launch();
    });
    // It is seen to wait by who looks after it.
    let health = format!("http://{}/health/detailed", scene.platform.regions[victim].addresses[1]);
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        assert!(scene.platform.regions[victim].lives(), "a node that starts without Postgres has ended");
        if let Ok(answer) = reqwest::get(&health).await
            && answer.text().await.unwrap_or_default().contains("waits for Postgres")
        {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "nobody says that eu-{} waits", victim + 1);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    block_in_place(|| scene.platform.postgres.spawn());
    let since = now();
    block_in_place(|| scene.platform.regions[victim].until_ready());
    FaultReport::new(format!("eu-{}", victim + 1), since)
}

async fn slow_line(scene: &mut Scene<'_>) -> FaultReport {
    // Of one node, or of both.
    let victim = scene.random.below(3);
    let all = scene.platform.to_postgres.iter().enumerate();
    let links: Vec<_> = all.filter(|(number, _)| victim == 2 || victim == *number).map(|(_, link)| link).collect();
    links.iter().for_each(|link| link.delay(SLOW));
    let since = now();
    recovered(scene.crowd, scene.shows, since).await;
    tokio::time::sleep(Duration::from_millis(scene.random.between(LONG.0, LONG.1))).await;
    links.iter().for_each(|link| link.delay(Duration::ZERO));
    FaultReport::new(["eu-1", "eu-2", "both"][victim].to_owned(), since)
}
