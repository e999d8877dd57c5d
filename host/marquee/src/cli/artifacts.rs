//! `marquee fleet`: versions of the application as signed artifacts in a registry; what becomes of them is in `rollouts`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use artifact::{Application, Claim, File, Place, PrivateKey, PublicKey, Reference};
use clap::{Args, Subcommand, ValueEnum};
use manifest::{Manifest, VariableSources};
use serde_json::json;

use crate::cli::RegistryAccess;
use crate::cli::rollouts::{self, Rollouts};
use crate::config::registry_options;
use crate::config::settings::Settings;
use crate::error::Error;
use crate::nodes::serving::manifest_path;
use crate::say;

/// What to do with versions.
#[derive(Debug, Subcommand)]
pub enum Fleet {
    /// Writes the application to a registry, as Spin does; what is there already is not sent again.
    Push {
        /// Where to: REGISTRY/REPOSITORY:TAG.
        reference: String,
        /// The application; by default the spin.toml here, or beside this program.
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
        /// Composes dependencies into the components that answer requests: for SpinKube, which does not compose. Nodes of ours refuse it.
        #[arg(long)]
        compose: bool,
        /// See [`Common`].
        #[command(flatten)]
        common: Common,
    },
    /// Fetches a version, ours or one that Spin has pushed, into a folder that `up --manifest FOLDER/spin.toml` runs.
    Pull {
        /// Which: REGISTRY/REPOSITORY:TAG or @sha256:….
        reference: String,
        /// The folder; one that is not there, is empty, or was pulled into before.
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
        /// A public key, one of which must have signed it; without any nobody is asked.
        #[arg(long = "trusted-key", value_name = "FILE")]
        trusted_keys: Vec<PathBuf>,
        /// See [`Common`].
        #[command(flatten)]
        common: Common,
    },
    /// Signs a version, as cosign does.
    Sign {
        /// Which: REGISTRY/REPOSITORY@sha256:…; a tag is looked up first.
        reference: String,
        /// The private key, as `keygen` or cosign makes it. What it is encrypted with is COSIGN_PASSWORD.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// See [`Common`].
        #[command(flatten)]
        common: Common,
    },
    /// Says which of these keys has signed a version, or that none has.
    Verify {
        /// Which: REGISTRY/REPOSITORY:TAG or @sha256:….
        reference: String,
        /// A public key; may be given several times, and a file may have several keys.
        #[arg(long = "key", value_name = "FILE", required = true)]
        keys: Vec<PathBuf>,
        /// See [`Common`].
        #[command(flatten)]
        common: Common,
    },
    /// Says what a version is made of and from which commit, signed, as `cosign attest` does.
    Attest {
        /// Which: REGISTRY/REPOSITORY@sha256:…; a tag is looked up first.
        reference: String,
        /// The private key, as for `sign`.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The Cargo.lock of the components: a bill of materials in the form of CycloneDX is made of it.
        #[arg(long, value_name = "FILE", required_unless_present = "commit")]
        lock: Option<PathBuf>,
        /// The application that has these components; by default the spin.toml here, or beside this program.
        #[arg(long, value_name = "FILE", requires = "lock")]
        manifest: Option<PathBuf>,
        /// The commit of the sources.
        #[arg(long, value_name = "HEX", value_parser = commit)]
        commit: Option<String>,
        /// See [`Common`].
        #[command(flatten)]
        common: Common,
    },
    /// Shows what trusted keys say of a version.
    Attestations {
        /// Which: REGISTRY/REPOSITORY:TAG or @sha256:….
        reference: String,
        /// A public key; may be given several times, and a file may have several keys.
        #[arg(long = "key", value_name = "FILE", required = true)]
        keys: Vec<PathBuf>,
        /// See [`Common`].
        #[command(flatten)]
        common: Common,
    },
    /// Makes a pair of keys: NAME.key, which signs, and NAME.pub, which is trusted.
    Keygen {
        /// The files' name, without its ending.
        #[arg(default_value = "marquee")]
        name: PathBuf,
        /// How the answer is written.
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
    },
    /// See [`Rollouts`].
    #[command(flatten)]
    Rollouts(Rollouts),
}

/// What all of them take that speak to a registry.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// See [`RegistryAccess`].
    #[command(flatten)]
    pub access: RegistryAccess,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "text")]
    pub output: Output,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Output {
    /// For people: the reference, or what was made, on the first line, and what there is to say of it.
    Text,
    /// For programs: one object.
    Json,
}

impl Output {
    fn say(self, text: &[&str], json: &serde_json::Value) -> Result<(), Error> {
        match self {
            Self::Text => text.iter().try_for_each(|line| say(line)),
            Self::Json => say(&json.to_string()),
        }
    }
}

