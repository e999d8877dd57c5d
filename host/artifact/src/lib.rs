//! A version of an application as a signed OCI artifact.
//!
//! The format is the one that `spin registry push` writes, and `spin up --from` and SpinKube run; what only our host needs stands in the metadata of
//! its components. Signatures are cosign's.
//!
//! ```text
//! spin.toml, wasm, files ──pack──> Packed ──push──> a registry ──pull──> a folder with spin.toml, wasm, files
//!                                                    │     ▲ │
//!                                                   sign───┘ └──verify
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `reference`, `digest` | how an artifact is named |
//! | `pack`, `locked`, `unpack` | an application as Spin locks it: made, and laid out again |
//! | [`registry`], `credentials`, `oci` | the distribution API, and who one is there |
//! | `blobs` | layers on disk, by digest |
//! | `push`, `pull` | there and back |
//! | `keys`, `signature` | who has signed |
//! | `attestation`, `materials` | what somebody says of it, and what it is made of |
//! | [`limits`] | every limit |
//!
//! # Invariants
//! - No byte of an artifact is used before its digest is confirmed, and, where keys are trusted, before one of them is known to have signed.
//! - No path, name or size of an artifact is believed: they are checked, and bounded, before anything is made of them.
//! - Credentials go to the registry and to its server of tokens, over TLS unless they are on this machine or that is said outright; they are in no log
//!   and no error.
//! - The same application is the same bytes.
//! - Nothing here knows how an application runs.

mod attestation;
mod blobs;
mod credentials;
mod digest;
mod error;
mod keys;
pub mod limits;
mod locked;
mod materials;
mod oci;
mod pack;
mod pull;
mod push;
mod reference;
pub mod registry;
mod signature;
mod unpack;

pub use attestation::{Attestation, Attested, Claim, attest, attestations};
pub use blobs::Traffic;
pub use credentials::Credentials;
pub use digest::{Digest, DigestError};
pub use error::Error;
pub use keys::{PrivateKey, PublicKey};
pub use materials::materials;
pub use pack::{Application, File, Packed, pack};
pub use pull::{Place, Pulled, keep_only, pull, version_of};
pub use push::{Pushed, push};
pub use reference::Reference;
pub use registry::Options;
pub use signature::{Signed, Verified, sign, verify};
