//! Which server, and who we are to it.

use lettre::transport::smtp::{
    authentication::Credentials,
    client::{Certificate, TlsParameters},
    extension::ClientId,
};
use storage::percent;
use telemetry::secured;
use url::{Host, Url};

use super::InvalidServer;

/// A mail server.
// No Debug: it carries a password.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: ClientId,
    /// It is this machine, or TLS was switched off by hand: a password may be told without it.
    pub(super) trusted: bool,
}

pub(super) enum Tls {
    /// From the first byte.
    Always(TlsParameters),
    /// Before anything is said, by STARTTLS; a server that offers none is not used.
    Required(TlsParameters),
    /// Where the server offers it: on this machine.
    Offered(TlsParameters),
    Off,
}

impl Server {
    pub(super) fn parse(url: &str, own_domain: &str, root: Option<&[u8]>) -> Result<Self, InvalidServer> {
        let url = Url::parse(url).map_err(|_| InvalidServer::Url("it cannot be understood"))?;
        let always = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(InvalidServer::Url("its scheme is another")),
        };
        // To the parser these schemes are unknown ones, whose hosts it leaves as they are.
        let host = url.host_str().and_then(|host| Host::parse(host).ok()).ok_or(InvalidServer::Url("it has no host"))?;
        let off = match url.query() {
            None => false,
            Some("tls=off") if !always => true,
            Some(_) => return Err(InvalidServer::Url("it has a parameter that is not supported")),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(InvalidServer::Url("it has a path"));
        }
        let loopback = secured::is_loopback(&host.to_string());
        let host = host.to_string().trim_start_matches('[').trim_end_matches(']').to_owned();
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (name, password) => {
                let decoded = percent::decode(name).zip(percent::decode(password.unwrap_or_default()));
                let (name, password) = decoded.ok_or(InvalidServer::Url("its user or password is not UTF-8"))?;
                Some(Credentials::new(name, password))
            }
        };
        let tls = match (always, off) {
            (true, _) => Tls::Always(parameters(&host, root)?),
            (false, false) if loopback => Tls::Offered(parameters(&host, root)?),
            (false, false) => Tls::Required(parameters(&host, root)?),
            (false, true) => Tls::Off,
        };
        let port = url.port().unwrap_or(if always { 465 } else { 25 });
        Ok(Self { host, port, tls, credentials, hello: ClientId::Domain(own_domain.to_owned()), trusted: loopback || off })
    }

    /// What logs and operators see.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

fn parameters(host: &str, root: Option<&[u8]>) -> Result<TlsParameters, InvalidServer> {
    let wrong = |error: lettre::transport::smtp::Error| InvalidServer::Authority(error.to_string());
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(root) = root {
        builder = builder.add_root_certificate(Certificate::from_pem(root).map_err(wrong)?);
    }
    builder.build().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(url: &str) -> String {
        match Server::parse(url, "example.com", None) {
            Ok(server) => {
                let tls = match server.tls {
                    Tls::Always(_) => "always",
                    Tls::Required(_) => "required",
                    Tls::Offered(_) => "offered",
                    Tls::Off => "off",
                };
                format!("{} {tls} {} {}", server.name(), server.credentials.is_some(), server.trusted)
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn servers() {
        for (url, expected) in [
            ("smtp://localhost:2525", "localhost:2525 offered false true"),
            ("smtp://mail.example", "mail.example:25 required false false"),
            ("smtps://me:p%40ss@mail.example", "mail.example:465 always true false"),
            ("smtp://me:x@10.0.0.1:26?tls=off", "10.0.0.1:26 off true true"),
            ("smtp://[::1]", "::1:25 offered false true"),
        ] {
            assert_eq!(summary(url), expected, "{url}");
        }
        for url in ["smtps://mail?tls=off", "smtp://mail?starttls=1", "http://mail", "mail:25", "smtp://", "smtp://mail/x", ""] {
            assert!(summary(url).starts_with("the mail server's URL is no"), "{url}: {}", summary(url));
        }
    }
}
