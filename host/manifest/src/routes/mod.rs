//! Which component answers a request, and how: the manifest's triggers and its table of routes.
//!
//! A path leads by the triggers to a component, as in stock Spin. In that component's table it leads to the entries of the most specific path that
//! matches it, and of these the method chooses one [`Route`]. What has no entry is refused, so a forgotten route is closed.
//!
//! An application none of whose components has a table is any Spin application: everything that its triggers lead to is answered at the edge.

mod methods;
mod paths;

use http::Method;
use std::fmt;
use std::sync::Arc;

pub use methods::Methods;
pub(crate) use methods::parse as parse_method;
pub(crate) use paths::{Paths, Pattern};

/// Where a request is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RunLocation {
    /// At the edge node that it reached.
    Edge,
    /// In a region, which [`RegionSource`] names: it needs the database.
    Region,
    /// In the region that keeps the accounts.
    Accounts,
    /// In every region, and their lists are merged.
    EveryRegion,
}

/// What names the region that a request is for: by the region's own name, or by an id or a ticket's code, whose first part that is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RegionSource {
    /// This segment of the path, counted from 0.
    Path(usize),
    /// The first of these members of the JSON body that names one.
    Body(Arc<[String]>),
    /// This parameter of the query.
    Query(Arc<str>),
}

/// What a request is counted as, beside a request of its user and address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rate {
    /// A try at a password or a secret, of which there are few a minute.
    Attempts,
}

/// An entry of the table: a method and a path, and all that is said of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// The component that answers.
    pub component: Arc<str>,
    /// The method; none: all of them.
    pub method: Option<Method>,
    /// The path as the manifest has it: what metrics and logs say.
    pub template: String,
    /// Where it is answered.
    pub runs: RunLocation,
    /// What names its region. Of what runs at the edge: the region that is asked where the edge knows less than its client has seen.
    pub by: Option<RegionSource>,
    /// Whether the caller's roles are read from SQL: a region without the accounts asks for them first.
    pub roles: bool,
    /// Whether the caller's session must have proved lately whose it is: a region without the accounts asks for that as well.
    pub recent: bool,
    /// Whether nothing is done here without a valid access token: who has none is refused before the body is read.
    pub token: bool,
    /// Whether an answer that says that it never changes is kept in a node's memory, for whoever asks next.
    pub immutable: bool,
    /// Bytes of the body, where it may be a file and have more than others.
    pub body: Option<u64>,
    /// What it is counted as.
    pub rate: Option<Rate>,
}

impl Route {
    /// What the path of a request names its region by; none where it is not the path that does.
    #[must_use]
    pub fn named_in<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self.by {
            Some(RegionSource::Path(index)) => path.trim_matches('/').split('/').nth(index),
            _ => None,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_ref().map_or("*", Method::as_str), self.template)
    }
}

/// Why there is no route for a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RouteError {
    /// Nothing answers its path.
    #[error("nothing answers this path")]
    Path,
    /// Its path answers these methods only.
    #[error("this path answers {0} only")]
    Method(Methods),
}

/// Every public route of an application.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    triggers: Paths<Trigger>,
    /// One for each component with a trigger.
    tables: Vec<Table>,
    /// Every entry, as they stand in the manifest.
    all: Vec<Arc<Route>>,
    hosts: Vec<HostPath>,
}

/// Where a trigger leads.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    /// The table of its component.
    table: usize,
    /// As the manifest has it.
    pub(crate) route: String,
}

#[derive(Clone, Debug)]
struct Table {
    component: Arc<str>,
    paths: Paths<Resource>,
}

/// What a path answers. Empty: only the host may ask for it.
#[derive(Clone, Debug, Default)]
struct Resource(Vec<Arc<Route>>);

/// When the host posts to a path that nobody else may.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HostCall {
    /// Again and again: the component then applies what has come due.
    Tick,
    /// When an operator asks for something by the command line.
    Command,
}

/// A path that only the host may post to.
#[derive(Clone, Debug)]
struct HostPath {
    call: HostCall,
    component: Arc<str>,
    path: String,
    normal: Vec<String>,
}

