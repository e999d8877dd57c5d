//! Whether a ticket lets somebody in. Pure: no I/O and no clock.

use crate::lists::List;

/// Why a ticket that is one of the event's lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its booking or the event was cancelled, or the booking is just being cancelled.
    Cancelled,
    /// It was transferred, and this is a code from before.
    Replaced,
    /// The list is for other ticket types.
    NotOnList,
    /// The list does not let anybody in at that time.
    NotOpen,
}

impl Reason {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Replaced => "replaced",
            Self::NotOnList => "not-on-list",
            Self::NotOpen => "not-open",
        }
    }
}

/// Somebody was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// From 1; the only one of a list that lets in once.
    pub entry: i64,
    /// When.
    pub at: i64,
    /// Where.
    pub gate: Option<String>,
}

/// What is known of a ticket that is scanned.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Whether it is good at all.
    pub good: bool,
    /// The generation that the scanned code is of.
    pub scanned: u32,
    /// The one that is good.
    pub generation: u32,
    /// What it is for.
    pub ticket_type: &'a str,
    /// The list that it is scanned for.
    pub list: &'a List,
    /// When it was scanned.
    pub at: i64,
    /// Whether it is told of afterwards.
    pub offline: bool,
    /// Who was let in by it and this list, in order of entry.
    pub admissions: &'a [Admission],
}

/// What comes of a scan.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody is let in, as this entry.
    Admit(i64),
    /// Somebody was let in, by a scan without a network, before the scan that counted until now: it counts instead.
    Earlier(Admission),
    /// Somebody was let in before.
    Already(Admission),
    /// Nobody is let in.
    Void(Reason),
}

/// Decides it.
pub fn decide(facts: &Facts<'_>) -> Verdict {
    let Facts { good, scanned, generation, ticket_type, list, at, offline, admissions } = *facts;
    if !good {
        return Verdict::Void(Reason::Cancelled);
    }
    if scanned != generation {
        return Verdict::Void(Reason::Replaced);
    }
    if !list.is_for(ticket_type) {
        return Verdict::Void(Reason::NotOnList);
    }
    if !list.is_open(at) {
        return Verdict::Void(Reason::NotOpen);
    }
    match admissions.last() {
        None => Verdict::Admit(1),
        Some(last) if list.many => Verdict::Admit(last.entry + 1),
        Some(first) if offline && at < first.at => Verdict::Earlier(first.clone()),
        Some(first) => Verdict::Already(first.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> List {
        List { ticket_types: Some(vec!["seated".to_owned()]), opens_at: Some(100), closes_at: Some(200), ..List::of_all() }
    }

    fn first() -> Admission {
        Admission { entry: 1, at: 150, gate: Some("north".to_owned()) }
    }

    fn facts<'a>(list: &'a List, admissions: &'a [Admission]) -> Facts<'a> {
        Facts { good: true, scanned: 2, generation: 2, ticket_type: "seated", list, at: 150, offline: false, admissions }
    }

    #[test]
    fn a_good_ticket_lets_in_once() {
        let list = list();
        assert_eq!(decide(&facts(&list, &[])), Verdict::Admit(1));
        let before = [first()];
        assert_eq!(decide(&facts(&list, &before)), Verdict::Already(first()));
        // A scan with a network is never before one that is known.
        assert_eq!(decide(&Facts { at: 120, ..facts(&list, &before) }), Verdict::Already(first()));
    }

    #[test]
    fn what_is_void_says_why() {
        let list = list();
        let facts = || facts(&list, &[]);
        for (facts, reason) in [
            (Facts { good: false, ..facts() }, Reason::Cancelled),
            (Facts { scanned: 1, ..facts() }, Reason::Replaced),
            (Facts { scanned: 3, ..facts() }, Reason::Replaced),
            (Facts { ticket_type: "standing", ..facts() }, Reason::NotOnList),
            (Facts { at: 99, ..facts() }, Reason::NotOpen),
            (Facts { at: 200, ..facts() }, Reason::NotOpen),
        ] {
            assert_eq!(decide(&facts), Verdict::Void(reason), "{facts:?}");
        }
    }

    #[test]
    fn of_scans_without_a_network_the_first_by_their_clocks_counts() {
        let list = list();
        let before = [first()];
        let at = |at| decide(&Facts { at, offline: true, ..facts(&list, &before) });
        assert_eq!(
            (at(149), at(150), at(151)),
            (Verdict::Earlier(first()), Verdict::Already(first()), Verdict::Already(first()))
        );
    }

    #[test]
    fn a_list_may_let_in_often() {
        let list = List { many: true, ..list() };
        let before = [first(), Admission { entry: 4, ..first() }];
        assert_eq!(decide(&facts(&list, &before)), Verdict::Admit(5));
        assert_eq!(decide(&Facts { at: 101, offline: true, ..facts(&list, &before) }), Verdict::Admit(5));
    }
}
