//! Development certificates: an authority in a folder, and certificates for nodes by it.
//!
//! A fleet in earnest brings its own; all that [`Tls`](crate::Tls) asks of them is the URI and the DNS name of [`Identity`].

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use crate::Identity;
use crate::tls::{self, Tls};

/// The authority's certificate.
pub const AUTHORITY: &str = "ca.pem";
/// The authority's key.
const AUTHORITY_KEY: &str = "ca.key";
/// The names of the two, which no node may have.
const RESERVED: &str = "ca";

/// Why certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is there already.
    #[error("{} is there already and is not overwritten: remove it, or choose another folder or name", .0.display())]
    Exists(PathBuf),
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
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Making(#[from] rcgen::Error),
}

/// The files of a node in such a folder: certificate and key.
#[must_use]
pub fn files(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")))
}

/// Makes a certificate and a key for each node, by the authority in `folder`, which is made where there is none. Nothing is overwritten, and
/// where one of the files is there already nothing is made. Returns the files that were.
///
/// # Errors
/// As they say.
pub fn make(folder: &Path, nodes: &[Identity]) -> Result<Vec<PathBuf>, Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::File { path: folder.to_owned(), source })?;
    let mut wanted = Vec::new();
    for node in nodes {
        let (certificate, key) = files(folder, node.name());
        if node.name() == RESERVED || wanted.contains(&certificate) {
            return Err(Error::Taken(node.name().to_owned()));
        }
        wanted.extend([certificate, key]);
    }
    if let Some(there) = wanted.iter().find(|path| path.exists()) {
        return Err(Error::Exists(there.clone()));
    }
    let (authority, mut made) = authority(folder)?;
    for node in nodes {
        let (certificate_file, key_file) = files(folder, node.name());
        let key = KeyPair::generate()?;
        let certificate = node_parameters(node)?.signed_by(&key, &authority)?;
        write(&key_file, &key.serialize_pem(), 0o600)?;
        write(&certificate_file, &certificate.pem(), 0o644)?;
        // What does not work is better known now than when a fleet is to start.
        let checked = Tls::load(&folder.join(AUTHORITY), &certificate_file, &key_file);
        if let Err(error) = checked {
            for file in [&key_file, &certificate_file] {
                _ = std::fs::remove_file(file);
            }
            return Err(unfit(folder, &error));
        }
        made.extend([certificate_file, key_file]);
    }
    Ok(made)
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
            // Its certificate says nothing that does not stand here, but for its key.
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

fn parameters(common_name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = name(common_name);
    // Development certificates do not end while anybody develops.
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2120, 1, 1);
    parameters
}

fn authority_parameters() -> CertificateParams {
    let mut parameters = parameters("Marquee development authority");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn node_parameters(node: &Identity) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = parameters(node.name());
    parameters.subject_alt_names =
        vec![SanType::URI(node.to_string().try_into()?), SanType::DnsName(node.dns_name().try_into()?)];
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // A region's node is asked by edges, and asks its peers.
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    parameters.use_authority_key_identifier_extension = true;
    Ok(parameters)
}

/// Writes a file that must not be there, with its mode from the beginning: a key is never readable by others, not for a moment.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => Error::Exists(path.to_owned()),
        _ => Error::File { path: path.to_owned(), source },
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn nodes() -> [Identity; 2] {
        [Identity::region_node("eu", "eu-1").unwrap(), Identity::edge_node("edge-0").unwrap()]
    }

    #[test]
    fn nodes_get_certificates_that_say_who_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let made = make(&folder.path().join("new"), &nodes()).unwrap();
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
    fn an_authority_is_kept_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &nodes()).unwrap();
        let authority = std::fs::read(folder.path().join(AUTHORITY)).unwrap();
        let third = Identity::region_node("us", "us-1").unwrap();
        assert_eq!(make(folder.path(), std::slice::from_ref(&third)).unwrap().len(), 2);
        assert_eq!(std::fs::read(folder.path().join(AUTHORITY)).unwrap(), authority);
        let error = make(folder.path(), &[Identity::edge_node("edge-1").unwrap(), third]).unwrap_err().to_string();
        assert!(error.contains("us-1.pem is there already"), "{error}");
        assert!(!folder.path().join("edge-1.pem").exists(), "all or nothing");
    }

    #[test]
    fn what_cannot_work_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let error = make(folder.path(), &[Identity::edge_node("ca").unwrap()]).unwrap_err().to_string();
        assert!(error.contains("ca cannot be given"), "{error}");
        let twice = [Identity::edge_node("a").unwrap(), Identity::edge_node("a").unwrap()];
        assert!(matches!(make(folder.path(), &twice), Err(Error::Taken(_))));
        make(folder.path(), &nodes()).unwrap();
        let other = tempfile::tempdir().unwrap();
        make(other.path(), &[]).unwrap();
        std::fs::copy(other.path().join(AUTHORITY_KEY), folder.path().join(AUTHORITY_KEY)).unwrap();
        let error = make(folder.path(), &[Identity::edge_node("b").unwrap()]).unwrap_err().to_string();
        assert!(error.contains("does not work"), "{error}");
        assert!(!folder.path().join("b.pem").exists());
        std::fs::remove_file(folder.path().join(AUTHORITY_KEY)).unwrap();
        let error = make(folder.path(), &[Identity::edge_node("b").unwrap()]).unwrap_err().to_string();
        assert!(error.contains("ca.key is missing"), "{error}");
    }
}
