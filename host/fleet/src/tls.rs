//! TLS 1.3 between nodes: both sides show a certificate of the fleet's authority, and what it says is who they are.
//!
//! What a node shows and whom it believes may change while it runs: its files are read again when they change, and lists of revoked certificates come
//! from other nodes. Every connection that begins takes what holds then. Connections that are open are looked at again after each change and every
//! now and then, because certificates end as well: one whose other end is no longer believed is closed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::sync::CancellationToken;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::identity::{self, Identity, Role};
use crate::limits;
use crate::revocations::Lists;

/// The one protocol spoken.
const ALPN: &[u8] = b"h2";
/// Where the list of revoked certificates is, beside the authority's certificate: `ca.crl` beside `ca.pem`.
pub const REVOCATIONS: &str = "crl";

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
    /// A renewed certificate is another node's.
    #[error("this node is {node}, and the certificate is of {shown}")]
    Another {
        /// Who this is.
        node: Identity,
        /// Whose it is.
        shown: Identity,
    },
    /// It has expired.
    #[error("the certificate has expired: make a new one (marquee certificates FOLDER NODE, where the authority's key is)")]
    Expired,
    /// It has expired.
    #[error("the certificate was revoked: if this node is as it should be, make a new one (marquee certificates FOLDER NODE)")]
    Revoked,
    /// TLS will not have it.
    #[error("the certificate, its key and the authority do not fit together: {0}")]
    Unfit(rustls::Error),
    /// The authority is not usable.
    #[error("the authority cannot be used: {0}")]
    Authority(#[from] rustls::client::VerifierBuilderError),
    /// A list of revoked certificates is not one of the authority's.
    #[error("{}: {source}", path.display())]
    Revocations {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: crate::revocations::Error,
    },
}

impl From<rustls::Error> for Error {
    fn from(error: rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
                Self::Expired
            }
            rustls::Error::InvalidCertificate(CertificateError::Revoked) => Self::Revoked,
            error => Self::Unfit(error),
        }
    }
}

/// What a node shows, and whom it believes. Cheap to clone; clones are one.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    identity: Identity,
    files: Files,
    provider: Arc<CryptoProvider>,
    current: watch::Sender<Arc<Material>>,
    /// Held while the current material is replaced.
    replacing: Mutex<()>,
    /// Where received lists are stored for the next start.
    kept: Mutex<Option<PathBuf>>,
    /// Clients that were not believed.
    refused: AtomicU64,
}

