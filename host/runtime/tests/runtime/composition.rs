//! The application itself, the way stock Spin runs it.

use crate::support::{cache, engine, loader, root};
use capabilities::Bindings;
use manifest::{Manifest, VariableSources};
use runtime::cache::digest;
use runtime::compose::{Part, compose};
use runtime::{Application, Engine, Mode};
use wasmtime::component::types::ComponentItem;

fn marquee() -> Manifest {
    Manifest::load(&root().join("spin.toml"), &VariableSources::new()).unwrap_or_else(|error| panic!("{error}"))
}

/// Of an interface that has but types, nothing can be called.
fn types_only(item: &ComponentItem, engine: &Engine) -> bool {
    let ComponentItem::ComponentInstance(instance) = item else { return false };
    instance.exports(engine.wasmtime()).all(|(_, export)| matches!(export.ty, ComponentItem::Type(_)))
}

#[test]
fn every_component_composes_and_imports_nothing_but_wasi_and_spin() {
    let manifest = marquee();
    for component in manifest.components.values().filter(|component| component.triggered) {
        let read = |name: &str| std::fs::read(&manifest.components[name].source).unwrap();
        let parts = component.dependencies.iter().map(|dependency| Part {
            name: &dependency.name,
            export: dependency.export.as_deref(),
            wasm: read(&dependency.component),
        });
        let whole = compose(&component.name, read(&component.name), parts.collect(), &[]).unwrap();
        let engine = engine();
        let (whole, _) = cache().component(&engine, &whole, &digest(&whole)).unwrap();
        for (import, item) in whole.component_type().imports(engine.wasmtime()) {
            let offered = import.starts_with("wasi:") || import.starts_with("spin:");
            assert!(offered || types_only(&item.ty, &engine), "{}: {import}", component.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_loads_and_instantiates_in_both_modes() {
    for mode in [Mode::Native, Mode::Composed] {
        let version = loader().load(marquee(), mode).await.unwrap_or_else(|error| panic!("{mode:?}: {error}"));
        let application = Application::new(version, Bindings::default());
        application.check(&[]).await.unwrap_or_else(|error| panic!("{mode:?}: {error}"));
        assert_eq!(application.ledger().is_some(), mode == Mode::Native);
        assert!(application.ticks().count() >= 4);
    }
}
