//! `[component.NAME.dependencies]`: which component satisfies which imports.

use super::variables::is_kebab_case;
use std::fmt;

/// One dependency of a component.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dependency {
    /// The imports it satisfies.
    pub name: DependencyName,
    /// The component, in the same manifest, that does.
    pub component: String,
    /// The export that satisfies the import, where it is called otherwise.
    pub export: Option<String>,
    /// Whether it may use all that its depender is granted.
    pub inherits: bool,
}

/// The imports that a dependency satisfies: all of a package, one interface, or a plain name.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DependencyName {
    /// `name`.
    Plain(String),
    /// `namespace:package`, `namespace:package@version`, `namespace:package/interface@version`.
    Package {
        /// `namespace:package`.
        package: String,
        /// None: every interface of the package.
        interface: Option<String>,
        /// None: every version.
        version: Option<String>,
    },
}

impl DependencyName {
    /// Reads a name; none where it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        if version.is_some_and(|version| version.is_empty() || version.contains(['@', '/', ':'])) {
            return None;
        }
        let (package, interface) = match name.split_once('/') {
            Some((package, interface)) => (package, Some(interface)),
            None => (name, None),
        };
        match package.split_once(':') {
            None if interface.is_none() && version.is_none() => is_kebab_case(package).then(|| Self::Plain(package.to_owned())),
            None => None,
            Some((namespace, rest)) => {
                let words = [Some(namespace), Some(rest), interface];
                words.into_iter().flatten().all(is_kebab_case).then(|| Self::Package {
                    package: package.to_owned(),
                    interface: interface.map(str::to_owned),
                    version: version.map(str::to_owned),
                })
            }
        }
    }

    /// Whether an import, as a component names it (`namespace:package/interface@version`), is among those meant.
    #[must_use]
    pub fn matches(&self, import: &str) -> bool {
        let (name, import_version) = match import.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (import, None),
        };
        match self {
            Self::Plain(plain) => plain == import,
            Self::Package { package, interface, version } => name.split_once('/').is_some_and(|(of, named)| {
                of == package
                    && interface.as_deref().is_none_or(|interface| interface == named)
                    && (version.is_none() || version.as_deref() == import_version)
            }),
        }
    }

    /// The package; none of a plain name.
    #[must_use]
    pub fn package(&self) -> Option<&str> {
        match self {
            Self::Plain(_) => None,
            Self::Package { package, .. } => Some(package),
        }
    }
}

impl fmt::Display for DependencyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(name) => f.write_str(name),
            Self::Package { package, interface, version } => {
                f.write_str(package)?;
                if let Some(interface) = interface {
                    write!(f, "/{interface}")?;
                }
                if let Some(version) = version {
                    write!(f, "@{version}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependency_names_match_imports() {
        let cases = [
            ("foo:bar/baz@0.1.0", "foo:bar/baz@0.1.0", true),
            ("foo:bar/baz", "foo:bar/baz@0.1.0", true),
            ("foo:bar", "foo:bar/baz@0.1.0", true),
            ("foo:bar", "foo:bar/baz", true),
            ("foo:bar@0.1.0", "foo:bar/qux@0.1.0", true),
            ("foo-bar", "foo-bar", true),
            ("foo:bar@0.1.0", "foo:bar/baz@0.2.0", false),
            ("foo:bar/baz@0.1.0", "foo:bar/baz", false),
            ("foo:bar/baz", "foo:bar/bub@0.1.0", false),
            ("foo:bar", "foo:bart/baz", false),
            ("foo-bar", "foo:bar/baz", false),
        ];
        for (name, import, expected) in cases {
            let name = DependencyName::parse(name).unwrap();
            assert_eq!(name.matches(import), expected, "{name} {import}");
        }
    }

    #[test]
    fn invalid_dependency_names_are_refused() {
        for bad in ["", "foo:", ":bar", "foo:bar/", "foo/bar", "foo@1", "foo:bar@", "foo:bar@1@2", "foo bar"] {
            assert_eq!(DependencyName::parse(bad), None, "{bad}");
        }
    }
}