impl Routes {
    /// The entry for a request from outside. What only the host may ask, however it is spelled, leads nowhere.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, method: &Method, path: &str) -> Result<&Arc<Route>, RouteError> {
        let trigger = self.triggers.find(path).ok_or(RouteError::Path)?;
        let table = self.tables.get(trigger.table).ok_or(RouteError::Path)?;
        let resource = table.paths.find(path).ok_or(RouteError::Path)?;
        if self.is_hosts(path) { Err(RouteError::Path) } else { resource.find(method) }
    }

    /// Every entry.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.all.iter()
    }

    /// The components that apply what has come due, each with the path that only the host may post to.
    pub fn ticks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.called(HostCall::Tick)
    }

    /// The components that do what operators ask for, likewise.
    pub fn commands(&self) -> impl Iterator<Item = (&str, &str)> {
        self.called(HostCall::Command)
    }

    fn called(&self, call: HostCall) -> impl Iterator<Item = (&str, &str)> {
        self.hosts.iter().filter(move |host| host.call == call).map(|host| (&*host.component, &*host.path))
    }

    /// Has a trigger's paths lead to a component.
    pub(crate) fn add_trigger(&mut self, route: &str, component: &str) -> Result<(), String> {
        let pattern = Pattern::parse(route)?;
        if route.starts_with("/.well-known/spin/") {
            return Err("Spin keeps paths under /.well-known/spin/ to itself".to_owned());
        }
        let slot = self.triggers.slot(&pattern);
        if let Some(other) = slot {
            let component = self.tables.get(other.table).map(|table| &*table.component).unwrap_or_default();
            return Err(format!("matches the same paths as {:?}, which leads to {component:?}", other.route));
        }
        let table = self.tables.iter().position(|table| &*table.component == component).unwrap_or(self.tables.len());
        *slot = Some(Trigger { table, route: route.to_owned() });
        if table == self.tables.len() {
            self.tables.push(Table { component: component.into(), paths: Paths::default() });
        }
        Ok(())
    }

    /// The trigger that leads all of a pattern's paths to a component, and that component.
    pub(crate) fn leading(&self, pattern: &Pattern) -> Option<(&Trigger, &str)> {
        let trigger = self.triggers.covering(pattern)?;
        Some((trigger, &self.tables.get(trigger.table)?.component))
    }

    /// Adds an entry; `pattern` is its path.
    pub(crate) fn add(&mut self, route: Route, pattern: &Pattern) -> Result<(), String> {
        let Some(table) = self.tables.iter_mut().find(|table| table.component == route.component) else { return Ok(()) };
        let resource = table.paths.slot(pattern).get_or_insert_default();
        let same = |other: &&Arc<Route>| other.method.is_none() || route.method.is_none() || other.method == route.method;
        if let Some(other) = resource.0.iter().find(same) {
            return Err(format!("says again what {:?} says of the same requests", other.to_string()));
        }
        let route = Arc::new(route);
        resource.0.push(Arc::clone(&route));
        self.all.push(route);
        Ok(())
    }

    /// Adds a path that only the host may post to. After all other entries.
    pub(crate) fn add_host(&mut self, call: HostCall, component: &str, path: &str, pattern: &Pattern) -> Result<(), String> {
        let Some(table) = self.tables.iter_mut().find(|table| &*table.component == component) else { return Ok(()) };
        let resource = table.paths.slot(pattern).get_or_insert_default();
        if let Some(other) = resource.0.first() {
            return Err(format!("is hidden from everybody, yet {:?} is not", other.to_string()));
        }
        if let Some(other) = self.hosts.iter().find(|host| &*host.component == component) {
            return Err(format!("a component has one such path, and this one has \"POST {}\"", other.path));
        }
        self.hosts.push(HostPath { call, component: component.into(), path: path.to_owned(), normal: normal(path) });
        Ok(())
    }

    /// Has every component answer everything that its triggers lead to, at the edge.
    pub(crate) fn answer_everything(&mut self, triggers: &[(String, String)]) {
        for (template, component) in triggers {
            let Ok(pattern) = Pattern::parse(template) else { continue };
            let route = Route {
                component: component.as_str().into(),
                method: None,
                template: template.clone(),
                runs: RunLocation::Edge,
                by: None,
                roles: false,
                recent: false,
                token: false,
                immutable: false,
                body: None,
                rate: None,
            };
            // Two triggers for the same paths are a fault already.
            _ = self.add(route, &pattern);
        }
    }

    /// A component may read a path more generously than we do: escapes, doubled slashes and dots must not open the door.
    fn is_hosts(&self, path: &str) -> bool {
        if self.hosts.is_empty() || !(path.contains(['%', '.']) || path.contains("//")) {
            // Spelled as it is, its entry hides it.
            return false;
        }
        let path = normal(path);
        self.hosts.iter().any(|host| host.normal == path)
    }
}

