//! Who people are: tokens, of which the control plane knows only what SHA-256 makes of them.
//!
//! ```toml
//! [[tokens]]
//! name = "ci"
//! role = "operator"
//! sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! ```

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::limits;

/// What somebody may do; each may do what those before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Deploys, and decides about rollouts.
    Operator,
    /// Reads the audit log, and has nodes forgotten.
    Admin,
}

impl Role {
    /// As a file of tokens has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Somebody who has shown a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// The tokens of a file. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub struct Tokens {
    file: Arc<PathBuf>,
    known: Arc<RwLock<Vec<Known>>>,
}

/// A token that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    caller: Caller,
    digest: [u8; 32],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    tokens: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    role: Role,
    sha256: String,
}

impl Tokens {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, or a token has no name of its own.
    pub fn read(file: &Path) -> Result<Self, Error> {
        Ok(Self { file: Arc::new(file.to_owned()), known: Arc::new(RwLock::new(known(file)?)) })
    }

    /// Reads the file again every now and then, until `stop`. One that is wrong changes nothing.
    pub async fn follow(self, stop: CancellationToken) {
        let mut said = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(limits::TOKENS_LOOK) => {}
            }
            let tokens = self.clone();
            let read = tokio::task::spawn_blocking(move || tokens.reload().map_err(|error| error.to_string())).await;
            said = match read {
                Ok(Err(error)) => {
                    if said.as_ref() != Some(&error) {
                        tracing::error!(error, "the changed file of tokens cannot be used: those before stay good");
                    }
                    Some(error)
                }
                _ => None,
            };
        }
    }

    fn reload(&self) -> Result<(), Error> {
        let now = known(&self.file)?;
        let mut before = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if *before != now {
            tracing::info!(tokens = now.len(), "read the changed file of tokens");
            *before = now;
        }
        Ok(())
    }

    /// Who brings these headers. How long that takes says nothing of any token: it is what SHA-256 makes of one that is compared.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        let mut brought = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(brought), None) = (brought.next(), brought.next()) else { return None };
        let (scheme, token) = brought.as_bytes().split_at_checked(7)?;
        let token = token.trim_ascii();
        if !scheme.eq_ignore_ascii_case(b"bearer ") || !limits::TOKEN_BYTES.contains(&token.len()) {
            return None;
        }
        let digest: [u8; 32] = Sha256::digest(token).into();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|known| known.digest == digest).map(|known| known.caller.clone())
    }
}

fn known(file: &Path) -> Result<Vec<Known>, Error> {
    let wrong = |reason: String| Error::Tokens { file: file.to_owned(), reason };
    let length = std::fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len();
    if length > limits::TOKENS_BYTES {
        return Err(wrong(format!("{length} bytes: {} at most", limits::TOKENS_BYTES)));
    }
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    // The parser's message would quote the line; who wrote a token there by mistake does not want it in a log.
    let File { tokens } = toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        wrong(format!("line {line} is not understood: write [[tokens]] with name, role (viewer, operator or admin) and sha256"))
    })?;
    if tokens.len() > limits::TOKENS {
        return Err(wrong(format!("{} tokens: {} at most", tokens.len(), limits::TOKENS)));
    }
    let mut all: Vec<Known> = Vec::with_capacity(tokens.len());
    for Line { name, role, sha256 } in tokens {
        let digest = unhex(&sha256)
            .ok_or_else(|| wrong(format!("the token {name:?}: sha256 is 64 hexadecimal digits, as sha256sum writes them")))?;
        let plain = |byte: u8| byte.is_ascii_graphic();
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(wrong(format!("{name:?} cannot be a token's name: 1 to 64 visible characters")));
        }
        if all.iter().any(|known| known.caller.name == name || known.digest == digest) {
            return Err(wrong(format!("the token {name:?} is there twice: each has a name and a digest of its own")));
        }
        all.push(Known { caller: Caller { name, role }, digest });
    }
    Ok(all)
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let bytes: Option<Vec<u8>> =
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(token: &str) -> String {
        Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn line(name: &str, role: &str, token: &str) -> String {
        format!("[[tokens]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{}\"\n", digest(token))
    }

    fn brings(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn a_token_says_who_somebody_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.toml");
        let (ci, root) = ("0123456789abcdef", "fedcba9876543210");
        std::fs::write(&file, line("ci", "operator", ci) + &line("root", "admin", root)).unwrap();
        let tokens = Tokens::read(&file).unwrap();
        let who = |values: &[&str]| tokens.caller(&brings(values)).map(|caller| (caller.name, caller.role));
        assert_eq!(who(&["Bearer 0123456789abcdef"]), Some(("ci".to_owned(), Role::Operator)));
        assert_eq!(who(&["bearer  fedcba9876543210"]), Some(("root".to_owned(), Role::Admin)));
        for wrong in [&[][..], &["Bearer "], &["Bearer 0123456789abcdee"], &["Basic 0123456789abcdef"], &["x"]] {
            assert_eq!(who(wrong), None, "{wrong:?}");
        }
        assert_eq!(who(&["Bearer 0123456789abcdef", "Bearer 0123456789abcdef"]), None, "which of two is meant nobody knows");
        // Taken away, it is good no longer; and a file that is wrong changes nothing.
        std::fs::write(&file, line("root", "admin", root)).unwrap();
        tokens.reload().unwrap();
        assert_eq!(who(&["Bearer 0123456789abcdef"]), None);
        std::fs::write(&file, "nonsense").unwrap();
        assert!(tokens.reload().is_err() && who(&["Bearer fedcba9876543210"]).is_some());
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
    }

    #[test]
    fn files_that_are_wrong_are_refused_without_quoting_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.toml");
        for (text, said) in [
            ("[[tokens]]\nname = \"a\"\nrole = \"operator\"\ntoken = \"hunter2hunter2\"\n".to_owned(), "line"),
            ("[[tokens]]\nname = \"a\"\nrole = \"king\"\nsha256 = \"hunter2\"\n".to_owned(), "line 3"),
            ("[[tokens]]\nname = \"a\"\nrole = \"admin\"\nsha256 = \"hunter2hunter2\"\n".to_owned(), "64 hexadecimal"),
            (line("a", "admin", "one") + &line("a", "viewer", "two"), "twice"),
            (line("a", "admin", "one") + &line("b", "viewer", "one"), "twice"),
            (line("", "admin", "one"), "cannot be a token's name"),
        ] {
            std::fs::write(&file, text).unwrap();
            let message = Tokens::read(&file).unwrap_err().to_string();
            assert!(message.contains(said) && !message.contains("hunter2"), "{message}");
        }
    }
}