/// Where a node's files are.
#[derive(Clone, Debug)]
struct Files {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

/// What holds at a time.
pub(crate) struct Material {
    roots: Arc<[CertificateDer<'static>]>,
    pub(crate) chain: Arc<[CertificateDer<'static>]>,
    key: PrivateKeyDer<'static>,
    pub(crate) lists: Lists,
    servers: Arc<WebPkiServerVerifier>,
    clients: Arc<NodeClientVerifier>,
    server: Arc<ServerConfig>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) enum PeerCertificates {
    /// A client, by its certificates.
    Client(Vec<CertificateDer<'static>>),
    /// A server, by its certificates, and who it has to be.
    Server(Vec<CertificateDer<'static>>, Servers),
}

/// Those of whom any one may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Servers {
    /// The nodes of this region.
    Region(Box<str>),
    /// The instances of the control plane.
    Control,
}

impl Servers {
    /// Whether this is one of them.
    fn has(&self, identity: &Identity) -> bool {
        match self {
            Self::Region(region) => identity.is_of(region),
            Self::Control => identity.role() == Role::Control,
        }
    }

    /// The name that their certificates have in common.
    fn dns_name(&self) -> Result<ServerName<'static>, Error> {
        let name = match self {
            Self::Region(region) => identity::region_dns_name(region),
            Self::Control => identity::control_dns_name(),
        };
        ServerName::try_from(name).map_err(|error| Error::Nameless(error.to_string()))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("identity", &self.0.identity).finish_non_exhaustive()
    }
}

impl Material {
    fn new(
        roots: Arc<[CertificateDer<'static>]>,
        chain: Arc<[CertificateDer<'static>]>,
        key: PrivateKeyDer<'static>,
        lists: Lists,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        for root in roots.iter() {
            store.add(root.clone())?;
        }
        let store = Arc::new(store);
        // An authority that has revoked nothing has no list.
        let servers = WebPkiServerVerifier::builder_with_provider(Arc::clone(&store), Arc::clone(provider))
            .with_crls(lists.der())
            .allow_unknown_revocation_status()
            .build()?;
        let clients = WebPkiClientVerifier::builder_with_provider(store, Arc::clone(provider))
            .with_crls(lists.der())
            .allow_unknown_revocation_status()
            .build()?;
        let clients = Arc::new(NodeClientVerifier(clients));
        let mut server = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(Arc::clone(&clients) as Arc<dyn ClientCertVerifier>)
            .with_single_cert(chain.to_vec(), key.clone_key())?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        // Connections live long. So each presents its certificate, without session resumption.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self { roots, chain, key, lists, servers, clients, server: Arc::new(server) })
    }

    /// Whether others will believe this node: better known when it starts than by every connection that fails.
    fn check(&self, identity: &Identity, now: UnixTime) -> Result<(), Error> {
        let (own, between) = self.chain.split_first().ok_or_else(|| Error::Nameless("there is none".to_owned()))?;
        let name = ServerName::try_from(identity.dns_name()).map_err(|error| Error::Nameless(error.to_string()))?;
        self.servers.verify_server_cert(own, between, &name, &[], now)?;
        Ok(())
    }

    /// Whether who has shown this is to be believed at that time.
    fn believes(&self, shown: &PeerCertificates, now: UnixTime) -> bool {
        match shown {
            PeerCertificates::Client(chain) => {
                chain.split_first().is_some_and(|(own, between)| self.clients.verify_client_cert(own, between, now).is_ok())
            }
            PeerCertificates::Server(chain, servers) => {
                let nodes = NodeServerVerifier { inner: Arc::clone(&self.servers), servers: servers.clone() };
                let Ok(name) = servers.dns_name() else { return false };
                let verified = |(own, between): (&_, &[_])| nodes.verify_server_cert(own, between, &name, &[], now).is_ok();
                chain.split_first().is_some_and(verified)
            }
        }
    }
}

impl Tls {
    /// Reads PEM files: the authority's certificate, this node's (with those in between, if any), and its key; and the list of revoked certificates beside
    /// the authority's, where there is one.
    ///
    /// # Errors
    /// Where one cannot be read, or they do not fit together, or have expired.
    pub fn load(authority: &Path, certificate: &Path, key: &Path) -> Result<Self, Error> {
        let files = Files { authority: authority.to_owned(), certificate: certificate.to_owned(), key: key.to_owned() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let material = files.read(&Lists::default(), &provider)?;
        let identity = named(&material.chain)?;
        material.check(&identity, UnixTime::now())?;
        Ok(Self(Arc::new(Inner {
            identity,
            files,
            provider,
            current: watch::Sender::new(Arc::new(material)),
            replacing: Mutex::default(),
            kept: Mutex::default(),
            refused: AtomicU64::new(0),
        })))
    }

    /// Keeps what other nodes say was revoked in this file as well, and takes what is there from an earlier life.
    #[must_use]
    pub fn keeping(self, file: PathBuf) -> Self {
        if file.exists() {
            let kept = std::fs::read(&file).map_err(|error| error.to_string());
            match kept.and_then(|kept| crate::revocations::read(&kept).map_err(|error| error.to_string())) {
                Ok(lists) => self.take(lists.iter().map(AsRef::as_ref)),
                Err(error) => tracing::warn!(error, "revocations from before this start are requested from other nodes"),
            }
        }
        *self.0.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        self
    }

    /// Who this node is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// How many clients were refused since the process began because of their certificate, or because they showed none.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Counts a client whose handshake failed, if that was because of its certificate.
    pub(crate) fn count_refused(&self, error: &std::io::Error) {
        let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        if matches!(error, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)) {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// When this node's certificate ends, in seconds since the Unix epoch.
    #[must_use]
    pub fn ends_at(&self) -> Option<i64> {
        let material = self.current();
        let (_, certificate) = X509Certificate::from_der(material.chain.first()?).ok()?;
        Some(certificate.validity().not_after.timestamp())
    }

    /// Why others would not believe this node now, if they would not.
    ///
    /// # Errors
    /// That reason.
    pub fn check(&self) -> Result<(), Error> {
        self.current().check(&self.0.identity, UnixTime::now())
    }

    pub(crate) fn current(&self) -> Arc<Material> {
        Arc::clone(&self.0.current.borrow())
    }

    /// Notifies of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<Material>> {
        self.0.current.subscribe()
    }

    /// Looks at the files every now and then, takes what has changed in them, and keeps what others say was revoked; until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut changes = self.changes();
        let mut said: Option<String> = None;
        let mut seen = BTreeMap::new();
        loop {
            let changed = tokio::select! {
                () = stop.cancelled() => return,
                changed = changes.changed() => changed.is_ok(),
                () = tokio::time::sleep(limits::FILES_LOOK) => false,
            };
            let tls = self.clone();
            let (before, reported) = (std::mem::take(&mut seen), said.take());
            // Reading is usually fast, but a slow disk must not block requests.
            let looked = tokio::task::spawn_blocking(move || {
                if changed {
                    tls.keep();
                }
                let now = tls.0.files.contents();
                // What did not fit together is tried again until it does: a certificate and its key are two files.
                let said =
                    if now == before && reported.is_none() { None } else { tls.reload().err().map(|error| error.to_string()) };
                if let Some(error) = said.as_ref().filter(|error| Some(*error) != reported.as_ref()) {
                    tracing::error!(error, "could not load the changed certificate files: the old certificate stays in use");
                }
                (now, said)
            });
            if let Ok((now, error)) = looked.await {
                (seen, said) = (now, error);
            }
        }
    }

    /// Reads the files again. What was revoked stays so.
    ///
    /// # Errors
    /// Where they cannot be used: then what was read before still holds.
    pub fn reload(&self) -> Result<(), Error> {
        let _one = self.0.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        let material = self.0.files.read(&before.lists, &self.0.provider)?;
        let shown = named(&material.chain)?;
        if shown != self.0.identity {
            return Err(Error::Another { node: self.0.identity.clone(), shown });
        }
        // A list that revokes this node is taken like any other; a new certificate that is not valid is not used.
        if material.chain != before.chain || material.roots != before.roots {
            material.check(&self.0.identity, UnixTime::now())?;
            tracing::info!(node = %self.0.identity, "loaded the changed certificate files");
        } else if material.lists == before.lists {
            return Ok(());
        }
        self.replace(material, &before);
        Ok(())
    }

    /// Takes revocation lists from a peer: those that an authority has signed and that are newer.
    pub(crate) fn take<'a>(&self, lists: impl Iterator<Item = &'a [u8]> + Clone) {
        // Nearly always there is nothing newer, and a read in progress is not waited for.
        if self.with(&self.current(), lists.clone()).is_none() {
            return;
        }
        let _one = self.0.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        let Some(all) = self.with(&before, lists) else { return };
        let (roots, chain) = (Arc::clone(&before.roots), Arc::clone(&before.chain));
        match Material::new(roots, chain, before.key.clone_key(), all, &self.0.provider) {
            Ok(material) => self.replace(material, &before),
            Err(error) => tracing::warn!(%error, "ignored an invalid list of revoked certificates"),
        }
    }

    /// What is known of revocations with these lists; none where they say nothing newer.
    fn with<'a>(&self, before: &Material, lists: impl Iterator<Item = &'a [u8]>) -> Option<Lists> {
        let (mut all, mut newer) = (before.lists.clone(), false);
        for list in lists {
            match all.take(list, &before.roots, &self.0.provider) {
                Ok(taken) => newer |= taken,
                Err(error) => tracing::debug!(%error, "a list of revoked certificates is not believed"),
            }
        }
        newer.then_some(all)
    }

    fn replace(&self, material: Material, before: &Material) {
        if material.lists != before.lists {
            tracing::info!(node = %self.0.identity, "certificates were revoked");
            if matches!(material.check(&self.0.identity, UnixTime::now()), Err(Error::Revoked)) {
                tracing::error!(node = %self.0.identity, "this node's own certificate was revoked: other nodes no longer believe it");
            }
        }
        self.0.current.send_replace(Arc::new(material));
    }

    /// Writes what was revoked to its file.
    fn keep(&self) {
        let file = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(file) = file else { return };
        let lists = self.current().lists.write();
        if std::fs::read(&file).is_ok_and(|known| known == lists) {
            return;
        }
        let new = file.with_extension("new");
        if let Err(error) = std::fs::write(&new, lists).and_then(|()| std::fs::rename(&new, &file)) {
            tracing::warn!(file = %file.display(), %error, "could not store revocations: after a restart they are requested from other nodes");
        }
    }

    /// Whether who has shown this is to be believed, so long from now.
    pub(crate) fn believes(&self, shown: &PeerCertificates, from_now: std::time::Duration) -> bool {
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(UnixTime::now().as_secs()) + from_now);
        self.current().believes(shown, at)
    }

    /// Returns when who has shown this is no longer to be believed: revoked, expired, or of an authority that is believed no longer.
    pub(crate) async fn until_distrusted(&self, shown: &PeerCertificates) {
        let mut changes = self.changes();
        while self.believes(shown, std::time::Duration::ZERO) {
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(limits::BELIEVED_LOOK) => {}
            }
        }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current().server))
    }

    /// For a connection to one of these, and the name to call it by.
    pub(crate) fn connector(&self, servers: &Servers) -> Result<(TlsConnector, ServerName<'static>), Error> {
        let material = self.current();
        let nodes = NodeServerVerifier { inner: Arc::clone(&material.servers), servers: servers.clone() };
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&self.0.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            // It does all that the usual one does, and then asks for more.
            .with_custom_certificate_verifier(Arc::new(nodes))
            .with_client_auth_cert(material.chain.to_vec(), material.key.clone_key())?;
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = rustls::client::Resumption::disabled();
        Ok((TlsConnector::from(Arc::new(client)), servers.dns_name()?))
    }
}

