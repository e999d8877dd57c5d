//! What somebody says of an artifact, signed: statements of in-toto in envelopes of DSSE, as `cosign attest` makes and stores them, at the tag
//! `sha256-HEX.att`.

use crate::digest::Digest;
use crate::error::Error;
use crate::keys::{PrivateKey, PublicKey};
use crate::limits;
use crate::oci::Blob;
use crate::reference::Reference;
use crate::registry::{self, Registry};
use crate::signature::{self, SIGNATURE, STATEMENT};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The media type of an envelope.
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
/// The annotation that says what a statement says.
const PREDICATE_TYPE: &str = "predicateType";
/// What the tag of attestations ends with.
const ATTESTATIONS: &str = ".att";
/// The version of statements that cosign writes.
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v0.1";

/// What is said of an artifact.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// What kind of thing that is, as an address.
    pub kind: String,
    /// It.
    pub predicate: Value,
}

impl Claim {
    /// What an artifact is made of: a bill of materials in the form of CycloneDX.
    #[must_use]
    pub fn materials(bom: Value) -> Self {
        Self { kind: "https://cyclonedx.org/bom".to_owned(), predicate: bom }
    }

    /// The commit that an artifact is made from, in the form of SLSA's provenance.
    #[must_use]
    pub fn commit(commit: &str) -> Self {
        let predicate = json!({
            "buildDefinition": {
                "buildType": "https://spinframework.dev/spin-build",
                "externalParameters": {},
                "resolvedDependencies": [{ "name": "source", "digest": { "gitCommit": commit } }],
            },
            "runDetails": { "builder": { "id": "marquee" } },
        });
        Self { kind: "https://slsa.dev/provenance/v1".to_owned(), predicate }
    }
}

/// A claim, and who made it.
#[derive(Clone, Debug)]
pub struct Attestation {
    /// What is said.
    pub claim: Claim,
    /// The trusted key that says so.
    pub key: String,
}

/// An artifact of which something was said.
#[derive(Clone, Debug)]
pub struct Attested {
    /// It, by its digest.
    pub reference: Reference,
    /// By which key.
    pub key: String,
    /// How much of it that key had not said before.
    pub added: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    predicate_type: String,
    predicate: Value,
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    digest: BTreeMap<String, String>,
}

/// Says this of an artifact, unless the key has said the same before. What others say stays.
///
/// # Errors
/// Where there is no such artifact, or the registry refuses.
pub async fn attest(
    reference: &Reference,
    key: &PrivateKey,
    claims: &[Claim],
    options: &registry::Options,
) -> Result<Attested, Error> {
    let registry = Registry::of(reference, options)?;
    let digest = signature::resolve(&registry, reference).await?;
    let public = key.public()?;
    let before = of(&registry, digest, std::slice::from_ref(&public)).await?;
    let new: Vec<&Claim> = claims.iter().filter(|claim| before.iter().all(|one| one.claim != **claim)).collect();
    let mut blobs = Vec::with_capacity(new.len());
    for claim in &new {
        let statement = json!({
            "_type": STATEMENT_TYPE,
            "predicateType": claim.kind,
            "subject": [{ "name": reference.name(), "digest": { "sha256": digest.hex() } }],
            "predicate": claim.predicate,
        });
        let payload = statement.to_string().into_bytes();
        let signature = key.sign(&signature::pre_authenticated(STATEMENT, &payload));
        let envelope = json!({
            "payloadType": STATEMENT,
            "payload": BASE64_STANDARD.encode(payload),
            "signatures": [{ "keyid": "", "sig": BASE64_STANDARD.encode(signature) }],
        });
        let envelope = envelope.to_string().into_bytes();
        if envelope.len() as u64 > limits::DOCUMENT_BYTES {
            return Err(Error::Pack(format!("what is said of it has more than {} bytes", limits::DOCUMENT_BYTES)));
        }
        let mut blob = Blob::of(ENVELOPE, envelope);
        // cosign wants the annotation, and looks for the signature in the envelope.
        blob.descriptor.annotations.insert(SIGNATURE.to_owned(), String::new());
        blob.descriptor.annotations.insert(PREDICATE_TYPE.to_owned(), claim.kind.clone());
        blobs.push(blob);
    }
    let at = reference.at(digest);
    if !blobs.is_empty() {
        signature::append(&registry, &at, &signature::tag(digest, ATTESTATIONS), blobs).await?;
    }
    Ok(Attested { reference: at, key: public.id(), added: new.len() })
}

/// What trusted keys say of an artifact; what others say is left out.
///
/// # Errors
/// Where there is no such artifact, or the registry is away.
pub async fn attestations(
    reference: &Reference,
    trusted: &[PublicKey],
    options: &registry::Options,
) -> Result<(Reference, Vec<Attestation>), Error> {
    let registry = Registry::of(reference, options)?;
    let digest = signature::resolve(&registry, reference).await?;
    Ok((reference.at(digest), of(&registry, digest, trusted).await?))
}

async fn of(registry: &Registry, digest: Digest, trusted: &[PublicKey]) -> Result<Vec<Attestation>, Error> {
    let Some(manifest) = signature::kept(registry, &signature::tag(digest, ATTESTATIONS)).await? else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for layer in manifest.layers.iter().filter(|layer| layer.media_type == ENVELOPE).take(limits::SIGNATURES) {
        all.extend(check(&registry.small(layer, limits::DOCUMENT_BYTES).await?, digest, trusted));
    }
    Ok(all)
}

/// What an envelope says of this artifact, if a trusted key has signed it.
fn check(envelope: &[u8], digest: Digest, trusted: &[PublicKey]) -> Option<Attestation> {
    let Envelope { payload, payload_type, signatures } = serde_json::from_slice(envelope).ok()?;
    let payload = BASE64_STANDARD.decode(payload).ok()?;
    let message = signature::pre_authenticated(&payload_type, &payload);
    let signatures = signatures.iter().take(limits::SIGNATURES).filter_map(|one| BASE64_STANDARD.decode(&one.sig).ok());
    let signatures: Vec<Vec<u8>> = signatures.collect();
    let key = trusted.iter().find(|key| signatures.iter().any(|signature| key.has_signed(&message, signature)))?;
    if payload_type != STATEMENT {
        return None;
    }
    let Statement { predicate_type: kind, predicate, subject } = serde_json::from_slice(&payload).ok()?;
    let about = |subject: &Subject| subject.digest.get("sha256") == Some(&digest.hex());
    subject.iter().any(about).then(|| Attestation { claim: Claim { kind, predicate }, key: key.id() })
}
