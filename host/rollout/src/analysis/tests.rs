//! What is told from chance, and what is said of it.

use super::compare::{Against, Comparison, compare};
use super::histogram::{quantile, share_above};
use super::statistics::{Proportion, is_larger};
use super::{Baseline, Pair, add, since};
use crate::plan::{Analysis, Plan};
use crate::protocol::{Counters, LATENCY_BOUNDS_US, NodeDescription, NodeKind, Report, Stamp};

fn analysis() -> Analysis {
    Plan::parse("application = \"a\"\n[[stages]]\nname = \"all\"\n").unwrap().analysis
}

/// Counters with this many requests, all in the bucket that ends with so many milliseconds but one in 50, which take 8 times as long.
fn counters(requests: u64, errors: u64, ms: u64) -> Counters {
    let mut latency = vec![0; LATENCY_BOUNDS_US.len() + 1];
    let bucket = |us: u64| LATENCY_BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(LATENCY_BOUNDS_US.len());
    latency[bucket(ms * 1_000)] += requests - requests / 50;
    latency[bucket(ms * 8_000)] += requests / 50;
    Counters { requests, errors, traps: 0, restarts: 2, memory: 20 << 20, latency }
}

fn failures(new: &Counters, old: &Counters, against: Against) -> Vec<String> {
    compare(&analysis(), &Comparison { kind: NodeKind::Edge, new, old, against, window_ms: 30_000 })
}

#[test]
fn a_share_is_larger_only_where_that_is_no_chance() {
    // New, old, margin in 1,000, and whether that is seen with a confidence of 99 %.
    for ((count, of), (old_count, old_of), margin, expected) in [
        ((0, 200), (0, 200), 5, false),
        ((1, 200), (0, 200), 5, false),
        ((2, 200), (0, 200), 5, false),
        ((10, 200), (0, 200), 5, true),
        ((50, 1_000), (10, 10_000), 5, true),
        ((6, 1_000), (1, 1_000), 5, false),
        ((60, 10_000), (10, 10_000), 5, false),
        ((90, 10_000), (10, 10_000), 5, true),
        ((60, 10_000), (10, 10_000), 0, true),
        ((50, 1_000), (50, 1_000), 0, false),
        ((40, 1_000), (50, 1_000), 0, false),
        ((0, 0), (0, 0), 0, false),
        ((200, 200), (0, 0), 5, true),
    ] {
        let (new, old) = (Proportion { count, of }, Proportion { count: old_count, of: old_of });
        let margin = f64::from(margin) / 1_000.0;
        assert_eq!(is_larger(new, old, margin, 0.99), expected, "{new:?} {old:?} {margin}");
    }
    // The 99th percentile of the normal distribution is 2.326.
    let barely = |sigmas: f64| super::statistics::exceeds(sigmas, 1.0, 0.99);
    assert!(!barely(2.32) && barely(2.33));
}

#[test]
fn quantiles_are_found_within_buckets() {
    let mut latency = vec![0; LATENCY_BOUNDS_US.len() + 1];
    assert_eq!(quantile(&latency, 0.5), None);
    let bucket = |us: u64| LATENCY_BOUNDS_US.iter().position(|bound| *bound == us).unwrap();
    latency[bucket(1_024)] = 100; // from 960 µs
    latency[bucket(4_096)] = 100; // from 3,840 µs
    for (of, us) in [(0.25, 992.0), (0.5, 1_024.0), (0.75, 3_968.0), (1.0, 4_096.0)] {
        assert_eq!(quantile(&latency, of), Some(us), "{of}");
    }
    for (us, share) in [(0.0, 1.0), (992.0, 0.75), (2_000.0, 0.5), (4_032.0, 0.125), (4_096.0, 0.0)] {
        assert!((share_above(&latency, us) - share).abs() < 1e-9, "{us}");
    }
    let last = latency.len() - 1;
    latency[last] = 200;
    assert_eq!(quantile(&latency, 0.75), Some(12_582_912.0), "what is above all buckets is at most twice as long");
}

/// Answers that all take this long, give or take a twentieth.
fn even(requests: u64, us: u64) -> Counters {
    let mut latency = vec![0; LATENCY_BOUNDS_US.len() + 1];
    for twentieth in [19, 20, 21] {
        let took = us * twentieth / 20;
        latency[LATENCY_BOUNDS_US.partition_point(|bound| *bound < took)] += requests / 3;
    }
    Counters { requests, latency, ..counters(requests, 0, 10) }
}

#[test]
fn what_is_slower_by_a_third_is_told_from_the_release_before_however_even_its_answers_are() {
    let text = "application = \"a\"\n[[stages]]\nname = \"all\"\n[analysis]\nlatency = { max_ratio = 1.15 }\n";
    let analysis = Plan::parse(text).unwrap().analysis;
    for us in (1..200).map(|number| 8_000 + 1_013 * number) {
        let found = |new: &Counters| {
            let old = even(300, us);
            compare(
                &analysis,
                &Comparison { kind: NodeKind::Edge, new, old: &old, against: Against::SameNodes, window_ms: 3_000 },
            )
        };
        assert_eq!(found(&even(300, us * 13 / 10)).len(), 1, "{us} µs and 30 % more");
        assert_eq!(found(&even(300, us * 102 / 100)), Vec::<String>::new(), "{us} µs and 2 % more");
    }
}

