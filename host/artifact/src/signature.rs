//! Signatures as cosign makes, stores and checks them, with keys and without a transparency log.
//!
//! cosign's signature specification says how: the payload (simple signing) names the digest of a manifest; it is a layer of the manifest at the tag
//! `sha256-HEX.sig`, whose annotation has the signature over it. That is what is written here, and read by every cosign. What its version 3 writes, a
//! bundle among the artifact's referrers that has a statement of in-toto in an envelope of DSSE, is read as well.
//!
//! A payload is looked into only after a trusted key is known to have signed it, byte for byte.

use crate::digest::Digest;
use crate::error::Error;
use crate::keys::{PrivateKey, PublicKey};
use crate::limits;
use crate::oci::{Blob, CONFIG, Descriptor, Manifest};
use crate::reference::Reference;
use crate::registry::{self, Registry};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The media type of a payload.
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation that has the signature over it.
pub(crate) const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// What a payload says that it is.
const TYPE: &str = "cosign container image signature";
/// What the tag of signatures ends with.
const SIGNATURES: &str = ".sig";
/// How the media type of a bundle begins; its version follows.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// What the statement in a bundle says that it is: a signature, and no claim of another kind.
const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";
/// What such an envelope holds.
pub(crate) const STATEMENT: &str = "application/vnd.in-toto+json";

/// That somebody has signed an artifact, as it is kept to be checked again without the registry.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Evidence {
    /// What was signed, in base64.
    payload: String,
    /// The signature, in base64.
    signature: String,
    /// In an envelope: what type of payload that says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    envelope: Option<String>,
}

/// An artifact that a trusted key has signed.
#[derive(Clone, Debug)]
pub struct Verified {
    /// It, by its digest.
    pub reference: Reference,
    /// Which key.
    pub key: String,
}

/// An artifact that was signed now, or had been.
#[derive(Clone, Debug)]
pub struct Signed {
    /// It, by its digest.
    pub reference: Reference,
    /// By which key.
    pub key: String,
    /// Whether that key had signed it before.
    pub before: bool,
}

/// Says what is wrong with evidence, or whose it is.
pub(crate) fn check(evidence: &Evidence, digest: Digest, trusted: &[PublicKey]) -> Result<String, String> {
    let decode = |text: &str| BASE64_STANDARD.decode(text.trim()).map_err(|_| "a signature that is not base64".to_owned());
    let (payload, signature) = (decode(&evidence.payload)?, decode(&evidence.signature)?);
    let message = match &evidence.envelope {
        None => payload.clone(),
        Some(kind) => pre_authenticated(kind, &payload),
    };
    let key = trusted.iter().find(|key| key.has_signed(&message, &signature)).ok_or("a signature by another key")?;
    let about = match &evidence.envelope {
        None => of_payload(&payload)?,
        Some(kind) => of_statement(kind, &payload)?,
    };
    if about.contains(&digest) { Ok(key.id()) } else { Err("a signature of another artifact".to_owned()) }
}

/// What a payload of simple signing is about.
fn of_payload(payload: &[u8]) -> Result<Vec<Digest>, String> {
    #[derive(Deserialize)]
    struct Payload {
        critical: Critical,
    }
    #[derive(Deserialize)]
    struct Critical {
        image: Image,
        r#type: String,
    }
    #[derive(Deserialize)]
    struct Image {
        #[serde(rename = "docker-manifest-digest", alias = "Docker-manifest-digest")]
        digest: Digest,
    }
    let Payload { critical } = serde_json::from_slice(payload).map_err(|_| "a payload that cannot be read")?;
    if critical.r#type == TYPE { Ok(vec![critical.image.digest]) } else { Err("a payload of another type".to_owned()) }
}

/// What a statement of in-toto is about, if it says that it signs.
fn of_statement(kind: &str, payload: &[u8]) -> Result<Vec<Digest>, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Statement {
        predicate_type: String,
        subject: Vec<Subject>,
    }
    #[derive(Deserialize)]
    struct Subject {
        digest: std::collections::BTreeMap<String, String>,
    }
    if kind != STATEMENT {
        return Err("an envelope of another type".to_owned());
    }
    let Statement { predicate_type, subject } = serde_json::from_slice(payload).map_err(|_| "a statement that cannot be read")?;
    if predicate_type != SIGNED {
        return Err("a statement that is no signature".to_owned());
    }
    let digests = subject.iter().filter_map(|subject| subject.digest.get("sha256"));
    Ok(digests.filter_map(|hex| format!("sha256:{hex}").parse().ok()).collect())
}