/// `marquee fleet`
pub async fn run(action: Fleet) -> Result<(), Error> {
    let settings = Settings::read()?;
    let options = |common: &Common| {
        let RegistryAccess { credentials, plain_http } = &common.access;
        registry_options(credentials.as_deref(), *plain_http, &settings)
    };
    match action {
        Fleet::Push { reference, manifest, compose, common } => {
            let reference: Reference = reference.parse()?;
            let (application, left_out) = application(&manifest_path(manifest.as_deref())?, compose)?;
            let packed = artifact::pack(&application)?;
            let pushed = artifact::push(&packed, &reference, &options(&common)).await?;
            let artifact::Pushed { reference, digest, sent, bytes, present } = &pushed;
            let mut lines =
                vec![reference.to_string(), format!("{sent} layers were sent, {bytes} bytes; {present} were there already")];
            lines.extend(left_out.iter().map(|path| format!("left out, because it is not there: {path}")));
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            common.output.say(
                &lines,
                &json!({
                    "reference": reference.to_string(), "digest": digest, "layers_sent": sent, "bytes_sent": bytes,
                    "layers_present": present, "left_out": left_out,
                }),
            )
        }
        Fleet::Pull { reference, into, trusted_keys, common } => {
            let trusted = if trusted_keys.is_empty() { None } else { Some(public_keys(&trusted_keys)?) };
            let reference: Reference = reference.parse()?;
            let pulled = artifact::pull(&reference, trusted.as_deref(), &options(&common), Place::Folder(&into)).await?;
            let artifact::Pulled { reference, digest, manifest, application: (name, version), composed, key, traffic } = &pulled;
            let by = match key {
                Some(key) => format!("signed by the key {key}"),
                None => "nobody was asked whether it is signed: name --trusted-key".to_owned(),
            };
            common.output.say(
                &[
                    &manifest.display().to_string(),
                    &format!("{name} {version}, {reference}, {by}"),
                    &format!(
                        "{} layers were fetched, {} bytes; {} were there already",
                        traffic.fetched, traffic.bytes, traffic.present
                    ),
                ],
                &json!({
                    "reference": reference.to_string(), "digest": digest, "manifest": manifest, "name": name, "version": version,
                    "composed": composed, "key": key, "layers_fetched": traffic.fetched, "bytes_fetched": traffic.bytes,
                    "layers_present": traffic.present,
                }),
            )
        }
        Fleet::Sign { reference, key, common } => {
            let key = PrivateKey::read(&key, settings.key_password.as_deref())?;
            let signed = artifact::sign(&reference.parse()?, &key, &options(&common)).await?;
            let done = if signed.before { "had been signed by the key" } else { "is signed now by the key" };
            common.output.say(
                &[&signed.reference.to_string(), &format!("{done} {}", signed.key)],
                &json!({ "reference": signed.reference.to_string(), "key": signed.key, "before": signed.before }),
            )
        }
        Fleet::Verify { reference, keys, common } => {
            let verified = artifact::verify(&reference.parse()?, &public_keys(&keys)?, &options(&common)).await?;
            common.output.say(
                &[&verified.reference.to_string(), &format!("is signed by the key {}", verified.key)],
                &json!({ "reference": verified.reference.to_string(), "key": verified.key }),
            )
        }
        Fleet::Attest { reference, key, lock, manifest, commit, common } => {
            let key = PrivateKey::read(&key, settings.key_password.as_deref())?;
            let mut claims = Vec::new();
            if let Some(lock) = lock {
                claims.push(Claim::materials(bill(&lock, &manifest_path(manifest.as_deref())?)?));
            }
            claims.extend(commit.as_deref().map(Claim::commit));
            let attested = artifact::attest(&reference.parse()?, &key, &claims, &options(&common)).await?;
            let artifact::Attested { reference, key, added } = &attested;
            let said: Vec<&str> = claims.iter().map(|claim| claim.kind.as_str()).collect();
            common.output.say(
                &[&reference.to_string(), &format!("{} is said by the key {key}; {added} of it is new", said.join(", "))],
                &json!({ "reference": reference.to_string(), "key": key, "said": said, "added": added }),
            )
        }
        Fleet::Attestations { reference, keys, common } => {
            let (reference, all) = artifact::attestations(&reference.parse()?, &public_keys(&keys)?, &options(&common)).await?;
            let mut lines = vec![reference.to_string()];
            lines.extend(all.iter().map(|one| format!("{} is said by the key {}", one.claim.kind, one.key)));
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let said = all.iter().map(|one| json!({ "kind": one.claim.kind, "key": one.key, "predicate": one.claim.predicate }));
            let said = json!({ "reference": reference.to_string(), "attestations": said.collect::<Vec<_>>() });
            common.output.say(&lines, &said)
        }
        Fleet::Rollouts(action) => rollouts::run(action, &settings).await,
        Fleet::Keygen { name, output } => keygen(&name, settings.key_password.as_deref(), output),
    }
}

