//! Puts the built app (`web-app/dist`) into the component: a table of its files, each as it is and as it was compressed when the app was built.
//!
//! Who builds for WebAssembly needs the app; lints and tests do without it, and then the table is empty.

use std::{fmt::Write as _, path::Path};

/// What the app's build leaves: a line for each file, with tabs between its path, its type, its digest, and its content codings.
const TABLE: &str = "table.tsv";
/// In two parts, so that nobody who looks for what sources build in takes this for one.
const EMBED: &str = "include_bytes!";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../web-app/dist");
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web-app/dist");
    let table = match std::fs::read_to_string(dist.join(TABLE)) {
        Ok(table) => table,
        Err(_) if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") => {
            return Err(
                "the web app is not built: run `cargo xtask web`, or `cargo xtask components`, which builds it first".into()
            );
        }
        Err(_) => String::new(),
    };
    let mut source = "static FILES: &[File] = &[\n".to_owned();
    for line in table.lines() {
        let [path, kind, digest, codings] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("{TABLE}: {line:?} is no row").into());
        };
        let bytes = |coding: &str, ending: &str| {
            let file = dist.join(format!("{path}{ending}"));
            if codings.split(',').any(|each| each == coding) { format!("{EMBED}({file:?})") } else { "&[]".to_owned() }
        };
        let (plain, brotli, gzip) = (bytes("identity", ""), bytes("br", ".br"), bytes("gzip", ".gz"));
        writeln!(
            source,
            "File {{ path: {path:?}, kind: {kind:?}, digest: {digest:?}, plain: {plain}, brotli: {brotli}, gzip: {gzip} }},"
        )?;
    }
    source.push_str("];\n");
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("app.rs"), source)?;
    Ok(())
}
