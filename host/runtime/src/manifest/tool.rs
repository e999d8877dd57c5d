//! `[component.NAME.tool.marquee]`: what only this host needs to know. The keys are explained on top of the root `spin.toml`.

use super::error::Fault;
use super::raw;
use crate::limits;
use crate::routes::{Home, Lists, Pattern, RegionRule, Rule};
use std::sync::Arc;
use std::time::Duration;

/// How this host runs a component.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Methods and paths that run in a region, and in which.
    pub region: Vec<RegionRule>,
    /// What else is said of methods and paths.
    pub lists: Lists,
    /// A path that the region's ticker posts to.
    pub tick: Option<String>,
    /// A path that a region's node posts to what another region says of accounts.
    pub mirror: Option<String>,
    /// How many requests share an instance at once.
    pub concurrency: u32,
    /// After how many requests an instance is replaced.
    pub reuse: u32,
    /// The limit of an instance's memory, in MiB.
    pub memory_mib: u32,
    /// How long a request may take until its response begins.
    pub timeout: Duration,
}

impl Default for Tool {
    fn default() -> Self {
        Self {
            region: Vec::new(),
            lists: Lists::default(),
            tick: None,
            mirror: None,
            concurrency: limits::CONCURRENCY.1,
            reuse: limits::REUSE.1,
            memory_mib: limits::MEMORY_MIB.1,
            timeout: Duration::from_millis(limits::TIMEOUT_MS.1.into()),
        }
    }
}

impl Tool {
    /// The limit of an instance's memory, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        usize::try_from(u64::from(self.memory_mib) << 20).unwrap_or(usize::MAX)
    }

    /// `at` is the table's own key.
    pub(super) fn check(raw: &raw::Tool, at: &str, faults: &mut Vec<Fault>) -> Self {
        let mut rule = |key: String, text: &str| match Rule::parse(text) {
            Ok(rule) => Some(rule),
            Err(problem) => {
                let remedy = "write a method or * and a path, as in \"GET /api/bookings/:id\"";
                faults.push(Fault::new(format!("{at}.{key}"), format!("{text:?}: {problem}"), remedy));
                None
            }
        };
        let mut region = Vec::new();
        for (key, named, home) in [("body", &raw.body, Home::Body as fn(Arc<str>) -> Home), ("query", &raw.query, Home::Query)] {
            for (text, name) in named {
                region
                    .extend(rule(format!("{key}.{text:?}"), text).map(|rule| RegionRule::new(rule, home(name.as_str().into()))));
            }
        }
        for (key, texts, home) in
            [("every", &raw.every, Home::Every), ("accounts", &raw.accounts, Home::Accounts), ("region", &raw.region, Home::Path)]
        {
            for (index, text) in texts.iter().enumerate() {
                region.extend(rule(format!("{key}[{index}]"), text).map(|rule| RegionRule::new(rule, home.clone())));
            }
        }
        let mut rules = |key: &str, texts: &[String]| {
            texts.iter().enumerate().filter_map(|(index, text)| rule(format!("{key}[{index}]"), text)).collect()
        };
        let (roles, attempts, token) = (rules("roles", &raw.roles), rules("attempts", &raw.attempts), rules("token", &raw.token));
        for (key, path) in [("tick", &raw.tick), ("mirror", &raw.mirror)] {
            if let Some(path) = path
                && !Pattern::parse(path).is_ok_and(|pattern| pattern.is_literal())
            {
                faults.push(Fault::new(
                    format!("{at}.{key}"),
                    format!("{path:?} is not a plain path"),
                    "write a path without parameters or wildcards",
                ));
            }
        }
        let mut number = |key: &str, value: Option<u32>, (least, default, most): (u32, u32, u32)| {
            let value = value.unwrap_or(default);
            if !(least..=most).contains(&value) {
                let problem = format!("{value} is out of range");
                faults.push(Fault::new(format!("{at}.{key}"), problem, format!("choose {least} to {most}")));
            }
            value
        };
        Self {
            region,
            lists: Lists { roles, attempts, token },
            tick: raw.tick.clone(),
            mirror: raw.mirror.clone(),
            concurrency: number("concurrency", raw.concurrency, limits::CONCURRENCY),
            reuse: number("reuse", raw.reuse, limits::REUSE),
            memory_mib: number("memory_mib", raw.memory_mib, limits::MEMORY_MIB),
            timeout: Duration::from_millis(number("timeout_ms", raw.timeout_ms, limits::TIMEOUT_MS).into()),
        }
    }
}
