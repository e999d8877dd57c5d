//! Fuzzing for the tests of the crates that read what comes from outside.
//!
//! A target is a test that hands [`bytes`] or [`text`] a few good inputs and a closure, which must hold for whatever it is given: random bytes, and the good
//! inputs cut, repeated, spliced and spoiled. In `cargo test` it runs some thousand cases, always the same ones. `cargo xtask fuzz [TARGET] [--seconds N]` goes on
//! for as long as it is told (`MARQUEE_FUZZ_SECONDS`), from another seed each time, and prints the seed of what it finds (`MARQUEE_FUZZ_SEED`); the
//! input is made as short as it can be.

#![allow(clippy::panic, reason = "only tests depend on it, and that is how they fail")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// Cases of one seed.
const CASES: u32 = 4_000;
/// Bytes of an input that is made of nothing.
const RANDOM_BYTES: usize = 300;
/// Changes to a good input.
const CHANGES: usize = 6;
/// Bytes of an input, however often parts of it were repeated.
const LONGEST: usize = 8_192;

/// What parsers stumble over.
const TROUBLE: [&[u8]; 22] = [
    b"",
    b"\0",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff",
    b"\xc3",
    b"%00",
    b"%",
    b"%ff",
    b"\\",
    b"\"",
    b"'",
    b"://",
    b"@",
    b",",
    b"=",
    b"..",
    b"99999999999999999999",
    b"-9223372036854775808",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x8e\xab",
    b"[[[[[[[[[[[[[[[[[[[[",
];

/// One change to an input.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Repeat(Index, Index),
    Cut(Index),
    Splice(Index, Vec<u8>),
}

impl Change {
    fn apply(&self, input: &mut Vec<u8>) {
        // One place more than there are bytes: what is put in may stand at the end.
        let place = |at: &Index, input: &Vec<u8>| at.index(input.len() + 1);
        match self {
            Self::Flip(at, bit) => {
                let at = place(at, input);
                input.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (bit % 8));
            }
            Self::Set(at, value) => {
                let at = place(at, input);
                input.get_mut(at).into_iter().for_each(|byte| *byte = *value);
            }
            Self::Insert(at, bytes) => {
                let at = place(at, input);
                input.splice(at..at, bytes.iter().copied());
            }
            Self::Remove(one, other) => {
                let (one, other) = (place(one, input), place(other, input));
                input.drain(one.min(other)..one.max(other));
            }
            Self::Repeat(one, other) => {
                let (one, other) = (place(one, input), place(other, input));
                let part: Vec<u8> = input.get(one.min(other)..one.max(other)).unwrap_or_default().to_vec();
                input.splice(one..one, part);
            }
            Self::Cut(at) => {
                let at = place(at, input);
                input.truncate(at);
            }
            Self::Splice(at, other) => {
                let at = place(at, input);
                input.truncate(at);
                input.extend(other.get(at.min(other.len())..).unwrap_or_default());
            }
        }
        input.truncate(LONGEST);
    }
}

fn inputs(seeds: &[&[u8]]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.to_vec()).chain([Vec::new()]).collect();
    let trouble: Vec<Vec<u8>> = TROUBLE.iter().map(|bytes| bytes.to_vec()).collect();
    let at = any::<Index>;
    let change = prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, value)| Change::Set(at, value)),
        (at(), select(trouble)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), at()).prop_map(|(one, other)| Change::Remove(one, other)),
        (at(), at()).prop_map(|(one, other)| Change::Repeat(one, other)),
        at().prop_map(Change::Cut),
        (at(), select(seeds.clone())).prop_map(|(at, other)| Change::Splice(at, other)),
    ];
    let spoiled = (select(seeds), vec(change, 0..=CHANGES)).prop_map(|(mut input, changes)| {
        changes.iter().for_each(|change| change.apply(&mut input));
        input
    });
    prop_oneof![1 => vec(any::<u8>(), 0..RANDOM_BYTES), 4 => spoiled]
}

/// Holds `test` against inputs of bytes. It panics where something is wrong with one.
pub fn bytes(seeds: &[&[u8]], test: impl Fn(&[u8])) {
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let time = variable("MARQUEE_FUZZ_SECONDS").map(Duration::from_secs);
    let first = variable("MARQUEE_FUZZ_SEED").unwrap_or_else(|| if time.is_some() { RandomState::new().hash_one(0) } else { 0 });
    let (inputs, begun) = (inputs(seeds), Instant::now());
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 50_000, ..Config::default() };
    for seed in (0..).map(|round| first.wrapping_add(round)) {
        let mut words = [0; 32];
        words.iter_mut().zip(seed.to_le_bytes()).for_each(|(word, byte)| *word = byte);
        let mut runner = TestRunner::new_with_rng(config.clone(), TestRng::from_seed(RngAlgorithm::ChaCha, &words));
        let outcome = runner.run(&inputs, |input| {
            test(&input);
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("MARQUEE_FUZZ_SEED={seed}: {error}");
        }
        if time.is_none_or(|time| begun.elapsed() >= time) {
            return;
        }
    }
}

/// As [`bytes`], of text: what is not UTF-8 is replaced.
pub fn text(seeds: &[&str], test: impl Fn(&str)) {
    let seeds: Vec<&[u8]> = seeds.iter().map(|seed| seed.as_bytes()).collect();
    bytes(&seeds, |input| test(&String::from_utf8_lossy(input)));
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    #[test]
    fn inputs_are_tried_intact_and_mutated() {
        let (good, near, empty, far) = (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0));
        super::text(&["a good input"], |input| {
            let count = match input {
                "a good input" => &good,
                "" => &empty,
                input if input.contains("good") => &near,
                _ => &far,
            };
            count.set(count.get() + 1);
        });
        assert!([&good, &near, &empty, &far].iter().all(|count| count.get() > 20), "{good:?} {near:?} {empty:?} {far:?}");
    }

    #[test]
    #[should_panic(expected = "MARQUEE_FUZZ_SEED=0")]
    fn failures_are_reported_with_their_seed() {
        super::text(&["a good input"], |input| assert!(!input.starts_with("a bad")));
        super::text(&["a good input"], |input| assert!(input.len() < 5));
    }
}
