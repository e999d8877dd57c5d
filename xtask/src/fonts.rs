//! Fonts for papers, from Debian's packages: see `infra/fonts/README.md`.

use crate::{
    step::{command, run, say, step},
    tools,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

/// Where they go.
const FOLDER: &str = "infra/fonts";

const PACKAGES: [&str; 4] = ["fonts-droid-fallback", "fonts-noto-core", "fonts-symbola", "fonts-wqy-microhei"];

/// Gets them where there are none and that is easily done. Without them papers are as right as before, and say which characters they lack.
pub fn offer() {
    let there = Path::new(FOLDER).read_dir().is_ok_and(|entries| entries.flatten().any(|entry| is_font(&entry.path())));
    if there || tools::find("apt-get", "").is_none() {
        return;
    }
    if let Err(error) = get() {
        say(&format!(
            "    going on without them ({error:#}): receipts and tickets show boxes for Chinese, Japanese, Korean, Thai and Indian scripts"
        ));
    }
}

/// Gets them.
pub fn get() -> Result<()> {
    step("getting fonts for receipts and tickets in every script, from Debian's packages", || {
        if tools::find("apt-get", "").is_none() || tools::find("dpkg-deb", "").is_none() {
            bail!("this machine has no apt-get and dpkg-deb: put TrueType fonts into {FOLDER} yourself");
        }
        let folder = PathBuf::from("target/fonts");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let download = || run(command("apt-get", &["download", "-q"]).args(PACKAGES).current_dir(&folder).stdout(Stdio::null()));
        if download().is_err() {
            // A fresh machine has no lists of packages.
            run(command("apt-get", &["update", "-q"]).stdout(Stdio::null()))?;
            download()?;
        }
        for package in files(&folder)?.iter().filter(|path| path.extension().is_some_and(|it| it == "deb")) {
            run(command("dpkg-deb", &["-x"]).arg(package).arg(&folder))?;
        }
        let wanted: Vec<PathBuf> = files(&folder)?.into_iter().filter(|path| is_wanted(path)).collect();
        for path in &wanted {
            let name = path.file_name().context("a file without a name")?;
            fs::copy(path, Path::new(FOLDER).join(name))?;
        }
        fs::remove_dir_all(&folder)?;
        say(&format!("    {} fonts in {FOLDER}", wanted.len()));
        Ok(())
    })
}

fn is_font(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ttf" || extension == "ttc")
}

/// One for each script, regular and bold: of Noto Sans those for lines of text, of the others all.
fn is_wanted(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let weight = name.ends_with("-Regular.ttf") || name.ends_with("-Bold.ttf");
    let noto = name.starts_with("NotoSans") && weight && !["UI-", "Mono", "Display"].iter().any(|kind| name.contains(kind));
    let other =
        ["NotoSerifTibetan-Regular", "DroidSansFallback", "Symbola", "wqy-microhei"].iter().any(|start| name.starts_with(start));
    is_font(path) && (noto || other)
}

/// All files under a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()?.flatten() {
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
