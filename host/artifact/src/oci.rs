//! An OCI image manifest, as far as artifacts are made of it.

use crate::digest::Digest;
use crate::limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A manifest's media type.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The same, as Docker's registries had it first.
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Of a list of manifests.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// A configuration's.
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Names something in a registry.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Of these bytes.
    pub(crate) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            annotations: BTreeMap::new(),
        }
    }
}

/// A manifest.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub schema_version: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Of this configuration and these layers.
    pub(crate) fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: Some(MANIFEST.to_owned()), config, layers, annotations: BTreeMap::new() }
    }

    /// Reads one, and refuses what is absurd before anything of it is fetched.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Kind {
            manifests: Option<serde_json::Value>,
        }
        if serde_json::from_slice::<Kind>(bytes).is_ok_and(|kind| kind.manifests.is_some()) {
            return Err("it is an index of several, as images for several platforms have".to_owned());
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| format!("its manifest cannot be read: {error}"))?;
        if manifest.layers.len() > limits::LAYERS {
            return Err(format!("it has {} layers: {} at most", manifest.layers.len(), limits::LAYERS));
        }
        let sizes = manifest.layers.iter().map(|layer| layer.size).chain([manifest.config.size]);
        if sizes.fold(0, u64::saturating_add) > limits::ARTIFACT_BYTES {
            return Err(format!("its layers have more than {} bytes", limits::ARTIFACT_BYTES));
        }
        Ok(manifest)
    }
}

/// What is to be sent to a registry.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub descriptor: Descriptor,
    pub content: Content,
}

/// Where its bytes are.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Bytes(bytes::Bytes),
    File(std::path::PathBuf),
}

impl Blob {
    pub(crate) fn of(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { descriptor: Descriptor::of(media_type, &bytes), content: Content::Bytes(bytes.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_manifests_are_refused_before_anything_is_fetched() {
        let layer = |size| Descriptor { size, ..Descriptor::of("application/octet-stream", b"x") };
        let text = |layers: Vec<Descriptor>| serde_json::to_vec(&Manifest::new(layer(1), layers)).unwrap();
        assert!(Manifest::parse(&text(vec![layer(1); limits::LAYERS])).is_ok());
        assert!(Manifest::parse(&text(vec![layer(1); limits::LAYERS + 1])).unwrap_err().contains("501 layers"));
        assert!(Manifest::parse(&text(vec![layer(u64::MAX), layer(u64::MAX)])).unwrap_err().contains("bytes"));
        assert!(Manifest::parse(br#"{"schemaVersion":2,"manifests":[]}"#).unwrap_err().contains("index"));
        assert!(Manifest::parse(b"{").unwrap_err().contains("cannot be read"));
        let path = String::from_utf8(text(vec![layer(1)])).unwrap().replace("sha256:", "sha256:../");
        assert!(Manifest::parse(path.as_bytes()).unwrap_err().contains("digest"));
    }
}
