//! From the manifest as written to the manifest as meant, with every fault on the way.

use super::dependency::{Dependency, DependencyName};
use super::error::{Fault, ManifestError};
use super::tool::Tool;
use super::variables::{ResolvedVariables, TemplateError, VariableSources, is_kebab_case, is_snake_case, resolve};
use super::{Assets, Build, Component, Grants, Manifest, Mount, Needs, Secret, Variable, raw, table};
use crate::allowed_hosts::AllowedHosts;
use std::collections::BTreeMap;
use std::path::{Component as Part, Path};
use toml::Value;
use webhooks::Receivers;

/// A trigger, as written.
pub(super) struct Trigger {
    pub(super) at: String,
    pub(super) component: String,
    /// None: private.
    pub(super) route: Option<String>,
}

pub(super) fn check(
    raw: raw::Manifest,
    digest: String,
    path: &Path,
    sources: &VariableSources,
) -> Result<Manifest, ManifestError> {
    let mut faults = Vec::new();
    if raw.spin_manifest_version.as_integer() != Some(2) {
        faults.push(Fault::new("spin_manifest_version", "only version 2 is understood", "write spin_manifest_version = 2"));
    }
    for kind in raw.application.trigger.keys() {
        faults.push(Fault::new(
            format!("application.trigger.{kind}"),
            "settings for all triggers are not supported",
            "say it in each [[trigger.http]]",
        ));
    }
    let needs = needs(&raw.application, &mut faults);
    let variables = variables(&raw.variables, sources, &mut faults);
    let triggers = triggers(&raw, &mut faults);
    let root = path.parent().unwrap_or_else(|| Path::new(""));
    let context = Context { raw: &raw, root, variables: &variables, triggers: &triggers };
    let components: BTreeMap<String, Component> =
        raw.component.iter().map(|(name, raw)| (name.clone(), context.component(name, raw, &mut faults))).collect();
    let routes = table::routes(&triggers, &tables(&raw), &mut faults);
    if !faults.is_empty() {
        return Err(ManifestError::Invalid { path: path.to_owned(), faults });
    }
    let variables = variables.into_iter().filter_map(|(name, value)| {
        let secret = raw.variables.get(&name).is_some_and(|variable| variable.secret);
        Some((name, Variable { value: value?, secret }))
    });
    let variables = variables.collect();
    let raw::Application { name, version, description, .. } = raw.application;
    Ok(Manifest { path: path.to_owned(), name, version, description, components, routes, digest, variables, needs })
}

fn needs(raw: &raw::Application, faults: &mut Vec<Fault>) -> Needs {
    let table = raw.tool.get("marquee").cloned().unwrap_or_default();
    table.try_into().unwrap_or_else(|error: toml::de::Error| {
        let remedy = "the keys are explained on top of spin.toml";
        faults.push(Fault::new("application.tool.marquee", error.message().trim(), remedy));
        Needs::default()
    })
}

/// The routes' table of each component that has one.
fn tables(raw: &raw::Manifest) -> BTreeMap<&str, &toml::Table> {
    let tables = raw.component.iter().map(|(name, component)| {
        let routes = component.tool.get("marquee").and_then(|tool| tool.get("routes"));
        Some((name.as_str(), routes?.as_table()?))
    });
    tables.flatten().collect()
}

fn variables(raw: &BTreeMap<String, raw::Variable>, sources: &VariableSources, faults: &mut Vec<Fault>) -> ResolvedVariables {
    let mut resolved = ResolvedVariables::new();
    for (name, variable) in raw {
        let at = format!("variables.{name}");
        if !is_snake_case(name) {
            faults.push(Fault::new(&at, "not a variable's name", "use lower-case words joined by _"));
        }
        if variable.required == variable.default.is_some() {
            faults.push(Fault::new(&at, "neither or both of required and default", "give a default, or say required = true"));
        }
        if variable.secret && variable.default.as_ref().is_some_and(|default| !default.is_empty()) {
            faults.push(Fault::new(&at, "a secret stands in the manifest", "leave its default empty, or say required = true"));
        }
        let value = sources.get(name).cloned().or_else(|| variable.default.as_deref().map(Secret::from));
        if value.is_none() && variable.required {
            let remedy = format!("set SPIN_VARIABLE_{}", name.to_ascii_uppercase());
            faults.push(Fault::new(&at, "is required and has no value", remedy));
        }
        resolved.insert(name.clone(), value);
    }
    resolved
}

