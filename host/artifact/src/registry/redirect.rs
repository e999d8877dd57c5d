//! Where a registry sends for a layer: to itself, or to servers of the public internet over TLS. Else whoever answers in a registry's place could have
//! a node ask its neighbours.

use super::{Registry, place};
use crate::error::Error;
use http::header;
use reqwest::Response;
use reqwest::dns::{Name, Resolve, Resolving};
use url::Url;
use webhooks::Receivers;
use webhooks::receiver::Receiver;

impl Registry {
    /// Where an answer that came from `here` sends.
    pub(super) fn redirected(&self, response: &Response, here: &Url, what: &str) -> Result<Url, Error> {
        let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
        let to = location.and_then(|location| here.join(location).ok()).ok_or_else(|| self.odd(what, "a redirect to nowhere"))?;
        if self.is_own(&to) {
            return Ok(to);
        }
        let refused = |reason| Error::Redirect { registry: self.name.clone(), to: place(&to), reason };
        let authority: http::uri::Authority = to.authority().parse().map_err(|_| refused("it names no server"))?;
        match Receiver::of(to.scheme(), &authority, Receivers::Public) {
            Ok(_) => Ok(to),
            Err(_) => Err(refused("layers are fetched from the registry, or over TLS from a server of the public internet")),
        }
    }
}

/// Looks names up, and finds nothing where any of what they lead to is not an address of the public internet.
pub(super) struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            match found.iter().find(|address| !Receivers::Public.permits(address.ip())) {
                Some(address) => Err(format!("{} leads to {}, which is not public", name.as_str(), address.ip()).into()),
                None => Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr as _;

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_leads_nowhere() {
        let found = PublicNames.resolve(Name::from_str("localhost").unwrap()).await;
        assert!(found.err().unwrap().to_string().contains("not public"));
    }
}
