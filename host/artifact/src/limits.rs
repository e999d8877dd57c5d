//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

/// Bytes of an OCI manifest, of its configuration and of a signature's payload: 500 layers take a quarter of it.
pub const DOCUMENT_BYTES: u64 = 1024 * 1024;
/// Bytes of a locked application. Its files are named one by one, and small ones stand in it.
pub const LOCKED_BYTES: u64 = 8 * 1024 * 1024;
/// Layers of an artifact: the least that known registries permit.
pub const LAYERS: usize = 500;
/// Bytes of a component's wasm, as the host that runs it has it.
pub const WASM_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of a file that a component sees.
pub const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of all layers together: what one version may take of a node's disk.
pub const ARTIFACT_BYTES: u64 = 1024 * 1024 * 1024;
/// Files of all components together.
pub const FILES: usize = 10_000;
/// Bytes of a file that stands in the locked application: some registries refuse layers so small.
pub const INLINE_BYTES: usize = 128;
/// Bytes of a path that a component sees.
pub const PATH_BYTES: usize = 1_024;
/// Signatures of one artifact that are looked at.
pub const SIGNATURES: usize = 64;
/// Bytes of a key file, and keys in it.
pub const KEY_FILE_BYTES: u64 = 64 * 1024;
/// Keys that are trusted at once: of a rotation, and some to spare.
pub const KEYS: usize = 16;
/// Bytes of a file of credentials.
pub const CREDENTIALS_BYTES: u64 = 1024 * 1024;
/// Bytes of an answer that is no content: an error, a token.
pub const ANSWER_BYTES: u64 = 64 * 1024;
/// Characters of a registry's own words in an error.
pub const SAID: usize = 200;
/// Bytes of a reference to an artifact.
pub const REFERENCE_BYTES: usize = 512;

/// How long a connection to a registry may take to be made.
pub const CONNECT: Duration = Duration::from_secs(10);
/// How long a registry may be silent within an answer.
pub const SILENCE: Duration = Duration::from_secs(30);
/// How long an answer that is no content may take as a whole, and a layer that is sent.
pub const REQUEST: Duration = Duration::from_secs(300);
/// Tries of a layer, each of which goes on where the last one broke off.
pub const TRIES: u32 = 5;
/// The pause before the second try; it doubles.
pub const PAUSE: Duration = Duration::from_millis(100);
/// Redirects that are followed for one layer.
pub const REDIRECTS: usize = 3;

/// scrypt's costs (log2 of N, r, p) of a key file that is made, as cosign makes it; and the most that one which is read may ask for.
pub const SCRYPT: (u8, u32, u32) = (15, 8, 1);
/// See [`SCRYPT`]. 2^17 blocks of 8 take 128 MiB.
pub const SCRYPT_MOST: (u8, u32, u32) = (17, 8, 4);
