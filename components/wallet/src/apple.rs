//! Passes for Apple's wallet: an archive of what a pass says (`pass.json`), its pictures, a list of their hashes (`manifest.json`), and a signature of that
//! (`signature`: CMS, RFC 5652, without what is signed), which the telephone holds against Apple's root.

use crate::key::Key;
use crate::{BACKGROUND, Error, FOREGROUND, LABELS, Ticket, limits};
use archive::Archive;
use cms::cert::x509::Certificate;
use cms::cert::x509::attr::{Attribute, Attributes};
use cms::cert::x509::der::asn1::{Any, ObjectIdentifier, OctetString, SetOfVec, UtcTime};
use cms::cert::x509::der::{self, DecodePem as _, Encode as _, Tagged};
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos};
use rsa::pkcs1::DecodeRsaPublicKey as _;
use serde_json::{Value as Json, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// What a pass is served as.
pub const CONTENT_TYPE: &str = "application/vnd.apple.pkpass";

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const USER_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1");
const UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");

/// The pictures of a pass: the platform's mark, as the app's pages show it.
const PICTURES: [(&str, &[u8]); 5] = [
    ("icon.png", include_bytes!("../assets/icon.png")),
    ("icon@2x.png", include_bytes!("../assets/icon@2x.png")),
    ("icon@3x.png", include_bytes!("../assets/icon@3x.png")),
    ("logo.png", include_bytes!("../assets/logo.png")),
    ("logo@2x.png", include_bytes!("../assets/logo@2x.png")),
];

/// Who signs passes: Apple's certificate for a pass type of a team, and its key.
#[derive(Debug)]
pub struct Signer {
    certificate: Certificate,
    /// Those that lead from it to Apple's root.
    chain: Vec<Certificate>,
    key: Key,
    /// As `pass.com.example.tickets`: what the certificate says that it signs.
    pass_type: String,
    /// Whose it is.
    team: String,
}

impl Signer {
    /// From certificates as PEM, that of the passes first and Apple's that has signed it (WWDR) behind it, and the key of the first as PEM.
    ///
    /// # Errors
    /// Where these do not fit.
    pub fn new(certificates: &str, key: &str) -> Result<Self, Error> {
        let mut chain = certificates_of(certificates)?;
        let key = Key::from_pem(key)?;
        let certificate = chain.remove(0);
        let public = certificate.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes();
        if rsa::RsaPublicKey::from_pkcs1_der(public).ok() != Some(key.public()) {
            return Err(Error::Mismatch);
        }
        let named = |what| named(&certificate, what).ok_or(Error::Subject);
        let (pass_type, team) = (named(USER_ID)?, named(UNIT)?);
        Ok(Self { certificate, chain, key, pass_type, team })
    }

    /// Until when its passes can be added, in seconds since the Unix epoch.
    #[must_use]
    pub fn not_after(&self) -> u64 {
        self.certificate.tbs_certificate.validity.not_after.to_unix_duration().as_secs()
    }

    /// A ticket's pass, made at this time in seconds since the Unix epoch.
    ///
    /// # Errors
    /// None but faults of ours.
    pub fn pass(&self, ticket: &Ticket<'_>, now: u64) -> Result<Vec<u8>, Error> {
        let says = serde_json::to_vec(&self.document(ticket)).map_err(|_| Error::Internal("writing JSON"))?;
        let files = [("pass.json", says.as_slice())].into_iter().chain(PICTURES);
        // The wallet reads no other hash here; what is signed is this list, with SHA-256.
        let hashes: serde_json::Map<String, Json> =
            files.clone().map(|(name, content)| (name.to_owned(), hexadecimal(&Sha1::digest(content)).into())).collect();
        let manifest = serde_json::to_vec(&hashes).map_err(|_| Error::Internal("writing JSON"))?;
        let signature = self.signature(&manifest, now).map_err(|_| Error::Internal("writing a signature"))??;
        let mut archive = Archive::new();
        for (name, content) in files.chain([("manifest.json", manifest.as_slice()), ("signature", signature.as_slice())]) {
            archive.add(name, content).map_err(|_| Error::Internal("writing an archive"))?;
        }
        archive.finish().map_err(|_| Error::Internal("writing an archive"))
    }

    fn document(&self, ticket: &Ticket<'_>) -> Json {
        let Ticket { order, code, kind, holder, event, seller, words, .. } = ticket;
        let field = |key: &str, label: &str, value: &str| json!({ "key": key, "label": label, "value": value });
        let colour = |[red, green, blue]: [u8; 3]| format!("rgb({red}, {green}, {blue})");
        let place = format!("{}, {}, {}", event.venue, event.city, event.country);
        let mut lower = vec![field("ticket", words.ticket, kind)];
        lower.extend(holder.map(|name| field("name", words.name, name)));
        json!({
            "formatVersion": 1,
            "passTypeIdentifier": self.pass_type,
            "teamIdentifier": self.team,
            "serialNumber": ticket.serial(),
            "organizationName": seller,
            "description": format!("{}: {}", words.ticket, event.title),
            "logoText": seller,
            "groupingIdentifier": event.id,
            "relevantDate": event.starts_at,
            // Whoever comes with it first is let in, so it is not handed on without a thought: for that a ticket is transferred, and its code anew.
            "sharingProhibited": true,
            "backgroundColor": colour(BACKGROUND),
            "foregroundColor": colour(FOREGROUND),
            "labelColor": colour(LABELS),
            "barcodes": [{ "format": "PKBarcodeFormatQR", "message": code, "messageEncoding": "iso-8859-1" }],
            "eventTicket": {
                // The clock of the venue, wherever the telephone is.
                "headerFields": [{
                    "key": "starts", "label": words.when, "value": event.starts_at, "dateStyle": "PKDateStyleMedium",
                    "timeStyle": "PKDateStyleShort", "ignoresTimeZone": true,
                }],
                "primaryFields": [{ "key": "event", "value": event.title }],
                "secondaryFields": [field("venue", words.location, event.venue)],
                "auxiliaryFields": lower,
                "backFields": [
                    field("when", words.when, &format!("{}, {}", event.day, event.time)),
                    field("where", words.location, &place),
                    field("order", words.order, order),
                    field("note", words.ticket, words.at_the_door),
                ],
            },
        })
    }

    /// The signature of a list, detached, with the certificates that lead to Apple's root.
    fn signature(&self, content: &[u8], now: u64) -> der::Result<Result<Vec<u8>, Error>> {
        let attribute = |oid, value: Any| der::Result::Ok(Attribute { oid, values: SetOfVec::try_from(vec![value])? });
        let signed_attrs: Attributes = SetOfVec::try_from(vec![
            attribute(CONTENT, Any::encode_from(&DATA)?)?,
            attribute(SIGNING_TIME, Any::encode_from(&UtcTime::from_unix_duration(Duration::from_secs(now))?)?)?,
            attribute(MESSAGE_DIGEST, Any::encode_from(&OctetString::new(Sha256::digest(content).to_vec())?)?)?,
        ])?;
        // What is signed is the set itself, and not as it is tagged in the message (RFC 5652, 5.4).
        let signature = match self.key.sign(&signed_attrs.to_der()?) {
            Ok(signature) => OctetString::new(signature)?,
            Err(error) => return Ok(Err(error)),
        };
        let digest_alg = AlgorithmIdentifierOwned { oid: SHA_256, parameters: None };
        let signed_by = &self.certificate.tbs_certificate;
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: signed_by.issuer.clone(),
                serial_number: signed_by.serial_number.clone(),
            }),
            digest_alg: digest_alg.clone(),
            signed_attrs: Some(signed_attrs),
            signature_algorithm: AlgorithmIdentifierOwned { oid: RSA, parameters: Some(Any::null()) },
            signature,
            unsigned_attrs: None,
        };
        let certificates = std::iter::once(&self.certificate).chain(&self.chain).cloned().map(CertificateChoices::Certificate);
        let signed = SignedData {
            version: CmsVersion::V1,
            digest_algorithms: SetOfVec::try_from(vec![digest_alg])?,
            encap_content_info: EncapsulatedContentInfo { econtent_type: DATA, econtent: None },
            certificates: Some(CertificateSet(SetOfVec::try_from(certificates.collect::<Vec<_>>())?)),
            crls: None,
            signer_infos: SignerInfos(SetOfVec::try_from(vec![signer])?),
        };
        ContentInfo { content_type: SIGNED_DATA, content: Any::encode_from(&signed)? }.to_der().map(Ok)
    }
}

