//! What is believed of an assignment: it comes from who may give one, and is checked all the same, as everything off the network and off a disk.

use std::collections::BTreeSet;

use rollout::protocol::{Assignment, Release, Value};

use crate::error::Faulty;
use crate::limits;

/// An assignment out of its text.
pub(crate) fn read(text: &[u8]) -> Result<Assignment, Faulty> {
    let assignment: Assignment = serde_json::from_slice(text).map_err(|error| Faulty::Malformed(error.to_string()))?;
    check(&assignment)?;
    Ok(assignment)
}

/// Whether it can be acted on.
pub(crate) fn check(assignment: &Assignment) -> Result<(), Faulty> {
    let Assignment { releases, serving, .. } = assignment;
    if !(1..=rollout::limits::RELEASES).contains(&releases.len()) {
        return Err(Faulty::Releases(releases.len()));
    }
    let mut ids = BTreeSet::new();
    for release in releases {
        if !ids.insert(release.id) {
            return Err(Faulty::Twice(release.id));
        }
        if !is_bounded(release) {
            return Err(Faulty::Long(release.id));
        }
    }
    let mut served = BTreeSet::new();
    for share in serving {
        if !ids.contains(&share.release) {
            return Err(Faulty::Absent(share.release));
        }
        if !served.insert(share.release) {
            return Err(Faulty::Twice(share.release));
        }
    }
    let weights: Vec<u8> = serving.iter().map(|share| share.weight).collect();
    let whole = weights.iter().map(|weight| u32::from(*weight)).sum::<u32>() == 100 && weights.iter().all(|weight| *weight > 0);
    if whole || serving.is_empty() { Ok(()) } else { Err(Faulty::Shares(weights)) }
}

fn is_bounded(release: &Release) -> bool {
    let fits = |text: &str| text.len() <= limits::TEXT_BYTES;
    let variable = |(name, value): (&String, &Value)| {
        let (Value::Text(value) | Value::Secret { secret: value }) = value;
        fits(name) && fits(value)
    };
    fits(&release.reference) && release.variables.len() <= limits::VARIABLES && release.variables.iter().all(variable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollout::protocol::{ReleaseId, Share, Stamp};

    fn assignment(releases: &[u64], shares: &[(u64, u8)]) -> Assignment {
        let release = |id: &u64| Release {
            id: ReleaseId(*id),
            reference: "r.example/a@sha256:0".to_owned(),
            variables: [].into(),
            needs: rollout::protocol::Needs::default(),
        };
        let share = |(id, weight): &(u64, u8)| Share { release: ReleaseId(*id), weight: *weight };
        Assignment {
            stamp: Stamp { epoch: 1, revision: 1 },
            releases: releases.iter().map(release).collect(),
            serving: shares.iter().map(share).collect(),
            report_ms: 1_000,
        }
    }

    #[test]
    fn only_whole_assignments_are_acted_on() {
        for (releases, shares, valid) in [
            (&[1][..], &[(1, 100)][..], true),
            (&[1, 2], &[(1, 90), (2, 10)], true),
            (&[1], &[], true),
            (&[], &[], false),
            (&[1, 2, 3, 4, 5], &[(1, 100)], false),
            (&[1, 1], &[(1, 100)], false),
            (&[1], &[(2, 100)], false),
            (&[1, 2], &[(1, 90), (2, 20)], false),
            (&[1, 2], &[(1, 100), (2, 0)], false),
            (&[1, 2], &[(1, 50), (1, 50)], false),
            (&[1, 2], &[(1, 255), (2, 101)], false),
        ] {
            assert_eq!(check(&assignment(releases, shares)).is_ok(), valid, "{releases:?} {shares:?}");
        }
        let mut long = assignment(&[1], &[]);
        long.releases[0].reference = "a".repeat(limits::TEXT_BYTES + 1);
        assert_eq!(check(&long), Err(Faulty::Long(ReleaseId(1))));
        assert!(matches!(read(b"{}"), Err(Faulty::Malformed(_))));
    }
}
