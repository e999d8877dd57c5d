//! How often somebody may ask of a region, whichever of its nodes answers.
//!
//! What edges hand over is counted here: by user, and where something can be guessed by address and by the edge that it came through. Addresses are what an
//! edge says: one that was stolen may give a new one each time, or one that nobody counts. Its own name it cannot change. (By address alone edges count, each for itself: a
//! region sees only what they let through.) With Redis all nodes count as one. Without it, or while it cannot be asked, each counts by itself, so that
//! `n` nodes let through `n` times as much, and nobody is refused for an outage. What Redis has forgotten is forgiven.

use std::sync::Arc;

use capabilities::redis::{Connection, Script};
use edge::rates::{Counted, Counters, Quota, Rates, networks};
use edge::{Body, Identity, Networks, Problem, Region, Through, Traffic};
use futures::future::BoxFuture;
use http::{Request, Response};
use runtime::{Rate, RequestBody};
use std::time::Duration;
use telemetry::{Metrics, Role};

use crate::limits;

/// GCRA by the clock of Redis, in microseconds: as [`edge::rates`] has it. Answers how long to wait; 0: counted.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrival = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now)
local interval, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local wait = arrival + interval - now - room
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', arrival + interval), 'PX', math.ceil((arrival + interval - now) / 1000))
return 0
";

/// Counts what a region is asked.
pub struct Limiter {
    rates: Rates,
    uncounted: Networks,
    own: Counters,
    shared: Option<Connection>,
    take: Script,
}

impl Limiter {
    /// Counts with the region's other nodes in `redis`; without it, alone. Clients of `uncounted` are not counted at all.
    #[must_use]
    pub fn new(rates: Rates, uncounted: Networks, redis: Option<Connection>) -> Self {
        Self { rates, uncounted, own: Counters::default(), shared: redis, take: Script::new(TAKE) }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// It is one too many; how long to wait.
    pub async fn take(&self, counted: Counted) -> Result<(), Duration> {
        let quota = self.rates.of(&counted);
        match self.shared(&counted, quota).await {
            Some(outcome) => outcome,
            None => self.own.take(counted, quota),
        }
    }

    /// As all nodes count; none where Redis cannot be asked.
    async fn shared(&self, counted: &Counted, quota: Quota) -> Option<Result<(), Duration>> {
        let redis = self.shared.as_ref()?;
        let (key, microseconds) = (format!("marquee:rate:{counted}"), |time: Duration| i64::try_from(time.as_micros()));
        let arguments = [microseconds(quota.interval()).ok()?, microseconds(quota.room()).ok()?];
        match tokio::time::timeout(limits::REDIS, redis.script::<u64>(&self.take, &[&key], &arguments)).await {
            Ok(Ok(0)) => Some(Ok(())),
            Ok(Ok(wait)) => Some(Err(Duration::from_micros(wait))),
            Ok(Err(error)) => {
                tracing::debug!(?error, "counted here, and not in Redis");
                None
            }
            Err(_) => {
                redis.gave_up();
                None
            }
        }
    }
}

/// A region's node that refuses who asks too often.
pub struct Limited<T> {
    node: Arc<dyn Region>,
    limiter: Limiter,
    identity: Identity,
    traffic: Arc<T>,
    metrics: Arc<Metrics>,
}

impl<T: Traffic> Limited<T> {
    /// Before `node` answers, `limiter` is asked whether it may.
    #[must_use]
    pub fn new(node: Arc<dyn Region>, limiter: Limiter, identity: Identity, traffic: Arc<T>, metrics: Arc<Metrics>) -> Self {
        Self { node, limiter, identity, traffic, metrics }
    }

    async fn answer(&self, mut request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
        for counted in self.counted(&mut request).into_iter().flatten() {
            let kind = counted.kind();
            if let Err(wait) = self.limiter.take(counted).await {
                self.metrics.rate_limited(Role::Region, kind);
                return Err(Problem::rate_limited(wait));
            }
        }
        self.node.handle(request).await
    }

