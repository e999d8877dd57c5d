//! What an application imports of its host, without compiling it: to know before it is sent to a node whether it would link there.

use crate::compose;
use crate::version::{LoadError, Mode, bytes};
use manifest::Manifest;
use std::collections::BTreeSet;

/// The interfaces that an application's components import of this host, dependencies that the host does not bring composed in. They are named as
/// [`capabilities::interfaces`] names what a host offers: with what is compatible of their version. Takes CPU time: not for an async task.
///
/// # Errors
/// A component that cannot be read, or composed.
pub fn imports(manifest: &Manifest) -> Result<BTreeSet<String>, LoadError> {
    let mut imports = BTreeSet::new();
    for (name, component) in &manifest.components {
        if component.triggered || component.tool.is_some() {
            let wasm = bytes(manifest, name, Mode::Native)?;
            let names = compose::imports(name, wasm);
            let names = names.map_err(|source| LoadError::Compose { component: name.clone(), source })?;
            imports.extend(names.iter().map(|name| capabilities::compatible_name(name)));
        }
    }
    Ok(imports)
}
