//! Brings what objects declare to the fleet, and how the fleet is to objects.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use control::{Changes, Control, Declaration, Declared, Refusal};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use k8s_openapi::api::events::v1::Event;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use rollout::protocol::{ReleaseId, Value as Variable};
use serde::Deserialize as _;
use serde_json::json;
use telemetry::{Finding, Health, Kubernetes, Needed};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::decide::{Next, Seen};
use crate::error::Error;
use crate::events::{Notice, REPORTER};
use crate::limits;
use crate::objects::{self, Objects, bounded};
use crate::resource::{self, Spec};
use crate::status::{Status, Verdict};

/// Reconciles objects of one namespace.
pub struct Reconciler {
    control: Control,
    client: Client,
    namespace: String,
    metrics: Kubernetes,
    known: watch::Sender<Objects>,
}

impl std::fmt::Debug for Reconciler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reconciler").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// How the server of Kubernetes' API is reached, and which namespace is meant.
#[derive(Clone, Debug)]
pub struct Access(kube::Config);

impl Access {
    /// As the kubeconfig says that `KUBECONFIG` names, or that is in the home folder; else as the pod's service account.
    ///
    /// # Errors
    /// Where there is neither. Whether the server answers is not asked.
    pub async fn find() -> Result<Self, Error> {
        let found = kube::Config::infer().await.map_err(|error| Error::Unknown(error.to_string()))?;
        Ok(found.into())
    }
}

impl From<kube::Config> for Access {
    fn from(mut config: kube::Config) -> Self {
        config.connect_timeout = Some(limits::CALL);
        config.read_timeout = Some(limits::SILENT);
        config.write_timeout = Some(limits::CALL);
        Self(config)
    }
}

impl Reconciler {
    /// Reconciles objects by what this instance of the control plane may do.
    ///
    /// # Errors
    /// Where what is known of the server is of no use.
    pub fn new(control: Control, access: Access, metrics: Kubernetes) -> Result<Self, Error> {
        let namespace = access.0.default_namespace.clone();
        let known = watch::Sender::new(Objects::None);
        Ok(Self { control, client: Client::try_from(access.0)?, namespace, metrics, known })
    }

    /// Says whether the server answers. Nothing else needs it to.
    pub fn register(&self, health: &Health) {
        let known = self.known.clone();
        health.register("kubernetes", Needed::Information, move || match &*known.borrow() {
            Some(objects) => Finding::up(format!("{} objects are followed", objects.len())),
            None => Finding::degraded("the server of Kubernetes' API does not answer: objects wait, and rollouts go on"),
        });
    }

    /// Reconciles until `stop`, where this instance acts. Without the server rollouts go on.
    pub async fn run(self, stop: CancellationToken) {
        let known = self.known.clone();
        let api = Api::namespaced_with(self.client.clone(), &self.namespace, &resource::api());
        tracing::info!(namespace = self.namespace, kind = resource::KIND, "follows objects of Kubernetes");
        let (changes, objects) = (self.control.changes(), known.subscribe());
        let passes = Passes { of: &self, api: api.clone(), deploying: JoinSet::new(), memory: BTreeMap::new(), said: None };
        tokio::join!(objects::follow(api, &known, &self.metrics, &stop), passes.run(objects, changes, &stop));
    }
}

/// What is known of an object between two passes. All of it can be found out again.
#[derive(Debug, Default)]
struct Memory {
    /// Why what it wants could not be begun, and when that is tried again.
    refused: Option<Refused>,
    /// Its release's version, as the application calls it.
    version: Option<(ReleaseId, String)>,
    /// Names of events that have been told.
    told: BTreeSet<String>,
}

#[derive(Clone, Debug)]
struct Refused {
    want: String,
    refusal: Refusal,
    pause: Duration,
    again: Instant,
}

/// What came of a deployment.
struct Outcome {
    uid: String,
    want: String,
    done: Result<Declared, Refusal>,
}

struct Passes<'a> {
    of: &'a Reconciler,
    api: Api<DynamicObject>,
    /// At most one: it may take as long as a version takes to be fetched.
    deploying: JoinSet<Outcome>,
    memory: BTreeMap<String, Memory>,
    said: Option<String>,
}

