//! Variables of the application, as `spin.toml` declares them.

use crate::problem::Problem;
use spin_sdk::variables;
use std::{ops::RangeInclusive, sync::OnceLock};

/// Whether this runs in Marquee's own host, which says so by a variable of the environment: on nodes of a fleet, or on one that stands for it. Else it
/// is stock Spin, alone.
pub fn own_host() -> bool {
    static OWN: OnceLock<bool> = OnceLock::new();
    *OWN.get_or_init(|| std::env::var_os("MARQUEE_HOST").is_some())
}

/// A variable's value; an undeclared or unreadable one is this deployment's fault, hence a 500 that the log explains.
pub async fn get(name: &str) -> Result<String, Problem> {
    variables::get(name).await.map_err(|error| Problem::internal(format_args!("variable {name}: {error}")))
}

/// A variable that is empty where it is not set.
pub async fn optional(name: &str) -> Result<Option<String>, Problem> {
    Ok(Some(get(name).await?).filter(|value| !value.is_empty()))
}

/// Whether a variable is `on`; one that is not declared is off, anything else is this deployment's fault.
pub async fn switch(name: &str) -> Result<bool, Problem> {
    let text = match variables::get(name).await {
        Ok(text) => text,
        Err(variables::Error::Undefined(_)) => return Ok(false),
        Err(error) => return Err(Problem::internal(format_args!("variable {name}: {error}"))),
    };
    match text.as_str() {
        "on" => Ok(true),
        "off" | "" => Ok(false),
        _ => Err(Problem::internal(format_args!("variable {name}: {text:?} is neither on nor off"))),
    }
}

/// A whole number of seconds from 1 to 30 days, as microseconds.
pub async fn duration(name: &str) -> Result<i64, Problem> {
    let text = get(name).await?;
    text.parse::<i64>()
        .ok()
        .filter(|seconds| (1..=30 * 86_400).contains(seconds))
        .map(|seconds| seconds * 1_000_000)
        .ok_or_else(|| Problem::internal(format_args!("variable {name}: {text:?} is not a number of seconds from 1 to 2592000")))
}

/// A whole number in a range.
pub async fn number(name: &str, range: RangeInclusive<u32>) -> Result<u32, Problem> {
    let text = get(name).await?;
    text.parse::<u32>().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        Problem::internal(format_args!(
            "variable {name}: {text:?} is not a whole number from {} to {}",
            range.start(),
            range.end()
        ))
    })
}

/// The region that keeps the accounts, where that is not this one.
pub async fn accounts_elsewhere() -> Result<Option<String>, Problem> {
    let (accounts, here) = (optional("accounts").await?, region().await?);
    Ok(accounts.filter(|accounts| *accounts != here))
}

/// The region's name, the first part of the ids made here.
pub async fn region() -> Result<String, Problem> {
    let region = get("region").await?;
    if crate::id::valid_region(&region) {
        Ok(region)
    } else {
        Err(Problem::internal(format_args!("variable region: {region:?} is not 1 to 16 lower-case letters and digits")))
    }
}
