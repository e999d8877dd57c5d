//! Certificates: an authority in a folder, certificates for nodes by it, and the list of those that were revoked.
//!
//! A fleet may bring its own; all that [`Tls`] asks of them is the URI and the DNS name of [`Identity`], and of a list of revoked ones that it
//! is a CRL of the authority's.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::tls::{self, REVOCATIONS, Tls};
use crate::{Identity, limits};

/// The authority's certificate.
pub const AUTHORITY: &str = "ca.pem";
/// The authority's key.
const AUTHORITY_KEY: &str = "ca.key";
/// What the authority has issued and not yet forgotten: what is to be revoked by name must be known by number.
const ISSUED: &str = "ca.json";
/// The name of these, which no node may have.
const RESERVED: &str = "ca";

/// Why certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is there already, and is not a certificate of this node that could be renewed.
    #[error("{} is there already, is no certificate of {node}, and is not overwritten: remove it, or choose another folder or name", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
        /// Whose it should be.
        node: Box<Identity>,
    },
    /// A file could not be read or written.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// One of the authority's two files is missing.
    #[error("{} is missing although the authority's other file is there: put it back, or choose another folder", .0.display())]
    Half(PathBuf),
    /// There is no authority that could revoke anything.
    #[error("there is no authority in {}: name the folder in which the certificates were made", .0.display())]
    NoAuthority(PathBuf),
    /// What is in the folder does not make valid certificates.
    #[error("the authority in {} does not work: {reason}", folder.display())]
    Authority {
        /// Where.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// Two nodes with one name, or a node that is called as the authority's files are.
    #[error("the name {0} cannot be given: it is taken")]
    Taken(String),
    /// Nothing to revoke.
    #[error("the authority in {} has issued no certificate for {node} that is still good", folder.display())]
    Unknown {
        /// Where.
        folder: PathBuf,
        /// Whose.
        node: Box<Identity>,
    },
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Making(#[from] rcgen::Error),
}

/// A certificate that the authority has issued.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct IssuedCertificate {
    /// Hexadecimal.
    serial: String,
    /// A node's URI.
    node: String,
    /// Seconds since the Unix epoch.
    not_after: u64,
    /// The same; none: it was not.
    revoked_at: Option<u64>,
}

/// The files of a node in such a folder: certificate and key.
#[must_use]
pub fn files(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")))
}

/// Makes a certificate and a key for each node, good for so many days, by the authority in `folder`, which is made where there is none. What is there of
/// these nodes already is renewed: a running node takes the new ones by itself. Where a file is another's nothing is made. Returns the files that were
/// written.
///
/// # Errors
/// As they say.
pub fn make(folder: &Path, nodes: &[Identity], days: u32) -> Result<Vec<PathBuf>, Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::File { path: folder.to_owned(), source })?;
    let mut wanted = Vec::new();
    for node in nodes {
        let (certificate, key) = files(folder, node.name());
        if node.name() == RESERVED || wanted.contains(&certificate) {
            return Err(Error::Taken(node.name().to_owned()));
        }
        let renewable = certificate.exists() && shown(&certificate).is_some_and(|(identity, _)| identity == *node);
        if let Some(there) = [&certificate, &key].into_iter().find(|path| path.exists() && !renewable) {
            return Err(Error::Exists { path: there.clone(), node: Box::new(node.clone()) });
        }
        wanted.push(certificate);
    }
    let (authority, mut made) = authority(folder)?;
    let mut issued = IssuedCertificate::read(folder)?;
    for node in nodes {
        let (certificate_file, key_file) = files(folder, node.name());
        let (key, serial) = (KeyPair::generate()?, serial()?);
        let mut parameters = node_parameters(node, days)?;
        parameters.serial_number = Some(SerialNumber::from(serial.clone()));
        let certificate = parameters.signed_by(&key, &authority)?;
        // What does not work is better known now than when a fleet is to start.
        let (new_certificate, new_key) = (certificate_file.with_extension("pem.new"), key_file.with_extension("key.new"));
        write(&new_key, &key.serialize_pem(), 0o600)?;
        write(&new_certificate, &certificate.pem(), 0o644)?;
        if let Err(error) = Tls::load(&folder.join(AUTHORITY), &new_certificate, &new_key) {
            for file in [&new_key, &new_certificate] {
                _ = std::fs::remove_file(file);
            }
            return Err(unfit(folder, &error));
        }
        // Before it can be shown to anybody.
        issued.push(IssuedCertificate {
            serial: hex(&serial),
            node: node.to_string(),
            not_after: now() + lifetime(days).as_secs(),
            revoked_at: None,
        });
        IssuedCertificate::write(folder, &issued)?;
        for (new, file) in [(&new_key, &key_file), (&new_certificate, &certificate_file)] {
            std::fs::rename(new, file).map_err(|source| Error::File { path: file.clone(), source })?;
        }
        made.extend([certificate_file, key_file]);
    }
    Ok(made)
}