impl Passes<'_> {
    async fn run(mut self, mut objects: watch::Receiver<Objects>, mut changes: Changes, stop: &CancellationToken) {
        loop {
            let now = Instant::now();
            let again = self.memory.values().filter_map(|memory| memory.refused.as_ref()).map(|refused| refused.again);
            let next = again.filter(|again| *again > now).chain([now + limits::LOOK]).min().unwrap_or(now);
            tokio::select! {
                () = stop.cancelled() => return,
                changed = objects.changed() => if changed.is_err() { return },
                () = changes.next() => {}
                Some(outcome) = self.deploying.join_next() => if let Ok(outcome) = outcome { self.take(outcome) },
                () = tokio::time::sleep_until(next) => {}
            }
            // What changes in the meantime is looked at together.
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(limits::PASS) => {}
            }
            let known = objects.borrow_and_update().clone();
            let Some(known) = known.filter(|_| self.of.control.acts()) else { continue };
            match self.pass(&known).await {
                Ok(()) => self.said = None,
                Err(error) => {
                    let error = error.to_string();
                    if self.said.as_ref() != Some(&error) {
                        tracing::warn!(error, "objects of Kubernetes could not be reconciled: it is tried again");
                        self.said = Some(error);
                    }
                }
            }
        }
    }

    /// Takes what came of a deployment.
    fn take(&mut self, outcome: Outcome) {
        let Outcome { uid, want, done } = outcome;
        let memory = self.memory.entry(uid).or_default();
        memory.refused = done.err().map(|refusal| {
            let (first, most) = if refusal.may_pass { limits::RETRY } else { limits::RETRY_REFUSED };
            let before =
                memory.refused.take().filter(|before| before.want == want && before.refusal.may_pass == refusal.may_pass);
            if before.as_ref().is_none_or(|before| before.refusal != refusal) {
                let reason = &refusal.reason;
                tracing::warn!(
                    reason,
                    "what an object of Kubernetes declares cannot be begun: it is tried again, with growing pauses"
                );
            }
            let pause = before.map_or(first, |before| before.pause.saturating_mul(2).min(most));
            Refused { want, refusal, pause, again: Instant::now() + telemetry::jittered(pause) }
        });
    }

    async fn pass(&mut self, known: &BTreeMap<String, DynamicObject>) -> Result<(), Error> {
        self.memory.retain(|uid, _| known.contains_key(uid));
        // Who is being deleted says nothing any more.
        let mut all: Vec<(&String, &DynamicObject)> =
            known.iter().filter(|(_, object)| object.metadata.deletion_timestamp.is_none()).collect();
        all.sort_by_key(|(uid, object)| (object.metadata.creation_timestamp.as_ref().map(|at| at.0), (*uid).clone()));
        let mut all = all.into_iter();
        let Some((uid, holder)) = all.next() else { return Ok(()) };
        let held = self.reconcile(uid, holder).await;
        let name = holder.metadata.name.clone().unwrap_or_default();
        for (uid, object) in all {
            self.write(uid, object, Status::of(generation(object), &Verdict::not_this_one(&name))).await?;
        }
        held
    }

    async fn reconcile(&mut self, uid: &str, object: &DynamicObject) -> Result<(), Error> {
        let (control, generation) = (&self.of.control, generation(object));
        let raw = object.data.get("spec").cloned().unwrap_or_default();
        let (spec, want) = match Spec::read(&raw) {
            Ok(spec) => (spec, Spec::want(&raw)),
            Err(reason) => return self.write(uid, object, Status::of(generation, &Verdict::invalid(reason))).await,
        };
        let mut declared = control.declared(uid).await?;
        let mut fleet = control.fleet().await?;
        let seen = Seen { generation, spec: &spec, want: &want, declared: declared.as_ref(), fleet: &fleet };
        if seen.is_old() {
            return Ok(());
        }
        let next = seen.next();
        let unsaid = self.act(uid, object, &seen, &next).await?.err();
        if !matches!(next, Next::Nothing | Next::Begin) {
            declared = control.declared(uid).await?;
            fleet = control.fleet().await?;
        }
        let seen = Seen { generation, spec: &spec, want: &want, declared: declared.as_ref(), fleet: &fleet };
        let version = self.version(uid, &seen).await?;
        let refused = self.memory.get(uid).and_then(|memory| memory.refused.as_ref()).filter(|refused| refused.want == want);
        let refusal = refused.map(|refused| refused.refusal.clone()).filter(|_| seen.is_new()).or(unsaid);
        let written = self.write(uid, object, Status::read(&seen, version.as_deref(), refusal.as_ref())).await;
        self.tell(uid, object, &seen, refusal.as_ref()).await?;
        written
    }

    /// Does what is next. What is refused is not an error.
    async fn act(
        &mut self,
        uid: &str,
        object: &DynamicObject,
        seen: &Seen<'_>,
        next: &Next,
    ) -> Result<Result<(), Refusal>, Error> {
        let (control, who) = (&self.of.control, actor(object));
        if let Some((release, verb, stage)) = next.word() {
            let said = control.say(&who, release, verb, stage).await;
            if said.is_err() {
                return Ok(said);
            }
        }
        match next {
            Next::Begin => self.begin(uid, seen, who).await,
            Next::Pause(_, paused) | Next::Note(paused) => {
                if let Some(declared) = seen.declared {
                    control.note_paused(uid, declared.generation, *paused).await?;
                }
            }
            Next::Nothing | Next::Supersede(_) | Next::Promote(..) => {}
        }
        Ok(Ok(()))
    }

    /// Has what an object wants begun, unless that is being done, or has just been refused.
    async fn begin(&mut self, uid: &str, seen: &Seen<'_>, who: String) {
        let refused = self.memory.get(uid).and_then(|memory| memory.refused.as_ref());
        let waits = refused.is_some_and(|refused| refused.want == seen.want && Instant::now() < refused.again);
        if waits || !self.deploying.is_empty() {
            return;
        }
        let (control, uid, want) = (self.of.control.clone(), uid.to_owned(), seen.want.to_owned());
        let (plan, variables) = match self.wanted(seen.spec).await {
            Ok(wanted) => wanted,
            Err(refusal) => {
                self.take(Outcome { uid, want, done: Err(refusal) });
                return;
            }
        };
        let (reference, generation) = (seen.spec.reference.clone(), seen.generation);
        tracing::info!(object = who, generation, reference, "an object of Kubernetes declares another release");
        let declaration = Declaration { object: uid.clone(), generation, want: want.clone(), reference, variables, plan };
        self.deploying.spawn(async move { Outcome { uid, want, done: control.declare(&who, &declaration).await } });
    }

    /// The plan and the variables.
    async fn wanted(&self, spec: &Spec) -> Result<(String, BTreeMap<String, Variable>), Refusal> {
        let read = match &spec.plan_from {
            None => None,
            Some(from) => Some(self.config_map(&from.config_map_key_ref).await?),
        };
        let wanted = spec.plan(read.as_deref()).and_then(|plan| Ok((plan, spec.variables()?)));
        wanted.map_err(|reason| Refusal { may_pass: false, reason })
    }

    /// A key of a ConfigMap.
    async fn config_map(&self, from: &resource::KeyRef) -> Result<String, Refusal> {
        let api: Api<ConfigMap> = Api::namespaced(self.of.client.clone(), &self.of.namespace);
        let (name, key) = (&from.name, &from.key);
        let found = bounded(api.get_opt(name)).await.map_err(|error| {
            self.of.metrics.failed("configmap");
            Refusal { may_pass: true, reason: format!("the plan in ConfigMap {name} cannot be read: {error}") }
        })?;
        let reason = match found.and_then(|map| map.data?.remove(key)) {
            Some(text) if text.len() <= limits::PLAN_BYTES => return Ok(text),
            Some(text) => {
                format!("the plan in ConfigMap {name} has {} bytes, and {} are the most", text.len(), limits::PLAN_BYTES)
            }
            None => format!("spec.planFrom: there is no ConfigMap {name} with a key {key} in this namespace"),
        };
        Err(Refusal { may_pass: false, reason })
    }

    async fn version(&mut self, uid: &str, seen: &Seen<'_>) -> Result<Option<String>, Error> {
        let Some(release) = seen.declared.map(|declared| declared.release) else { return Ok(None) };
        let memory = self.memory.entry(uid.to_owned()).or_default();
        if memory.version.as_ref().is_none_or(|(of, _)| *of != release) {
            memory.version = self.of.control.version(release).await?.map(|version| (release, version));
        }
        Ok(memory.version.as_ref().map(|(_, version)| version.clone()))
    }

    /// Writes an object's status where it is another one.
    async fn write(&mut self, uid: &str, object: &DynamicObject, status: Status) -> Result<(), Error> {
        let before = object.data.get("status").and_then(|status| Status::deserialize(status).ok());
        let status = status.since(before.as_ref(), Timestamp::now());
        if before.as_ref() == Some(&status) {
            return Ok(());
        }
        let Some(name) = object.metadata.name.as_deref() else { return Ok(()) };
        // Another one of the same name is not meant.
        let patch = json!({ "metadata": { "uid": uid }, "status": status });
        let parameters = PatchParams { field_manager: Some(REPORTER.to_owned()), ..PatchParams::default() };
        let written = bounded(self.api.patch_status(name, &parameters, &Patch::Merge(&patch))).await;
        match written {
            Ok(_) => self.of.metrics.written(),
            Err(_) => self.of.metrics.failed("status"),
        }
        written.map(drop)
    }

    /// Tells what has happened since.
    async fn tell(&mut self, uid: &str, object: &DynamicObject, seen: &Seen<'_>, refusal: Option<&Refusal>) -> Result<(), Error> {
        let regarding = regarding(object);
        let late = u64::try_from(limits::TOLD_LATE.as_millis()).unwrap_or(u64::MAX);
        let mut notices = Vec::new();
        if let Some(own) = seen.own() {
            let recent = own.state.events.iter().filter(|event| event.at_ms.saturating_add(late) >= seen.fleet.now_ms);
            notices.extend(recent.map(|event| Notice::of_rollout(&regarding, own.release, event)));
        }
        if let Some(refusal) = refusal {
            let verdict = Verdict::refused(refusal);
            notices.push(Notice::of_object(&regarding, Timestamp::now(), verdict.reason, &verdict.message));
        }
        let api: Api<Event> = Api::namespaced(self.of.client.clone(), &self.of.namespace);
        let instance = self.of.control.name().to_owned();
        let memory = self.memory.entry(uid.to_owned()).or_default();
        let names: BTreeSet<String> = notices.iter().map(|notice| notice.name.clone()).collect();
        memory.told.retain(|name| names.contains(name));
        for notice in notices.into_iter().filter(|notice| !memory.told.contains(&notice.name)).collect::<Vec<_>>() {
            match bounded(api.create(&PostParams::default(), &notice.event(&regarding, &instance))).await {
                // The instance before has told it.
                Err(Error::Api(said)) if said.contains("AlreadyExists") => {}
                Err(error) => {
                    self.of.metrics.failed("event");
                    return Err(error);
                }
                Ok(_) => {}
            }
            memory.told.insert(notice.name);
        }
        Ok(())
    }
}

/// Who an object is in the audit log.
fn actor(object: &DynamicObject) -> String {
    let of = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("kubernetes:{}/{}", of(&object.metadata.namespace), of(&object.metadata.name))
}

fn generation(object: &DynamicObject) -> u64 {
    object.metadata.generation.and_then(|generation| u64::try_from(generation).ok()).unwrap_or_default()
}

fn regarding(object: &DynamicObject) -> ObjectReference {
    ObjectReference {
        api_version: Some(format!("{}/{}", resource::GROUP, resource::VERSION)),
        kind: Some(resource::KIND.to_owned()),
        name: object.metadata.name.clone(),
        namespace: object.metadata.namespace.clone(),
        uid: object.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}
