//! Who a node is, as its certificate says.

use std::fmt;
use std::str::FromStr;

use crate::limits::NAME_BYTES;

/// What every node's URI begins with.
const SCHEME: &str = "marquee://";
/// What every node's DNS name ends with. It is never resolved: addresses come from the configuration.
const DOMAIN: &str = "marquee.internal";
/// The region segment of a node that belongs to none.
const NO_REGION: &str = "-";

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Close to people; asks regions.
    Edge,
    /// Of a region; is asked.
    Region,
    /// Says which versions nodes run; is asked by their agents, and asks no node.
    Control,
}

impl Role {
    /// As written in a certificate.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Region => "region",
            Self::Control => "control",
        }
    }
}

/// A node: `marquee://region/eu/eu-1`, `marquee://edge/-/edge-0`, `marquee://control/-/control-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    role: Role,
    region: Option<Box<str>>,
    name: Box<str>,
}

/// A text that names no node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not of the form.
    #[error("{0:?} names no node: it has the form marquee://ROLE/REGION/NAME, with - for the region of a node that has none")]
    Form(String),
    /// A name that is not valid in a DNS name.
    #[error("{0:?} cannot be a name: it has 1 to {NAME_BYTES} lower-case letters, digits and hyphens, none at its ends")]
    Name(String),
    /// Neither edge nor region nor control.
    #[error("{0:?} is no role: there are edge, region and control")]
    Role(String),
    /// A region's node without a region.
    #[error("the region node {0:?} belongs to no region")]
    Homeless(String),
}

impl Identity {
    /// A node of a region.
    ///
    /// # Errors
    /// Where a name cannot be one.
    pub fn region_node(region: &str, name: &str) -> Result<Self, Error> {
        Ok(Self { role: Role::Region, region: Some(checked(region)?), name: checked(name)? })
    }

    /// An edge.
    ///
    /// # Errors
    /// Where a name cannot be one.
    pub fn edge_node(name: &str) -> Result<Self, Error> {
        Ok(Self { role: Role::Edge, region: None, name: checked(name)? })
    }

    /// An instance of the control plane.
    ///
    /// # Errors
    /// Where a name cannot be one.
    pub fn control_node(name: &str) -> Result<Self, Error> {
        Ok(Self { role: Role::Control, region: None, name: checked(name)? })
    }

    /// What it is for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its region; a region's node always has one.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Its name, unique in the fleet.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a node of this region.
    #[must_use]
    pub fn is_of(&self, region: &str) -> bool {
        self.role == Role::Region && self.region() == Some(region)
    }

    /// The name that TLS checks: of the region where it is a region's, of the control plane where it is an instance of that, else its own.
    #[must_use]
    pub fn dns_name(&self) -> String {
        match (self.role, self.region()) {
            (Role::Region, Some(region)) => region_dns_name(region),
            (Role::Control, _) => control_dns_name(),
            _ => format!("{}.{}.{DOMAIN}", self.name, self.role.as_str()),
        }
    }
}

/// The name by which any node of a region is called.
#[must_use]
pub fn region_dns_name(region: &str) -> String {
    format!("{region}.region.{DOMAIN}")
}

/// The name by which any instance of the control plane is called.
#[must_use]
pub fn control_dns_name() -> String {
    format!("{}.{DOMAIN}", Role::Control.as_str())
}

fn checked(name: &str) -> Result<Box<str>, Error> {
    let sane = (1..=NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if sane { Ok(name.into()) } else { Err(Error::Name(name.to_owned())) }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}/{}", self.role.as_str(), self.region().unwrap_or(NO_REGION), self.name)
    }
}

impl FromStr for Identity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = text.strip_prefix(SCHEME).map(|rest| rest.split('/').collect::<Vec<_>>());
        let Some(&[role, region, name]) = parts.as_deref() else { return Err(Error::Form(text.to_owned())) };
        let region = if region == NO_REGION { None } else { Some(checked(region)?) };
        let name = checked(name)?;
        match (role, &region) {
            ("edge", _) => Ok(Self { role: Role::Edge, region, name }),
            ("region", Some(_)) => Ok(Self { role: Role::Region, region, name }),
            ("region", None) => Err(Error::Homeless(name.into())),
            // One for all regions: it belongs to none.
            ("control", None) => Ok(Self { role: Role::Control, region, name }),
            ("control", Some(_)) => Err(Error::Form(text.to_owned())),
            _ => Err(Error::Role(role.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_round_trip() {
        for (identity, text, dns) in [
            (Identity::region_node("eu", "eu-1").unwrap(), "marquee://region/eu/eu-1", "eu.region.marquee.internal"),
            (Identity::edge_node("edge-0").unwrap(), "marquee://edge/-/edge-0", "edge-0.edge.marquee.internal"),
            (Identity::control_node("control-1").unwrap(), "marquee://control/-/control-1", "control.marquee.internal"),
        ] {
            assert_eq!((identity.to_string().as_str(), identity.dns_name().as_str()), (text, dns));
            assert_eq!(text.parse::<Identity>().unwrap(), identity);
        }
        let near: Identity = "marquee://edge/eu/edge-1".parse().unwrap();
        assert_eq!((near.role(), near.region(), near.is_of("eu")), (Role::Edge, Some("eu"), false));
    }

    #[test]
    fn malformed_identities_are_refused() {
        for text in [
            "",
            "https://region/eu/eu-1",
            "marquee://region/eu",
            "marquee://region/eu/eu-1/x",
            "marquee://region/-/eu-1",
            "marquee://worker/eu/w-1",
            "marquee://control/eu/control-1",
            "marquee://region/EU/eu-1",
            "marquee://edge/-/-",
            "marquee://edge/-/a.b",
            "marquee://edge/-/",
        ] {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
    }
}
