//! What one component may use.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
};

use webhooks::Receivers;

use crate::allowed_hosts::AllowedHosts;

/// What one component may use, from the manifest with its variables resolved. Deny by default: the default grants nothing.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// Labels of SQLite databases (`sqlite_databases`).
    pub sqlite_databases: BTreeSet<String>,
    /// Labels of key-value stores (`key_value_stores`).
    pub key_value_stores: BTreeSet<String>,
    /// The component's variables, templates resolved.
    pub variables: BTreeMap<String, Secret>,
    /// Hosts that may be called, over HTTP, Postgres, Redis or sockets (`allowed_outbound_hosts`).
    pub allowed_outbound_hosts: AllowedHosts,
    /// Which servers may be called over HTTP whoever they are (`internet` under `tool.marquee`); none: only those above.
    pub internet: Option<Receivers>,
    /// Kafka topics that may be written to (`kafka_topics` under `tool.marquee`).
    pub kafka_topics: BTreeSet<String>,
    /// Environment variables (`environment`).
    pub environment: BTreeMap<String, String>,
    /// Folders that may be read (`files`).
    pub files: Vec<Mount>,
}

/// A folder of this machine's, as a component sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is. One that is not there is not shown.
    pub source: PathBuf,
    /// The component's path to it.
    pub destination: String,
}

/// A text that `Debug` does not show. Any variable may carry a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_variable_values() {
        let grants =
            Grants { variables: BTreeMap::from([("password".to_owned(), Secret::from("hunter2"))]), ..Grants::default() };
        let shown = format!("{grants:?}");
        assert!(shown.contains("password") && !shown.contains("hunter2"), "{shown}");
    }
}