impl Files {
    /// The list of revoked certificates, which need not be there.
    fn revocations(&self) -> PathBuf {
        self.authority.with_extension(REVOCATIONS)
    }

    /// What stands in them now: whether it has changed, their times do not say for sure.
    fn contents(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let all = [self.authority.clone(), self.certificate.clone(), self.key.clone(), self.revocations()];
        all.into_iter().map(|path| (path.clone(), std::fs::read(path).ok())).collect()
    }

    fn read(&self, known: &Lists, provider: &Arc<CryptoProvider>) -> Result<Material, Error> {
        let roots: Arc<[_]> = certificates(&self.authority, "the certificate of an authority")?.into();
        let chain: Arc<[_]> = certificates(&self.certificate, "a certificate")?.into();
        named(&chain)?;
        let failed = |source| Error::File { path: self.key.clone(), what: "a private key", source };
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(failed)?;
        let mut lists = Lists::default();
        // Of authorities that are believed no longer, nothing is.
        for list in known.raw() {
            _ = lists.take(list, &roots, provider);
        }
        let path = self.revocations();
        if path.exists() {
            for list in revocations_of(&path)? {
                let taken = lists.take(list.as_ref(), &roots, provider);
                taken.map_err(|source| Error::Revocations { path: path.clone(), source })?;
            }
        }
        Material::new(roots, chain, key, lists, provider)
    }
}

