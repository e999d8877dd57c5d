//! Prometheus metrics: one registry a node, every label from a closed set.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::Error;
use crate::breaker::BreakerCounts;
use crate::breakers::{BreakerLine, Breakers};
use crate::kubernetes::Kubernetes;
use crate::limits::{BATCH_BUCKETS, DURATION_BUCKETS, LABEL_SETS};
use crate::streams::Streams;

/// In what part of a node a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An edge's listener.
    Edge,
    /// The region, on behalf of an edge.
    Region,
}

impl Role {
    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Region => "region",
        }
    }
}

/// How a component failed a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It trapped: answered 502.
    Trap,
    /// It ran out of its time: 504.
    Timeout,
    /// It ran out of its memory: 503.
    Memory,
    /// No instance could be had: 503.
    Unavailable,
}

impl FailureKind {
    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What a request is counted under.
#[derive(Clone, Copy, Debug)]
pub struct RequestLabels<'a> {
    /// The route's template from the manifest, never the path itself.
    pub route: &'a str,
    /// The method as received.
    pub method: &'a str,
    /// The answer's status code.
    pub status: u16,
    /// Who answered.
    pub role: Role,
}

type Hook = Box<dyn Fn(&Metrics) + Send + Sync>;

/// The node's metrics. Share it by `Arc`.
pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    in_flight: IntGaugeVec,
    batch_size: Histogram,
    apply: Histogram,
    feed_position: IntGaugeVec,
    replica_age: GaugeVec,
    replica_bytes: IntGaugeVec,
    replica_events: IntGaugeVec,
    replica_left_out: IntGaugeVec,
    failures: IntCounterVec,
    tick_failures: IntCounterVec,
    rate_limited: IntCounterVec,
    live_sockets: IntGaugeVec,
    live_updates: IntCounterVec,
    breakers: GaugeVec,
    breaker_calls: IntCounterVec,
    /// Held while breakers are copied into their families.
    copying: Mutex<()>,
    guards: Breakers,
    calls: IntCounterVec,
    merged: Histogram,
    streams: Streams,
    routes: RwLock<HashSet<Box<str>>>,
    hooks: RwLock<Vec<Hook>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// A registry with every family of ours in it.
    pub fn new() -> Result<Self, Error> {
        let histogram = |name: &str, help: &str, buckets: &[f64]| HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let registry = Registry::new();
        let made = Self {
            streams: Streams::new(&registry)?,
            registry,
            requests: HistogramVec::new(
                histogram(
                    "http_server_request_duration_seconds",
                    "From a request's head to its answer's head.",
                    DURATION_BUCKETS,
                ),
                &["http_route", "http_request_method", "status_class", "role"],
            )?,
            in_flight: IntGaugeVec::new(Opts::new("http_server_active_requests", "Requests being answered now."), &["role"])?,
            batch_size: Histogram::with_opts(histogram(
                "marquee_ledger_batch_size",
                "Commands in one transaction of the ledger.",
                BATCH_BUCKETS,
            ))?,
            apply: Histogram::with_opts(histogram(
                "marquee_ledger_apply_duration_seconds",
                "From a batch's start to its commit.",
                DURATION_BUCKETS,
            ))?,
            feed_position: IntGaugeVec::new(
                Opts::new("marquee_feed_position", "The last position of a region's journal that a node's replica has applied."),
                &["node", "region"],
            )?,
            replica_age: GaugeVec::new(
                Opts::new("marquee_replica_age_seconds", "How long ago a node's view of a region was last known to be current."),
                &["node", "region"],
            )?,
            replica_bytes: IntGaugeVec::new(
                Opts::new("marquee_replica_bytes", "What events take in a node's replica, roughly."),
                &["node"],
            )?,
            replica_events: IntGaugeVec::new(Opts::new("marquee_replica_events", "Events in a node's replica."), &["node"])?,
            replica_left_out: IntGaugeVec::new(
                Opts::new("marquee_replica_left_out", "Events that a node's replica has no room for: their regions answer."),
                &["node"],
            )?,
            failures: IntCounterVec::new(
                Opts::new("marquee_wasm_failures_total", "Requests that a component failed, by how."),
                &["component", "kind"],
            )?,
            tick_failures: IntCounterVec::new(
                Opts::new("marquee_tick_failures_total", "Ticks that a component did not answer with 200."),
                &["component"],
            )?,
            rate_limited: IntCounterVec::new(
                Opts::new("marquee_rate_limited_total", "Requests that were one too many, by whose."),
                &["role", "by"],
            )?,
            live_sockets: IntGaugeVec::new(
                Opts::new("marquee_live_sockets", "Sockets of the live channel that are open now, by how they are spoken to."),
                &["transport"],
            )?,
            live_updates: IntCounterVec::new(
                Opts::new("marquee_live_updates_total", "Updates of the live channel, by what became of them."),
                &["outcome"],
            )?,
            breakers: GaugeVec::new(
                Opts::new(
                    "marquee_circuit_breaker_state",
                    "Whether something outside is left alone: 0 closed, 0.5 half open, 1 open.",
                ),
                &["breaker"],
            )?,
            breaker_calls: IntCounterVec::new(
                Opts::new("marquee_circuit_breaker_calls_total", "Calls of things outside, by what came of them."),
                &["breaker", "outcome"],
            )?,
            copying: Mutex::default(),
            calls: IntCounterVec::new(
                Opts::new("marquee_fleet_requests_total", "Requests to nodes of a region, by what came of them."),
                &["region", "kind", "outcome"],
            )?,
            merged: Histogram::with_opts(histogram(
                "marquee_fleet_merged_commands",
                "Commands of concurrent callers in one request to a region.",
                BATCH_BUCKETS,
            ))?,
            guards: Breakers::default(),
            routes: RwLock::default(),
            hooks: RwLock::default(),
        };
        made.registry.register(Box::new(made.requests.clone()))?;
        made.registry.register(Box::new(made.in_flight.clone()))?;
        made.registry.register(Box::new(made.batch_size.clone()))?;
        made.registry.register(Box::new(made.apply.clone()))?;
        made.registry.register(Box::new(made.feed_position.clone()))?;
        made.registry.register(Box::new(made.replica_age.clone()))?;
        made.registry.register(Box::new(made.replica_bytes.clone()))?;
        made.registry.register(Box::new(made.replica_events.clone()))?;
        made.registry.register(Box::new(made.replica_left_out.clone()))?;
        made.registry.register(Box::new(made.failures.clone()))?;
        made.registry.register(Box::new(made.tick_failures.clone()))?;
        made.registry.register(Box::new(made.rate_limited.clone()))?;
        made.registry.register(Box::new(made.live_sockets.clone()))?;
        made.registry.register(Box::new(made.live_updates.clone()))?;
        made.registry.register(Box::new(made.breakers.clone()))?;
        made.registry.register(Box::new(made.breaker_calls.clone()))?;
        made.registry.register(Box::new(made.calls.clone()))?;
        made.registry.register(Box::new(made.merged.clone()))?;
        Ok(made)
    }

    /// Counts an answered request.
    pub fn request(&self, labels: RequestLabels<'_>, took: Duration) {
        let route = self.bounded(labels.route);
        self.requests
            .with_label_values(&[route, method(labels.method), class(labels.status), labels.role.as_str()])
            .observe(took.as_secs_f64());
    }

    /// Counts a request in flight for as long as the guard lives.
    #[must_use]
    pub fn enter(&self, role: Role) -> InFlight {
        let gauge = self.in_flight.with_label_values(&[role.as_str()]);
        gauge.inc();
        InFlight(gauge)
    }

    /// Counts a batch the ledger has applied.
    pub fn ledger_batch(&self, commands: usize, took: Duration) {
        self.batch_size.observe(f64::from(u32::try_from(commands).unwrap_or(u32::MAX)));
        self.apply.observe(took.as_secs_f64());
    }

    /// Says how far a node's view of a region is. `node` and `region` come from the configuration.
    pub fn replica(&self, node: &str, region: &str, position: i64, age: Option<Duration>) {
        self.feed_position.with_label_values(&[node, region]).set(position);
        // A view that never saw anything is infinitely old.
        self.replica_age.with_label_values(&[node, region]).set(age.map_or(f64::INFINITY, |age| age.as_secs_f64()));
    }

    /// Says how much a node's replica holds, and what it has no room for. `node` comes from the configuration.
    pub fn replica_size(&self, node: &str, bytes: usize, events: usize, left_out: usize) {
        for (gauge, count) in [(&self.replica_bytes, bytes), (&self.replica_events, events), (&self.replica_left_out, left_out)] {
            gauge.with_label_values(&[node]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Counts a request that a component failed. `component` comes from the manifest.
    pub fn wasm_failure(&self, component: &str, kind: FailureKind) {
        self.failures.with_label_values(&[component, kind.as_str()]).inc();
    }

    /// Counts a tick that failed. `component` comes from the manifest.
    pub fn tick_failure(&self, component: &str) {
        self.tick_failures.with_label_values(&[component]).inc();
    }

    /// Counts a request that was refused because it was one too many. `by` is of a closed set.
    pub fn rate_limited(&self, role: Role, by: &'static str) {
        self.rate_limited.with_label_values(&[role.as_str(), by]).inc();
    }

    /// Counts sockets of the live channel that were opened, or closed where it is less than 0. `transport` is of a closed set.
    pub fn live_sockets(&self, transport: &'static str, more: i64) {
        self.live_sockets.with_label_values(&[transport]).add(more);
    }

    /// Counts updates of the live channel. `outcome` is of a closed set.
    pub fn live_updates(&self, outcome: &'static str, updates: u64) {
        self.live_updates.with_label_values(&[outcome]).inc_by(updates);
    }

    /// The node's circuit breakers, which are metrics as well.
    #[must_use]
    pub fn breakers(&self) -> &Breakers {
        &self.guards
    }

    /// Counts a request to a node of a region. `region` comes from the configuration; `kind` and `outcome` are of closed sets.
    pub fn fleet_request(&self, region: &str, kind: &'static str, outcome: &'static str) {
        self.calls.with_label_values(&[region, kind, outcome]).inc();
    }

    /// Counts the commands of a request to a region.
    pub fn merged_commands(&self, commands: usize) {
        self.merged.observe(f64::from(u32::try_from(commands).unwrap_or(u32::MAX)));
    }

    /// What goes through Kafka and RabbitMQ.
    #[must_use]
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Shows one more family.
    pub(crate) fn add(&self, family: Box<dyn Collector>) -> Result<(), Error> {
        Ok(self.registry.register(family)?)
    }

    /// Those of a process that reconciles objects of Kubernetes; once.
    ///
    /// # Errors
    /// Where they are there already.
    pub fn kubernetes(&self) -> Result<Kubernetes, Error> {
        Kubernetes::new(&self.registry)
    }

    /// Runs `hook` before every scrape: for gauges that are cheap to read and change all the time.
    pub fn before_scrape(&self, hook: impl Fn(&Self) + Send + Sync + 'static) {
        self.hooks.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// The metrics in Prometheus' text form.
    pub fn render(&self) -> Result<Vec<u8>, Error> {
        for hook in self.hooks.read().unwrap_or_else(PoisonError::into_inner).iter() {
            hook(self);
        }
        let families = {
            let _alone = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
            self.copy_breakers();
            self.registry.gather()
        };
        let mut text = Vec::with_capacity(16 * 1024);
        TextEncoder::new().encode(&families, &mut text)?;
        Ok(text)
    }

    /// Says how breakers are. Anew each time: those that are no more, because their address is used no more, must not stay.
    fn copy_breakers(&self) {
        self.breakers.reset();
        self.breaker_calls.reset();
        for BreakerLine { name, state, counts } in self.guards.lines() {
            let gauge = self.breakers.with_label_values(&[&name]);
            // Of several with one name, the worst.
            gauge.set(gauge.get().max(state.as_number()));
            let Some(BreakerCounts { succeeded, failed, rejected }) = counts else { continue };
            for (outcome, count) in [("succeeded", succeeded), ("failed", failed), ("rejected", rejected)] {
                self.breaker_calls.with_label_values(&[name.as_str(), outcome]).inc_by(count);
            }
        }
    }

    /// A route's label. Templates come from manifests, which may be switched while the node runs: their number stays bounded.
    fn bounded<'a>(&self, route: &'a str) -> &'a str {
        {
            let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
            if routes.contains(route) {
                return route;
            }
            if routes.len() >= LABEL_SETS {
                return "other";
            }
        }
        self.routes.write().unwrap_or_else(PoisonError::into_inner).insert(route.into());
        route
    }
}

/// One request in flight; dropped when it has been answered.
#[derive(Debug)]
pub struct InFlight(prometheus::IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn method(received: &str) -> &'static str {
    match received {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

const fn class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metrics: &Metrics) -> String {
        String::from_utf8(metrics.render().unwrap()).unwrap()
    }

    #[test]
    fn a_request_is_counted_under_its_template_and_class() {
        let metrics = Metrics::new().unwrap();
        let labels = RequestLabels { route: "/api/events/...", method: "GET", status: 404, role: Role::Edge };
        metrics.request(labels, Duration::from_millis(3));
        metrics.request(RequestLabels { method: "BREW", ..labels }, Duration::from_millis(3));
        let text = text(&metrics);
        let count = "http_server_request_duration_seconds_count{http_request_method=";
        assert!(
            text.contains(&format!("{count}\"GET\",http_route=\"/api/events/...\",role=\"edge\",status_class=\"4xx\"}} 1")),
            "{text}"
        );
        assert!(text.contains(&format!("{count}\"_OTHER\"")), "{text}");
    }

    #[test]
    fn routes_stay_bounded() {
        let metrics = Metrics::new().unwrap();
        for n in 0..LABEL_SETS + 10 {
            let route = format!("/r{n}");
            metrics.request(RequestLabels { route: &route, method: "GET", status: 200, role: Role::Edge }, Duration::ZERO);
        }
        let text = text(&metrics);
        assert!(text.contains("http_route=\"other\""));
        assert!(!text.contains(&format!("http_route=\"/r{}\"", LABEL_SETS + 5)));
    }

    #[test]
    fn in_flight_goes_back_to_zero() {
        let metrics = Metrics::new().unwrap();
        let one = metrics.enter(Role::Edge);
        assert!(text(&metrics).contains("http_server_active_requests{role=\"edge\"} 1"));
        drop(one);
        assert!(text(&metrics).contains("http_server_active_requests{role=\"edge\"} 0"));
    }

    #[test]
    fn hooks_run_before_a_scrape() {
        let metrics = Metrics::new().unwrap();
        metrics.before_scrape(|metrics| metrics.replica("edge-0", "eu", 17, Some(Duration::from_millis(1500))));
        let text = text(&metrics);
        assert!(text.contains("marquee_feed_position{node=\"edge-0\",region=\"eu\"} 17"), "{text}");
        assert!(text.contains("marquee_replica_age_seconds{node=\"edge-0\",region=\"eu\"} 1.5"), "{text}");
    }
}
