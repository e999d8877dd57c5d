//! `[component.NAME.tool.marquee.routes]`: a row for each method and path that a component answers, with everything about it.
//!
//! The keys are the methods and paths themselves, so that TOML refuses one that comes twice, and a fault names its row.

use super::check::Trigger;
use super::error::Fault;
use super::raw;
use crate::limits::BODY_MIB;
use crate::routes::{HostCall, Pattern, Rate, RegionSource, Route, Routes, RunLocation, parse_method};
use http::Method;
use std::collections::{BTreeMap, BTreeSet};

/// What a row must look like.
const SHAPE: &str = "write METHOD /path = { runs = … }, and by, roles, recent, token, immutable, body_mib and rate where they are needed, or { host = … }: see the top of spin.toml";

/// The routes of an application. `tables` are its components' rows, as written.
pub(super) fn routes(triggers: &[Trigger], tables: &BTreeMap<&str, &toml::Table>, faults: &mut Vec<Fault>) -> Routes {
    let mut routes = Routes::default();
    let mut public = Vec::new();
    for trigger in triggers {
        let Some(route) = &trigger.route else { continue };
        match routes.add_trigger(route, &trigger.component) {
            Ok(()) => public.push((trigger, route)),
            Err(problem) => faults.push(Fault::new(
                format!("{}.route", trigger.at),
                format!("{route:?}: {problem}"),
                "every route leads to one component: change or remove it",
            )),
        }
    }
    if tables.is_empty() {
        let everything: Vec<_> = public.iter().map(|(trigger, route)| ((*route).clone(), trigger.component.clone())).collect();
        routes.answer_everything(&everything);
        return routes;
    }
    let (mut rows, mut unread) = (Vec::new(), BTreeSet::new());
    for (component, table) in tables {
        for (key, value) in *table {
            let at = format!("component.{component}.tool.marquee.routes.{key:?}");
            match Row::read(component, key, value) {
                Ok(row) => rows.push((at, row)),
                Err((problem, remedy)) => {
                    unread.insert(*component);
                    faults.push(Fault::new(at, problem, remedy));
                }
            }
        }
    }
    // What only the host may ask for comes last: it is not to share its path.
    rows.sort_by_key(|(_, row)| matches!(row.is, RowKind::Host(_)));
    let mut reached = BTreeSet::new();
    for (at, row) in rows {
        if let Err((problem, remedy)) = row.add(&mut routes, &mut reached) {
            faults.push(Fault::new(at, problem, remedy));
        }
    }
    for (trigger, route) in public.into_iter().filter(|(_, route)| !reached.contains(*route)) {
        let component = trigger.component.as_str();
        // A row that could not be read may be the one that is missing.
        if !unread.contains(component) {
            let remedy = format!("add a row to [component.{component}.tool.marquee.routes], or remove the trigger");
            faults.push(Fault::new(
                format!("{}.route", trigger.at),
                format!("{route:?} leads to no row of {component:?}"),
                remedy,
            ));
        }
    }
    routes
}

/// A row, read.
struct Row {
    component: String,
    path: String,
    pattern: Pattern,
    is: RowKind,
}

enum RowKind {
    Route(Box<Route>),
    Host(HostCall),
}

/// What is wrong with a row, and what to do.
type RowError = (String, String);

fn wrong<T>(problem: impl Into<String>, remedy: impl Into<String>) -> Result<T, RowError> {
    Err((problem.into(), remedy.into()))
}

impl Row {
    fn read(component: &str, key: &str, value: &toml::Value) -> Result<Self, RowError> {
        let Some((method, path)) = key.split_once(' ') else { return wrong("not a method and a path", SHAPE) };
        let method = match method {
            "*" => None,
            name => {
                let remedy =
                    "write one of DELETE, GET (which HEAD goes with), OPTIONS, PATCH, POST and PUT, or * for every method";
                Some(parse_method(name).or_else(|problem| wrong(problem, remedy))?)
            }
        };
        let pattern = Pattern::parse(path).or_else(|problem| wrong(problem, "write a path as a trigger's route has it"))?;
        let row: raw::Row = value.clone().try_into().or_else(|error: toml::de::Error| wrong(error.message().trim(), SHAPE))?;
        let is = match (row.runs, row.host) {
            (Some(runs), None) => {
                let by = by(&row, runs, method.as_ref(), &pattern)?;
                let (roles, recent, token, immutable) = (row.roles, row.recent, row.token, row.immutable);
                let rate = row.rate.map(|raw::Rate::Attempts| Rate::Attempts);
                consistent(&row, runs)?;
                let (component, template) = (component.into(), path.to_owned());
                let runs = match runs {
                    raw::RunLocation::Edge => RunLocation::Edge,
                    raw::RunLocation::Region => RunLocation::Region,
                    raw::RunLocation::Accounts => RunLocation::Accounts,
                    raw::RunLocation::EveryRegion => RunLocation::EveryRegion,
                };
                if runs == RunLocation::EveryRegion && method != Some(Method::GET) {
                    return wrong("only what is read is asked of every region", "write GET, or name one region");
                }
                if immutable && (token || method != Some(Method::GET)) {
                    let remedy = "write GET without token, or remove immutable";
                    return wrong("a node gives what never changes to everybody who reads it", remedy);
                }
                let body = body(&row, method.as_ref())?;
                RowKind::Route(Box::new(Route {
                    component,
                    method,
                    template,
                    runs,
                    by,
                    roles,
                    recent,
                    token,
                    immutable,
                    body,
                    rate,
                }))
            }
            (None, Some(call)) => {
                if method != Some(Method::POST) || !pattern.is_literal() {
                    return wrong("the host posts to one plain path", "write POST and a path without parameters or wildcards");
                }
                if row.by.is_some()
                    || row.roles
                    || row.recent
                    || row.token
                    || row.immutable
                    || row.rate.is_some()
                    || row.body_mib.is_some()
                {
                    return wrong("nobody but the host asks here", "remove what is said beside host");
                }
                RowKind::Host(match call {
                    raw::HostCall::Tick => HostCall::Tick,
                    raw::HostCall::Command => HostCall::Command,
                })
            }
            (None, None) => return wrong("it is not said where it runs", SHAPE),
            (Some(_), Some(_)) => return wrong("what the host asks for runs in its region", "remove runs, or host"),
        };
        Ok(Self { component: component.to_owned(), path: path.to_owned(), pattern, is })
    }

