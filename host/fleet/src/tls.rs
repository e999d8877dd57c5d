//! TLS 1.3 between nodes: both sides show a certificate of the fleet's authority, and what it says is who they are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::identity::{self, Identity};

/// The one protocol spoken.
const ALPN: &[u8] = b"h2";

/// Why a node cannot show who it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file holds no PEM of the kind that it must.
    #[error("{} cannot be read as {what}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// A certificate names no node.
    #[error("the certificate names no node of a fleet: {0}")]
    Nameless(String),
    /// TLS will not have it.
    #[error("the certificate, its key and the authority do not fit together: {0}")]
    Unfit(#[from] rustls::Error),
    /// The authority cannot be trusted by anybody.
    #[error("the authority cannot be used: {0}")]
    Authority(#[from] rustls::client::VerifierBuilderError),
}

/// What a node shows, and whom it believes. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    identity: Identity,
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
    provider: Arc<CryptoProvider>,
    servers: Arc<WebPkiServerVerifier>,
    server: Arc<ServerConfig>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads PEM files: the authority's certificate, this node's (with those in between, if any), and its key.
    ///
    /// # Errors
    /// Where one cannot be read, or they do not fit together.
    pub fn load(authority: &Path, certificate: &Path, key: &Path) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for root in certificates(authority, "the certificate of an authority")? {
            roots.add(root)?;
        }
        let chain = certificates(certificate, "a certificate")?;
        let failed = |source| Error::File { path: key.to_owned(), what: "a private key", source };
        let key = PrivateKeyDer::from_pem_file(key).map_err(failed)?;
        Self::new(Arc::new(roots), chain, key)
    }

    fn new(roots: Arc<RootCertStore>, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let identity = chain.first().ok_or_else(|| Error::Nameless("there is none".to_owned()))?;
        let identity = identity_of(identity)?;
        let servers = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider)).build()?;
        let clients = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()?;
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(Arc::new(NodesOnly(clients)))
            .with_single_cert(chain.clone(), key.clone_key())?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        // Connections live long. So each shows its certificate, and none goes on from what another has shown.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        let tls = Self { identity, chain, key: Arc::new(key), provider, servers, server: Arc::new(server) };
        tls.check()?;
        Ok(tls)
    }

    /// Who this node is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether others will believe this node: better known when it starts than by every connection that fails.
    fn check(&self) -> Result<(), Error> {
        let (own, between) = self.chain.split_first().ok_or_else(|| Error::Nameless("there is none".to_owned()))?;
        let name = ServerName::try_from(self.identity.dns_name()).map_err(|error| Error::Nameless(error.to_string()))?;
        self.servers.verify_server_cert(own, between, &name, &[], UnixTime::now())?;
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.server))
    }

    /// For connections to nodes of this region, and the name to call them by.
    pub(crate) fn connector(&self, region: &str) -> Result<(TlsConnector, ServerName<'static>), Error> {
        let nodes = RegionOnly { inner: Arc::clone(&self.servers), region: region.into() };
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            // It does all that the usual one does, and then asks for more.
            .with_custom_certificate_verifier(Arc::new(nodes))
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())?;
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = rustls::client::Resumption::disabled();
        let name = identity::region_dns_name(region);
        let name = ServerName::try_from(name).map_err(|error| Error::Nameless(error.to_string()))?;
        Ok((TlsConnector::from(Arc::new(client)), name))
    }
}

fn certificates(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |source| Error::File { path: path.to_owned(), what, source };
    let all = CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if all.is_empty() { Err(failed(rustls::pki_types::pem::Error::NoItemsFound)) } else { Ok(all) }
}

/// Who a certificate says its owner is. That it is true, its signature says.
pub(crate) fn identity_of(certificate: &CertificateDer<'_>) -> Result<Identity, Error> {
    let parsed = webpki::EndEntityCert::try_from(certificate).map_err(|error| Error::Nameless(error.to_string()))?;
    let mut names = parsed.valid_uri_names();
    // One name, so that nobody is two nodes.
    match (names.next(), names.next()) {
        (Some(uri), None) => uri.parse().map_err(|error: identity::Error| Error::Nameless(error.to_string())),
        (None, _) => Err(Error::Nameless("it has no URI".to_owned())),
        (Some(_), Some(_)) => Err(Error::Nameless("it has more than one URI".to_owned())),
    }
}

fn refused() -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

/// Believes clients whose certificate is of the authority and names a node.
#[derive(Debug)]
struct NodesOnly(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for NodesOnly {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.0.verify_client_cert(own, between, now)?;
        identity_of(own).map_err(|_| refused())?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Believes servers whose certificate is of the authority and names a node of one region.
#[derive(Debug)]
struct RegionOnly {
    inner: Arc<WebPkiServerVerifier>,
    region: Box<str>,
}

impl ServerCertVerifier for RegionOnly {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        status: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.inner.verify_server_cert(own, between, name, status, now)?;
        let identity = identity_of(own).map_err(|_| refused())?;
        if identity.is_of(&self.region) { Ok(verified) } else { Err(refused()) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