/// Revokes every certificate that the authority in `folder` has issued for these nodes, and writes its list. Returns the list's file, and how many
/// certificates of theirs it names. A node may get a new certificate at once: that one is good.
///
/// # Errors
/// As they say; then nothing is revoked.
pub fn revoke(folder: &Path, nodes: &[Identity]) -> Result<(PathBuf, usize), Error> {
    if !folder.join(AUTHORITY).exists() {
        return Err(Error::NoAuthority(folder.to_owned()));
    }
    let (authority, _) = authority(folder)?;
    let mut issued = IssuedCertificate::read(folder)?;
    let (now, mut revoked) = (now(), 0);
    for node in nodes {
        // One that was made before there was a record of them.
        let (certificate, _) = files(folder, node.name());
        if let Some((identity, unrecorded)) = shown(&certificate).filter(|(identity, _)| identity == node)
            && issued.iter().all(|known| known.serial != unrecorded.serial)
        {
            issued.push(IssuedCertificate { node: identity.to_string(), ..unrecorded });
        }
        let theirs = issued.iter_mut().filter(|issued| issued.node == node.to_string() && issued.not_after > now);
        let mut any = false;
        for certificate in theirs {
            any = true;
            if certificate.revoked_at.is_none() {
                certificate.revoked_at = Some(now);
                revoked += 1;
            }
        }
        if !any {
            return Err(Error::Unknown { folder: folder.to_owned(), node: Box::new(node.clone()) });
        }
    }
    let list = folder.join(AUTHORITY).with_extension(REVOCATIONS);
    let made = revocation_list(&issued)?.signed_by(&authority)?.pem()?;
    IssuedCertificate::write(folder, &issued)?;
    replace(&list, &made, 0o644)?;
    Ok((list, revoked))
}

fn revocation_list(issued: &[IssuedCertificate]) -> Result<CertificateRevocationListParams, Error> {
    let revoked = issued.iter().filter_map(|issued| {
        let serial_number = SerialNumber::from(unhex(&issued.serial)?);
        let revocation_time = date_time_ymd(1970, 1, 1) + Duration::from_secs(issued.revoked_at?);
        Some(RevokedCertParams { serial_number, revocation_time, reason_code: None, invalidity_date: None })
    });
    // Of two lists of one second the one with the greater number is newer.
    let number = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos().to_be_bytes();
    Ok(CertificateRevocationListParams {
        this_update: date_time_ymd(1970, 1, 1) + Duration::from_secs(now()),
        // It holds until there is a newer one: this field is not checked.
        next_update: date_time_ymd(1970, 1, 1) + Duration::from_secs(now()) + lifetime(limits::AUTHORITY_DAYS),
        crl_number: SerialNumber::from_slice(&number),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    })
}

impl IssuedCertificate {
    /// What the authority has issued that is still good.
    fn read(folder: &Path) -> Result<Vec<Self>, Error> {
        let path = folder.join(ISSUED);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let failed = |source| Error::File { path: path.clone(), source };
        let text = std::fs::read(&path).map_err(failed)?;
        let mut all: Vec<Self> = serde_json::from_slice(&text).map_err(|error| failed(error.into()))?;
        let now = now();
        all.retain(|issued| issued.not_after > now);
        Ok(all)
    }

    fn write(folder: &Path, all: &[Self]) -> Result<(), Error> {
        let path = folder.join(ISSUED);
        let text = serde_json::to_string_pretty(all).map_err(|error| Error::File { path: path.clone(), source: error.into() })?;
        replace(&path, &text, 0o644)
    }
}

/// Whose certificate is in a file, and what a record of it would be.
fn shown(path: &Path) -> Option<(Identity, IssuedCertificate)> {
    let certificate = CertificateDer::from_pem_file(path).ok()?;
    let identity = tls::identity_of(&certificate).ok()?;
    let (_, parsed) = X509Certificate::from_der(&certificate).ok()?;
    let not_after = u64::try_from(parsed.validity().not_after.timestamp()).ok()?;
    let issued = IssuedCertificate { serial: hex(parsed.raw_serial()), node: identity.to_string(), not_after, revoked_at: None };
    Some((identity, issued))
}

/// A number that no other certificate has: positive, 16 bytes.
fn serial() -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; 16];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| rcgen::Error::RingUnspecified)?;
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn lifetime(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 3_600)
}

fn unfit(folder: &Path, error: &tls::Error) -> Error {
    Error::Authority { folder: folder.to_owned(), reason: error.to_string() }
}

