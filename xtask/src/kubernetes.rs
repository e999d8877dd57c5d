//! A server of Kubernetes' API for tests, with its database: built once from Go's modules, into the user's cache.

use crate::{
    services,
    step::{command, idle, root, run, say, step},
    tools,
};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Says where they are.
pub const PROGRAMS: &str = "MARQUEE_TEST_KUBERNETES_BIN";
/// The test program that needs them.
pub const TESTS: &str = "kubernetes cluster";

/// The Go module that names them, with the digests of all that they are built from.
const MODULE: &str = "infra/kubernetes/tools";
const LIST: &str = include_str!("../../infra/kubernetes/tools/go.mod");
const SERVER: &str = "k8s.io/kubernetes";
/// Each program with its package.
const PACKAGES: [(&str, &str); 2] =
    [("etcd", "go.etcd.io/etcd/server/v3"), ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver")];

/// The folder with the programs, where they have been built.
pub fn found() -> Result<Option<PathBuf>> {
    let folder = folder()?;
    Ok(PACKAGES.iter().all(|(program, _)| folder.join(program).is_file()).then_some(folder))
}

/// The folder with the programs, which are built where they are missing: about ten minutes of a processor.
pub fn programs() -> Result<PathBuf> {
    if let Some(folder) = found()? {
        return Ok(folder);
    }
    let folder = folder()?;
    step("building a server of Kubernetes' API from Go's modules (ten minutes, once)", || {
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let go = tools::program("go", "/usr/local/*/bin", &["golang"])?;
        for (program, package) in PACKAGES {
            build(&go, package, &folder.join(program))?;
        }
        Ok(folder)
    })
}

fn build(go: &Path, package: &str, to: &Path) -> Result<()> {
    say(&format!("    {package}"));
    // Under another name until it is whole.
    let unfinished = to.with_extension("unfinished");
    let version = version()?;
    let flags = format!("-s -w -X k8s.io/component-base/version.gitVersion={version}");
    let mut build = idle(command(go, &["build", "-mod=readonly", "-trimpath", "-ldflags", &flags, "-o"]));
    build.arg(&unfinished).arg(package).current_dir(root().join(MODULE)).env("CGO_ENABLED", "0").env("GOWORK", "off");
    run(&mut build).context("`go build` failed: it needs Go 1.26 or later, and Go's module proxy")?;
    Ok(std::fs::rename(&unfinished, to)?)
}

fn version() -> Result<&'static str> {
    let named = |line: &'static str| line.trim().strip_prefix(SERVER)?.strip_prefix(' ');
    let version = LIST.lines().find_map(named).and_then(|rest| rest.split_whitespace().next());
    version.with_context(|| format!("{MODULE}/go.mod does not name {SERVER}"))
}

fn folder() -> Result<PathBuf> {
    Ok(services::cache()?.join(format!("marquee/kubernetes-{}", version()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_module() {
        let version = version().unwrap();
        assert!(version.starts_with("v1.") && !version.contains(' '), "{version}");
    }
}