/// The lists in a PEM file.
fn revocations_of(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
    let failed = |source| Error::File { path: path.to_owned(), what: "a list of revoked certificates", source };
    CertificateRevocationListDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)
}

fn certificates(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |source| Error::File { path: path.to_owned(), what, source };
    let all = CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if all.is_empty() { Err(failed(rustls::pki_types::pem::Error::NoItemsFound)) } else { Ok(all) }
}

/// Who these certificates say their owner is.
fn named(chain: &[CertificateDer<'_>]) -> Result<Identity, Error> {
    identity_of(chain.first().ok_or_else(|| Error::Nameless("there is none".to_owned()))?)
}

/// Who a certificate says its owner is. That it is true, its signature says.
pub(crate) fn identity_of(certificate: &CertificateDer<'_>) -> Result<Identity, Error> {
    let parsed = webpki::EndEntityCert::try_from(certificate).map_err(|error| Error::Nameless(error.to_string()))?;
    let mut names = parsed.valid_uri_names();
    // One name, so that a certificate names one node.
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
struct NodeClientVerifier(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for NodeClientVerifier {
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

/// Believes servers whose certificate is of the authority and names one of those that are meant.
#[derive(Debug)]
struct NodeServerVerifier {
    inner: Arc<WebPkiServerVerifier>,
    servers: Servers,
}

impl ServerCertVerifier for NodeServerVerifier {
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
        if self.servers.has(&identity) { Ok(verified) } else { Err(refused()) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::{files, make};
    use std::time::Duration;

    /// An open connection is worth as much as the certificate that it began with.
    #[test]
    fn expired_certificates_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let control = Identity::control_node("control-1").unwrap();
        let nodes = [Identity::region_node("eu", "eu-1").unwrap(), Identity::edge_node("edge-0").unwrap(), control];
        make(folder.path(), &nodes, 3).unwrap();
        let load = |name: &str| {
            let (certificate, key) = files(folder.path(), name);
            Tls::load(&folder.path().join("ca.pem"), &certificate, &key).unwrap()
        };
        let (server, client) = (load("eu-1"), load("edge-0"));
        let day = Duration::from_secs(24 * 3_600);
        let edge = PeerCertificates::Client(client.current().chain.to_vec());
        let shown = || server.current().chain.to_vec();
        let node = |region: &str| PeerCertificates::Server(shown(), Servers::Region(region.into()));
        for (days, believed) in [(0, true), (2, true), (4, false)] {
            assert_eq!(server.believes(&edge, day * days), believed, "{days}");
            assert_eq!(client.believes(&node("eu"), day * days), believed, "{days}");
        }
        assert!(!client.believes(&node("us"), Duration::ZERO), "another region's");
        assert!(
            !client.believes(&PeerCertificates::Server(shown(), Servers::Control), Duration::ZERO),
            "a region's node is no control plane"
        );
        let control = load("control-1").current().chain.to_vec();
        assert!(client.believes(&PeerCertificates::Server(control.clone(), Servers::Control), Duration::ZERO));
        assert!(!client.believes(&PeerCertificates::Server(control, Servers::Region("eu".into())), Duration::ZERO));
        assert!(!server.believes(&PeerCertificates::Client(vec![]), Duration::ZERO));
    }
}
