//! The web app in `web-app`: built into files that the component `web` has in it, and tested, by unit tests and in a browser.

use crate::{
    build, lighthouse,
    node::Node,
    seed,
    services::{Kind, Services},
    step::{command, output, root, run, say, step},
    tools,
};
use anyhow::{Context, Result, anyhow, bail};
use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

/// Where it is.
const FOLDER: &str = "web-app";
/// What its build leaves last.
const BUILT: &str = "web-app/dist/table.tsv";
/// What it is built from. Its types come from the OpenAPI document, and its icons from the site's.
const SOURCES: [&str; 9] = [
    "components/web/openapi.json",
    "components/web/assets/favicon.svg",
    "web-app/index.html",
    "web-app/lingui.config.ts",
    "web-app/package-lock.json",
    "web-app/scripts",
    "web-app/src",
    "web-app/tsconfig.json",
    "web-app/vite.config.ts",
];
/// What its types come from, and the file that they are in.
const TYPES: [&str; 2] = [SOURCES[0], "web-app/src/api/schema.gen.ts"];
/// Where a run in a browser leaves what it saw.
const PICTURES: &str = "target/web";

/// The folder that the component takes the built app from, as its build script names it.
pub const DIST: &str = "web-app/dist";

/// The admin of the platform that a browser visits, who vouches for addresses: nobody reads mail there.
const ADMIN: [(&str, &str); 2] =
    [("SPIN_VARIABLE_ADMIN_EMAIL", "admin@web.example"), ("SPIN_VARIABLE_ADMIN_PASSWORD", "what only this platform has")];

/// Patterns of what it is built from, as `spin watch` takes them.
pub fn watched() -> Vec<String> {
    let pattern =
        |source: &&str| if Path::new(source).extension().is_some() { (*source).to_owned() } else { format!("{source}/**/*") };
    SOURCES.iter().filter(|source| source.starts_with(FOLDER)).map(pattern).collect()
}

/// Files and folders of its own that it is built from.
pub fn sources() -> impl Iterator<Item = &'static Path> {
    SOURCES.iter().filter(|source| source.starts_with(FOLDER)).map(Path::new)
}

/// `cargo xtask web`.
pub fn command_line(arguments: &[String]) -> Result<()> {
    match arguments {
        [] => build(),
        [visit] if visit == "--visit" => browse(Host::Marquee, false),
        [visit, spin] if visit == "--visit" && spin == "--spin" => browse(Host::Spin, false),
        [visit, pictures] if visit == "--visit" && pictures == "--pictures" => browse(Host::Marquee, true),
        [lighthouse] if lighthouse == "--lighthouse" => judge(),
        [other, ..] => bail!("{other} is not understood: cargo xtask web [--visit [--pictures | --spin] | --lighthouse]"),
    }
}

/// Builds it, unless nothing has changed since it was.
pub fn build() -> Result<()> {
    if !is_stale(BUILT, &SOURCES)? {
        return Ok(());
    }
    step("building the web app", || {
        let node = Node24::ready()?;
        node.types()?;
        node.run("vite", &["build"])?;
        run(&mut node.command(&["scripts/finish.ts"]))
    })
}

/// Formatting, lints, types, texts and unit tests, and the size of what the first page loads, which its build looks at.
pub fn test() -> Result<()> {
    let node = Node24::ready()?;
    node.types()?;
    node.run("biome", &["check", "--error-on-warnings", "."])?;
    node.run("tsc", &["--noEmit"])?;
    // A text that was added, changed or taken out without its catalogs, and one without its translations.
    for fault in ["sync", "missing"] {
        node.run("lingui", &["check", fault])
            .context("`npm run messages` in web-app brings the catalogs up to date; then translate")?;
    }
    node.run("vitest", &["run"])?;
    build()
}

/// What serves the platform that a browser visits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Host {
    Marquee,
    /// Nothing sends mail there, so what needs a mail is left out, and said to be.
    Spin,
}