#[test]
fn equal_releases_pass_and_every_check_can_fail() {
    let old = counters(10_000, 10, 10);
    assert_eq!(failures(&counters(1_000, 1, 10), &old, Against::SameNodes), Vec::<String>::new());
    let cases: [(Counters, &str); 5] = [
        (
            counters(1_000, 50, 10),
            "5.00 % of 1000 requests were answered with a 5xx, against 0.10 % of 10000 of the release before, on the same nodes; 0.50 % more is the most",
        ),
        (
            counters(1_000, 1, 20),
            "99 % of answers take 155.6 ms at most, against 77.8 ms of the release before, on the same nodes",
        ),
        (Counters { traps: 1, ..counters(1_000, 1, 10) }, "1 traps for 1000 requests; 0 is the most"),
        (Counters { memory: 31 << 20, ..counters(1_000, 1, 10) }, "an instance has 31.0 MiB, against 20.0 MiB"),
        (Counters { restarts: 100, ..counters(1_000, 1, 10) }, "100 instances ended in 1000 requests, against 2 in 10000"),
    ];
    for (new, words) in cases {
        let found = failures(&new, &old, Against::SameNodes);
        assert!(found.len() == 1 && found[0].starts_with("edge nodes, last 30s: ") && found[0].contains(words), "{found:?}");
    }
}

#[test]
fn too_few_requests_show_traps_and_memory_alone() {
    let old = counters(10_000, 10, 10);
    let new = Counters { traps: 3, memory: 40 << 20, restarts: 199, ..counters(199, 199, 1_000) };
    let found = failures(&new, &old, Against::SameNodes);
    assert!(found.len() == 2 && found[0].contains("traps") && found[1].contains("MiB"), "{found:?}");
    let old = counters(199, 0, 10);
    assert_eq!(
        failures(&counters(1_000, 900, 10), &old, Against::SameNodes),
        Vec::<String>::new(),
        "nor does too little of the old"
    );
}

#[test]
fn with_nothing_to_compare_with_errors_and_traps_have_limits() {
    let nothing = Counters::default();
    let new = Counters { memory: 900 << 20, restarts: 1_000, ..counters(1_000, 50, 1_000) };
    let found = failures(&new, &nothing, Against::Nothing);
    assert_eq!(found, ["edge nodes, last 30s: 5.00 % of 1000 requests were answered with a 5xx; 0.50 % more is the most"]);
    assert_eq!(failures(&counters(1_000, 5, 10), &nothing, Against::Nothing), Vec::<String>::new());
}

#[test]
fn traps_that_the_release_before_has_as_well_are_fine() {
    let old = Counters { traps: 20, ..counters(10_000, 10, 10) };
    let new = |traps| Counters { traps, ..counters(1_000, 1, 10) };
    assert_eq!(failures(&new(2), &old, Against::SameNodes), Vec::<String>::new());
    assert_eq!(failures(&new(5), &old, Against::SameNodes), Vec::<String>::new(), "which may be chance");
    assert_eq!(failures(&new(12), &old, Against::SameNodes).len(), 1);
    // Nodes with too much to do: both run out of time.
    let (old, busy) = (Counters { traps: 26, ..counters(190, 26, 10) }, Counters { traps: 28, ..counters(190, 28, 10) });
    assert_eq!(failures(&busy, &old, Against::SameNodes), Vec::<String>::new());
}

#[test]
fn what_nodes_say_is_summed_whatever_it_is() {
    let most = Counters {
        requests: u64::MAX,
        errors: u64::MAX,
        traps: u64::MAX,
        restarts: u64::MAX,
        memory: u64::MAX,
        latency: vec![u64::MAX; 1_000],
    };
    let mut sum = since(&most, &Counters::default());
    assert_eq!(sum.latency.len(), LATENCY_BOUNDS_US.len() + 1, "no more buckets than there are");
    add(&mut sum, &most);
    assert_eq!(sum.requests, u64::MAX);
    let less = Counters { requests: 5, errors: 9, ..Counters::default() };
    assert_eq!(since(&less, &most).requests, 0, "nothing is less than nothing");
    assert_eq!(since(&less, &Counters::default()).errors, 5, "there are no more errors than requests");
    let _ = failures(&most, &most, Against::SameNodes);
    let _ = failures(&most, &less, Against::SameNodes);
    let _ = failures(&less, &most, Against::SameNodes);
}

#[test]
fn a_process_that_began_anew_counts_from_nothing() {
    let node = NodeDescription {
        kind: NodeKind::Edge,
        region: "eu".into(),
        labels: Default::default(),
        host: String::new(),
        interfaces: Default::default(),
        ledger_wire: 1,
        schema: None,
        variables: Default::default(),
    };
    let mut report = Report { node, boot: 1, known: Stamp::default(), releases: vec![], serving: vec![], wait: false };
    let pair = |old: u64, new: u64| Pair {
        old: Counters { requests: old, ..Counters::default() },
        new: Counters { requests: new, ..Counters::default() },
    };
    let baseline = Baseline::of(&report, pair(100, 10));
    let since = |report: &Report, of: &Pair| {
        let since = baseline.since(report, of);
        (since.old.requests, since.new.requests)
    };
    assert_eq!(since(&report, &pair(150, 40)), (50, 30));
    report.boot = 2;
    assert_eq!(since(&report, &pair(20, 5)), (20, 5));
}
