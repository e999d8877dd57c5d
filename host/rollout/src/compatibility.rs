//! Whether a release can run on a node, before it is sent there.

use std::collections::BTreeSet;

use crate::protocol::{Needs, NodeDescription, Schema};

/// Compares what a release needs with what a node offers.
///
/// # Errors
/// A sentence for each need that the node does not meet, with what to do.
pub fn check(needs: &Needs, node: &NodeDescription) -> Result<(), Vec<String>> {
    let mut faults = Vec::new();
    let offered: BTreeSet<Track<'_>> = node.interfaces.iter().map(|name| Track::of(name)).collect();
    let missing = needs.interfaces.iter().filter(|name| !offered.contains(&Track::of(name))).map(String::as_str);
    let missing: Vec<&str> = missing.collect();
    if !missing.is_empty() {
        let (host, missing) = (&node.host, missing.join(", "));
        faults.push(format!("its components import what a host {host} does not offer ({missing}): upgrade the node first"));
    }
    faults.extend(outgrown(needs, node.ledger_wire, node.schema));
    let missing: Vec<&str> = needs.variables.difference(&node.variables).map(String::as_str).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        faults.push(format!(
            "it needs variables that the node has no value for ({missing}): set them there, or with the deployment"
        ));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// What of a release was written for a newer host, or for an older schema than the database still serves. Only a node with a database says its schema.
#[must_use]
pub fn outgrown(needs: &Needs, ledger_wire: u32, schema: Option<Schema>) -> Vec<String> {
    let mut faults = Vec::new();
    // Components speak WIT, which is what this is about for them; hosts see to it among themselves that they understand each other.
    if let Some(wanted) = needs.ledger_wire.filter(|wanted| *wanted > ledger_wire) {
        faults.push(format!(
            "it speaks version {wanted} of what edges and regions say to each other, and the node {ledger_wire}: upgrade the node first"
        ));
    }
    match (needs.schema, schema) {
        (Some(wanted), Some(Schema { last, .. })) if last < wanted => faults.push(format!(
            "it needs schema {wanted}, and the region's database has {last}: upgrade the region's nodes first, of which the first migrates it"
        )),
        (Some(wanted), Some(Schema { least, .. })) if wanted < least => faults.push(format!(
            "it was written for schema {wanted}, and the region's database serves none before {least} any more: take a later version"
        )),
        _ => {}
    }
    faults
}

/// An interface, and what of its version decides whether an import is linked to an export: as wasmtime does it, versions that semver calls compatible are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Track<'a> {
    interface: &'a str,
    version: &'a str,
}

impl<'a> Track<'a> {
    fn of(name: &'a str) -> Self {
        let Some((interface, version)) = name.split_once('@') else { return Self { interface: name, version: "" } };
        // Before a release, and before 0.1, every version is its own.
        if version.contains('-') || version.starts_with("0.0.") {
            return Self { interface, version };
        }
        let parts = if version.starts_with("0.") { 2 } else { 1 };
        let end = version.match_indices('.').nth(parts - 1).map_or(version.len(), |(at, _)| at);
        Self { interface, version: version.get(..end).unwrap_or(version) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::NodeKind;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn node() -> NodeDescription {
        NodeDescription {
            kind: NodeKind::Region,
            region: "eu".into(),
            labels: std::collections::BTreeMap::new(),
            host: "0.1.0".into(),
            interfaces: set(&[
                "wasi:http/types@0.3.0",
                "wasi:io/poll@0.2.6",
                "fermyon:spin/key-value@2.0.0",
                "local:plain/it",
                "wasi:x/y@0.3.0-rc-1",
            ]),
            ledger_wire: 5,
            schema: Some(Schema { least: 10, last: 12 }),
            variables: set(&["database"]),
        }
    }

    #[test]
    fn versions_are_one_where_wasmtime_links_them() {
        for (imported, is_offered) in [
            ("wasi:http/types@0.3.0", true),
            ("wasi:io/poll@0.2.0", true),
            ("wasi:io/poll@0.2.9", true),
            ("wasi:io/poll@0.3.0", false),
            ("wasi:io/streams@0.2.6", false),
            ("fermyon:spin/key-value@2.1.0", true),
            ("fermyon:spin/key-value@3.0.0", false),
            ("local:plain/it", true),
            ("local:plain/it@1.0.0", false),
            ("wasi:x/y@0.3.0-rc-1", true),
            ("wasi:x/y@0.3.0-rc-2", false),
            ("wasi:x/y@0.3.0", false),
        ] {
            let needs = Needs { interfaces: set(&[imported]), ..Needs::default() };
            let checked = check(&needs, &node());
            assert_eq!(checked.is_ok(), is_offered, "{imported}: {checked:?}");
        }
    }

    #[test]
    fn every_need_that_is_not_met_is_named() {
        let fine = Needs { ledger_wire: Some(5), schema: Some(12), variables: set(&["database"]), ..Needs::default() };
        assert_eq!(check(&fine, &node()), Ok(()));
        for schema in [10, 11] {
            let older = Needs { schema: Some(schema), ledger_wire: Some(4), ..fine.clone() };
            assert_eq!(check(&older, &node()), Ok(()), "a newer schema and a newer host are fine");
        }
        let left_behind = check(&Needs { schema: Some(9), ..fine.clone() }, &node()).unwrap_err();
        assert!(left_behind.len() == 1 && left_behind[0].contains("none before 10"), "{left_behind:?}");
        let edge = NodeDescription { kind: NodeKind::Edge, schema: None, ..node() };
        assert_eq!(check(&Needs { schema: Some(99), ..fine }, &edge), Ok(()), "an edge has no schema");
        let needs = Needs {
            interfaces: set(&["a:b/c@1.0.0"]),
            ledger_wire: Some(6),
            schema: Some(13),
            variables: set(&["database", "payment_key"]),
        };
        let faults = check(&needs, &node()).unwrap_err();
        assert_eq!(faults.len(), 4, "{faults:?}");
        for (fault, word) in faults.iter().zip(["a:b/c@1.0.0", "version 6", "schema 13", "(payment_key)"]) {
            assert!(fault.contains(word), "{fault}");
        }
    }
}