fn triggers(raw: &raw::Manifest, faults: &mut Vec<Fault>) -> Vec<Trigger> {
    let mut triggers = Vec::new();
    for (kind, entries) in &raw.trigger {
        if kind != "http" {
            let remedy = "remove it, or run the application in stock Spin";
            faults.push(Fault::new(format!("trigger.{kind}"), "only HTTP triggers run in this host", remedy));
            continue;
        }
        for (index, entry) in entries.iter().enumerate() {
            let at = format!("trigger.http[{index}]");
            match entry.clone().try_into::<raw::Trigger>() {
                Ok(entry) => triggers.extend(trigger(&entry, &at, raw, faults)),
                Err(error) => faults.push(Fault::new(at, error.message().trim(), "write route and component")),
            }
        }
    }
    triggers
}

fn trigger(entry: &raw::Trigger, at: &str, raw: &raw::Manifest, faults: &mut Vec<Fault>) -> Option<Trigger> {
    if !entry.components.is_empty() || !entry.dependencies.is_empty() {
        faults.push(Fault::new(at, "middleware is not supported", "remove components and dependencies"));
    }
    if let Some(executor) = &entry.executor
        && executor.get("type").and_then(Value::as_str) != Some("http")
    {
        faults.push(Fault::new(format!("{at}.executor"), "not supported", "remove it, or say { type = \"http\" }"));
    }
    let route = match &entry.route {
        Some(Value::String(route)) => Some(route.clone()),
        Some(Value::Table(table)) if table.len() == 1 && table.get("private") == Some(&Value::Boolean(true)) => None,
        _ => {
            faults.push(Fault::new(format!("{at}.route"), "not a route", "write a path, or { private = true }"));
            return None;
        }
    };
    let Some(Value::String(component)) = &entry.component else {
        faults.push(Fault::new(format!("{at}.component"), "not a component's name", "name a [component.NAME] table"));
        return None;
    };
    if !raw.component.contains_key(component) {
        faults.push(Fault::new(
            format!("{at}.component"),
            format!("there is no component {component:?}"),
            format!("add [component.{component}], or name another"),
        ));
        return None;
    }
    Some(Trigger { at: at.to_owned(), component: component.clone(), route })
}

struct Context<'a> {
    raw: &'a raw::Manifest,
    root: &'a Path,
    variables: &'a ResolvedVariables,
    triggers: &'a [Trigger],
}

