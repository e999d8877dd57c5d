//! The manifest, for tests of components: what our host lets through must be what a component answers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use crate::Router;
use std::collections::BTreeMap;

/// Fails unless the rows of `[component.NAME.tool.marquee.routes]` in the root `spin.toml` are the routes of a component's router, each way, and those that
/// only the host may ask for are the same in both. `others` are rows for what no route of the router is for.
pub fn holds_the_routes_of(component: &str, router: &Router, others: &[&str]) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spin.toml");
    let manifest: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let rows = ["component", component, "tool", "marquee", "routes"]
        .iter()
        .try_fold(&toml::Value::Table(manifest), |at, key| at.get(key))
        .cloned();
    let rows = rows.unwrap_or_else(|| toml::Value::Table(toml::Table::new()));
    let listed: BTreeMap<String, bool> =
        rows.as_table().expect("a table of routes").iter().map(|(row, said)| (row.clone(), said.get("host").is_some())).collect();
    let answered: BTreeMap<String, bool> = router.rows().chain(others.iter().map(|row| ((*row).to_owned(), false))).collect();
    assert_eq!(
        listed, answered,
        "left: the routes of {component} in spin.toml, right: those of its router; true: the host's alone"
    );
}
