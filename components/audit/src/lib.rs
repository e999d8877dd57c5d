//! The audit log's hash chain. No I/O: the worker makes links with it, and a check of the log feeds it rows and gets the first that is broken.
//!
//! Each row's hash is the SHA-256 of the hash before it and of the row's own text, so that no row can be changed, left out or put in without
//! changing the hash of every row after it. There is one chain a region; its last link stands beside it (`audit_heads`), so that rows
//! taken from the end are missed as well.
//!
//! ```
//! use audit::{Chain, Entry, digest};
//!
//! let mut chain = Chain::new("eu");
//! let entry = Entry {
//!     ce_id: "0abc.0".into(),
//!     kind: "booking.created".into(),
//!     subject: "eu_b".into(),
//!     actor: Some("eu_u".into()),
//!     network: None,
//!     at: 1_800_000_000_000_000,
//!     digest: digest(b"{}"),
//! };
//! let row = chain.append(entry);
//! let mut check = Chain::new("eu");
//! check.verify(&row)?;
//! check.end(Some((chain.sequence(), chain.hash())))?;
//! # Ok::<(), audit::Broken>(())
//! ```

use sha2::{Digest, Sha256};

/// What stands before the first link.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The id of the record that told of it.
    pub ce_id: String,
    /// For example `booking.created`.
    pub kind: String,
    /// The id of what it happened to.
    pub subject: String,
    /// Who did it; none where that is not known.
    pub actor: Option<String>,
    /// The network that it was done from, as `203.0.113.0/24`; none where that is not known.
    pub network: Option<String>,
    /// Microseconds since the Unix epoch.
    pub at: i64,
    /// [`digest`] of the record's payload.
    pub digest: String,
}

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// From 1, without gaps.
    pub sequence: i64,
    /// What happened.
    pub entry: Entry,
    /// The hash of the row before; [`GENESIS`] before the first.
    pub previous: String,
    /// This row's.
    pub hash: String,
}

/// How a chain is broken, and where first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A row is not there, or one is too much.
    #[error("row {found} stands where row {expected} should: rows were taken out or put in")]
    Gap {
        /// The sequence that should follow.
        expected: i64,
        /// The one that does.
        found: i64,
    },
    /// A row does not continue from the one before it.
    #[error("row {0} does not go on from the row before it")]
    Previous(i64),
    /// A row is not what it was when it was written.
    #[error("row {0} was changed after it was written")]
    Changed(i64),
    /// The last row is not the one that was written last.
    #[error("the log ends with row {found}, but row {expected} was written last, or another one was")]
    End {
        /// What the head says; 0 without one.
        expected: i64,
        /// The last row's; 0 for an empty log.
        found: i64,
    },
}

impl Broken {
    /// The sequence of the first row that is not as it should be.
    #[must_use]
    pub fn at(&self) -> i64 {
        match self {
            Self::Gap { expected, .. } => *expected,
            Self::Previous(sequence) | Self::Changed(sequence) => *sequence,
            Self::End { expected, found } => *expected.min(found) + 1,
        }
    }
}

/// A chain up to its last link so far: to add to, or to check rows against in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    region: String,
    sequence: i64,
    hash: String,
}

impl Chain {
    /// An empty chain.
    #[must_use]
    pub fn new(region: &str) -> Self {
        Self::after(region, 0, GENESIS)
    }

    /// A chain whose last link is this.
    #[must_use]
    pub fn after(region: &str, sequence: i64, hash: &str) -> Self {
        Self { region: region.to_owned(), sequence, hash: hash.to_owned() }
    }

    /// The last link's sequence; 0 where there is none.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// The last link's hash.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The row that continues from here.
    pub fn append(&mut self, entry: Entry) -> Row {
        let sequence = self.sequence + 1;
        let hash = link(&self.region, sequence, &entry, &self.hash);
        let previous = std::mem::replace(&mut self.hash, hash.clone());
        self.sequence = sequence;
        Row { sequence, entry, previous, hash }
    }

    /// Whether this row continues from here. Rows are given in order.
    ///
    /// # Errors
    /// Says what is wrong with it; the chain then stays where it was.
    pub fn verify(&mut self, row: &Row) -> Result<(), Broken> {
        let expected = self.sequence + 1;
        if row.sequence != expected {
            return Err(Broken::Gap { expected, found: row.sequence });
        }
        if row.previous != self.hash {
            return Err(Broken::Previous(expected));
        }
        if row.hash != link(&self.region, expected, &row.entry, &row.previous) {
            return Err(Broken::Changed(expected));
        }
        self.sequence = expected;
        self.hash.clone_from(&row.hash);
        Ok(())
    }

    /// Whether this is the end, by what the head says: sequence and hash, or none where there is no head.
    ///
    /// # Errors
    /// Where rows are missing at the end, or the head is another's.
    pub fn end(&self, head: Option<(i64, &str)>) -> Result<(), Broken> {
        let (expected, hash) = head.unwrap_or((0, GENESIS));
        if expected == self.sequence && hash == self.hash {
            return Ok(());
        }
        Err(Broken::End { expected, found: self.sequence })
    }
}

