//! What the environment says, read in one place.

use std::net::IpAddr;
use std::path::PathBuf;

use edge::Cors;

use crate::error::Error;

/// Settings from the environment.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `MARQUEE_CORS_ORIGINS`: origins with commas between them, which may do more than read what is public. Default: none.
    pub cors: Cors,
    /// `MARQUEE_TRUSTED_PROXIES`: addresses with commas between them, whose `X-Forwarded-For` is believed. Default: none.
    pub trusted_proxies: Box<[IpAddr]>,
    /// Where compiled code is kept between starts: `marquee` in `XDG_CACHE_HOME` or `~/.cache`. None: with the data.
    pub cache: Option<PathBuf>,
    /// `SPIN_VARIABLE_DATABASE`, as the components have it, where it is not empty.
    pub database: Option<String>,
    /// `MARQUEE_KAFKA_PASSWORD`: instead of the file's.
    pub kafka_password: Option<String>,
    /// `MARQUEE_REDIS`: where a region's node finds Redis, instead of what its file says.
    pub redis: Option<String>,
    /// `MARQUEE_MAIL`: a worker's mail server, instead of its file's.
    pub mail: Option<String>,
    /// `MARQUEE_AUDIT_KEY`: the file of the key that the audit log is signed with, instead of the one in the data folder.
    pub audit_key: Option<PathBuf>,
    /// `MARQUEE_RABBITMQ`: where a worker that mirrors to RabbitMQ finds it, instead of what its file says.
    pub rabbitmq: Option<String>,
}

const CORS: &str = "MARQUEE_CORS_ORIGINS";
const PROXIES: &str = "MARQUEE_TRUSTED_PROXIES";

impl Settings {
    /// Reads them.
    pub fn read() -> Result<Self, Error> {
        Self::of(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    pub(crate) fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let cors = Cors::parse(&variable(CORS).unwrap_or_default())
            .map_err(|error| Error::Setting { name: CORS, reason: error.to_string() })?;
        let trusted_proxies = variable(PROXIES)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| text.parse::<IpAddr>().map(|address| address.to_canonical()))
            .collect::<Result<_, _>>()
            .map_err(|_| Error::Setting { name: PROXIES, reason: "write IP addresses with commas between them".to_owned() })?;
        let cache = variable("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("marquee"));
        Ok(Self {
            cors,
            trusted_proxies,
            cache,
            database: variable("SPIN_VARIABLE_DATABASE"),
            kafka_password: variable("MARQUEE_KAFKA_PASSWORD"),
            redis: variable("MARQUEE_REDIS"),
            mail: variable("MARQUEE_MAIL"),
            audit_key: variable("MARQUEE_AUDIT_KEY").map(PathBuf::from),
            rabbitmq: variable("MARQUEE_RABBITMQ"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Error> {
        Settings::of(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(read(&[(CORS, "*")]).unwrap_err().to_string().starts_with(CORS));
        assert!(read(&[(PROXIES, "localhost")]).unwrap_err().to_string().starts_with(PROXIES));
        assert_eq!(read(&[(PROXIES, "10.0.0.1, ::1,")]).unwrap().trusted_proxies.len(), 2);
    }

    #[test]
    fn compiled_code_is_kept_where_caches_are() {
        assert_eq!(read(&[("HOME", "/home/a")]).unwrap().cache.as_deref(), Some("/home/a/.cache/marquee".as_ref()));
        assert_eq!(read(&[("HOME", "/home/a"), ("XDG_CACHE_HOME", "/c")]).unwrap().cache.as_deref(), Some("/c/marquee".as_ref()));
        assert_eq!(read(&[]).unwrap().cache, None);
        assert_eq!(read(&[("XDG_CACHE_HOME", "relative")]).unwrap().cache, None);
    }
}
