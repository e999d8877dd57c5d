//! What the environment says, read in one place.

use std::path::PathBuf;

use edge::{Clients, Cors, Networks};

use telemetry::admin::Access;

use crate::error::Error;

/// Settings from the environment.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `MARQUEE_CORS_ORIGINS`, or else the components' variable `SPIN_VARIABLE_CORS_ORIGINS`, as under stock Spin: origins with commas between them,
    /// which may do more than read what is public. Default: none.
    pub cors: Cors,
    /// Which statements about a request's client are trusted. `MARQUEE_TRUSTED_PROXIES`: addresses and ranges (`10.0.0.0/8`) with commas between them, whose `X-Forwarded-For` is
    /// believed; default: none. `MARQUEE_PROXY_PROTOCOL=on`: those begin each connection with the PROXY protocol, version 1 or 2; default: `off`.
    /// `MARQUEE_UNCOUNTED`: addresses and ranges of which nothing is counted or limited, or `none`; default: this machine's own.
    pub clients: Clients,
    /// `MARQUEE_ADMIN_TOKEN`: opens the admin listener to clients that send it as a bearer token; without it only this machine is let in.
    pub admin: Access,
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
    /// Who one is at registries, in Docker's form: `config.json` in `DOCKER_CONFIG`, else in `~/.docker`.
    pub docker: Option<PathBuf>,
    /// `COSIGN_PASSWORD`: what a key that signs artifacts is encrypted with.
    pub key_password: Option<String>,
    /// `MARQUEE_CONTROL_DATABASE`: the URL of the control plane's database.
    pub control_database: Option<String>,
    /// `MARQUEE_CONTROL`: where the control plane is, for commands.
    pub control: Option<String>,
    /// `MARQUEE_CONTROL_TOKEN`: who one is there.
    pub control_token: Option<String>,
    /// `MARQUEE_SANDBOX_IN_PUBLIC`: `on` where the sandbox payment provider may be on although other machines can come. Default: it may not.
    pub sandbox_in_public: bool,
}

const CORS: &str = "MARQUEE_CORS_ORIGINS";
const CORS_VARIABLE: &str = "SPIN_VARIABLE_CORS_ORIGINS";
const PROXIES: &str = "MARQUEE_TRUSTED_PROXIES";
/// See [`Settings::sandbox_in_public`].
pub const SANDBOX: &str = "MARQUEE_SANDBOX_IN_PUBLIC";
const PROXY_PROTOCOL: &str = "MARQUEE_PROXY_PROTOCOL";
/// See [`Settings::admin`].
pub(crate) const ADMIN_TOKEN: &str = "MARQUEE_ADMIN_TOKEN";
/// See [`Settings::control_database`].
pub(crate) const CONTROL_DATABASE: &str = "MARQUEE_CONTROL_DATABASE";
/// See [`Settings::control`].
pub(crate) const CONTROL: &str = "MARQUEE_CONTROL";
/// See [`Settings::control_token`].
pub(crate) const CONTROL_TOKEN: &str = "MARQUEE_CONTROL_TOKEN";
const UNCOUNTED: &str = "MARQUEE_UNCOUNTED";

