//! How often somebody may ask of a region, whichever of its nodes answers.
//!
//! What edges hand over is counted here: by user, and by address where something can be guessed. (By address alone edges count, each for itself: a
//! region sees only what they let through.) With Redis all nodes count as one. Without it, or while it cannot be asked, each counts by itself, so that
//! `n` nodes let through `n` times as much, and nobody is refused for an outage. What Redis has forgotten is forgiven.

use std::sync::Arc;

use capabilities::redis::{Connection, Script};
use edge::rates::{Counted, Counters, Quota, Rates, networks};
use edge::{Body, Identity, Networks, Problem, Region, Traffic};
use futures::future::BoxFuture;
use http::{Request, Response};
use runtime::RequestBody;
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

    async fn answer(&self, request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
        for counted in self.counted(&request).into_iter().flatten() {
            let kind = counted.kind();
            if let Err(wait) = self.limiter.take(counted).await {
                self.metrics.rate_limited(Role::Region, kind);
                return Err(Problem::rate_limited(wait));
            }
        }
        self.node.handle(request).await
    }

    /// What a request counts as. What no edge has written its client into comes from this node itself.
    fn counted(&self, request: &Request<RequestBody>) -> [Option<Counted>; 3] {
        use edge::Components as _;
        let client = edge::client(request.headers());
        let [one, site] = client.map_or([None, None], |client| networks(client, &self.limiter.uncounted));
        if one.is_none() {
            return [None, None, None];
        }
        let application = self.traffic.current();
        let target = application.routes().find(request.method(), request.uri().path());
        let attempts = |network| target.is_some_and(|target| target.attempts).then_some(Counted::Attempts(network));
        let user = edge::bearer(request.headers()).ok().flatten().and_then(|token| self.identity.user(token));
        [one.and_then(attempts), site.and_then(attempts), user.map(|user| Counted::User(user.into()))]
    }
}

impl<T: Traffic> Region for Limited<T> {
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        Box::pin(self.answer(request))
    }
}