/// Visits it with a browser, in a platform of its own with the demo catalog. Where pictures are wanted, what it looked like is left under `target/web`.
fn browse(host: Host, pictures: bool) -> Result<()> {
    let node = Node24::ready()?;
    let chromium = tools::program("chromium", "", &["chromium"])?;
    // Without it pictures in Sinhala would show boxes.
    tools::file("NotoSansSinhala-Regular.ttf", "/usr/share/fonts/truetype/*/", &["fonts-noto-core"])?;
    let [email, password] = ADMIN;
    let platform = match host {
        Host::Marquee => Node::start_with("web", &[], &[("RUST_LOG", "error"), email, password])?,
        Host::Spin => Node::start_spin(&tools::spin().map_err(|why| anyhow!(why))?, "web-spin", &[email, password])?,
    };
    let edge = platform.edges.first().context("no edge")?;
    if host == Host::Spin {
        seed::load(edge, email.1, password.1)?;
    }
    let mut visit = node.command(&[&script("vitest"), "run", "--config", "e2e/vitest.config.ts"]);
    visit.env("MARQUEE_URL", edge).env("MARQUEE_CHROMIUM", chromium);
    if pictures {
        visit.env("MARQUEE_PICTURES", root().join(PICTURES));
    } else {
        visit.env_remove("MARQUEE_PICTURES");
    }
    match host {
        Host::Marquee => visit.env("MARQUEE_MAIL", platform.mail()),
        Host::Spin => visit.env("MARQUEE_MAIL", ""),
    };
    visit.env("MARQUEE_ADMIN_EMAIL", email.1).env("MARQUEE_ADMIN_PASSWORD", password.1);
    // The control plane, whose page is visited as well, needs a database and versions. It is the same, whoever runs the platform.
    let services = match host {
        Host::Marquee => Some(Services::start(&[Kind::Postgres, Kind::Registry])?),
        Host::Spin => None,
    };
    match &services {
        Some(services) => {
            visit.env("MARQUEE_PROGRAM", root().join(build::MARQUEE));
            visit.envs(services.environment.iter().map(|(name, value)| (name, value)));
        }
        None => drop(visit.args(["--exclude", "**/control.test.ts"])),
    }
    run(&mut visit)?;
    if pictures {
        say(&format!("    what it looked like: {PICTURES}/index.html"));
    }
    Ok(())
}

/// Has Lighthouse look at it, in a platform of its own with the demo catalog.
fn judge() -> Result<()> {
    let node = Node24::ready()?;
    let chromium = tools::program("chromium", "", &["chromium"])?;
    let platform = Node::start_with("lighthouse", &[], &[("RUST_LOG", "error")])?;
    lighthouse::judge(&node, &chromium, platform.edges.first().context("no edge")?)
}

/// Node, with the app's packages beside it.
pub struct Node24(PathBuf);

impl Node24 {
    /// Node, and the packages that the lock file names. They are installed anew when it has changed.
    fn ready() -> Result<Self> {
        let node = Self(tools::node()?);
        let installed = "web-app/node_modules/.package-lock.json";
        if is_stale(installed, &["web-app/package-lock.json"])? {
            say("    installing the packages of the web app (npm ci)");
            let mut install = node.npm()?;
            run(install.args(["ci", "--no-fund", "--no-audit"]).current_dir(FOLDER))
                .context("npm ci failed, which needs the network once")?;
            // npm leaves the file as it is where it finds nothing to do.
            std::fs::File::options().append(true).open(installed)?.set_modified(SystemTime::now())?;
        }
        Ok(node)
    }

    /// A program of Node's, in the app's folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut program = command(&self.0, arguments);
        program.current_dir(FOLDER).env("PATH", self.path());
        // Whoever reads it in a file sees the codes and not the colours. Some programs have them in any case where a variable says that this is CI.
        if !std::io::stdout().is_terminal() {
            program.env("NO_COLOR", "1").env_remove("FORCE_COLOR");
        }
        program
    }

    /// Node first, for what it starts.
    fn path(&self) -> std::ffi::OsString {
        let own = self.0.parent().map(PathBuf::from).into_iter();
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::join_paths(own.chain(std::env::split_paths(&path))).unwrap_or(path)
    }

    /// A package's program.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        run(&mut self.command(&[&[script(program).as_str()], arguments].concat()))
    }

    /// The npm that came with it, else that of the PATH.
    pub fn npm(&self) -> Result<Command> {
        let own = self.0.parent().and_then(Path::parent).map(|folder| folder.join("lib/node_modules/npm/bin/npm-cli.js"));
        let mut npm = match own.filter(|file| file.is_file()) {
            Some(own) => {
                let mut npm = command(&self.0, &[]);
                npm.arg(own);
                npm
            }
            None => command(tools::find("npm", "").context("npm is missing, which comes with Node.js")?, &[]),
        };
        npm.env("PATH", self.path());
        Ok(npm)
    }

    /// Types of what the API takes and answers.
    fn types(&self) -> Result<()> {
        let [document, types] = TYPES;
        if is_stale(types, &[document])? {
            let (document, types) = (format!("../{document}"), types.strip_prefix("web-app/").unwrap_or(types));
            output(&mut self.command(&[&script("openapi-typescript"), &document, "--output", types]))?;
        }
        Ok(())
    }
}

fn script(program: &str) -> String {
    format!("node_modules/.bin/{program}")
}

/// Whether a file is missing, or older than one of these files, or than anything in these folders.
fn is_stale(file: &str, sources: &[&str]) -> Result<bool> {
    let Ok(made) = Path::new(file).metadata().and_then(|data| data.modified()) else { return Ok(true) };
    let mut left: Vec<PathBuf> = sources.iter().map(PathBuf::from).collect();
    while let Some(path) = left.pop() {
        let data = path.metadata().with_context(|| path.display().to_string())?;
        if data.modified()? > made {
            return Ok(true);
        }
        if data.is_dir() {
            left.extend(path.read_dir()?.flatten().map(|entry| entry.path()));
        }
    }
    Ok(false)
}
