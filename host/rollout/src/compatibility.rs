//! Whether a release can run on a node, before it is sent there.

use crate::protocol::{Needs, NodeDescription, NodeKind};

/// Compares what a release needs with what a node offers.
///
/// # Errors
/// A sentence for each need that the node does not meet, with what to do.
pub fn check(needs: &Needs, node: &NodeDescription) -> Result<(), Vec<String>> {
    let mut faults = Vec::new();
    let missing: Vec<&str> = needs.interfaces.difference(&node.interfaces).map(String::as_str).collect();
    if !missing.is_empty() {
        let (host, missing) = (&node.host, missing.join(", "));
        faults.push(format!("its components import what a host {host} does not offer ({missing}): upgrade the node first"));
    }
    if let Some(wanted) = needs.ledger_wire.filter(|wanted| *wanted != node.ledger_wire) {
        let said = node.ledger_wire;
        faults.push(format!("it speaks version {wanted} of what edges and regions say to each other, the node {said}: upgrade the node first"));
    }
    // Only a node with a database is asked for its schema, and it may be newer: migrations keep what the release before reads.
    if let (Some(wanted), Some(there)) = (needs.schema, node.schema)
        && there < wanted
    {
        faults.push(format!("it needs schema {wanted}, and the region's database has {there}: run `marquee migrate` first"));
    }
    if node.kind == NodeKind::Region && needs.schema.is_some() && node.schema.is_none() {
        faults.push("it needs a schema, and the node does not say which its database has".to_owned());
    }
    let missing: Vec<&str> = needs.variables.difference(&node.variables).map(String::as_str).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        faults.push(format!("it needs variables that the node has no value for ({missing}): set them there, or with the deployment"));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}
