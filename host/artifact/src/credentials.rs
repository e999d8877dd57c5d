//! Who one is at a registry, as Docker's configuration says it: `auths` of `config.json`, which `docker login` writes.

use crate::error::Error;
use crate::limits;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// A name and a password.
#[derive(Clone)]
pub(crate) struct Login {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<login>")
    }
}

/// Where credentials are.
#[derive(Clone, Debug, Default)]
pub enum Credentials {
    /// Nobody: only what is public can be had.
    #[default]
    Anonymous,
    /// This file, which must be there.
    File(PathBuf),
    /// This file, where it is there.
    Perhaps(PathBuf),
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Default, Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    #[serde(rename = "identitytoken")]
    identity_token: Option<String>,
}

impl Credentials {
    /// Those for a registry; none where the file has none.
    pub(crate) fn for_registry(&self, registry: &str) -> Result<Option<Login>, Error> {
        let (file, needed) = match self {
            Self::Anonymous => return Ok(None),
            Self::File(file) => (file, true),
            Self::Perhaps(file) => (file, false),
        };
        if !needed && !file.is_file() {
            return Ok(None);
        }
        let wrong = |reason: String| Error::Credentials { file: file.clone(), reason };
        let text = read(file).map_err(|error| wrong(error.to_string()))?;
        login(&text, registry).map_err(wrong)
    }
}

fn read(file: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(file)?.take(limits::CREDENTIALS_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn login(text: &str, registry: &str) -> Result<Option<Login>, String> {
    // The parser's message would quote what may be a password.
    let config: Config =
        serde_json::from_str(text).map_err(|error| format!("line {} is not as Docker's config.json has it", error.line()))?;
    let names = [registry.to_owned(), format!("https://{registry}"), format!("https://{registry}/")];
    let entry = names.iter().find_map(|name| config.auths.get(name));
    let Some(entry) = entry.filter(|entry| entry.auth.is_some() || entry.username.is_some() || entry.identity_token.is_some())
    else {
        return match config.helpers.get(registry).or(config.store.as_ref()) {
            Some(helper) => Err(format!(
                "{registry} is left to the program docker-credential-{helper}, which is not run: write a name and a password \
                 for it under `auths`"
            )),
            None => Ok(None),
        };
    };
    if let Entry { username: Some(user), password: Some(password), .. } = entry {
        return Ok(Some(Login { user: user.clone(), password: password.clone() }));
    }
    if entry.identity_token.is_some() {
        return Err(format!(
            "{registry} has an identity token: log in with a name and a password, or an access token as password"
        ));
    }
    let decoded = entry.auth.as_deref().and_then(|auth| BASE64_STANDARD.decode(auth).ok());
    let pair = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let (user, password) = pair
        .as_deref()
        .and_then(|pair| pair.split_once(':'))
        .ok_or_else(|| format!("`auth` of {registry} is not NAME:PASSWORD in base64"))?;
    Ok(Some(Login { user: user.to_owned(), password: password.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_as_docker_writes_them() {
        let auth = BASE64_STANDARD.encode("ada:pass:word");
        let text = format!(
            r#"{{"auths": {{"a.example": {{"auth": "{auth}"}}, "https://b.example/": {{"username": "u", "password": "p"}},
               "c.example": {{"identitytoken": "t"}}, "d.example": {{"auth": "!"}}, "e.example": {{}}}}, "credHelpers": {{"f.example": "ecr-login"}}}}"#
        );
        let of = |registry| login(&text, registry);
        let one = of("a.example").unwrap().unwrap();
        assert_eq!((&*one.user, &*one.password), ("ada", "pass:word"));
        assert_eq!(of("b.example").unwrap().unwrap().password, "p");
        assert!(of("c.example").unwrap_err().contains("identity token"));
        assert!(of("d.example").unwrap_err().contains("base64"));
        assert!(of("e.example").unwrap().is_none() && of("nobody.example").unwrap().is_none());
        assert!(of("f.example").unwrap_err().contains("docker-credential-ecr-login"));
        assert!(!format!("{one:?}").contains("word"));
    }

    #[test]
    fn a_file_that_must_be_there_is_missed_and_no_error_quotes_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        assert!(Credentials::Perhaps(file.clone()).for_registry("a.example").unwrap().is_none());
        assert!(Credentials::File(file.clone()).for_registry("a.example").is_err());
        std::fs::write(&file, "{\"auths\": \"hunter2\"}").unwrap();
        let message = Credentials::Perhaps(file).for_registry("a.example").unwrap_err().to_string();
        assert!(message.contains("line 1") && !message.contains("hunter2"), "{message}");
    }
}
