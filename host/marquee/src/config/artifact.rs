//! The version that a node runs from a registry, and whose signature it wants.

use std::path::{Path, PathBuf};

use artifact::{Credentials, Options, PublicKey, Reference};
use serde::Deserialize;

use super::{beside, read, wrong};
use crate::cli::FromRegistry;
use crate::config::settings::Settings;
use crate::error::Error;

/// A version in a registry.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Artifact {
    /// Its reference, with its digest.
    pub from: String,
    /// Files with public keys, one of which must have signed it.
    pub trusted_keys: Vec<PathBuf>,
    /// Who the node is at the registry, as Docker's `config.json` has it; none: as the environment says.
    pub credentials: Option<PathBuf>,
    /// Whether the registry is spoken to in the clear, although it is another machine.
    pub plain_http: bool,
}

impl Artifact {
    /// What the command line says, which is stronger, over what a file says; none: neither says anything.
    pub fn of(file: Option<Self>, flags: &FromRegistry) -> Result<Option<Self>, Error> {
        let FromRegistry { from, trusted_keys, access } = flags;
        // A file that leaves it to a control plane names none.
        let file = file.filter(|file| !file.from.is_empty() || from.is_some());
        if from.is_none() && file.is_none() {
            let given = !trusted_keys.is_empty() || access.credentials.is_some() || access.plain_http;
            return if given { Err(Error::Refused("name the version with --from".to_owned())) } else { Ok(None) };
        }
        let mut artifact = file.unwrap_or_default();
        if let Some(from) = from {
            artifact.from.clone_from(from);
        }
        if !trusted_keys.is_empty() {
            artifact.trusted_keys.clone_from(trusted_keys);
        }
        artifact.credentials = access.credentials.clone().or(artifact.credentials);
        artifact.plain_http |= access.plain_http;
        artifact.check().map_err(Error::Refused)?;
        Ok(Some(artifact))
    }

    /// Paths begin beside the file.
    pub(super) fn beside(&mut self, file: &Path) {
        for path in self.trusted_keys.iter_mut().chain(&mut self.credentials) {
            *path = beside(file, path);
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let reference: Reference = self.from.parse().map_err(|error: artifact::Error| error.to_string())?;
        if reference.digest().is_none() {
            return Err(format!("{reference}: a node runs what a digest names, as in REGISTRY/REPOSITORY@sha256:…"));
        }
        if self.trusted_keys.is_empty() {
            return Err(
                "name at least one public key whose signature is trusted: --trusted-key, or artifact.trusted_keys".to_owned()
            );
        }
        Ok(())
    }

    /// What a control plane may have run here: whatever one of these keys has signed. `file` is what the node's file says, and the command line is stronger.
    pub fn trusting(file: Option<Self>, flags: &FromRegistry) -> Self {
        let FromRegistry { trusted_keys, access, .. } = flags;
        let mut artifact = file.unwrap_or_default();
        if !trusted_keys.is_empty() {
            artifact.trusted_keys.clone_from(trusted_keys);
        }
        artifact.credentials = access.credentials.clone().or(artifact.credentials);
        artifact.plain_http |= access.plain_http;
        artifact
    }

    /// Another version, fetched and trusted alike.
    pub fn version(&self, reference: &str) -> Result<Self, Error> {
        let artifact = Self { from: reference.to_owned(), ..self.clone() };
        artifact.check().map_err(Error::Refused)?;
        Ok(artifact)
    }

    /// The same, as its file says it now.
    pub fn again(file: &Path) -> Result<Option<Self>, Error> {
        #[derive(Deserialize)]
        struct File {
            artifact: Option<Artifact>,
        }
        let File { artifact } = read(file)?;
        let Some(mut artifact) = artifact else { return Ok(None) };
        artifact.check().map_err(|reason| wrong(file, format!("artifact: {reason}")))?;
        artifact.beside(file);
        Ok(Some(artifact))
    }

    /// It, whose signatures are trusted, and how its registry is reached.
    pub fn opened(&self, settings: &Settings) -> Result<(Reference, Vec<PublicKey>, Options), Error> {
        let keys: Vec<Vec<PublicKey>> = self.trusted_keys.iter().map(|file| PublicKey::read(file)).collect::<Result<_, _>>()?;
        let options = options(self.credentials.as_deref(), self.plain_http, settings);
        Ok((self.from.parse()?, keys.concat(), options))
    }
}

/// How a registry is reached: with these credentials, else with Docker's.
pub fn options(credentials: Option<&Path>, plain_http: bool, settings: &Settings) -> Options {
    let credentials = match (credentials, &settings.docker) {
        (Some(file), _) => Credentials::File(file.to_owned()),
        (None, Some(file)) => Credentials::Perhaps(file.clone()),
        (None, None) => Credentials::Anonymous,
    };
    Options { plain_http, credentials }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::RegistryAccess;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn flags(from: Option<&str>, keys: &[&str]) -> FromRegistry {
        let access = RegistryAccess { credentials: None, plain_http: false };
        FromRegistry { from: from.map(str::to_owned), trusted_keys: keys.iter().map(PathBuf::from).collect(), access }
    }

    #[test]
    fn a_node_runs_signed_digests_alone() {
        let from = format!("registry.example/marquee@{DIGEST}");
        assert_eq!(Artifact::of(None, &flags(None, &[])).unwrap(), None);
        let whole = Artifact::of(None, &flags(Some(&from), &["a.pub"])).unwrap().unwrap();
        for (flags, said) in [
            (flags(Some(&from), &[]), "--trusted-key"),
            (flags(Some("registry.example/marquee:1"), &["a.pub"]), "@sha256:"),
            (flags(Some("marquee"), &["a.pub"]), "names no artifact"),
            (flags(None, &["a.pub"]), "--from"),
        ] {
            let message = Artifact::of(None, &flags).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
        // The file has the keys, the command line another version.
        let file = Artifact { from: format!("registry.example/old@{DIGEST}"), ..whole.clone() };
        assert_eq!(Artifact::of(Some(file), &flags(Some(&from), &[])).unwrap(), Some(whole));
    }

    #[test]
    fn a_file_names_it_and_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node.toml");
        let text =
            format!("name = \"a\"\n[artifact]\nfrom = \"registry.example/marquee@{DIGEST}\"\ntrusted_keys = [\"a.pub\"]\n");
        std::fs::write(&file, &text).unwrap();
        assert_eq!(Artifact::again(&file).unwrap().unwrap().trusted_keys, [folder.path().join("a.pub")]);
        for (from, to, said) in [
            (DIGEST, "sha256:1", "after @ stands"),
            ("trusted_keys", "trusted", "trusted"),
            ("[\"a.pub\"]", "[]", "at least one"),
        ] {
            std::fs::write(&file, text.replace(from, to)).unwrap();
            let message = Artifact::again(&file).unwrap_err().to_string();
            assert!(message.contains(said) && message.contains("node.toml"), "{message}");
        }
    }
}