fn public_keys(files: &[PathBuf]) -> Result<Vec<PublicKey>, Error> {
    let keys: Vec<Vec<PublicKey>> = files.iter().map(|file| PublicKey::read(file)).collect::<Result<_, _>>()?;
    Ok(keys.concat())
}

/// A commit of git's, by its whole name.
fn commit(text: &str) -> Result<String, String> {
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if hexadecimal && [40, 64].contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err("write all 40 (or 64) digits of it, as git rev-parse does".to_owned())
}

/// What the components of a manifest are made of. Their crates are called as they, or as their wasm.
fn bill(lock: &Path, path: &Path) -> Result<serde_json::Value, Error> {
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|error| Error::Refused(format!("{}: {error}", path.display())));
    let manifest = Manifest::parse(&read(path)?, path, &without_values(&read(path)?))?;
    let stem = |component: &manifest::Component| Some(component.source.file_stem()?.to_str()?.replace('_', "-"));
    let mut crates: BTreeSet<String> = manifest.components.keys().cloned().collect();
    crates.extend(manifest.components.values().filter_map(stem));
    let crates: Vec<String> = crates.into_iter().collect();
    Ok(artifact::materials(&read(lock)?, &crates, (&manifest.name, &manifest.version))?)
}

fn keygen(name: &Path, password: Option<&str>, output: Output) -> Result<(), Error> {
    let key = PrivateKey::generate()?;
    let public = key.public()?;
    let file = |ending: &str| {
        let mut file = name.as_os_str().to_owned();
        file.push(ending);
        PathBuf::from(file)
    };
    let (private_file, public_file) = (file(".key"), file(".pub"));
    let write = |file: &Path, text: &str, mode: u32| {
        let mut options = std::fs::OpenOptions::new();
        let written =
            options.write(true).create_new(true).mode(mode).open(file).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| Error::Refused(format!("{} cannot be written: {error}", file.display())))
    };
    write(&private_file, &key.to_pem(password)?, 0o600)?;
    write(&public_file, &public.to_pem(), 0o644)?;
    let (private_file, public_file) = (private_file.display().to_string(), public_file.display().to_string());
    let encrypted = match password {
        Some(_) => "signs; it is encrypted with COSIGN_PASSWORD",
        None => "signs; it is not encrypted: set COSIGN_PASSWORD for that",
    };
    output.say(
        &[
            &format!("{private_file} {encrypted}"),
            &format!("{public_file} is what nodes trust; the key is called {}", public.id()),
        ],
        &json!({ "private": private_file, "public": public_file, "key": public.id(), "encrypted": password.is_some() }),
    )
}

/// An application as it is packed, and what its manifest lists of files and is not there.
fn application(path: &Path, composed: bool) -> Result<(Application, Vec<String>), Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::Refused(format!("{}: {error}", path.display())))?;
    let manifest = Manifest::load(path, &without_values(&text))?;
    let root = path.parent().unwrap_or_else(|| Path::new(""));
    let (mut components, mut files, mut left_out) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for (name, component) in &manifest.components {
        // What nothing leads to is of no use to hosts that know no tool tables.
        if composed && !component.triggered {
            continue;
        }
        let wasm =
            if composed { runtime::version::composed(&manifest, name) } else { runtime::version::uncomposed(&manifest, name) };
        components.insert(name.clone(), wasm?);
        let seen = runtime::assets::seen(root, component)
            .map_err(|reason| runtime::LoadError::Files { component: name.clone(), reason })?;
        let file = |(inside, source): (PathBuf, PathBuf)| match inside.to_str() {
            Some(path) => Ok(File { path: path.to_owned(), source }),
            None => Err(Error::Refused(format!("{} is no name in UTF-8", inside.display()))),
        };
        files.insert(name.clone(), seen.into_iter().map(file).collect::<Result<_, _>>()?);
        let missing = component.grants.files.iter().filter(|mount| !mount.source.exists());
        left_out.extend(missing.map(|mount| mount.source.display().to_string()));
    }
    left_out.sort();
    left_out.dedup();
    Ok((Application { manifest: text, components, files, composed }, left_out))
}

/// The environment, and nothing for variables that must be given: nodes give them.
fn without_values(manifest: &str) -> VariableSources {
    let sources = VariableSources::from_environment();
    let Ok(table) = manifest.parse::<toml::Table>() else { return sources };
    let variables = table.get("variables").and_then(toml::Value::as_table).into_iter().flatten();
    let required = variables.filter(|(_, variable)| variable.get("required").and_then(toml::Value::as_bool) == Some(true));
    required.fold(sources, |sources, (name, _)| sources.otherwise(name.clone(), ""))
}