/// Checks a whole chain: its rows in order of their sequence, and its head.
///
/// # Errors
/// The first thing that is broken.
pub fn verify<'a>(region: &str, rows: impl IntoIterator<Item = &'a Row>, head: Option<(i64, &str)>) -> Result<Chain, Broken> {
    let mut chain = Chain::new(region);
    for row in rows {
        chain.verify(row)?;
    }
    chain.end(head)?;
    Ok(chain)
}

/// SHA-256 of a payload, hexadecimal.
#[must_use]
pub fn digest(payload: &[u8]) -> String {
    hexadecimal(&Sha256::digest(payload))
}

/// Every field is led by its length, so that no two rows have the same text; an actor that is not known has none. A network comes last, where there is one: rows
/// that were written before there were any have the hashes that they had.
fn link(region: &str, sequence: i64, entry: &Entry, previous: &str) -> String {
    let (sequence, at) = (sequence.to_string(), entry.at.to_string());
    let actor = entry.actor.as_deref();
    let fields = [Some(region), Some(&sequence), Some(&entry.ce_id), Some(&entry.kind), Some(&entry.subject), actor, Some(&at)];
    let mut hash = Sha256::new();
    for field in [Some(previous)].into_iter().chain(fields).chain([Some(entry.digest.as_str())]) {
        match field {
            Some(text) => hash.update(format!("{}:{text},", text.len())),
            None => hash.update("-,"),
        }
    }
    if let Some(network) = &entry.network {
        hash.update(format!("{}:{network},", network.len()));
    }
    hexadecimal(&hash.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |four_bits: u8| char::from_digit(four_bits.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(count: i64) -> (Vec<Row>, Chain) {
        let mut chain = Chain::new("eu");
        let entry = |number: i64| Entry {
            ce_id: format!("batch.{number}"),
            kind: "booking.created".into(),
            subject: format!("eu_b{number}"),
            actor: (number % 2 == 0).then(|| "eu_u".to_owned()),
            network: (number % 3 == 1).then(|| "203.0.113.0/24".to_owned()),
            at: number,
            digest: digest(number.to_string().as_bytes()),
        };
        ((0..count).map(|number| chain.append(entry(number))).collect(), chain)
    }

    /// What a check of these rows finds, with the head as it was written.
    fn check(change: impl FnOnce(&mut Vec<Row>)) -> Result<(), Broken> {
        let (mut rows, whole) = chain(10);
        change(&mut rows);
        verify("eu", &rows, Some((whole.sequence(), whole.hash()))).map(drop)
    }

    #[test]
    fn an_intact_chain_verifies() {
        assert_eq!(check(|_| ()), Ok(()));
        assert_eq!(verify("eu", &[], None).map(drop), Ok(()));
        let (rows, whole) = chain(3);
        assert_eq!(verify("eu", &rows, Some((3, whole.hash()))), Ok(whole));
    }

    #[test]
    fn the_first_broken_row_is_named() {
        type Change = fn(&mut Vec<Row>);
        let cases: [(Change, i64); 14] = [
            (|rows| rows[4].entry.subject = "eu_other".into(), 5),
            (|rows| rows[4].entry.actor = None, 5),
            (|rows| rows[4].entry.network = None, 5),
            (|rows| rows[5].entry.network = Some("203.0.113.0/24".into()), 6),
            (|rows| rows[0].entry.at += 1, 1),
            (|rows| rows[9].entry.digest = digest(b"other"), 10),
            (|rows| drop(rows.remove(3)), 4),
            (|rows| drop(rows.remove(0)), 1),
            (|rows| rows.insert(2, rows[2].clone()), 4),
            (|rows| rows.truncate(7), 8),
            (|rows| rows.clear(), 1),
            (|rows| rows.swap(5, 6), 6),
            // Changing a row and its hash breaks the next.
            (
                |rows| {
                    rows[2].entry.kind = "booking.cancelled".into();
                    rows[2].hash = link("eu", 3, &rows[2].entry, &rows[2].previous);
                },
                4,
            ),
            // And with all of them rewritten the head differs.
            (
                |rows| {
                    let mut forged = Chain::new("eu");
                    *rows = rows.iter().map(|row| forged.append(Entry { at: 0, ..row.entry.clone() })).collect();
                },
                11,
            ),
        ];
        for (number, (change, at)) in cases.into_iter().enumerate() {
            assert_eq!(check(change).map_err(|broken| broken.at()), Err(at), "case {number}");
        }
    }

    #[test]
    fn a_chain_belongs_to_one_region() {
        let (rows, whole) = chain(2);
        assert_eq!(verify("us", &rows, Some((2, whole.hash()))), Err(Broken::Changed(1)));
    }

    #[test]
    fn hashes_are_stable() {
        // Rows are kept for years: the rule may not change. Each is sha256 of "64:00…0,2:eu,1:1,7:batch.0,15:booking.created,5:eu_b0,4:eu_u,1:0,64:…,".
        let (rows, _) = chain(1);
        let text = format!("64:{GENESIS},2:eu,1:1,7:batch.0,15:booking.created,5:eu_b0,4:eu_u,1:0,64:{},", digest(b"0"));
        assert_eq!(rows[0].hash, digest(text.as_bytes()));
        // A network follows at the end.
        let mut chain = Chain::new("eu");
        let row = chain.append(Entry { network: Some("192.0.2.0/24".into()), ..rows[0].entry.clone() });
        assert_eq!(row.hash, digest(format!("{text}12:192.0.2.0/24,").as_bytes()));
        assert_eq!(digest(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
