//! What a code says.

use crate::keys::{PublicKey, SigningKey};
use crate::{CODE_BYTES, DOMAIN, base32};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// The second part of a code.
const VERSION: &str = "T1";
/// Bytes of a key's id.
pub(crate) const KID: usize = 5;
/// Bytes of what stands for an event, and for a ticket type: those ids are the platform's own, so nobody can look for two that are alike.
const TAG: usize = 8;
/// Bytes before the signature.
const HEAD: usize = KID + 2 * TAG;
/// Bytes of the last part.
const TAIL: usize = HEAD + 64;
/// Digits of a number or a generation.
const DIGITS: usize = 5;

/// Which ticket, and which of the codes that it has had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// The id of its booking.
    pub booking: String,
    /// Its number in the booking, from 1.
    pub number: u32,
    /// How often it was given out, from 1.
    pub generation: u32,
}

impl Ticket {
    /// A code without its signature: says which ticket, and is worth nothing at a door.
    #[must_use]
    pub fn reference(&self) -> String {
        let (region, unique) = self.booking.split_once('_').unwrap_or_default();
        format!("{region}.{VERSION}.{unique}.{}-{}", self.number, self.generation).to_ascii_uppercase()
    }

    /// The ticket of a [`Self::reference`], in capitals or not; none where it is not one.
    #[must_use]
    pub fn of_reference(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        Self::read(&text).filter(|_| text.len() <= CODE_BYTES)
    }

    fn read(reference: &str) -> Option<Self> {
        let mut parts = reference.split('.');
        let (region, version, unique, place) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (number, generation) = place.split_once('-')?;
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if parts.next().is_some() || version != VERSION || !plain(region) || !plain(unique) {
            return None;
        }
        let booking = format!("{region}_{unique}").to_ascii_lowercase();
        Some(Self { booking, number: count(number)?, generation: count(generation)? })
    }
}

/// A number from 1, written as we write it.
fn count(text: &str) -> Option<u32> {
    let plain = text.len() <= DIGITS && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// SHA-256 of a reference, as hexadecimal digits: what a list for scanners has instead of codes.
#[must_use]
pub fn hash(reference: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(reference))
}

/// A code that is written as one. Whether it is good only [`Code::is_signed_by`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    ticket: Ticket,
    reference: String,
    tail: [u8; TAIL],
}

impl Code {
    /// Signs a ticket for an event and a ticket type.
    #[must_use]
    pub fn sign(key: &SigningKey, ticket: Ticket, event: &str, ticket_type: &str) -> Self {
        let reference = ticket.reference();
        let mut head = Vec::with_capacity(HEAD);
        head.extend_from_slice(&key.public_key().id());
        head.extend_from_slice(&tag(event));
        head.extend_from_slice(&tag(ticket_type));
        let signature = key.sign(&signed(&reference, &head));
        let mut tail = [0; TAIL];
        for (byte, from) in tail.iter_mut().zip(head.iter().chain(&signature)) {
            *byte = *from;
        }
        Self { ticket, reference, tail }
    }

    /// Reads a code, in capitals or not; none where it is not written as one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > CODE_BYTES || !text.is_ascii() {
            return None;
        }
        let text = text.to_ascii_uppercase();
        let (reference, tail) = text.rsplit_once('.')?;
        let tail = base32().decode(tail.as_bytes()).ok()?.try_into().ok()?;
        Some(Self { ticket: Ticket::read(reference)?, reference: reference.to_owned(), tail })
    }

    /// As it is shown, and as QR codes have it.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}.{}", self.reference, base32().encode(&self.tail))
    }

    /// Which ticket it is for, if it is good.
    #[must_use]
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// What stands before the signature.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The id of the key that is said to have signed it.
    #[must_use]
    pub fn kid(&self) -> String {
        let (kid, _) = self.tail.split_at(KID);
        base32().encode(kid)
    }

    /// Whether it is for this event.
    #[must_use]
    pub fn is_for_event(&self, id: &str) -> bool {
        self.tail.get(KID..KID + TAG) == Some(&tag(id))
    }

    /// Whether it is for this ticket type.
    #[must_use]
    pub fn is_of_type(&self, id: &str) -> bool {
        self.tail.get(KID + TAG..HEAD) == Some(&tag(id))
    }

    /// Whether this key has signed it.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let (head, signature) = self.tail.split_at(HEAD);
        let Ok(signature) = signature.try_into() else { return false };
        key.verify(&signed(&self.reference, head), signature)
    }
}

/// The first bytes of SHA-256 of an id.
fn tag(id: &str) -> [u8; TAG] {
    let digest = Sha256::digest(id);
    let mut tag = [0; TAG];
    for (byte, from) in tag.iter_mut().zip(digest) {
        *byte = from;
    }
    tag
}

