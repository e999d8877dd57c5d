//! Application variables: where their values come from, and the `{{ … }}` templates that use them.

use super::error::ManifestError;
use crate::{Secret, limits};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Where the values of application variables come from, strongest first: what is set here by name, the environment
/// (`SPIN_VARIABLE_<NAME>`, as in Spin), variables files, and at last the manifest's defaults.
#[derive(Clone, Debug, Default)]
pub struct VariableSources {
    set: BTreeMap<String, Secret>,
    environment: BTreeMap<String, Secret>,
    files: BTreeMap<String, Secret>,
}

/// What Spin, too, puts before a variable's name.
const PREFIX: &str = "SPIN_VARIABLE_";

impl VariableSources {
    /// No source but the manifest's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The environment of this process.
    #[must_use]
    pub fn from_environment() -> Self {
        let mut sources = Self::new();
        for (name, value) in std::env::vars_os() {
            // What is not Unicode cannot be handed to a component.
            let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) else { continue };
            if let Some(name) = name.strip_prefix(PREFIX) {
                sources.environment.insert(name.to_ascii_lowercase(), Secret::from(value));
            }
        }
        sources
    }

    /// Adds one value; it is stronger than the environment.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set.insert(name.into(), Secret::from(value.into()));
        self
    }

    /// Adds the `name = "value"` lines of a TOML file; a later file is stronger than an earlier one.
    ///
    /// # Errors
    /// Where the file cannot be read or holds anything but texts.
    pub fn file(mut self, path: &Path) -> Result<Self, ManifestError> {
        let text = read_bounded(path)?;
        // The parser's message would quote the line, which may be a secret.
        let values: BTreeMap<String, String> = toml::from_str(&text).map_err(|error| ManifestError::Malformed {
            path: path.to_owned(),
            message: format!("{}; every line must read name = \"value\"", position(&text, error.span())),
        })?;
        self.files.extend(values.into_iter().map(|(name, value)| (name, Secret::from(value))));
        Ok(self)
    }

    /// Adds one value that is weaker than the environment and files, and stronger than the manifest's default.
    #[must_use]
    pub fn otherwise(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.files.entry(name.into()).or_insert_with(|| Secret::from(value.into()));
        self
    }

    /// The value that a name has here.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.set.get(name).or_else(|| self.environment.get(name)).or_else(|| self.files.get(name))
    }

    /// The names that have a value here, in order.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        [&self.set, &self.environment, &self.files].into_iter().flat_map(|values| values.keys().cloned()).collect()
    }
}

fn position(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let line = span.and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line} is not understood")
}

/// Reads a text file that must not be absurdly large.
pub(super) fn read_bounded(path: &Path) -> Result<String, ManifestError> {
    let unreadable = |reason: String| ManifestError::Unreadable { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut text = String::new();
    file.take(limits::MANIFEST_BYTES + 1).read_to_string(&mut text).map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > limits::MANIFEST_BYTES {
        return Err(unreadable(format!("more than {} bytes", limits::MANIFEST_BYTES)));
    }
    Ok(text)
}

/// What a template cannot be resolved for.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum TemplateError {
    /// `{{` without `}}`, or not a name between them.
    Malformed,
    /// No `[variables]` entry of this name.
    Undeclared(String),
    /// Declared, but it has no value; that has been said already.
    Unset,
}

/// The application's variables; none where a required one has no value.
pub(super) type ResolvedVariables = BTreeMap<String, Option<Secret>>;

/// Replaces each `{{ name }}` by that variable's value.
pub(super) fn resolve(template: &str, variables: &ResolvedVariables) -> Result<String, TemplateError> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or(TemplateError::Malformed)?;
        let name = name.trim();
        if !is_snake_case(name) {
            return Err(TemplateError::Malformed);
        }
        let value = variables.get(name).ok_or_else(|| TemplateError::Undeclared(name.to_owned()))?;
        text.push_str(before);
        text.push_str(value.as_ref().ok_or(TemplateError::Unset)?.expose());
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

/// Lower-case words of letters and digits, joined by `_`, each beginning with a letter: what Spin takes for a variable's name.
pub(super) fn is_snake_case(name: &str) -> bool {
    words(name, '_') && !name.contains(|c: char| c.is_ascii_uppercase())
}

/// Words of letters and digits, joined by `-`, each beginning with a letter: what Spin takes for a component's name.
pub(super) fn is_kebab_case(name: &str) -> bool {
    words(name, '-')
}

fn words(name: &str, separator: char) -> bool {
    name.split(separator)
        .all(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(|c| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> ResolvedVariables {
        [("host", Some("db")), ("port", Some("5432")), ("missing", None)]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.map(Secret::from)))
            .collect()
    }

    #[test]
    fn templates() {
        let cases = [
            ("plain", Ok("plain".to_owned())),
            ("{{host}}", Ok("db".to_owned())),
            ("postgres://{{ host }}:{{ port }}/x", Ok("postgres://db:5432/x".to_owned())),
            ("a }} b", Ok("a }} b".to_owned())),
            ("{{ nobody }}", Err(TemplateError::Undeclared("nobody".to_owned()))),
            ("{{ missing }}", Err(TemplateError::Unset)),
            ("{{ host", Err(TemplateError::Malformed)),
            ("{{ Host }}", Err(TemplateError::Malformed)),
            ("{{ }}", Err(TemplateError::Malformed)),
        ];
        for (template, expected) in cases {
            assert_eq!(resolve(template, &variables()), expected, "{template}");
        }
    }

    #[test]
    fn names() {
        for good in ["a", "a1", "hold_seconds"] {
            assert!(is_snake_case(good), "{good}");
        }
        for bad in ["", "_", "a__b", "1a", "A", "a-b", "a b", "a_1"] {
            assert!(!is_snake_case(bad), "{bad}");
        }
        assert!(is_kebab_case("spin-adapter") && !is_kebab_case("spin_adapter") && !is_kebab_case("-a"));
    }

    #[test]
    fn set_values_override_files_and_errors_quote_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("variables.toml");
        std::fs::write(&path, "a = \"in it\"\nb = \"in it\"\n").unwrap();
        let sources = VariableSources::new().set("a", "set").file(&path).unwrap();
        assert_eq!(sources.get("a").unwrap().expose(), "set");
        assert_eq!(sources.get("b").unwrap().expose(), "in it");
        assert!(!format!("{sources:?}").contains("in it"));
        assert_eq!(sources.names().into_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(sources.get("c").is_none());

        std::fs::write(&path, "a = \"x\"\npassword = hunter2\n").unwrap();
        let message = VariableSources::new().file(&path).unwrap_err().to_string();
        assert!(message.contains("line 2") && !message.contains("hunter2"), "{message}");
    }
}
