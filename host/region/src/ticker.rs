//! The ticker: calls components periodically, so that what has come due is applied without a request.

use std::collections::HashMap;
use std::sync::Arc;

use contracts::{Components, HostRoute, Traffic};
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use telemetry::Metrics;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::coordinator::Runner;
use crate::limits;

/// Posts to the components of a region.
pub struct Ticker<T> {
    traffic: Arc<T>,
    runner: Runner,
    metrics: Arc<Metrics>,
}

/// What a component answers.
#[derive(Deserialize)]
struct TickResponse {
    done: u64,
}

impl<T: Traffic> Ticker<T> {
    /// A ticker for the version that has the traffic.
    #[must_use]
    pub fn new(traffic: Arc<T>, runner: Runner, metrics: Arc<Metrics>) -> Self {
        Self { traffic, runner, metrics }
    }

    /// Ticks until `stop`, while this node is the one that does: now, and then every [`limits::TICK`]. A component that is still at its last tick
    /// is left alone.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut beat = tokio::time::interval(limits::TICK);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut running: HashMap<String, JoinHandle<Result<(), String>>> = HashMap::new();
        let mut failing: HashMap<String, bool> = HashMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = beat.tick() => {}
                // No beat is waited for by who begins to tick.
                () = self.runner.changed() => {}
            }
            if !self.runner.leads() {
                continue;
            }
            let application = self.traffic.current();
            let ticks = application.ticks();
            for route in ticks {
                let component = route.component.clone();
                if let Some(last) = running.get_mut(&component) {
                    if !last.is_finished() {
                        continue;
                    }
                    let outcome = last.await.unwrap_or_else(|error| Err(error.to_string()));
                    self.note(&mut failing, &component, outcome);
                }
                let ticking = tokio::spawn(tick(Arc::clone(&application), route));
                running.insert(component, ticking);
            }
        }
        for last in running.into_values() {
            // What has begun may finish; its component's time limit bounds it.
            _ = last.await;
        }
    }

    /// Logs when a component begins to fail, and when it works again.
    fn note(&self, failing: &mut HashMap<String, bool>, component: &str, outcome: Result<(), String>) {
        let was_failing = failing.insert(component.to_owned(), outcome.is_err()).unwrap_or(false);
        match outcome {
            Err(error) => {
                self.metrics.tick_failure(component);
                if !was_failing {
                    tracing::warn!(component, error, "a tick failed: what comes due there waits");
                }
            }
            Ok(()) if was_failing => tracing::info!(component, "ticks work again"),
            Ok(()) => {}
        }
    }
}

/// Ticks a component until it finds nothing more to do, within limits.
async fn tick<C: Components>(application: Arc<C>, route: HostRoute) -> Result<(), String> {
    for _ in 0..limits::TICKS_IN_A_ROW {
        let request = route.request(contracts::empty());
        let response = application.handle(&route.component, request).await.map_err(|failure| failure.to_string())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), limits::TICK_BYTES).collect().await.map_err(|error| error.to_string())?;
        if status != StatusCode::OK {
            return Err(format!("answered {status}"));
        }
        let TickResponse { done } =
            serde_json::from_slice(&body.to_bytes()).map_err(|error| format!("not an answer to a tick: {error}"))?;
        if done == 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use contracts::{Failure, RequestBody};
    use edge::Body;
    use http::{Request, Response};
    use manifest::Routes;
    use std::sync::Mutex;
    use tokio::sync::Semaphore;

    const SECRET: &str = "the host's";

    #[derive(Default)]
    struct Fake {
        routes: Routes,
        calls: Mutex<Vec<String>>,
        at_once: Mutex<(u32, u32)>,
        work: Mutex<u64>,
    }

    struct FakeTraffic(Arc<Fake>, Semaphore);

    impl Components for Fake {
        type Answer = Body;

        fn routes(&self) -> &Routes {
            &self.routes
        }

        async fn handle(&self, component: &str, request: Request<RequestBody>) -> Result<Response<Body>, Failure> {
            assert_eq!(request.method(), http::Method::POST);
            assert_eq!(request.headers()["marquee-host"], SECRET);
            self.calls.lock().unwrap().push(format!("{component} {}", request.uri().path()));
            {
                let mut at_once = self.at_once.lock().unwrap();
                at_once.0 += 1;
                at_once.1 = at_once.1.max(at_once.0);
            }
            if component == "slow" {
                tokio::time::sleep(limits::TICK * 9 / 2).await;
            }
            self.at_once.lock().unwrap().0 -= 1;
            let done = {
                let mut work = self.work.lock().unwrap();
                let done = *work;
                *work = work.saturating_sub(1);
                done
            };
            Ok(Response::new(Body::full(Bytes::from(format!("{{\"done\": {done}}}")))))
        }

        fn ticks(&self) -> Vec<HostRoute> {
            vec![HostRoute::new("slow", "/slow/due", SECRET), HostRoute::new("quick", "/quick/due", SECRET)]
        }
    }

    impl Traffic for FakeTraffic {
        type Components = Fake;

        fn current(&self) -> Arc<Fake> {
            self.1.add_permits(1);
            Arc::clone(&self.0)
        }
    }

    fn count(fake: &Fake, component: &str) -> usize {
        fake.calls.lock().unwrap().iter().filter(|call| call.starts_with(component)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn ticks_of_one_component_never_overlap_and_block_no_other() {
        let fake = Arc::new(Fake::default());
        let holder = Arc::new(FakeTraffic(Arc::clone(&fake), Semaphore::new(0)));
        let stop = CancellationToken::new();
        let ticking =
            tokio::spawn(Ticker::new(Arc::clone(&holder), Runner::always(), Arc::new(Metrics::new().unwrap())).run(stop.clone()));
        holder.1.acquire_many(11).await.unwrap().forget();
        stop.cancel();
        ticking.await.unwrap();
        assert_eq!(count(&fake, "quick"), 11);
        assert_eq!(count(&fake, "slow"), 3, "at the first, the sixth and the eleventh beat");
        assert_eq!(fake.at_once.lock().unwrap().1, 2, "one of each at most");
        assert!(fake.calls.lock().unwrap().contains(&"quick /quick/due".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_component_with_more_work_is_ticked_again_within_limits() {
        for (work, calls) in [(0, 1), (3, 4), (1_000, limits::TICKS_IN_A_ROW)] {
            let fake = Arc::new(Fake { work: Mutex::new(work), ..Fake::default() });
            tick(Arc::clone(&fake), HostRoute::new("quick", "/quick/due", SECRET)).await.unwrap();
            assert_eq!(count(&fake, "quick"), calls, "{work}");
        }
    }
}