    /// Adds it to the routes; its trigger is noted as one that leads to a row.
    fn add(self, routes: &mut Routes, reached: &mut BTreeSet<String>) -> Result<(), RowError> {
        let Self { component, path, pattern, is } = self;
        match routes.leading(&pattern) {
            Some((trigger, leads_to)) if leads_to == component => _ = reached.insert(trigger.route.clone()),
            Some((trigger, other)) => {
                let problem = format!("no route leads there: by {:?} the path is {other:?}'s", trigger.route);
                return wrong(problem, format!("move the row to {other:?}, or add a trigger for {component:?}"));
            }
            None => {
                return wrong(
                    format!("no route leads there: {component:?} has no trigger for this path"),
                    "add a trigger, or remove the row",
                );
            }
        }
        let added = match is {
            RowKind::Route(route) => routes.add(*route, &pattern),
            RowKind::Host(call) => routes.add_host(call, &component, &path, &pattern),
        };
        added.or_else(|problem| wrong(problem, "remove one of the two"))
    }
}

/// By what the region of a row is found.
fn by(
    row: &raw::Row,
    runs: raw::RunLocation,
    method: Option<&Method>,
    pattern: &Pattern,
) -> Result<Option<RegionSource>, RowError> {
    let Some(by) = &row.by else {
        return match runs {
            raw::RunLocation::Region => wrong(
                "it is not said in which region",
                "add by = { path = \"id\" }, { body = \"member\" } or { query = \"name\" }",
            ),
            _ => Ok(None),
        };
    };
    if !matches!(runs, raw::RunLocation::Region | raw::RunLocation::Edge) {
        return wrong("it is known without by in which region it runs", "remove by, or write runs = \"region\"");
    }
    let read = method == Some(&Method::GET);
    match by {
        raw::RegionSource { path: Some(name), body: None, or: None, query: None } => match pattern.parameter(name) {
            Some(_) if runs == raw::RunLocation::Edge && !read => {
                wrong("an edge asks a region for what it reads only", "remove by, write GET, or write runs = \"region\"")
            }
            Some(index) => Ok(Some(RegionSource::Path(index))),
            None => wrong(format!("its path has no :{name}"), "name a parameter of its path, without the colon"),
        },
        _ if runs == raw::RunLocation::Edge => {
            wrong("an edge finds the region of what it reads by the path only", "write by = { path = … }, or runs = \"region\"")
        }
        raw::RegionSource { path: None, body: Some(_), or: _, query: None } if read => {
            wrong("GET has no body", "write by = { path = … } or { query = … }")
        }
        raw::RegionSource { path: None, body: Some(member), or, query: None } => {
            Ok(Some(RegionSource::Body([Some(member), or.as_ref()].into_iter().flatten().cloned().collect())))
        }
        raw::RegionSource { path: None, body: None, or: None, query: Some(name) } => {
            Ok(Some(RegionSource::Query(name.as_str().into())))
        }
        _ => wrong("by is none or several of path, body and query", "name the one thing that its region is found by"),
    }
}

/// Bytes of the body of a row that takes a file.
fn body(row: &raw::Row, method: Option<&Method>) -> Result<Option<u64>, RowError> {
    let Some(mib) = row.body_mib else { return Ok(None) };
    if matches!(method, None | Some(&Method::GET)) {
        return wrong("a file is sent by PUT or POST", "write one of these, or remove body_mib");
    }
    // Who has none is refused before the body is read.
    if !row.token {
        return wrong("nobody sends a large body without a token", "add token = true, or remove body_mib");
    }
    if !BODY_MIB.contains(&mib) {
        let remedy = format!("write a number from {} to {}, or remove body_mib", BODY_MIB.start(), BODY_MIB.end());
        return wrong(format!("body_mib = {mib} is not what a body may have"), remedy);
    }
    Ok(Some(u64::from(mib) << 20))
}

/// What is said beside `runs` must have an effect there.
fn consistent(row: &raw::Row, runs: raw::RunLocation) -> Result<(), RowError> {
    if row.roles && !row.token {
        return wrong("roles are the caller's, and no token says who that is", "add token = true, or remove roles");
    }
    if row.recent && !row.roles {
        return wrong("whether a session is recent is asked for with its roles", "add roles = true, or remove recent");
    }
    if row.roles && !matches!(runs, raw::RunLocation::Region | raw::RunLocation::EveryRegion) {
        let remedy = "remove roles, or write runs = \"region\" or \"every-region\"";
        return wrong("only a region that may lack the accounts asks for roles", remedy);
    }
    if row.rate.is_some() && runs == raw::RunLocation::Edge {
        return wrong("attempts are counted by regions, and this runs at the edge", "remove rate, or have a region run it");
    }
    Ok(())
}
