//! Tickets as passes for the wallets that people have in their telephones: Apple's, as a signed archive ([`apple`]), and Google's, as a signed link
//! ([`google`]).
//!
//! A pass says what the ticket's paper says at that moment, and shows the same code. Nobody is told when it changes: what counts at the door is the
//! code. Both are made here, without asking anybody, from a certificate or an account that the operator has with Apple or Google.

pub mod apple;
pub mod google;
mod key;
mod limits;

/// Why there is no pass: a fault of what is configured, or of ours.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key is none, or not one that wallets take.
    #[error("it is no RSA key of 2048 to 4096 bits in PKCS#8, as PEM")]
    Key,
    /// There are too few certificates, too many, or what is none.
    #[error("these are not {} to {} certificates as PEM: that of the passes first, then Apple's that has signed it", limits::CERTIFICATES.start(), limits::CERTIFICATES.end())]
    Certificates,
    /// The certificate is another key's.
    #[error("the first certificate is not the key's")]
    Mismatch,
    /// The certificate does not say whose passes it signs.
    #[error("the first certificate is none for passes: its subject has no UID (the pass type) or no OU (the team)")]
    Subject,
    /// The account is none.
    #[error("the issuer is a number, and the account an address")]
    Account,
    /// A fault of ours, by what failed.
    #[error("{0} failed")]
    Internal(&'static str),
}

/// What a pass says.
#[derive(Clone, Copy, Debug)]
pub struct Ticket<'a> {
    /// The booking's id, which people know as the order's number.
    pub order: &'a str,
    /// From 1, in its order.
    pub number: u32,
    /// Counts how often it was given out anew: a pass of another generation is another pass.
    pub generation: u32,
    /// What the door checks.
    pub code: &'a str,
    /// What it is for, as people know it.
    pub kind: &'a str,
    /// Whose name it is in.
    pub holder: Option<&'a str>,
    /// What it is a ticket to.
    pub event: Event<'a>,
    /// Who sells.
    pub seller: &'a str,
    /// What stands beside all that.
    pub words: Words<'a>,
}

impl Ticket<'_> {
    /// Names it for good, in letters, digits, `_`, `.` and `-`.
    fn serial(&self) -> String {
        format!("{}-{}-{}", self.order, self.number, self.generation)
    }
}

/// What a ticket is for.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its id.
    pub id: &'a str,
    /// As people know it.
    pub title: &'a str,
    /// Where it is.
    pub venue: &'a str,
    /// The venue's city.
    pub city: &'a str,
    /// The city's country, ISO 3166-1 alpha-2.
    pub country: &'a str,
    /// When it begins: RFC 3339, with the offset of the venue.
    pub starts_at: &'a str,
    /// When it ends, likewise.
    pub ends_at: &'a str,
    /// The day on which it begins, for people.
    pub day: &'a str,
    /// The time at which it begins, with its zone, for people.
    pub time: &'a str,
}

/// The words of a language.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// The language, a BCP 47 tag.
    pub language: &'a str,
    /// Above a time.
    pub when: &'a str,
    /// Above a place.
    pub location: &'a str,
    /// Above what the ticket is for.
    pub ticket: &'a str,
    /// Above a name.
    pub name: &'a str,
    /// Above the order's number.
    pub order: &'a str,
    /// What to do with the code.
    pub at_the_door: &'a str,
}

/// The colour of a pass, and what is written on it: the same as the app's.
const BACKGROUND: [u8; 3] = [0x9b, 0x1b, 0x30];
const FOREGROUND: [u8; 3] = [0xff, 0xff, 0xff];
const LABELS: [u8; 3] = [0xff, 0xc8, 0x57];

#[cfg(test)]
mod testing;
