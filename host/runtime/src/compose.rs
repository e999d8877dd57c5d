//! Joins a component with its dependencies into one component, as stock Spin does before it runs it.
//!
//! A dependency's exports become the arguments of the component's imports. What the two still import (WASI, Spin's
//! interfaces) stays imported, once; what the component exports, the whole exports.

use manifest::DependencyName;
use wac_graph::types::{ItemKind, Package, Type, Types, WorldId};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

/// A dependency and its bytes.
pub struct Part<'a> {
    /// The imports it satisfies.
    pub name: &'a DependencyName,
    /// The export that satisfies the import, where it is called otherwise.
    pub export: Option<&'a str>,
    /// The component.
    pub wasm: Vec<u8>,
}

/// Why components do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The bytes are not a component.
    #[error("{name} is not a component: {reason}")]
    NotAComponent {
        /// The component itself, or the dependency by its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing is imported by that name, so the dependency is of no use.
    #[error("the dependency {0} satisfies nothing that is imported")]
    Unused(String),
    /// Two dependencies satisfy the same import.
    #[error("both {first} and {second} satisfy the import {import}")]
    Ambiguous {
        /// One dependency.
        first: String,
        /// The other.
        second: String,
        /// The import.
        import: String,
    },
    /// The dependency lacks an interface of the package that it is to satisfy.
    #[error("the dependency {name} does not export {export}, which is imported")]
    MissingExport {
        /// The dependency.
        name: String,
        /// What it would have to export.
        export: String,
    },
    /// The dependency's interface is not the one that is imported, or the whole cannot be written down.
    #[error("{name} does not fit: {reason}")]
    Mismatch {
        /// The dependency, or the component itself.
        name: String,
        /// What does not fit.
        reason: String,
    },
    /// Something is still imported that is neither WASI nor Spin's.
    #[error("{0} is imported and nothing satisfies it: add a dependency that does")]
    Unsatisfied(String),
}

/// What a composed component may still import: what every Spin host offers.
const OFFERED: [&str; 3] = ["wasi:", "spin:", "fermyon:spin/"];

/// Composes a component with its dependencies. Nothing may be imported afterwards but WASI, Spin's interfaces and
/// those of the packages in `native`, which the host brings. Takes CPU time: not for an async task.
///
/// # Errors
/// See [`ComposeError`].
pub fn compose(name: &str, wasm: Vec<u8>, parts: Vec<Part<'_>>, native: &[&str]) -> Result<Vec<u8>, ComposeError> {
    let mut composer = Composer { graph: CompositionGraph::new() };
    let (world, socket) = composer.register(name, wasm)?;
    let imports: Vec<String> = composer.graph.types()[world].imports.keys().cloned().collect();
    let mut satisfied: Vec<(String, String)> = Vec::new();
    for part in parts {
        let part_name = part.name.to_string();
        let matching: Vec<&String> = imports.iter().filter(|import| part.name.matches(import)).collect();
        if matching.is_empty() {
            return Err(ComposeError::Unused(part_name));
        }
        let (_, plug) = composer.register(&part_name, part.wasm)?;
        for import in matching {
            if let Some((_, first)) = satisfied.iter().find(|(taken, _)| taken == import) {
                let (first, import) = (first.clone(), import.clone());
                return Err(ComposeError::Ambiguous { first, second: part_name, import });
            }
            composer.connect(&part_name, plug, part.export.unwrap_or(import), socket, import)?;
            satisfied.push((import.clone(), part_name.clone()));
        }
    }
    composer.export_all(name, world, socket)?;
    let graph = &composer.graph;
    if let Some((import, ..)) =
        graph.imports().find(|(import, kind, _)| !offered(import, native) && !types_only(*kind, graph.types()))
    {
        return Err(ComposeError::Unsatisfied(import.to_owned()));
    }
    composer.graph.encode(EncodeOptions::default()).map_err(|error| mismatch(name, &error))
}

/// The names of what a component imports, but of what has only types.
///
/// # Errors
/// The bytes are not a component.
pub(crate) fn imports(name: &str, wasm: Vec<u8>) -> Result<Vec<String>, ComposeError> {
    let mut types = Types::default();
    let package = Package::from_bytes(name, None, wasm, &mut types);
    let package = package.map_err(|error| ComposeError::NotAComponent { name: name.to_owned(), reason: format!("{error:#}") })?;
    let imports = types[package.ty()].imports.iter().filter(|(_, kind)| !types_only(**kind, &types));
    Ok(imports.map(|(name, _)| name.clone()).collect())
}

fn offered(import: &str, native: &[&str]) -> bool {
    let package = import.split('/').next().unwrap_or(import);
    OFFERED.iter().any(|prefix| import.starts_with(prefix)) || native.contains(&package)
}

/// An interface that has only types needs no provider: components keep such imports of what they were built with.
fn types_only(kind: ItemKind, types: &Types) -> bool {
    let ItemKind::Instance(instance) = kind else { return matches!(kind, ItemKind::Type(_)) };
    types[instance].exports.values().all(|export| matches!(export, ItemKind::Type(kind) if !matches!(kind, Type::Resource(_))))
}

fn mismatch(name: &str, error: &dyn std::error::Error) -> ComposeError {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason.push_str(": ");
        reason.push_str(&cause.to_string());
        source = cause.source();
    }
    ComposeError::Mismatch { name: name.to_owned(), reason }
}

struct Composer {
    graph: CompositionGraph,
}

impl Composer {
    fn register(&mut self, name: &str, wasm: Vec<u8>) -> Result<(WorldId, NodeId), ComposeError> {
        let not = |reason: String| ComposeError::NotAComponent { name: name.to_owned(), reason };
        let package = Package::from_bytes(name, None, wasm, self.graph.types_mut()).map_err(|error| not(format!("{error:#}")))?;
        let world = package.ty();
        let package = self.graph.register_package(package).map_err(|error| not(error.to_string()))?;
        Ok((world, self.graph.instantiate(package)))
    }

