//! What the components of an application were written for, and whether this program has it.

use manifest::Manifest;
use rollout::compatibility;
use rollout::protocol::{Needs, Schema};

use crate::error::Error;

/// What a database serves that this program has migrated. A newer one it does not start on.
pub fn schema() -> Schema {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Schema { least: number(migrations::least()), last: number(migrations::MIGRATIONS.len()) }
}

/// Refuses an application that this program cannot run; before it migrates a database, since there is no way back from that.
///
/// # Errors
/// [`Error::Refused`], with what to do.
pub fn check(manifest: &Manifest, schema: Option<Schema>) -> Result<(), Error> {
    let manifest::Needs { schema: wanted, ledger_wire } = manifest.needs;
    let needs = Needs { ledger_wire, schema: wanted, ..Needs::default() };
    let faults = compatibility::outgrown(&needs, fleet::wire::VERSION, schema);
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::Refused(format!("{} {} does not run here: {}", manifest.name, manifest.version, faults.join("; "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use manifest::VariableSources;
    use std::path::Path;

    fn manifest(change: (&str, &str)) -> Manifest {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        Manifest::parse(&text.replacen(change.0, change.1, 1), &path, &VariableSources::new()).unwrap()
    }

    /// Components are made with the migrations and the types that are here: what they need is said where a control plane finds it.
    #[test]
    fn the_application_says_what_it_was_written_for() {
        let schema = u32::try_from(migrations::needed()).unwrap();
        let written = manifest::Needs { schema: Some(schema), ledger_wire: Some(fleet::wire::VERSION) };
        assert_eq!(
            manifest(("", "")).needs,
            written,
            "[application.tool.marquee] in spin.toml; see CONTRIBUTING.md, how to add a migration"
        );
    }

    #[test]
    fn what_was_written_for_another_host_is_refused() {
        let (schema, database) = (schema(), Some(schema()));
        let written = format!("schema = {}\n", migrations::needed());
        let ahead = manifest((&written, &format!("schema = {}\n", schema.last + 1)));
        let error = check(&ahead, database).unwrap_err().to_string();
        assert!(error.contains(&format!("needs schema {}", schema.last + 1)), "{error}");
        // An edge has no database.
        assert!(check(&ahead, None).is_ok());
        let left = Some(Schema { least: schema.last + 1, last: schema.last + 2 });
        let error = check(&manifest(("", "")), left).unwrap_err().to_string();
        assert!(error.contains("serves none before"), "{error}");
        let wire = manifest(("ledger_wire = ", "ledger_wire = 9"));
        assert!(check(&wire, None).unwrap_err().to_string().contains("upgrade the node first"));
    }
}
