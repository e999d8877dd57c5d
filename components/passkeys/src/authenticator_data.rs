//! Authenticator data (§6.1): what the authenticator says, and signs.

use crate::{Error, RelyingParty, limits};
use ciborium::Value;
use sha2::{Digest, Sha256};

/// Somebody was present.
const UP: u8 = 0x01;
/// The authenticator has verified its user.
const UV: u8 = 0x04;
/// The credential can be backed up.
const BE: u8 = 0x08;
/// It is.
const BS: u8 = 0x10;
/// The data has a new credential.
const AT: u8 = 0x40;
/// The data has what extensions answered.
const ED: u8 = 0x80;

/// What authenticator data says.
#[derive(Debug)]
pub(crate) struct AuthenticatorData<'a> {
    rp_id_hash: &'a [u8; 32],
    flags: u8,
    /// How often the authenticator has signed; 0 where it does not count.
    pub(crate) sign_count: u32,
    /// The new credential, in a registration.
    pub(crate) credential: Option<NewCredential<'a>>,
}

/// A new credential (§6.5.1). Which model of authenticator it is (the AAGUID) nobody here asks.
#[derive(Debug)]
pub(crate) struct NewCredential<'a> {
    pub(crate) id: &'a [u8],
    /// COSE, as it was sent.
    pub(crate) public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        const SHORT: Error = Error::Malformed("the authenticator data is too short");
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(SHORT)?;
        let (&[flags], rest) = rest.split_first_chunk::<1>().ok_or(SHORT)?;
        let (sign_count, mut rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        let mut credential = None;
        if flags & AT != 0 {
            let (_aaguid, after) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
            let (length, after) = after.split_first_chunk::<2>().ok_or(SHORT)?;
            let (id, key) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(SHORT)?;
            rest = key;
            item(&mut rest)?;
            let public_key = key.get(..key.len() - rest.len()).ok_or(SHORT)?;
            credential = Some(NewCredential { id, public_key });
        }
        // What extensions answer nobody has asked for; it is read to know where it ends.
        if flags & ED != 0 && !item(&mut rest)?.is_map() {
            return Err(Error::Malformed("the answers of extensions are no map"));
        }
        if !rest.is_empty() {
            return Err(Error::Malformed("the authenticator data is too long"));
        }
        Ok(Self { rp_id_hash, flags, sign_count: u32::from_be_bytes(*sign_count), credential })
    }

    /// §7.1, steps 14 to 17; §7.2, steps 15 to 18.
    pub(crate) fn check(&self, party: &RelyingParty) -> Result<(), Error> {
        // The hash is that of the relying party's id.
        if *self.rp_id_hash != *Sha256::digest(party.id()) {
            return Err(Error::RelyingParty);
        }
        // Somebody was present: nobody asks for credentials without it (`mediation` is not `conditional` in a registration).
        if self.flags & UP == 0 {
            return Err(Error::UserPresence);
        }
        // The user was verified, which is required here.
        if self.flags & UV == 0 {
            return Err(Error::UserVerification);
        }
        // What cannot be backed up is not.
        if !self.backup_eligible() && self.backed_up() {
            return Err(Error::Backup);
        }
        Ok(())
    }

    pub(crate) fn backup_eligible(&self) -> bool {
        self.flags & BE != 0
    }

    pub(crate) fn backed_up(&self) -> bool {
        self.flags & BS != 0
    }
}

/// The next item of CBOR, and behind it.
pub(crate) fn item(bytes: &mut &[u8]) -> Result<Value, Error> {
    ciborium::de::from_reader_with_recursion_limit(bytes, limits::CBOR_DEPTH)
        .map_err(|_| Error::Malformed("what should be CBOR is not"))
}

/// One item of CBOR, and nothing behind it.
pub(crate) fn only_item(mut bytes: &[u8]) -> Result<Value, Error> {
    let value = item(&mut bytes)?;
    if bytes.is_empty() { Ok(value) } else { Err(Error::Malformed("there is something behind the CBOR")) }
}