/// The authority in the folder; with the files that were made where it had to be.
fn authority(folder: &Path) -> Result<(Issuer<'static, KeyPair>, Vec<PathBuf>), Error> {
    let (certificate_file, key_file) = (folder.join(AUTHORITY), folder.join(AUTHORITY_KEY));
    match (certificate_file.exists(), key_file.exists()) {
        (true, true) => {
            let text = std::fs::read_to_string(&key_file).map_err(|source| Error::File { path: key_file, source })?;
            let key = KeyPair::from_pem(&text).map_err(|error| Error::Authority {
                folder: folder.to_owned(),
                reason: format!("its key cannot be read: {error}"),
            })?;
            // What its certificate says of it, but for its key and its days, stands here.
            Ok((Issuer::new(authority_parameters(), key), Vec::new()))
        }
        (false, false) => {
            let key = KeyPair::generate()?;
            let certificate = authority_parameters().self_signed(&key)?;
            write(&key_file, &key.serialize_pem(), 0o600)?;
            write(&certificate_file, &certificate.pem(), 0o644)?;
            Ok((Issuer::new(authority_parameters(), key), vec![certificate_file, key_file]))
        }
        (true, false) => Err(Error::Half(key_file)),
        (false, true) => Err(Error::Half(certificate_file)),
    }
}

fn name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

fn parameters(common_name: &str, days: u32) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = name(common_name);
    let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(now());
    parameters.not_before = now - limits::BACKDATED;
    parameters.not_after = now + lifetime(days);
    parameters
}

fn authority_parameters() -> CertificateParams {
    let mut parameters = parameters("Marquee development authority", limits::AUTHORITY_DAYS);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn node_parameters(node: &Identity, days: u32) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = parameters(node.name(), days);
    parameters.subject_alt_names =
        vec![SanType::URI(node.to_string().try_into()?), SanType::DnsName(node.dns_name().try_into()?)];
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // A region's node is asked by edges, and asks its peers.
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    parameters.use_authority_key_identifier_extension = true;
    Ok(parameters)
}

