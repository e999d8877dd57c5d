//! Lists of revoked certificates (CRLs, RFC 5280 §5): one for each authority, the newest known.
//!
//! A list is trusted for its authority's signature, not its sender, and a newer one replaces an older one, never the other way. So nodes pass them on to
//! each other along every connection, in both directions: what one node of a fleet knows, all know a moment later, and nobody can keep it from them by
//! silence alone.

use std::collections::BTreeMap;

use bytes::Bytes;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use crate::limits::{REVOCATION_LISTS, REVOCATIONS_BYTES};
use crate::wire::frames::{Frames, frame};

/// Why a list is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a list, or one that is longer than any may be.
    #[error("it is no list of revoked certificates: {0}")]
    Malformed(String),
    /// Not signed by an authority that this node believes.
    #[error("it is not signed by an authority of the fleet")]
    Unsigned,
}

/// How new a list is: when it was made, in seconds, and its number.
type Version = (i64, Vec<u8>);

/// A list, and how new it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct List {
    version: Version,
    der: Vec<u8>,
}

/// The newest list of each authority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lists(BTreeMap<Vec<u8>, List>);

impl Lists {
    /// Takes in a list if an authority of `roots` has signed it and it is newer than the one that is here. Says whether it was.
    pub(crate) fn take(
        &mut self,
        der: &[u8],
        roots: &[CertificateDer<'static>],
        provider: &CryptoProvider,
    ) -> Result<bool, Error> {
        if self.0.values().any(|list| list.der == der) {
            return Ok(false);
        }
        let malformed = |error: &dyn std::fmt::Display| Error::Malformed(error.to_string());
        if der.len() > REVOCATIONS_BYTES {
            return Err(malformed(&"it is too long"));
        }
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|error| malformed(&error))?;
        if !rest.is_empty() {
            return Err(malformed(&"there is more than it says"));
        }
        let issuer = list.tbs_cert_list.issuer.as_raw().to_vec();
        let signed = roots.iter().any(|root| signed_by(&list, root, provider));
        if !signed {
            return Err(Error::Unsigned);
        }
        let number = list.crl_number().map(x509_parser::num_bigint::BigUint::to_bytes_be).unwrap_or_default();
        // As long as numbers are compared by their bytes, the longer one is the greater.
        let number = [u64::try_from(number.len()).unwrap_or(u64::MAX).to_be_bytes().as_slice(), &number].concat();
        let version = (list.tbs_cert_list.this_update.timestamp(), number);
        if self.0.get(&issuer).is_some_and(|known| known.version >= version) {
            return Ok(false);
        }
        if !self.0.contains_key(&issuer) && self.0.len() >= REVOCATION_LISTS {
            return Err(malformed(&"there are lists of too many authorities"));
        }
        self.0.insert(issuer, List { version, der: der.to_owned() });
        Ok(true)
    }

    /// As TLS takes them.
    pub(crate) fn der(&self) -> impl Iterator<Item = CertificateRevocationListDer<'static>> {
        self.0.values().map(|list| CertificateRevocationListDer::from(list.der.clone()))
    }

    /// The lists themselves.
    pub(crate) fn raw(&self) -> impl Iterator<Item = &[u8]> {
        self.0.values().map(|list| list.der.as_slice())
    }

    /// All of them, for another node.
    pub(crate) fn write(&self) -> Bytes {
        self.raw().flat_map(|der| frame(|into| into.extend_from_slice(der))).collect()
    }
}

/// Lists as another node has written them.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Bytes>, Error> {
    let (mut frames, mut lists) = (Frames::new(REVOCATIONS_BYTES), Vec::new());
    frames.push(bytes);
    while let Some(list) = frames.next().map_err(|error| Error::Malformed(error.to_string()))? {
        lists.push(list);
        if lists.len() > REVOCATION_LISTS {
            return Err(Error::Malformed("there are too many".to_owned()));
        }
    }
    Ok(lists)
}

/// Whether this authority has signed it.
fn signed_by(list: &CertificateRevocationList<'_>, root: &CertificateDer<'_>, provider: &CryptoProvider) -> bool {
    let Ok(root) = webpki::EndEntityCert::try_from(root) else { return false };
    // An issuer is compared without the tag and length that stand before it.
    let issuer = list.tbs_cert_list.issuer.as_raw();
    if !issuer.ends_with(root.subject()) {
        return false;
    }
    let (signed, signature) = (list.tbs_cert_list.as_ref(), &list.signature_value.data);
    let algorithms = provider.signature_verification_algorithms.all;
    algorithms.iter().any(|algorithm| root.verify_signature(*algorithm, signed, signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Identity, certificates};
    use rustls::pki_types::pem::PemObject as _;
    use std::path::Path;

    fn root(folder: &Path) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(folder.join(certificates::AUTHORITY)).unwrap()
    }

    fn revoked(folder: &Path, node: &Identity) -> Vec<u8> {
        let (list, _) = certificates::revoke(folder, std::slice::from_ref(node)).unwrap();
        CertificateRevocationListDer::from_pem_file(list).unwrap().as_ref().to_vec()
    }

    #[test]
    fn a_revocation_list_needs_a_valid_signature_and_is_never_replaced_by_an_older_one() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let nodes = ["edge-0", "edge-1"].map(|name| Identity::edge_node(name).unwrap());
        for folder in [&folder, &other] {
            certificates::make(folder.path(), &nodes, 1).unwrap();
        }
        let [older, newer] = [0, 1].map(|at| revoked(folder.path(), &nodes[at]));
        let foreign = revoked(other.path(), &nodes[0]);
        let (roots, provider) = ([root(folder.path())], rustls::crypto::ring::default_provider());
        let mut lists = Lists::default();
        assert_eq!(lists.take(&older, &roots, &provider), Ok(true));
        assert_eq!(lists.take(&older, &roots, &provider), Ok(false), "known");
        assert_eq!(lists.take(&newer, &roots, &provider), Ok(true));
        assert_eq!(lists.take(&older, &roots, &provider), Ok(false), "it would make a revoked one good again");
        // Both authorities have the same name, so only the signature tells.
        assert_eq!(lists.take(&foreign, &roots, &provider), Err(Error::Unsigned));
        for at in [4, older.len() / 2, older.len() - 1] {
            let mut forged = older.clone();
            forged[at] ^= 1;
            assert!(!matches!(lists.take(&forged, &roots, &provider), Ok(true)), "{at}");
        }
        assert!(matches!(lists.take(b"list", &roots, &provider), Err(Error::Malformed(_))));
        assert_eq!(read(&lists.write()).unwrap(), [newer]);
    }
}