/// The certificates in a text, whatever stands between them.
fn certificates_of(text: &str) -> Result<Vec<Certificate>, Error> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    if text.len() > limits::PEM_BYTES {
        return Err(Error::Certificates);
    }
    let pems = text.split(BEGIN).skip(1).take(limits::CERTIFICATES.end() + 1).map(|rest| {
        let (body, _) = rest.split_once(END).ok_or(Error::Certificates)?;
        Certificate::from_pem(format!("{BEGIN}{body}{END}")).map_err(|_| Error::Certificates)
    });
    let all: Vec<_> = pems.collect::<Result<_, _>>()?;
    if limits::CERTIFICATES.contains(&all.len()) { Ok(all) } else { Err(Error::Certificates) }
}

/// What a certificate's subject says of itself.
fn named(certificate: &Certificate, what: ObjectIdentifier) -> Option<String> {
    let mut parts = certificate.tbs_certificate.subject.0.iter().flat_map(|part| part.0.iter());
    let value = &parts.find(|part| part.oid == what)?.value;
    let is_text = matches!(value.tag(), der::Tag::Utf8String | der::Tag::PrintableString | der::Tag::Ia5String);
    std::str::from_utf8(value.value()).ok().filter(|text| is_text && !text.is_empty()).map(str::to_owned)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Authority};
    use std::collections::BTreeMap;

    const NOW: u64 = 1_800_000_000;

    fn made() -> (Authority, Vec<u8>) {
        let authority = Authority::new();
        let signer = Signer::new(&authority.certificates, &authority.key).unwrap();
        let pass = signer.pass(&testing::ticket(), NOW).unwrap();
        (authority, pass)
    }

    #[test]
    fn a_pass_says_what_its_ticket_does() {
        let (_, pass) = made();
        let files: BTreeMap<_, _> = archive::files(&pass).unwrap().into_iter().collect();
        let says: Json = serde_json::from_slice(files["pass.json"]).unwrap();
        let ticket = testing::ticket();
        for (pointer, value) in [
            ("/formatVersion", json!(1)),
            ("/passTypeIdentifier", json!("pass.com.example.tickets")),
            ("/teamIdentifier", json!("A1B2C3D4E5")),
            ("/serialNumber", json!("eu_06f9zk5c1wv7r3h9d0x2nq6ta8-2-1")),
            ("/organizationName", json!("Blue Hall")),
            ("/relevantDate", json!("2027-03-02T00:30:00+05:30")),
            ("/barcodes/0/format", json!("PKBarcodeFormatQR")),
            ("/barcodes/0/message", json!(ticket.code)),
            ("/eventTicket/primaryFields/0/value", json!(ticket.event.title)),
            ("/eventTicket/auxiliaryFields/1/value", json!("Grace")),
            ("/eventTicket/backFields/0/value", json!("Tuesday 2 March 2027, 00:30 (Asia/Colombo, UTC+05:30)")),
            ("/eventTicket/backFields/1/value", json!("Blue Hall, Colombo, LK")),
        ] {
            assert_eq!(says.pointer(pointer), Some(&value), "{pointer}");
        }
        let manifest: BTreeMap<String, String> = serde_json::from_slice(files["manifest.json"]).unwrap();
        let all: Vec<_> = files.keys().filter(|name| !matches!(**name, "manifest.json" | "signature")).copied().collect();
        assert_eq!(manifest.keys().collect::<Vec<_>>(), all);
        for (name, hash) in &manifest {
            assert_eq!(*hash, hexadecimal(&Sha1::digest(files[name.as_str()])), "{name}");
        }
        for (name, width, height) in [
            ("icon.png", 29, 29),
            ("icon@2x.png", 58, 58),
            ("icon@3x.png", 87, 87),
            ("logo.png", 50, 50),
            ("logo@2x.png", 100, 100),
        ] {
            let size = |at: usize| u32::from_be_bytes(files[name][at..at + 4].try_into().unwrap());
            assert!(files[name].starts_with(b"\x89PNG\r\n\x1a\n"), "{name}");
            assert_eq!((size(16), size(20)), (width, height), "{name}");
        }
    }

    /// As OpenSSL verifies it, against the authority alone.
    #[test]
    fn its_signature_leads_to_the_authority() {
        let (authority, pass) = made();
        let files: BTreeMap<_, _> = archive::files(&pass).unwrap().into_iter().collect();
        assert!(authority.verifies(files["manifest.json"], files["signature"]));
        let other = files["manifest.json"].iter().chain(b" ").copied().collect::<Vec<_>>();
        assert!(!authority.verifies(&other, files["signature"]));
        assert!(!Authority::new().verifies(files["manifest.json"], files["signature"]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (authority, other) = (Authority::new(), Authority::new());
        let Authority { certificates, key, .. } = &authority;
        let (own, _) = certificates.split_at(certificates.find("-----END").unwrap());
        for (certificates, key, refused) in [
            (certificates.as_str(), other.key.as_str(), "not the key's"),
            (certificates, "", "no RSA key"),
            ("", key, "certificates as PEM"),
            (&format!("{own}-----END CERTIFICATE-----\n"), key, "certificates as PEM"),
            (&certificates.replace("MII", "MIJ"), key, "certificates as PEM"),
            (&authority.unnamed(), key, "none for passes"),
        ] {
            let error = Signer::new(certificates, key).unwrap_err().to_string();
            assert!(error.contains(refused), "{refused}: {error}");
        }
        assert!(Signer::new(&format!("Bag Attributes\n{certificates}\n\n"), key).unwrap().not_after() > NOW);
    }
}