    /// What a request counts as. What came through no edge elsewhere, and from no other machine, comes from this node itself.
    fn counted(&self, request: &mut Request<RequestBody>) -> [Option<Counted>; 4] {
        use edge::Components as _;
        let client = edge::client(request.headers());
        let [one, site] = client.map_or([None, None], |client| networks(client, &self.limiter.uncounted));
        let through = request.extensions().get::<Through>().cloned();
        if one.is_none() && through.is_none() {
            return [const { None }; 4];
        }
        let application = self.traffic.current();
        // Where there is no route nobody can guess anything; the node says so.
        let guessable = edge::route(application.routes(), request).is_ok_and(|route| route.rate == Some(Rate::Attempts));
        let attempts = |network| guessable.then_some(Counted::Attempts(network));
        let through = through.filter(|_| guessable).map(|Through(edge)| Counted::EdgeAttempts(edge));
        let user = edge::credential(request.headers()).ok().flatten().and_then(|credential| self.identity.user(credential.token));
        [one.and_then(attempts), site.and_then(attempts), through, user.map(|user| Counted::User(user.into()))]
    }
}

impl<T: Traffic> Region for Limited<T> {
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        Box::pin(self.answer(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge::Components;
    use runtime::{Failure, Routes};

    /// Two routes; at one of them something can be guessed.
    struct Fake(Routes);

    impl Components for Fake {
        fn routes(&self) -> &Routes {
            &self.0
        }

        async fn handle(&self, _component: &str, _request: Request<RequestBody>) -> Result<Response<Body>, Failure> {
            Err(Failure::Overloaded)
        }
    }

    struct Current(Arc<Fake>);

    impl Traffic for Current {
        type Components = Fake;

        fn current(&self) -> Arc<Fake> {
            Arc::clone(&self.0)
        }
    }

    struct Answers;

    impl Region for Answers {
        fn handle(&self, _request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
            Box::pin(async { Ok(Response::new(Body::empty())) })
        }
    }

    const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "a"
version = "1.0.0"
[[trigger.http]]
route = "/login"
component = "c"
[[trigger.http]]
route = "/read"
component = "c"
[component.c]
source = "c.wasm"
[component.c.tool.marquee.routes]
"POST /login" = { runs = "accounts", rate = "attempts" }
"GET /read" = { runs = "accounts" }
"#;

    fn limited(rates: Rates) -> Limited<Current> {
        let sources = runtime::VariableSources::from_environment();
        let manifest = runtime::Manifest::parse(MANIFEST, std::path::Path::new("spin.toml"), &sources).unwrap();
        let traffic = Arc::new(Current(Arc::new(Fake(manifest.routes))));
        let metrics = Arc::new(Metrics::new().unwrap());
        Limited::new(Arc::new(Answers), Limiter::new(rates, Networks::loopback(), None), Identity::new("eu"), traffic, metrics)
    }

    async fn ask(limited: &Limited<Current>, method: &str, path: &str, client: Option<&str>, through: Option<&str>) -> bool {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(client) = client {
            request = request.header("spin-client-addr", client);
        }
        if let Some(edge) = through {
            request = request.extension(Through(edge.into()));
        }
        limited.handle(request.body(runtime::empty()).unwrap()).await.is_ok()
    }

    #[tokio::test]
    async fn an_edge_that_makes_up_addresses_has_no_more_tries() {
        let quota = |burst| Quota { per_minute: 1, burst };
        let rates = Rates { attempts: quota(2), edge_attempts: quota(8), ..Rates::default() };
        let limited = limited(rates);
        // Each address has its own, through whichever edge.
        for (edge, expected) in [("edge-0", true), ("edge-1", true), ("edge-0", false)] {
            assert_eq!(ask(&limited, "POST", "/login", Some("192.0.2.1:9"), Some(edge)).await, expected);
        }
        // A new one each time, none, this machine's own, nonsense: it is the same edge.
        let mut through = 0;
        for n in 0..40 {
            let made_up = [Some(format!("192.0.2.{n}:1")), None, Some("127.0.0.1:1".to_owned()), Some("x".to_owned())];
            for client in made_up {
                through += usize::from(ask(&limited, "POST", "/login", client.as_deref(), Some("edge-0")).await);
            }
        }
        // One was counted before.
        assert!(through <= 7, "{through}");
        // It takes them from nobody else, and nothing else from anybody.
        assert!(ask(&limited, "POST", "/login", Some("198.51.100.1:1"), Some("edge-1")).await);
        assert!(ask(&limited, "GET", "/read", Some("198.51.100.2:1"), Some("edge-0")).await);
        // What comes from this machine itself is its owner's.
        for _ in 0..20 {
            assert!(ask(&limited, "POST", "/login", Some("127.0.0.1:1"), None).await);
        }
    }
}