    fn connect(&mut self, name: &str, plug: NodeId, export: &str, socket: NodeId, import: &str) -> Result<(), ComposeError> {
        let argument = self
            .graph
            .alias_instance_export(plug, export)
            .map_err(|_| ComposeError::MissingExport { name: name.to_owned(), export: export.to_owned() })?;
        self.graph.set_instantiation_argument(socket, import, argument).map_err(|error| mismatch(name, &error))
    }

    fn export_all(&mut self, name: &str, world: WorldId, socket: NodeId) -> Result<(), ComposeError> {
        let exports: Vec<String> = self.graph.types()[world].exports.keys().cloned().collect();
        for export in exports {
            let node = self.graph.alias_instance_export(socket, &export).map_err(|error| mismatch(name, &error))?;
            self.graph.export(node, export).map_err(|error| mismatch(name, &error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = r#"(component
        (import "spin:variables/variables@3.0.0" (instance))
        (import "shop:stock/types@1.0.0" (instance $types (export "count" (func (result u32)))))
        (import "shop:stock/store@1.0.0" (instance $store (export "take" (func (param "n" u32)))))
        (instance (export "wasi:http/handler@0.3.0")))"#;

    type Parts<'a> = &'a [(&'a str, Vec<u8>)];

    fn wasm(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    /// A component that exports these interfaces, each made of the functions given.
    fn exporting(interfaces: &[(&str, &str, &str)]) -> Vec<u8> {
        let mut text = r#"(component (import "wasi:io/poll@0.2.6" (instance))
            (core module $m (func (export "count") (result i32) i32.const 7) (func (export "take") (param i32)))
            (core instance $i (instantiate $m))
            (func $count (result u32) (canon lift (core func $i "count")))
            (func $take (param "n" u32) (canon lift (core func $i "take")))"#
            .to_owned();
        for (interface, export, func) in interfaces {
            text.push_str(&format!(r#"(instance $x-{func}-{export} (export "{export}" (func ${func}))) (export "{interface}" (instance $x-{func}-{export}))"#));
        }
        text.push(')');
        wasm(&text)
    }

    fn both() -> Vec<u8> {
        exporting(&[("shop:stock/types@1.0.0", "count", "count"), ("shop:stock/store@1.0.0", "take", "take")])
    }

    fn with(parts: Parts<'_>) -> Result<Vec<u8>, ComposeError> {
        let names: Vec<DependencyName> = parts.iter().map(|(name, _)| DependencyName::parse(name).unwrap()).collect();
        let parts = names.iter().zip(parts).map(|(name, (_, wasm))| Part { name, export: None, wasm: wasm.clone() }).collect();
        compose("app", wasm(APP), parts, &[])
    }

    fn imports_and_exports(wasm: Vec<u8>) -> (Vec<String>, Vec<String>) {
        let mut types = wac_graph::types::Types::default();
        let package = Package::from_bytes("whole", None, wasm, &mut types).unwrap();
        let world = &types[package.ty()];
        (world.imports.keys().cloned().collect(), world.exports.keys().cloned().collect())
    }

    #[test]
    fn one_entry_satisfies_every_interface_of_its_package() {
        let whole = with(&[("shop:stock@1.0.0", both())]).unwrap();
        let (mut imports, exports) = imports_and_exports(whole);
        imports.sort();
        assert_eq!(imports, ["spin:variables/variables@3.0.0", "wasi:io/poll@0.2.6"]);
        assert_eq!(exports, ["wasi:http/handler@0.3.0"]);
    }

    #[test]
    fn interfaces_with_types_only_need_no_provider() {
        let text = r#"(component (import "shop:stock/types@1.0.0" (instance (type $t u32) (export "n" (type (eq $t)))))
            (import "shop:stock/store@1.0.0" (instance (export "r" (type (sub resource))))))"#;
        let error = compose("app", wasm(text), Vec::new(), &[]).unwrap_err();
        assert!(matches!(error, ComposeError::Unsatisfied(import) if import == "shop:stock/store@1.0.0"));
        assert!(compose("app", wasm(text), Vec::new(), &["shop:stock"]).is_ok());
        assert_eq!(imports("app", wasm(text)).unwrap(), ["shop:stock/store@1.0.0"]);
    }

    #[test]
    fn mismatched_components_are_named_in_the_error() {
        let wrong = exporting(&[("shop:stock/types@1.0.0", "count", "count"), ("shop:stock/store@1.0.0", "take", "count")]);
        let cases: [(Parts<'_>, &str); 7] = [
            (&[], "shop:stock/types@1.0.0 is imported and nothing satisfies it"),
            (&[("shop:stock/types", both())], "shop:stock/store@1.0.0 is imported and nothing satisfies it"),
            (&[("shop:stock@2.0.0", both())], "shop:stock@2.0.0 satisfies nothing"),
            (&[("shop:stock@1.0.0", b"nonsense".to_vec())], "shop:stock@1.0.0 is not a component"),
            (
                &[("shop:stock", exporting(&[("shop:stock/types@1.0.0", "count", "count")]))],
                "does not export shop:stock/store@1.0.0",
            ),
            (&[("shop:stock", wrong)], "shop:stock does not fit"),
            (&[("shop:stock", both()), ("shop:stock/types", both())], "both shop:stock and shop:stock/types"),
        ];
        for (parts, expected) in cases {
            let message = with(parts).unwrap_err().to_string();
            assert!(message.contains(expected), "{expected:?} is not in {message:?}");
        }
    }
}