fn signed(reference: &str, head: &[u8]) -> Vec<u8> {
    [DOMAIN, reference.as_bytes(), head].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKING: &str = "eu_06f9zkb2m4s8t1w6y3c5e7g9hj";
    const EVENT: &str = "eu_06f9zk3m2hw7x1d8q4tn5rv0bc";
    const TYPE: &str = "eu_06f9zk3m2k0a9y5e2s6jp8wm4g";
    /// Of the example key of RFC 8410 §10.3. People hold such codes: the format may not change.
    const CODE: &str = "EU.T1.06F9ZKB2M4S8T1W6Y3C5E7G9HJ.3-1.WX2C0Y8KDEVQ8J7YYHETRHZG55VRXE3V941BPPZVD28MS3BMAP91WN8EGB7X7ZHZZ56K2KMTNY51PH8ZJ7RDCYJAM730E4KZVX80HQDQ1Y642CDQE836C0Z0MR5JTR4R9R51WMGB";

    fn key() -> SigningKey {
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        SigningKey::from_pem(pem).unwrap()
    }

    fn ticket(number: u32, generation: u32) -> Ticket {
        Ticket { booking: BOOKING.to_owned(), number, generation }
    }

    #[test]
    fn a_code_is_what_it_was_and_good_for_what_it_says() {
        let code = Code::sign(&key(), ticket(3, 1), EVENT, TYPE);
        assert_eq!(code.text(), CODE);
        let read = Code::parse(CODE).unwrap();
        assert_eq!((&read, read.ticket()), (&code, &ticket(3, 1)));
        assert_eq!((read.reference(), read.kid()), ("EU.T1.06F9ZKB2M4S8T1W6Y3C5E7G9HJ.3-1", key().public_key().kid()));
        assert!(read.is_signed_by(&key().public_key()));
        assert!(read.is_for_event(EVENT) && !read.is_for_event(TYPE));
        assert!(read.is_of_type(TYPE) && !read.is_of_type(EVENT));
        assert_eq!(hash(read.reference()), "1fd9590a03763a96989f3e7a4600ded8a6b4bf6e26d99084f40a7af31352c50e");
    }

    #[test]
    fn it_fits_a_qr_code_however_long_the_regions_name() {
        let booking = format!("{}_{}", "r".repeat(16), &BOOKING[3..]);
        let text = Code::sign(&key(), Ticket { booking, number: 2_000, generation: 999 }, EVENT, TYPE).text();
        assert!(text.len() <= 200, "{}", text.len());
        assert!(text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" $%*+-./:".contains(&byte)));
    }

    #[test]
    fn it_is_read_in_small_letters_and_with_blanks_around_it() {
        assert_eq!(Code::parse(&format!(" {}\n", CODE.to_lowercase())), Code::parse(CODE));
        let reference = ticket(3, 1).reference();
        assert_eq!(Ticket::of_reference(&format!(" {} ", reference.to_lowercase())), Some(ticket(3, 1)));
    }

    #[test]
    fn whatever_is_changed_it_is_good_no_more() {
        let public = key().public_key();
        let letters: Vec<char> = CODE.chars().collect();
        for at in 0..letters.len() {
            for other in ['0', '7', 'Z'] {
                let mut changed = letters.clone();
                changed[at] = other;
                let changed: String = changed.into_iter().collect();
                let good = Code::parse(&changed).is_some_and(|code| code.is_signed_by(&public));
                assert!(!good || changed == CODE, "{changed}");
            }
        }
        let other = SigningKey::from_seed(&[7; 32]);
        assert!(!Code::parse(CODE).unwrap().is_signed_by(&other.public_key()));
    }

    #[test]
    fn each_ticket_generation_event_and_type_has_its_own() {
        let codes = [
            Code::sign(&key(), ticket(3, 1), EVENT, TYPE),
            Code::sign(&key(), ticket(4, 1), EVENT, TYPE),
            Code::sign(&key(), ticket(3, 2), EVENT, TYPE),
            Code::sign(&key(), ticket(3, 1), TYPE, TYPE),
            Code::sign(&key(), ticket(3, 1), EVENT, EVENT),
        ];
        let unique: std::collections::BTreeSet<_> = codes.iter().map(Code::text).collect();
        assert_eq!(unique.len(), codes.len());
    }

    #[test]
    fn nonsense_is_no_code() {
        let reference = ticket(3, 1).reference();
        let tail = CODE.rsplit_once('.').unwrap().1;
        for text in [
            "",
            ".",
            "....",
            "g7jbmey215yrbb27",
            &reference,
            tail,
            &CODE[..CODE.len() - 1],
            &format!("{CODE}0"),
            &CODE.replace(".T1.", ".T2."),
            &CODE.replace(".3-1.", ".03-1."),
            &CODE.replace(".3-1.", ".3-0."),
            &CODE.replace(".3-1.", ".3."),
            &CODE.replace(".3-1.", ".123456-1."),
            &CODE.replace("EU.", "."),
            &CODE.replace("EU.", "É."),
            &format!("EU.{CODE}"),
        ] {
            assert_eq!(Code::parse(text), None, "{text}");
        }
        for text in ["", CODE, "EU.T1.A.1-1.", "EU.T1.A.-1", "EU.T1.A_B.1-1", "T1.A.1-1"] {
            assert_eq!(Ticket::of_reference(text), None, "{text}");
        }
    }

    #[test]
    fn fuzz_tickets() {
        let public = key().public_key();
        fuzz::text(&[CODE, "EU.T1.06F9ZKB2M4S8T1W6Y3C5E7G9HJ.3-1", "a.t1.b.1-1"], |text| {
            if let Some(code) = Code::parse(text) {
                assert_eq!(code.text(), text.trim().to_ascii_uppercase());
                assert_eq!(Ticket::of_reference(code.reference()).as_ref(), Some(code.ticket()));
                assert!(!code.is_signed_by(&public) || code.text() == CODE, "{text}");
            }
            if let Some(ticket) = Ticket::of_reference(text) {
                assert_eq!(ticket.reference(), text.trim().to_ascii_uppercase());
            }
        });
    }
}
