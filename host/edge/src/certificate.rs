//! The public listener's own certificate: read from files, and again when they change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::limits;

/// Why a listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds no PEM of the kind that it must.
    #[error("{} is not {what} in PEM: {source}", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why.
        source: pem::Error,
    },
    /// TLS will not have it.
    #[error("the certificate and its key do not fit together: {0}")]
    Unfit(#[from] rustls::Error),
}

/// A certificate (with those in between) and its key, in PEM files. Cheap to clone; clones are one.
#[derive(Clone)]
pub struct Certificate {
    inner: Arc<Inner>,
    acceptor: TlsAcceptor,
}

struct Inner {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<LoadedCertificate>,
}

struct LoadedCertificate {
    /// What the files held.
    files: [Vec<u8>; 2],
    key: Arc<CertifiedKey>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.inner.certificate).finish()
    }
}

impl Certificate {
    /// Reads both files.
    ///
    /// # Errors
    /// Where one cannot be read, or they do not fit together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let files = [contents(certificate)?, contents(key)?];
        let current = RwLock::new(LoadedCertificate { key: certified(&files, [certificate, key])?, files });
        let inner = Arc::new(Inner { certificate: certificate.to_owned(), key: key.to_owned(), current });
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(rustls::ALL_VERSIONS)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(CertificateResolver(Arc::clone(&inner))));
        // HTTP/2 for clients that offer it.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { inner, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Reads the files again; true where they have changed, and connections that come now see what they hold.
    ///
    /// # Errors
    /// As [`Self::load`]: then what was there before stays.
    pub fn reload(&self) -> Result<bool, Error> {
        let Inner { certificate, key, current } = &*self.inner;
        let files = [contents(certificate)?, contents(key)?];
        if current.read().unwrap_or_else(PoisonError::into_inner).files == files {
            return Ok(false);
        }
        let new = LoadedCertificate { key: certified(&files, [certificate, key])?, files };
        *current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }

    /// Reads the files again now and then, until `stop`.
    pub async fn follow(self, stop: CancellationToken) {
        let mut failed = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(limits::CERTIFICATE_LOOK) => {}
            }
            let certificate = self.clone();
            match tokio::task::spawn_blocking(move || certificate.reload()).await {
                Ok(Ok(changed)) => {
                    failed = false;
                    if changed {
                        tracing::info!(file = %self.inner.certificate.display(), "the public listener has a new certificate");
                    }
                }
                // Logged once: during a renewal the files may mismatch for a moment, and they may stay so.
                Ok(Err(error)) if !std::mem::replace(&mut failed, true) => {
                    tracing::warn!(%error, "could not load the changed certificate files: the old certificate stays in use");
                }
                _ => {}
            }
        }
    }

    /// Speaks TLS with it.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn contents(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

fn certified([chain, key]: &[Vec<u8>; 2], [chain_path, key_path]: [&Path; 2]) -> Result<Arc<CertifiedKey>, Error> {
    let wrong = |path: &Path, what, source| Error::Pem { path: path.to_owned(), what, source };
    let of_chain = |source| wrong(chain_path, "a certificate", source);
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>().map_err(of_chain)?;
    if chain.is_empty() {
        return Err(of_chain(pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| wrong(key_path, "a private key", source))?;
    Ok(Arc::new(CertifiedKey::from_der(chain, key, &provider())?))
}

/// Shows whatever certificate is there when a client asks.
struct CertificateResolver(Arc<Inner>);

impl fmt::Debug for CertificateResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shown").field(&self.0.certificate).finish()
    }
}

impl ResolvesServerCert for CertificateResolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Files with a certificate for `edge.example` that signs itself, and the certificate.
    pub(crate) fn written(folder: &Path) -> ([PathBuf; 2], CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["edge.example".to_owned()]).unwrap();
        let paths = [folder.join("public.pem"), folder.join("public.key")];
        std::fs::write(&paths[0], made.cert.pem()).unwrap();
        std::fs::write(&paths[1], made.signing_key.serialize_pem()).unwrap();
        (paths, made.cert.der().clone())
    }

    fn shown(certificate: &Certificate) -> CertificateDer<'static> {
        certificate.inner.current.read().unwrap().key.cert[0].clone()
    }

    #[test]
    fn a_renewed_certificate_is_used_and_an_invalid_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let ([chain, key], first) = written(folder.path());
        let certificate = Certificate::load(&chain, &key).unwrap();
        assert!(!certificate.reload().unwrap());
        assert_eq!(shown(&certificate), first);
        let (_, second) = written(folder.path());
        assert!(certificate.reload().unwrap());
        assert_eq!(shown(&certificate), second);
        // Half of a renewal: a key that is another certificate's.
        let other = tempfile::tempdir().unwrap();
        std::fs::copy(&written(other.path()).0[1], &key).unwrap();
        assert!(certificate.reload().is_err());
        std::fs::write(&chain, "nonsense").unwrap();
        assert!(matches!(certificate.reload(), Err(Error::Pem { .. })));
        std::fs::remove_file(&chain).unwrap();
        assert!(matches!(certificate.reload(), Err(Error::File { .. })));
        assert_eq!(shown(&certificate), second);
        assert!(Certificate::load(&chain, &key).is_err());
    }
}
