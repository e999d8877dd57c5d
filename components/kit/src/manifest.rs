//! The manifest, for tests of components: what our host lets through must be what a component answers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use crate::Router;
use std::collections::BTreeMap;

/// Fails unless the rows of `[component.NAME.tool.marquee.routes]` in the root `spin.toml` are the routes of a component's router, each way, and those that
/// only the host may ask for are the same in both. Of components that are the same file each has a part of the rows. `others` are rows for what no route of
/// the router is for.
pub fn holds_the_routes_of(component: &str, router: &Router, others: &[&str]) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spin.toml");
    let manifest: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let components = manifest.get("component").and_then(toml::Value::as_table).expect("a table of components");
    let source = components.get(component).expect("the component").get("source");
    let mut listed: BTreeMap<String, bool> = BTreeMap::new();
    for other in components.values().filter(|other| other.get("source") == source) {
        let rows = ["tool", "marquee", "routes"].iter().try_fold(other, |at, key| at.get(key)).and_then(toml::Value::as_table);
        for (row, said) in rows.into_iter().flatten() {
            assert!(listed.insert(row.clone(), said.get("host").is_some()).is_none(), "{row} twice");
        }
    }
    let answered: BTreeMap<String, bool> = router.rows().chain(others.iter().map(|row| ((*row).to_owned(), false))).collect();
    assert_eq!(
        listed, answered,
        "left: the routes of {component} in spin.toml, right: those of its router; true: the host's alone"
    );
}