/// What DSSE signs: type and payload, each with its length before it.
pub(crate) fn pre_authenticated(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

/// The tag at which cosign keeps what it knows of an artifact.
pub(crate) fn tag(digest: Digest, suffix: &str) -> String {
    format!("sha256-{}{suffix}", digest.hex())
}

/// Looks for a signature by one of these keys.
pub(crate) async fn find(
    registry: &Registry,
    reference: &Reference,
    digest: Digest,
    trusted: &[PublicKey],
) -> Result<(Evidence, String), Error> {
    let mut faults = Vec::new();
    for source in [Source::Tag, Source::Referrers] {
        for evidence in source.evidence(registry, digest).await? {
            match check(&evidence, digest, trusted) {
                Ok(key) => return Ok((evidence, key)),
                Err(fault) => faults.push(fault),
            }
        }
    }
    let reference = reference.at(digest).to_string();
    if faults.is_empty() {
        return Err(Error::Unsigned { reference });
    }
    faults.sort();
    faults.dedup();
    Err(Error::Untrusted { reference, reason: format!("there is {}", faults.join(", and ")) })
}

/// Where signatures are.
#[derive(Clone, Copy)]
enum Source {
    Tag,
    Referrers,
}

impl Source {
    async fn evidence(self, registry: &Registry, digest: Digest) -> Result<Vec<Evidence>, Error> {
        match self {
            Self::Tag => {
                let Some(manifest) = kept(registry, &tag(digest, SIGNATURES)).await? else { return Ok(Vec::new()) };
                let mut all = Vec::new();
                for (layer, signature) in signature_layers(&manifest) {
                    let payload = registry.small(layer, limits::DOCUMENT_BYTES).await?;
                    all.push(Evidence { payload: BASE64_STANDARD.encode(payload), signature: signature.clone(), envelope: None });
                }
                Ok(all)
            }
            Self::Referrers => {
                let mut all = Vec::new();
                for manifest in registry.referrers(digest, &tag(digest, "")).await?.into_iter().take(limits::SIGNATURES) {
                    let Some(found) = registry.manifest(&manifest.to_string()).await? else { continue };
                    let Ok(manifest) = Manifest::parse(&found.bytes) else { continue };
                    for layer in manifest.layers.iter().filter(|layer| layer.media_type.starts_with(BUNDLE)).take(1) {
                        all.extend(bundle(&registry.small(layer, limits::DOCUMENT_BYTES).await?));
                    }
                }
                Ok(all)
            }
        }
    }
}

fn signature_layers(manifest: &Manifest) -> impl Iterator<Item = (&Descriptor, &String)> {
    let layers = manifest.layers.iter().filter(|layer| layer.media_type == SIMPLE_SIGNING);
    layers.filter_map(|layer| Some((layer, layer.annotations.get(SIGNATURE)?))).take(limits::SIGNATURES)
}

/// The signatures in a bundle's envelope.
fn bundle(bytes: &[u8]) -> Vec<Evidence> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Bundle {
        dsse_envelope: Envelope,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope {
        payload: String,
        payload_type: String,
        signatures: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        sig: String,
    }
    let Ok(Bundle { dsse_envelope: Envelope { payload, payload_type, signatures } }) = serde_json::from_slice(bytes) else {
        return Vec::new();
    };
    let one = |One { sig }| Evidence { payload: payload.clone(), signature: sig, envelope: Some(payload_type.clone()) };
    signatures.into_iter().take(limits::SIGNATURES).map(one).collect()
}

/// What cosign keeps at a tag; none where it keeps nothing.
pub(crate) async fn kept(registry: &Registry, tag: &str) -> Result<Option<Manifest>, Error> {
    let Some(found) = registry.manifest(tag).await? else { return Ok(None) };
    Manifest::parse(&found.bytes).map(Some).map_err(|reason| Error::Unfit { reference: tag.to_owned(), reason })
}

/// Which digest a reference names now.
pub(crate) async fn resolve(registry: &Registry, reference: &Reference) -> Result<Digest, Error> {
    match registry.manifest(&reference.version()).await? {
        Some(found) => Ok(found.digest),
        None => Err(Error::NotFound(reference.to_string())),
    }
}

/// Signs an artifact, unless this key has done so already. Signatures of others stay.
///
/// # Errors
/// Where there is no such artifact, or the registry refuses.
pub async fn sign(reference: &Reference, key: &PrivateKey, options: &registry::Options) -> Result<Signed, Error> {
    let registry = Registry::of(reference, options)?;
    let digest = resolve(&registry, reference).await?;
    let public = key.public()?;
    let signed = |before| Signed { reference: reference.at(digest), key: public.id(), before };
    if Source::Tag.evidence(&registry, digest).await?.iter().any(|one| check(one, digest, std::slice::from_ref(&public)).is_ok())
    {
        return Ok(signed(true));
    }
    let payload = payload(reference, digest);
    let signature = BASE64_STANDARD.encode(key.sign(&payload));
    let mut payload = Blob::of(SIMPLE_SIGNING, payload);
    payload.descriptor.annotations.insert(SIGNATURE.to_owned(), signature);
    append(&registry, &reference.at(digest), &tag(digest, SIGNATURES), vec![payload]).await?;
    Ok(signed(false))
}

/// Adds layers to what cosign keeps at a tag. Those of others stay.
pub(crate) async fn append(registry: &Registry, reference: &Reference, tag: &str, added: Vec<Blob>) -> Result<(), Error> {
    let mut layers = kept(registry, tag).await?.map(|manifest| manifest.layers).unwrap_or_default();
    if layers.len() + added.len() > limits::SIGNATURES {
        let reason = format!("it has {} signatures or attestations already: {} at most", layers.len(), limits::SIGNATURES);
        return Err(Error::Unfit { reference: reference.to_string(), reason });
    }
    for blob in added {
        registry.send_blob(&blob).await?;
        layers.push(blob.descriptor);
    }
    let digests: Vec<String> = layers.iter().map(|layer| layer.digest.to_string()).collect();
    let history = vec![json!({ "created": "0001-01-01T00:00:00Z" }); layers.len()];
    let config = json!({
        "architecture": "", "config": {}, "created": "0001-01-01T00:00:00Z", "history": history, "os": "",
        "rootfs": { "diff_ids": digests, "type": "layers" },
    });
    let config = Blob::of(CONFIG, config.to_string().into_bytes());
    registry.send_blob(&config).await?;
    let manifest =
        serde_json::to_vec(&Manifest::new(config.descriptor, layers)).map_err(|error| Error::Pack(error.to_string()))?;
    registry.send_manifest(tag, &manifest).await
}

fn payload(reference: &Reference, digest: Digest) -> Vec<u8> {
    let payload = json!({
        "critical": {
            "identity": { "docker-reference": reference.name() },
            "image": { "docker-manifest-digest": digest.to_string() },
            "type": TYPE,
        },
        "optional": null,
    });
    payload.to_string().into_bytes()
}

/// Says which trusted key has signed an artifact.
///
/// # Errors
/// Where none has: [`Error::Unsigned`] or [`Error::Untrusted`].
pub async fn verify(reference: &Reference, trusted: &[PublicKey], options: &registry::Options) -> Result<Verified, Error> {
    let registry = Registry::of(reference, options)?;
    let digest = resolve(&registry, reference).await?;
    let (_, key) = find(&registry, reference, digest, trusted).await?;
    Ok(Verified { reference: reference.at(digest), key })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As cosign 3 writes it.
    fn bundled(key: &PrivateKey, kind: &str, predicate: &str, digest: Digest) -> Vec<u8> {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": predicate, "predicate": {},
            "subject": [{ "digest": { "sha256": digest.hex() } }],
        });
        let payload = statement.to_string().into_bytes();
        let signature = BASE64_STANDARD.encode(key.sign(&pre_authenticated(kind, &payload)));
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "publicKey": { "hint": "" } },
            "dsseEnvelope": { "payload": BASE64_STANDARD.encode(payload), "payloadType": kind, "signatures": [{ "sig": signature }] },
        });
        bundle.to_string().into_bytes()
    }

    #[test]
    fn a_bundle_signs_what_its_statement_is_about() {
        let (key, digest) = (PrivateKey::generate().unwrap(), Digest::of(b"x"));
        let trusted = [key.public().unwrap()];
        let outcome = |bytes: &[u8], digest| check(&bundle(bytes)[0], digest, &trusted);
        let good = bundled(&key, STATEMENT, SIGNED, digest);
        assert_eq!(outcome(&good, digest).unwrap(), trusted[0].id());
        assert!(outcome(&good, Digest::of(b"y")).unwrap_err().contains("another artifact"));
        // What somebody has attested is no signature, and what is signed as one type is not another.
        let claim = bundled(&key, STATEMENT, "https://cyclonedx.org/bom", digest);
        assert!(outcome(&claim, digest).unwrap_err().contains("no signature"));
        let other = bundled(&key, "text/plain", SIGNED, digest);
        assert!(outcome(&other, digest).unwrap_err().contains("another type"));
        let moved = String::from_utf8(other).unwrap().replace("text/plain", STATEMENT);
        assert!(outcome(moved.as_bytes(), digest).unwrap_err().contains("another key"));
        let stranger = bundled(&PrivateKey::generate().unwrap(), STATEMENT, SIGNED, digest);
        assert!(outcome(&stranger, digest).unwrap_err().contains("another key"));
        assert!(bundle(b"{}").is_empty() && bundle(b"nonsense").is_empty());
    }

    #[test]
    fn a_payload_is_of_cosigns_type() {
        let (key, digest) = (PrivateKey::generate().unwrap(), Digest::of(b"x"));
        let trusted = [key.public().unwrap()];
        let signed = |text: String| Evidence {
            payload: BASE64_STANDARD.encode(&text),
            signature: BASE64_STANDARD.encode(key.sign(text.as_bytes())),
            envelope: None,
        };
        let reference: Reference = "registry.example/a:1".parse().unwrap();
        let text = String::from_utf8(payload(&reference, digest)).unwrap();
        assert!(check(&signed(text.clone()), digest, &trusted).is_ok());
        for (other, said) in [
            (text.replace(TYPE, "a greeting"), "another type"),
            (text.replace(&digest.to_string(), "sha256:x"), "cannot be read"),
            ("x".to_owned(), "cannot be read"),
        ] {
            assert!(check(&signed(other), digest, &trusted).unwrap_err().contains(said));
        }
        let torn = Evidence { signature: "!".to_owned(), ..signed(text) };
        assert!(check(&torn, digest, &trusted).unwrap_err().contains("base64"));
    }
}