impl Resource {
    fn find(&self, method: &Method) -> Result<&Arc<Route>, RouteError> {
        // GET includes HEAD.
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let answering = self.0.iter().find(|route| route.method.as_ref().is_none_or(|answered| answered == method));
        answering.ok_or_else(|| {
            let allow = self.0.iter().filter_map(|route| route.method.as_ref()).fold(Methods::default(), Methods::with);
            if allow.is_empty() { RouteError::Path } else { RouteError::Method(allow) }
        })
    }
}

/// Segments of a path with escapes undone and without empty, `.` and `..` ones.
fn normal(path: &str) -> Vec<String> {
    let mut segments: Vec<String> = Vec::new();
    for segment in unescape(path).split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other.to_owned()),
        }
    }
    segments
}

fn unescape(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Manifest, VariableSources};
    use std::path::Path;

    /// Routes of a manifest whose components have these triggers and tables.
    fn routes(triggers: &[(&str, &str)], tables: &[(&str, &[&str])]) -> Routes {
        let mut text = "spin_manifest_version = 2\n[application]\nname = \"x\"\n".to_owned();
        for (route, component) in triggers {
            text += &format!("[[trigger.http]]\nroute = {route:?}\ncomponent = {component:?}\n");
        }
        let mut components: Vec<_> = triggers.iter().map(|(_, component)| *component).collect();
        components.sort_unstable();
        components.dedup();
        for component in components {
            text += &format!("[component.{component}]\nsource = \"x.wasm\"\n");
        }
        for (component, entries) in tables {
            text += &format!("[component.{component}.tool.marquee.routes]\n{}\n", entries.join("\n"));
        }
        Manifest::parse(&text, Path::new("spin.toml"), &VariableSources::new()).unwrap_or_else(|error| panic!("{error}")).routes
    }

    fn found(routes: &Routes, method: Method, path: &str) -> Result<String, RouteError> {
        routes.find(&method, path).map(|route| format!("{} {route}", route.component))
    }

    fn methods(methods: &[Method]) -> RouteError {
        RouteError::Method(methods.iter().fold(Methods::default(), |all, method| all.with(method)))
    }

    #[test]
    fn the_path_chooses_the_component_and_the_entry_and_then_the_method_does() {
        let routes = routes(
            &[("/api/events/...", "catalog"), ("/api/events/:id/availability", "booking"), ("/...", "web")],
            &[
                (
                    "catalog",
                    &[
                        "\"GET /api/events\" = { runs = \"edge\" }",
                        "\"POST /api/events\" = { runs = \"region\", by = { body = \"region\" }, roles = true, token = true }",
                        "\"GET /api/events/:id\" = { runs = \"edge\", by = { path = \"id\" } }",
                        "\"POST /api/events/:id/publish\" = { runs = \"region\", by = { path = \"id\" }, token = true }",
                        "\"POST /api/events/due\" = { host = \"tick\" }",
                    ],
                ),
                ("booking", &["\"GET /api/events/:id/availability\" = { runs = \"edge\" }"]),
                ("web", &["\"GET /docs\" = { runs = \"edge\" }", "\"* /...\" = { runs = \"edge\" }"]),
            ],
        );
        let ok = |text: &str| Ok(text.to_owned());
        for (method, path, expected) in [
            (Method::GET, "/api/events", ok("catalog GET /api/events")),
            (Method::HEAD, "/api/events/", ok("catalog GET /api/events")),
            (Method::POST, "/api/events", ok("catalog POST /api/events")),
            (Method::DELETE, "/api/events", Err(methods(&[Method::GET, Method::POST]))),
            (Method::OPTIONS, "/api/events", Err(methods(&[Method::GET, Method::POST]))),
            (Method::GET, "/api/events/eu_7", ok("catalog GET /api/events/:id")),
            (Method::POST, "/api/events/eu_7", Err(methods(&[Method::GET]))),
            (Method::POST, "/api/events/eu_7/publish", ok("catalog POST /api/events/:id/publish")),
            (Method::HEAD, "/api/events/eu_7/publish", Err(methods(&[Method::POST]))),
            (Method::GET, "/api/events/eu_7/availability", ok("booking GET /api/events/:id/availability")),
            (Method::GET, "/api/events/eu_7/nothing", Err(RouteError::Path)),
            (Method::GET, "/api/events/eu_7/availability/x", Err(RouteError::Path)),
            // A host-only route answers no outside request, by any method.
            (Method::POST, "/api/events/due", Err(RouteError::Path)),
            (Method::GET, "/api/events/due", Err(RouteError::Path)),
            (Method::GET, "/docs", ok("web GET /docs")),
            (Method::POST, "/docs", Err(methods(&[Method::GET]))),
            (Method::POST, "/nowhere", ok("web * /...")),
            (Method::GET, "/", ok("web * /...")),
        ] {
            assert_eq!(found(&routes, method.clone(), path), expected, "{method} {path}");
        }
        let create = routes.find(&Method::POST, "/api/events").unwrap();
        assert_eq!(
            (create.runs, &create.by, create.named_in("/api/events")),
            (RunLocation::Region, &Some(RegionSource::Body(["region".to_owned()].into())), None)
        );
        assert!(create.roles && create.token && create.rate.is_none());
        let publish = routes.find(&Method::POST, "/api/events/eu_7/publish").unwrap();
        assert_eq!((publish.named_in("//api/events/eu_7/publish"), publish.roles, publish.token), (Some("eu_7"), false, true));
        assert_eq!(routes.ticks().collect::<Vec<_>>(), [("catalog", "/api/events/due")]);
        assert_eq!(routes.iter().count(), 7);
    }

    #[test]
    fn an_application_without_tables_answers_everything_at_the_edge() {
        let routes = routes(&[("/...", "all"), ("/one/:x", "one")], &[]);
        for (method, path, expected) in [
            (Method::GET, "/", "all * /..."),
            (Method::from_bytes(b"PROPFIND").unwrap(), "/a/b", "all * /..."),
            (Method::PUT, "/one/two", "one * /one/:x"),
            (Method::PUT, "/one/two/three", "all * /..."),
        ] {
            assert_eq!(found(&routes, method, path), Ok(expected.to_owned()), "{path}");
        }
        let route = routes.find(&Method::POST, "/").unwrap();
        assert!(route.runs == RunLocation::Edge && !route.token && !route.roles);
    }

    #[test]
    fn outside_requests_never_reach_tick_routes() {
        let everything: &[&str] =
            &["\"* /api/auth/...\" = { runs = \"accounts\" }", "\"POST /api/auth/due\" = { host = \"tick\" }"];
        let web: &[&str] = &["\"* /...\" = { runs = \"edge\" }"];
        let routes = routes(&[("/api/auth/...", "auth"), ("/...", "web")], &[("auth", everything), ("web", web)]);
        for path in [
            "/api/auth/due",
            "/api/auth/due/",
            "/api/auth//due",
            "//api/auth/due//",
            "/api/auth/%64ue",
            "/api/auth/%64%75%65",
            "/api/auth%2fdue",
            "/api/auth/./due",
            "/api/auth/x/../due",
            "/api/auth/x/%2e%2E/due",
        ] {
            assert_eq!(found(&routes, Method::POST, path), Err(RouteError::Path), "{path}");
        }
        for path in ["/api/auth/duet", "/api/auth/due/x", "/api/auth/DUE", "/api/auth/%zz", "/api/auth/%6"] {
            assert!(routes.find(&Method::POST, path).is_ok(), "{path}");
        }
    }
}
