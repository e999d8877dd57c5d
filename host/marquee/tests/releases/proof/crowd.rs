//! People who ask all edges all the time, at an even rate, whatever becomes of their requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Requests of one edge under way: beyond, it does not answer at all.
const UNDER_WAY: usize = 64;

/// Of all requests, those that are for a region: one in eight.
pub const OF_REGIONS: f64 = 0.125;

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it was sent, in milliseconds since 1970.
    pub at_ms: u64,
    pub took: Duration,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// Which version answered.
    pub version: Arc<str>,
    /// The edge that was asked, by its place among them.
    pub edge: usize,
    /// Whether a region's node was asked.
    pub of_region: bool,
}

pub struct Crowd {
    stop: CancellationToken,
    people: JoinSet<()>,
    samples: Arc<Mutex<Vec<Sample>>>,
}

/// SplitMix64.
pub fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut next = *state;
    next = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    next = (next ^ (next >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    next ^ (next >> 31)
}

impl Crowd {
    /// So many requests a second at all of these edges together.
    pub fn at(edges: &[String], rate: u32, seed: u64) -> Self {
        let (stop, samples, mut people) = (CancellationToken::new(), Arc::<Mutex<Vec<Sample>>>::default(), JoinSet::new());
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
        let versions = Arc::<Mutex<BTreeMap<String, Arc<str>>>>::default();
        let of = edges.len();
        for (number, edge) in edges.iter().enumerate() {
            let (client, edge, samples, versions, stop) =
                (client.clone(), edge.clone(), Arc::clone(&samples), Arc::clone(&versions), stop.clone());
            let mut state = seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
            people.spawn(async move {
                let pause = Duration::from_secs(1).mul_f64(of as f64 / f64::from(rate));
                let mut beat =
                    tokio::time::interval_at(tokio::time::Instant::now() + pause.mul_f64((number % 16) as f64 / 16.0), pause);
                let mut under_way = JoinSet::new();
                loop {
                    tokio::select! {
                        () = stop.cancelled() => break,
                        _ = beat.tick() => {}
                    }
                    while under_way.try_join_next().is_some() {}
                    if under_way.len() >= UNDER_WAY {
                        under_way.join_next().await;
                    }
                    let (drawn, browser) = (random(&mut state), random(&mut state) % 100_000);
                    let region = (drawn % 8 == 0).then_some(if drawn % 16 == 0 { "eu" } else { "us" });
                    let path = region.map_or_else(|| "work".to_owned(), |region| format!("at/{region}/work"));
                    let request = client
                        .get(format!("http://{edge}/{path}?{}", drawn >> 8))
                        .header("user-agent", format!("browser {browser}"));
                    let (samples, versions) = (Arc::clone(&samples), Arc::clone(&versions));
                    under_way.spawn(async move {
                        let at_ms = now_ms();
                        let began = Instant::now();
                        let answer = async {
                            let answer = request.send().await?;
                            let version = answer
                                .headers()
                                .get("x-version")
                                .and_then(|value| value.to_str().ok())
                                .unwrap_or_default()
                                .to_owned();
                            let status = answer.status();
                            let body = answer.text().await?;
                            Ok::<_, reqwest::Error>((version, (status != 200).then(|| format!("{status} {body}"))))
                        };
                        let (version, failure) = answer.await.unwrap_or_else(|error| (String::new(), Some(format!("{error:?}"))));
                        let took = began.elapsed();
                        let version =
                            Arc::clone(versions.lock().unwrap().entry(version.clone()).or_insert_with(|| version.into()));
                        samples.lock().unwrap().push(Sample {
                            at_ms,
                            took,
                            failure,
                            version,
                            edge: number,
                            of_region: region.is_some(),
                        });
                    });
                }
                under_way.join_all().await;
            });
        }
        Self { stop, people, samples }
    }

    /// What has been answered since this was asked last.
    pub fn take(&self) -> Vec<Sample> {
        std::mem::take(&mut self.samples.lock().unwrap())
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.people.join_all().await;
    }
}

pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// The 99th percentile, in milliseconds, of what edges answered.
pub fn p99(samples: &[Sample]) -> f64 {
    let mut took: Vec<f64> =
        samples.iter().filter(|sample| !sample.of_region).map(|sample| sample.took.as_secs_f64() * 1_000.0).collect();
    took.sort_by(f64::total_cmp);
    took.get(took.len() * 99 / 100).copied().unwrap_or_default()
}