impl Settings {
    /// Reads them.
    pub fn read() -> Result<Self, Error> {
        Self::of(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    pub(crate) fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let (name, origins) =
            [CORS, CORS_VARIABLE].into_iter().find_map(|name| Some((name, variable(name)?))).unwrap_or((CORS, String::new()));
        let cors = Cors::parse(&origins).map_err(|error| Error::Setting { name, reason: error.to_string() })?;
        let networks = |name: &'static str, text: &str| {
            Networks::parse(text).map_err(|error| Error::Setting { name, reason: error.to_string() })
        };
        let uncounted = match variable(UNCOUNTED).as_deref() {
            None => Networks::loopback(),
            Some("none") => Networks::default(),
            Some(list) => networks(UNCOUNTED, list)?,
        };
        let proxy_protocol = match variable(PROXY_PROTOCOL).as_deref() {
            None | Some("off") => false,
            Some("on") => true,
            Some(_) => return Err(Error::Setting { name: PROXY_PROTOCOL, reason: "write on or off".to_owned() }),
        };
        let trusted_proxies = networks(PROXIES, &variable(PROXIES).unwrap_or_default())?;
        if proxy_protocol && trusted_proxies == Networks::default() {
            let reason = format!("it is believed of trusted proxies only: name them in {PROXIES}");
            return Err(Error::Setting { name: PROXY_PROTOCOL, reason });
        }
        let admin = Access::new(variable(ADMIN_TOKEN))
            .map_err(|error| Error::Setting { name: ADMIN_TOKEN, reason: error.to_string() })?;
        let clients = Clients { trusted_proxies, proxy_protocol, uncounted };
        let cache = variable("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("marquee"));
        let docker = variable("DOCKER_CONFIG").map(PathBuf::from);
        let docker = docker.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".docker")));
        Ok(Self {
            cors,
            clients,
            admin,
            cache,
            database: variable("SPIN_VARIABLE_DATABASE"),
            kafka_password: variable("MARQUEE_KAFKA_PASSWORD"),
            redis: variable("MARQUEE_REDIS"),
            mail: variable("MARQUEE_MAIL"),
            audit_key: variable("MARQUEE_AUDIT_KEY").map(PathBuf::from),
            rabbitmq: variable("MARQUEE_RABBITMQ"),
            docker: docker.map(|folder| folder.join("config.json")),
            key_password: variable("COSIGN_PASSWORD"),
            control_database: variable(CONTROL_DATABASE),
            control: variable(CONTROL),
            control_token: variable(CONTROL_TOKEN),
            sandbox_in_public: variable(SANDBOX).as_deref() == Some("on"),
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
    fn invalid_settings_are_named() {
        assert!(read(&[(CORS, "*")]).unwrap_err().to_string().starts_with(CORS));
        assert!(read(&[(CORS_VARIABLE, "*")]).unwrap_err().to_string().starts_with(CORS_VARIABLE));
        assert!(read(&[(CORS_VARIABLE, "*"), (CORS, "https://shop.example")]).is_ok());
        assert!(read(&[(PROXIES, "localhost")]).unwrap_err().to_string().starts_with(PROXIES));
        assert!(read(&[(UNCOUNTED, "10.0.0.1/8")]).unwrap_err().to_string().starts_with(UNCOUNTED));
        assert!(read(&[(ADMIN_TOKEN, "short")]).unwrap_err().to_string().starts_with(ADMIN_TOKEN));
        assert!(read(&[(PROXY_PROTOCOL, "yes")]).unwrap_err().to_string().starts_with(PROXY_PROTOCOL));
        assert!(read(&[(PROXY_PROTOCOL, "on")]).unwrap_err().to_string().contains(PROXIES));
    }

    #[test]
    fn only_configured_proxies_are_trusted() {
        let own = [127, 0, 0, 1].into();
        let quiet = read(&[]).unwrap().clients;
        assert!(quiet.uncounted.contain(own) && !quiet.trusted_proxies.contain(own) && !quiet.proxy_protocol);
        let said = [(PROXIES, "10.0.0.0/8, ::1,"), (PROXY_PROTOCOL, "on"), (UNCOUNTED, "none")];
        let said = read(&said).unwrap().clients;
        assert!(said.trusted_proxies.contain([10, 9, 8, 7].into()) && said.proxy_protocol && !said.uncounted.contain(own));
    }

    #[test]
    fn compiled_code_and_credentials_are_in_the_usual_folders() {
        assert_eq!(read(&[("HOME", "/home/a")]).unwrap().cache.as_deref(), Some("/home/a/.cache/marquee".as_ref()));
        assert_eq!(read(&[("HOME", "/home/a"), ("XDG_CACHE_HOME", "/c")]).unwrap().cache.as_deref(), Some("/c/marquee".as_ref()));
        assert_eq!(read(&[("HOME", "/home/a")]).unwrap().docker.as_deref(), Some("/home/a/.docker/config.json".as_ref()));
        assert_eq!(
            read(&[("HOME", "/home/a"), ("DOCKER_CONFIG", "/d")]).unwrap().docker.as_deref(),
            Some("/d/config.json".as_ref())
        );
        assert_eq!(read(&[]).unwrap().cache, None);
        assert_eq!(read(&[("XDG_CACHE_HOME", "relative")]).unwrap().cache, None);
    }
}
