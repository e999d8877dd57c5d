//! The sandbox payment provider, which gives tickets for no money: where it may be on.

use std::net::SocketAddr;

use manifest::Manifest;
use manifest::Secret;

use crate::config::settings::{SANDBOX, Settings};
use crate::error::Error;

/// The variable that turns it on.
pub const VARIABLE: &str = "sandbox_payments";

/// Refuses to have it on where others than this machine may come, unless that is said a second time.
///
/// # Errors
/// [`Error::Refused`], with what to do.
pub fn check(manifest: &Manifest, listeners: &[SocketAddr], settings: &Settings) -> Result<(), Error> {
    let mut values = manifest.components.values().filter_map(|component| component.grants.variables.get(VARIABLE));
    let on = values.any(|value| Secret::expose(value) == "on");
    let public = listeners.iter().find(|address| !address.ip().to_canonical().is_loopback());
    match public.filter(|_| on && !settings.sandbox_in_public) {
        Some(address) => Err(Error::Refused(format!(
            "{VARIABLE} is on, which sells for no money, and {address} is open to other machines: turn it off, or set {SANDBOX}=on as well"
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use manifest::VariableSources;
    use std::path::Path;

    #[test]
    fn the_sandbox_provider_is_refused_on_public_addresses() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let manifest = |value: &str| Manifest::parse(&text, &path, &VariableSources::new().set(VARIABLE, value)).unwrap();
        let at = |address: &str| address.parse::<SocketAddr>().unwrap();
        let here = [at("127.0.0.1:80"), at("[::1]:80")];
        let twice = Settings { sandbox_in_public: true, ..Settings::default() };
        for (value, listeners, settings, refused) in [
            ("on", &here[..], &Settings::default(), false),
            ("on", &[at("127.0.0.1:80"), at("0.0.0.0:80")], &Settings::default(), true),
            ("on", &[at("[2001:db8::1]:80")], &Settings::default(), true),
            ("on", &[at("10.0.0.1:80")], &twice, false),
            ("off", &[at("0.0.0.0:80")], &Settings::default(), false),
        ] {
            let checked = check(&manifest(value), listeners, settings);
            assert_eq!(checked.is_err(), refused, "{value} {listeners:?}");
            assert!(checked.is_ok() || checked.unwrap_err().to_string().contains(SANDBOX));
        }
    }
}
