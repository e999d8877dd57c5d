//! Sending an artifact to a registry.

use crate::digest::Digest;
use crate::error::Error;
use crate::pack::Packed;
use crate::reference::Reference;
use crate::registry::{self, Registry};

/// An artifact that is in a registry now.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// It, by its digest.
    pub reference: Reference,
    /// Its digest.
    pub digest: Digest,
    /// Layers, its configuration among them, that were sent.
    pub sent: usize,
    /// Bytes of these.
    pub bytes: u64,
    /// Layers that the registry had.
    pub present: usize,
}

/// Sends an artifact: each layer that the registry does not have, and then what names them all, so that nobody sees half of it.
///
/// # Errors
/// Where the registry refuses or is away.
pub async fn push(packed: &Packed, reference: &Reference, options: &registry::Options) -> Result<Pushed, Error> {
    let digest = packed.digest();
    if let Some(asked) = reference.digest().filter(|asked| *asked != digest) {
        return Err(Error::Pack(format!("it has the digest {digest}, not {asked}: push it to a tag")));
    }
    let registry = Registry::of(reference, options)?;
    let mut pushed = Pushed { reference: reference.at(digest), digest, sent: 0, bytes: 0, present: 0 };
    for blob in &packed.blobs {
        if registry.send_blob(blob).await? {
            pushed.sent += 1;
            pushed.bytes += blob.descriptor.size;
        } else {
            pushed.present += 1;
        }
    }
    registry.send_manifest(&reference.version(), &packed.manifest).await?;
    Ok(pushed)
}