/// Writes a file with its mode from the beginning: a key is never readable by others, not for a moment.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    // One that an interrupted run has left is nobody's.
    if path.exists() {
        std::fs::remove_file(path).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// Puts a file in another's place, whole or not at all.
fn replace(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let new = path.with_extension("new");
    write(&new, text, mode)?;
    std::fs::rename(&new, path).map_err(|source| Error::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn nodes() -> [Identity; 2] {
        [Identity::region_node("eu", "eu-1").unwrap(), Identity::edge_node("edge-0").unwrap()]
    }

    #[test]
    fn issued_certificates_name_their_node() {
        let folder = tempfile::tempdir().unwrap();
        let made = make(&folder.path().join("new"), &nodes(), 1).unwrap();
        let names: Vec<_> = made.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["ca.pem", "ca.key", "eu-1.pem", "eu-1.key", "edge-0.pem", "edge-0.key"]);
        for path in &made {
            let secret = path.extension().unwrap() == "key";
            let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode & 0o077 == 0, secret, "{} {mode:o}", path.display());
        }
        for node in nodes() {
            let (certificate, key) = files(&folder.path().join("new"), node.name());
            let tls = Tls::load(&folder.path().join("new/ca.pem"), &certificate, &key).unwrap();
            assert_eq!(*tls.identity(), node);
        }
    }

    #[test]
    fn an_existing_authority_is_reused_and_certificates_are_renewed() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &nodes(), 1).unwrap();
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let (authority, certificate, key) = (read(AUTHORITY), read("eu-1.pem"), read("eu-1.key"));
        let [first, _] = nodes();
        assert_eq!(make(folder.path(), std::slice::from_ref(&first), 30).unwrap().len(), 2);
        assert_eq!(read(AUTHORITY), authority);
        assert!(read("eu-1.pem") != certificate && read("eu-1.key") != key, "another certificate, with another key");
        let (certificate, key) = files(folder.path(), "eu-1");
        let tls = Tls::load(&folder.path().join(AUTHORITY), &certificate, &key).unwrap();
        assert_eq!(*tls.identity(), first);
        let days = (tls.ends_at().unwrap() - i64::try_from(now()).unwrap()) / (24 * 3_600);
        assert!((29..=30).contains(&days), "{days}");
    }

    #[test]
    fn certificates_last_for_days() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &nodes(), limits::NODE_DAYS).unwrap();
        let ends = |name: &str| shown_file(&folder.path().join(name));
        let (authority, node, now) = (ends(AUTHORITY), ends("edge-0.pem"), now());
        assert!(node > now + 6 * 24 * 3_600 && node <= now + 7 * 24 * 3_600);
        assert!(authority > now + 4 * 365 * 24 * 3_600 && authority < now + 6 * 365 * 24 * 3_600);
    }

    fn shown_file(path: &Path) -> u64 {
        let certificate = CertificateDer::from_pem_file(path).unwrap();
        let (_, parsed) = X509Certificate::from_der(&certificate).unwrap();
        u64::try_from(parsed.validity().not_after.timestamp()).unwrap()
    }

    #[test]
    fn foreign_files_are_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &nodes(), 1).unwrap();
        let namesake = Identity::region_node("us", "eu-1").unwrap();
        let error = make(folder.path(), &[Identity::edge_node("edge-1").unwrap(), namesake], 1).unwrap_err().to_string();
        assert!(error.contains("eu-1.pem is there already"), "{error}");
        assert!(!folder.path().join("edge-1.pem").exists(), "all or nothing");
        std::fs::write(folder.path().join("edge-2.key"), "mine").unwrap();
        assert!(matches!(make(folder.path(), &[Identity::edge_node("edge-2").unwrap()], 1), Err(Error::Exists { .. })));
    }

    #[test]
    fn revoked_certificates_are_refused_and_later_ones_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let [region, edge] = nodes();
        make(folder.path(), &nodes(), 1).unwrap();
        // One that was stolen before it was renewed.
        std::fs::copy(folder.path().join("edge-0.pem"), folder.path().join("stolen.pem")).unwrap();
        std::fs::copy(folder.path().join("edge-0.key"), folder.path().join("stolen.key")).unwrap();
        make(folder.path(), std::slice::from_ref(&edge), 1).unwrap();
        let load = |name: &str| {
            let (certificate, key) = files(folder.path(), name);
            Tls::load(&folder.path().join(AUTHORITY), &certificate, &key)
        };
        assert!(load("stolen").is_ok() && load("edge-0").is_ok());
        let (list, revoked) = revoke(folder.path(), std::slice::from_ref(&edge)).unwrap();
        assert_eq!((list, revoked), (folder.path().join("ca.crl"), 2));
        for name in ["stolen", "edge-0"] {
            assert!(matches!(load(name), Err(tls::Error::Revoked)), "{name}");
        }
        make(folder.path(), std::slice::from_ref(&edge), 1).unwrap();
        assert!(load("edge-0").is_ok() && load("eu-1").is_ok() && load("stolen").is_err());
        // What was revoked stays on the list.
        revoke(folder.path(), std::slice::from_ref(&region)).unwrap();
        assert!(load("eu-1").is_err() && load("stolen").is_err() && load("edge-0").is_ok());
    }

    #[test]
    fn an_unrecorded_certificate_is_revoked_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let [_, edge] = nodes();
        make(folder.path(), &nodes(), 1).unwrap();
        std::fs::remove_file(folder.path().join(ISSUED)).unwrap();
        assert_eq!(revoke(folder.path(), std::slice::from_ref(&edge)).unwrap().1, 1);
        let (certificate, key) = files(folder.path(), "edge-0");
        assert!(matches!(Tls::load(&folder.path().join(AUTHORITY), &certificate, &key), Err(tls::Error::Revoked)));
        let stranger = Identity::edge_node("edge-9").unwrap();
        assert!(matches!(revoke(folder.path(), std::slice::from_ref(&stranger)), Err(Error::Unknown { .. })));
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(revoke(empty.path(), &[edge]), Err(Error::NoAuthority(_))));
    }

    #[test]
    fn invalid_options_are_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let error = make(folder.path(), &[Identity::edge_node("ca").unwrap()], 1).unwrap_err().to_string();
        assert!(error.contains("ca cannot be given"), "{error}");
        let twice = [Identity::edge_node("a").unwrap(), Identity::edge_node("a").unwrap()];
        assert!(matches!(make(folder.path(), &twice, 1), Err(Error::Taken(_))));
        make(folder.path(), &nodes(), 1).unwrap();
        let other = tempfile::tempdir().unwrap();
        make(other.path(), &[], 1).unwrap();
        std::fs::copy(other.path().join(AUTHORITY_KEY), folder.path().join(AUTHORITY_KEY)).unwrap();
        let error = make(folder.path(), &[Identity::edge_node("b").unwrap()], 1).unwrap_err().to_string();
        assert!(error.contains("does not work"), "{error}");
        assert!(!folder.path().join("b.pem").exists());
        std::fs::remove_file(folder.path().join(AUTHORITY_KEY)).unwrap();
        let error = make(folder.path(), &[Identity::edge_node("b").unwrap()], 1).unwrap_err().to_string();
        assert!(error.contains("ca.key is missing"), "{error}");
    }
}
