//! A version of the application in one role: what the role offers its components, and their instances.

use crate::accounts::AccountsInstances;
use crate::consumer::ConsumerInstance;
use crate::counters::{Counters, Counts};
use crate::handler::{Handler, ResponseBody, Stats};
use crate::instance::Template;
use crate::ledger::LedgerInstance;
use crate::limits;
use crate::version::Version;
use capabilities::Bindings;
use contracts::{AccountsComponent, Components, Failure, HostRoute, RequestBody, empty};
use http::{Request, Response, StatusCode};
use manifest::{Component, Routes};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A [`Version`] with one role's [`Bindings`]. Several in a process share the version's compiled code; instances are
/// each one's own. When the last reference goes, so do its idle instances; busy ones finish first.
pub struct Application {
    version: Arc<Version>,
    bindings: Bindings,
    handlers: BTreeMap<String, Handler>,
    accounts: Option<AccountsInstances>,
    counters: Arc<Counters>,
    /// Whether it has shown that it can answer.
    checked: AtomicBool,
    _retire: DropGuard,
}

/// A request that a version must answer before it gets traffic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Probe {
    /// The component.
    pub component: String,
    /// A path that it answers to GET.
    pub path: String,
}

impl Application {
    /// A version in a role. No instance is made before the first request.
    #[must_use]
    pub fn new(version: Arc<Version>, bindings: Bindings) -> Arc<Self> {
        let retired = CancellationToken::new();
        let (mut handlers, mut accounts) = (BTreeMap::new(), None);
        let counters = Arc::new(Counters::default());
        let template = |component| Template::new(component, version.engine(), &bindings, &counters);
        for (component, loaded) in version.loaded() {
            if let Some(pre) = &loaded.exports.http {
                let template = Arc::new(template(component));
                handlers.insert(component.name.clone(), Handler::new(template, pre, &retired));
            }
            if let Some(pre) = &loaded.exports.accounts {
                accounts = Some(AccountsInstances::new(template(component), pre.clone()));
            }
        }
        let checked = AtomicBool::new(false);
        Arc::new(Self { version, bindings, handlers, accounts, counters, checked, _retire: retired.drop_guard() })
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// Which component answers what, and how.
    #[must_use]
    pub fn routes(&self) -> &Routes {
        &self.version.manifest().routes
    }

    /// Has a component answer a request. The response comes as soon as the guest has begun it; its body follows.
    ///
    /// Where the request's target names no host, its `Host` header is taken, and `http` as the scheme.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn handle(&self, component: &str, request: Request<RequestBody>) -> Result<Response<ResponseBody>, Failure> {
        let counted = self.counters.begin();
        let answered = self.answer(component, request).await;
        counted.end(answered.as_ref().map_or_else(Failure::status, Response::status).is_server_error());
        answered
    }

    async fn answer(&self, component: &str, request: Request<RequestBody>) -> Result<Response<ResponseBody>, Failure> {
        match self.handlers.get(component) {
            Some(handler) => handler.handle(request).await,
            None => Err(Failure::NoComponent(component.into())),
        }
    }

    /// What it has done until now, but for [probes](Self::check): those are nobody's requests.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.counts()
    }

    /// Whether it has been [checked](Self::check), and found healthy.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.checked.load(Ordering::Acquire)
    }

    fn template(&self, component: &Component) -> Template {
        Template::new(component, self.version.engine(), &self.bindings, &self.counters)
    }

    /// The components that apply what has come due, and the paths to post to.
    pub fn ticks(&self) -> impl Iterator<Item = HostRoute> {
        let manifest = self.version.manifest();
        manifest.routes.ticks().filter_map(|(name, path)| Some(HostRoute::of(manifest.components.get(name)?, path)))
    }

    /// A driver for the component that exports `marquee:booking/ledger`; none where no component does, as when it is
    /// composed in.
    #[must_use]
    pub fn ledger(&self) -> Option<LedgerInstance> {
        self.version.loaded().find_map(|(component, loaded)| {
            let pre = loaded.exports.ledger.clone()?;
            Some(LedgerInstance::new(self.template(component), pre))
        })
    }

    /// A driver for the component that exports `marquee:kafka/consumer`; none where no component does.
    #[must_use]
    pub fn consumer(&self) -> Option<ConsumerInstance> {
        self.version.loaded().find_map(|(component, loaded)| {
            let pre = loaded.exports.consumer.clone()?;
            Some(ConsumerInstance::new(self.template(component), pre))
        })
    }

    /// The component that exports `marquee:accounts`; none where no component does.
    #[must_use]
    pub fn accounts(&self) -> Option<&AccountsInstances> {
        self.accounts.as_ref()
    }

    /// Requests and instances of every component that answers HTTP.
    pub fn stats(&self) -> impl Iterator<Item = (&str, Stats)> {
        self.handlers.iter().map(|(name, handler)| (name.as_str(), handler.stats()))
    }

    /// Makes an instance of every component, and sends the probes: each must be answered, and not with a 500.
    ///
    /// # Errors
    /// The first component that fails, and how.
    pub async fn check(&self, probes: &[Probe]) -> Result<(), Unhealthy> {
        let unhealthy = |component: &str, reason: String| Unhealthy { component: component.to_owned(), reason };
        for (name, handler) in &self.handlers {
            handler.check().await.map_err(|failure| unhealthy(name, failure.to_string()))?;
        }
        if let Some(ledger) = self.ledger() {
            ledger.check().await.map_err(|failure| unhealthy("ledger", failure.to_string()))?;
        }
        if let Some(consumer) = self.consumer() {
            consumer.check().await.map_err(|failure| unhealthy("consumer", failure.to_string()))?;
        }
        if let Some(accounts) = &self.accounts {
            accounts.check().await.map_err(|failure| unhealthy("accounts", failure.to_string()))?;
        }
        for probe in probes {
            self.probe(probe).await.map_err(|reason| unhealthy(&probe.component, reason))?;
        }
        self.checked.store(true, Ordering::Release);
        Ok(())
    }

    async fn probe(&self, probe: &Probe) -> Result<(), String> {
        let target = format!("http://localhost{}", probe.path);
        let request = Request::get(target).body(empty()).map_err(|error| format!("GET {}: {error}", probe.path))?;
        let answer = tokio::time::timeout(limits::HEALTH_CHECK, self.answer(&probe.component, request)).await;
        match answer {
            Err(_) => Err(format!("GET {}: no answer", probe.path)),
            Ok(Err(failure)) => Err(format!("GET {}: {failure}", probe.path)),
            Ok(Ok(response)) if response.status() == StatusCode::INTERNAL_SERVER_ERROR => {
                Err(format!("GET {}: {}", probe.path, response.status()))
            }
            Ok(Ok(_)) => Ok(()),
        }
    }
}

impl Components for Application {
    type Answer = ResponseBody;

    fn routes(&self) -> &Routes {
        Self::routes(self)
    }

    fn version(&self) -> u64 {
        self.version.number()
    }

    async fn handle(&self, component: &str, request: Request<RequestBody>) -> Result<Response<ResponseBody>, Failure> {
        Self::handle(self, component, request).await
    }

    fn ticks(&self) -> Vec<HostRoute> {
        Self::ticks(self).collect()
    }

    fn accounts(&self) -> Option<&dyn AccountsComponent> {
        Self::accounts(self).map(|instances| instances as &dyn AccountsComponent)
    }
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Why a version gets no traffic.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("component {component} is not fit for traffic: {reason}")]
pub struct Unhealthy {
    /// The component.
    pub component: String,
    /// What it did.
    pub reason: String,
}
