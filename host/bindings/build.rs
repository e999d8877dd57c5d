//! Writes the bindings of Spin's interfaces: their WIT text is not ours to keep, it comes with the spin-sdk crate
//! that the components are built with, and `bindgen!` takes a literal path only.

use std::{env, error::Error, fs, path::PathBuf, process::Command};

/// What is bound, with the folder left open. Functions that a guest calls synchronously are `async` here: they
/// suspend the guest, not a thread.
const TEMPLATE: &str = r#"wasmtime::component::bindgen!({
    path: @FOLDER@,
    inline: "
        package marquee:host-spin;
        world imports {
            import spin:key-value/key-value@3.0.0;
            import spin:postgres/postgres@4.2.0;
            import spin:redis/redis@3.0.0;
            import spin:sqlite/sqlite@3.1.0;
            import spin:variables/variables@3.0.0;
        }
    ",
    world: "marquee:host-spin/imports",
    imports: { default: async | trappable },
});
"#;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    let folder = spin_wit()?;
    let folder = folder.to_str().ok_or("the path of spin-sdk is not UTF-8")?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("spin.rs");
    fs::write(out, TEMPLATE.replace("@FOLDER@", &format!("{folder:?}")))?;
    Ok(())
}

/// The `wit` folder of the spin-sdk that Cargo.lock names.
fn spin_wit() -> Result<PathBuf, Box<dyn Error>> {
    // A build of the host alone may not have downloaded what only components need: then the network is asked.
    let metadata = metadata(true).or_else(|_| metadata(false))?;
    let packages = metadata.get("packages").and_then(|packages| packages.as_array()).ok_or("cargo metadata names no packages")?;
    let manifest = packages
        .iter()
        .find(|package| package.get("name").is_some_and(|name| name == "spin-sdk"))
        .and_then(|package| package.get("manifest_path")?.as_str())
        .ok_or("spin-sdk is not in Cargo.lock")?;
    Ok(PathBuf::from(manifest).with_file_name("wit"))
}

fn metadata(offline: bool) -> Result<serde_json::Value, Box<dyn Error>> {
    let mut cargo = Command::new(env::var("CARGO")?);
    // Without a platform, cargo wants the manifests of every platform's crates, which nobody has downloaded.
    cargo.args(["metadata", "--format-version=1", "--locked", "--filter-platform"]).arg(env::var("TARGET")?);
    if offline {
        cargo.arg("--offline");
    }
    let output = cargo.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