impl Context<'_> {
    fn component(&self, name: &str, raw: &raw::Component, faults: &mut Vec<Fault>) -> Component {
        let at = format!("component.{name}");
        if !is_kebab_case(name) {
            faults.push(Fault::new(&at, "not a component's name", "use words joined by -"));
        }
        let source = match &raw.source {
            Value::String(path) => self.root.join(path),
            _ => {
                let remedy = "build or download it first, and give the wasm file's path";
                faults.push(Fault::new(format!("{at}.source"), "only files are supported", remedy));
                self.root.to_owned()
            }
        };
        let unsupported = [
            ("ai_models", raw.ai_models.is_empty(), "this host has no models: remove it"),
            ("allowed_http_hosts", raw.allowed_http_hosts.is_empty(), "Spin has replaced it: use allowed_outbound_hosts"),
        ];
        for (key, empty, remedy) in unsupported {
            if !empty {
                faults.push(Fault::new(format!("{at}.{key}"), "not supported", remedy));
            }
        }
        let triggered = self.triggers.iter().any(|trigger| trigger.component == name);
        let (tool, mut grants) = self.tool(&at, raw, triggered, faults);
        let (files, assets) = self.files(&at, raw, faults);
        grants.files = files;
        Component {
            name: name.to_owned(),
            source,
            triggered,
            grants,
            dependencies: self.dependencies(name, raw, faults),
            assets,
            build: raw.build.as_ref().and_then(|build| self.build(&at, build, faults)),
            tool,
        }
    }

    /// Files that the component may read: folders and single files with a place of their own, others by pattern.
    fn files(&self, at: &str, raw: &raw::Component, faults: &mut Vec<Fault>) -> (Vec<Mount>, Assets) {
        let (mut mounts, mut assets) = (Vec::new(), Assets::default());
        let mut pattern = |at: String, text: &str| match glob::Pattern::new(text) {
            Ok(_) if Path::new(text).components().all(|part| matches!(part, Part::Normal(_) | Part::CurDir)) => {
                Some(text.to_owned())
            }
            Ok(_) => {
                faults.push(Fault::new(at, "leads out of the application's folder", "write a pattern relative to it"));
                None
            }
            Err(error) => {
                faults.push(Fault::new(at, format!("{text:?}: {error}"), "write a pattern, as in assets/**/*.css"));
                None
            }
        };
        for (index, text) in raw.exclude_files.iter().enumerate() {
            assets.excluded.extend(pattern(format!("{at}.exclude_files[{index}]"), text));
        }
        let mut others = Vec::new();
        for (index, entry) in raw.files.iter().enumerate() {
            let at = format!("{at}.files[{index}]");
            match entry.as_str() {
                Some(text) => assets.patterns.extend(pattern(at, text)),
                None => others.push((at, entry)),
            }
        }
        for (at, entry) in others {
            let member = |name: &str| entry.get(name).and_then(Value::as_str);
            match (member("source"), member("destination")) {
                (Some(source), Some(destination)) if destination.starts_with('/') && !destination.contains("..") => {
                    mounts.push(Mount { source: self.root.join(source), destination: destination.to_owned() });
                }
                _ => {
                    let remedy = "write a pattern, or { source = \"a/folder\", destination = \"/as/seen\" }";
                    faults.push(Fault::new(at, "names no files", remedy));
                }
            }
        }
        (mounts, assets)
    }

    /// The `tool.marquee` table, and what the component may use.
    fn tool(&self, at: &str, raw: &raw::Component, triggered: bool, faults: &mut Vec<Fault>) -> (Option<Tool>, Grants) {
        let key = format!("{at}.tool.marquee");
        let table = raw.tool.get("marquee").map(|table| {
            table.clone().try_into::<raw::Tool>().unwrap_or_else(|error| {
                let problem = error.message().trim().to_owned();
                faults.push(Fault::new(&key, problem, "the keys are explained on top of spin.toml"));
                raw::Tool::default()
            })
        });
        let Some(table) = table else { return (None, self.grants(at, &RawGrants::of(raw), &raw.environment, faults)) };
        let tool = Tool::check(&table, &key, faults);
        let own = RawGrants::of(raw);
        let granted = RawGrants::of_tool(&table);
        let mut grants = if triggered {
            if !granted.is_empty() {
                faults.push(Fault::new(&key, "grants are for dependencies only", format!("say it under [{at}]")));
            }
            self.grants(at, &own, &raw.environment, faults)
        } else {
            self.grants(&key, &granted, &raw.environment, faults)
        };
        // Spin knows no such grant: everybody's stands here.
        grants.kafka_topics = table.kafka_topics.iter().cloned().collect();
        grants.internet = self.internet(&format!("{key}.internet"), &table.internet, faults);
        (Some(tool), grants)
    }

    fn internet(&self, at: &str, template: &str, faults: &mut Vec<Fault>) -> Option<Receivers> {
        let named = self.resolve(at, template, faults).filter(|name| !name.is_empty())?;
        let receivers = Receivers::named(&named);
        if receivers.is_none() {
            faults.push(Fault::new(at, format!("{named:?} says nothing"), "choose public, any, or nothing"));
        }
        receivers
    }

    fn grants(
        &self,
        at: &str,
        granted: &RawGrants<'_>,
        environment: &BTreeMap<String, String>,
        faults: &mut Vec<Fault>,
    ) -> Grants {
        let mut grants = Grants {
            sqlite_databases: granted.sqlite_databases.iter().cloned().collect(),
            key_value_stores: granted.key_value_stores.iter().cloned().collect(),
            environment: environment.clone(),
            ..Grants::default()
        };
        for (key, labels) in [("sqlite_databases", &grants.sqlite_databases), ("key_value_stores", &grants.key_value_stores)] {
            for label in labels.iter().filter(|label| !is_kebab_case(label) && !is_snake_case(label)) {
                faults.push(Fault::new(format!("{at}.{key}"), format!("{label:?} is not a label"), "use words joined by - or _"));
            }
        }
        let mut hosts = Vec::new();
        for (index, template) in granted.allowed_outbound_hosts.iter().enumerate() {
            let at = format!("{at}.allowed_outbound_hosts[{index}]");
            let Some(host) = self.resolve(&at, template, faults) else { continue };
            // As in Spin: a host that is not set grants nothing.
            if host.trim().is_empty() && template.contains("{{") {
                continue;
            }
            match AllowedHosts::parse(&[&host]) {
                Ok(_) => hosts.push(host),
                // The template is named, not what it resolved to: that may be a secret.
                Err(error) => faults.push(Fault::new(
                    at,
                    format!("{template:?} is not a host: {}", error.reason),
                    "write scheme://host:port, with * for any",
                )),
            }
        }
        grants.allowed_outbound_hosts = AllowedHosts::parse(&hosts).unwrap_or_default();
        for (name, template) in granted.variables {
            let at = format!("{at}.variables.{name}");
            if !is_snake_case(name) {
                faults.push(Fault::new(&at, "not a variable's name", "use lower-case words joined by _"));
            }
            if let Some(value) = self.resolve(&at, template, faults) {
                grants.variables.insert(name.clone(), Secret::from(value));
            }
        }
        grants
    }

    fn resolve(&self, at: &str, template: &str, faults: &mut Vec<Fault>) -> Option<String> {
        match resolve(template, self.variables) {
            Ok(text) => return Some(text),
            Err(TemplateError::Unset) => {}
            Err(TemplateError::Undeclared(name)) => faults.push(Fault::new(
                at,
                format!("the variable {name:?} is not declared"),
                format!("add {name} to [variables]"),
            )),
            Err(TemplateError::Malformed) => {
                faults.push(Fault::new(at, "a template that cannot be read", "write {{ name }} with a variable's name"));
            }
        }
        None
    }

    fn build(&self, at: &str, raw: &raw::Build, faults: &mut Vec<Fault>) -> Option<Build> {
        let commands = match &raw.command {
            Value::String(command) => Some(vec![command.clone()]),
            Value::Array(commands) => commands.iter().map(|command| command.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        let Some(commands) = commands else {
            faults.push(Fault::new(format!("{at}.build.command"), "not a command", "write a text or a list of texts"));
            return None;
        };
        let folder = raw.workdir.as_ref().map_or_else(|| self.root.to_owned(), |folder| self.root.join(folder));
        Some(Build { commands, folder, watch: raw.watch.clone() })
    }

    fn dependencies(&self, name: &str, raw: &raw::Component, faults: &mut Vec<Fault>) -> Vec<Dependency> {
        let mut dependencies: Vec<Dependency> = Vec::new();
        for (imports, value) in &raw.dependencies {
            let at = format!("component.{name}.dependencies.{imports:?}");
            let Some(imports) = DependencyName::parse(imports) else {
                faults.push(Fault::new(at, "not the name of an import", "write namespace:package@version"));
                continue;
            };
            if let Some(dependency) = self.dependency(name, raw, imports, value, &at, faults) {
                let package = dependency.name.package();
                if package.is_some() && dependencies.iter().any(|other| other.name.package() == package) {
                    faults.push(Fault::new(&at, "this package has an entry already", "satisfy a package by one entry"));
                }
                dependencies.push(dependency);
            }
        }
        dependencies
    }

    fn dependency(
        &self,
        depender: &str,
        raw: &raw::Component,
        name: DependencyName,
        value: &Value,
        at: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<Dependency> {
        let Some(entry) = value.as_table().and_then(|table| table.clone().try_into::<raw::Dependency>().ok()) else {
            let remedy = "write { component = \"NAME\", inherit_configuration = true }";
            faults.push(Fault::new(at, "only components of this manifest are supported", remedy));
            return None;
        };
        let inherits = match (&entry.inherit_configuration, raw.dependencies_inherit_configuration) {
            (Some(_), Some(_)) => {
                let problem = "inherit_configuration and dependencies_inherit_configuration exclude each other";
                faults.push(Fault::new(at, problem, "remove one of them"));
                false
            }
            (Some(Value::Boolean(inherits)), None) => *inherits,
            (Some(_), None) => {
                let problem = "only all of a configuration can be inherited, or none of it";
                faults.push(Fault::new(format!("{at}.inherit_configuration"), problem, "write true or false"));
                false
            }
            (None, all) => all.unwrap_or(false),
        };
        if entry.export.is_some() && matches!(&name, DependencyName::Package { interface: None, .. }) {
            faults.push(Fault::new(format!("{at}.export"), "a whole package cannot come from one export", "name an interface"));
        }
        let Some(target) = self.raw.component.get(&entry.component) else {
            let problem = format!("there is no component {:?}", entry.component);
            faults.push(Fault::new(format!("{at}.component"), problem, "name a [component.NAME] table"));
            return None;
        };
        if entry.component == depender || !target.dependencies.is_empty() {
            let problem = format!("{:?} has dependencies", entry.component);
            faults.push(Fault::new(at, problem, "a dependency cannot have dependencies of its own"));
        }
        if !RawGrants::of(target).is_empty() || !target.environment.is_empty() {
            let problem = format!("{:?} has a configuration of its own", entry.component);
            faults.push(Fault::new(at, problem, "a dependency can only inherit: declare it in its dependers"));
        }
        Some(Dependency { name, component: entry.component, export: entry.export, inherits })
    }
}

/// What a component or a `tool.marquee` table grants, as written.
struct RawGrants<'a> {
    sqlite_databases: &'a [String],
    key_value_stores: &'a [String],
    allowed_outbound_hosts: &'a [String],
    variables: &'a BTreeMap<String, String>,
}

impl<'a> RawGrants<'a> {
    fn of(raw: &'a raw::Component) -> Self {
        Self {
            sqlite_databases: &raw.sqlite_databases,
            key_value_stores: &raw.key_value_stores,
            allowed_outbound_hosts: &raw.allowed_outbound_hosts,
            variables: &raw.variables,
        }
    }

    fn of_tool(raw: &'a raw::Tool) -> Self {
        Self {
            sqlite_databases: &raw.sqlite_databases,
            key_value_stores: &raw.key_value_stores,
            allowed_outbound_hosts: &raw.allowed_outbound_hosts,
            variables: &raw.variables,
        }
    }

    fn is_empty(&self) -> bool {
        let lists = [self.sqlite_databases, self.key_value_stores, self.allowed_outbound_hosts];
        lists.iter().all(|list| list.is_empty()) && self.variables.is_empty()
    }
}
