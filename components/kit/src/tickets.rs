//! Ticket codes, derived from a booking's secret seed: nothing to store, and nothing to guess.

use crate::hash::base32;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Letters and digits of a code: 80 bits.
const CODE_LENGTH: usize = 16;

/// One person's right to enter.
#[derive(Debug, PartialEq, Serialize)]
pub struct Ticket {
    /// What the door checks.
    pub code: String,
    /// What it is for.
    pub ticket_type_id: String,
}

/// The tickets of a booking, numbered from 1 through its items in order.
pub fn tickets<'a>(seed: &str, items: impl IntoIterator<Item = (&'a str, u32)>) -> Vec<Ticket> {
    items
        .into_iter()
        .flat_map(|(ticket_type, quantity)| std::iter::repeat_n(ticket_type, quantity as usize))
        .zip(1u32..)
        .map(|(ticket_type, number)| Ticket { code: code(seed, number), ticket_type_id: ticket_type.to_owned() })
        .collect()
}

/// Code n of a booking: the first 16 letters of base32(SHA-256(seed ":" n)).
fn code(seed: &str, number: u32) -> String {
    let mut text = base32(&Sha256::digest(format!("{seed}:{number}")));
    text.truncate(CODE_LENGTH);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_ticket_has_its_own_code() {
        let all = tickets("seed", [("standing", 3), ("seated", 2)]);
        let types: Vec<_> = all.iter().map(|ticket| ticket.ticket_type_id.as_str()).collect();
        assert_eq!(types, ["standing", "standing", "standing", "seated", "seated"]);
        assert_eq!(all.iter().map(|ticket| &ticket.code).collect::<HashSet<_>>().len(), 5);
        assert!(all.iter().all(|ticket| ticket.code.len() == CODE_LENGTH));
    }

    #[test]
    fn codes_never_change_and_depend_on_the_seed() {
        assert_eq!(tickets("seed", [("a", 2)]), tickets("seed", [("a", 2)]));
        assert_ne!(code("seed", 1), code("other", 1));
        // sha256("seed:1") begins 81 e4 ba 3b …: people hold these codes, so the rule may not change.
        assert_eq!(code("seed", 1), "g7jbmey215yrbb27");
    }
}
