use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use super::*;
use crate::replica::Replica;
use crate::testing;
use contracts::Replica as _;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use read_model::{EventDoc, EventStatus, Fact};
use vocabulary::edge as wit;

/// Words that have beginnings in common, long ones that differ late, accents, and scripts with and without spaces.
const WORDS: [&str; 18] = [
    "a",
    "Art",
    "arts",
    "Party",
    "Philharmonie",
    "philharmonic",
    "Éclat",
    "eclair",
    "Straße",
    "L’Été",
    "rock'n'roll",
    "2026",
    "Ἀθῆνας",
    "කොළඹ",
    "東京タワー",
    "京タ",
    "x東京",
    "กรุงเทพ",
];

#[derive(Debug, Clone)]
enum Step {
    /// Texts of events, in one batch; of one event, a later one may be older.
    Apply(Vec<EventDoc>),
    /// In place of everything.
    Snapshot(Vec<EventDoc>),
    /// The index catches up.
    Reindex,
    /// The index is lost.
    Lose,
    Search(Query),
}

fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![8 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => "\\PC{0,4}"];
    (prop::collection::vec(word, 0..5), prop::sample::select(&[" ", "-", "", "\u{a0}"][..]))
        .prop_map(|(words, gap)| words.join(gap))
}

fn doc() -> impl Strategy<Value = EventDoc> {
    (0..6_u8, 1..6_u64, [text(), text(), text(), text()], 0..8_u8).prop_map(|(number, revision, texts, status)| {
        let Fact::Event(mut doc) = testing::event(&format!("eu_{number}"), revision) else { unreachable!() };
        [doc.title, doc.description, doc.venue.name, doc.venue.city] = texts;
        doc.status = match status {
            0 => EventStatus::Draft,
            1 => EventStatus::Cancelled,
            _ => EventStatus::Published,
        };
        doc
    })
}

fn query() -> impl Strategy<Value = Query> {
    let part = |text: String, chars: usize| text.chars().take(chars).collect::<String>();
    (text(), 1..14_usize, any::<bool>()).prop_map(move |(text, chars, descending)| Query {
        text: Some(part(text, chars)),
        descending,
        limit: 100,
        ..Query::default()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let docs = || prop::collection::vec(doc(), 1..5);
    prop_oneof![
        4 => docs().prop_map(Step::Apply),
        1 => docs().prop_map(Step::Snapshot),
        3 => Just(Step::Reindex),
        1 => Just(Step::Lose),
        12 => query().prop_map(Step::Search),
    ]
}

fn facts(docs: &[EventDoc]) -> Vec<Fact> {
    docs.iter().cloned().map(Fact::Event).collect()
}

fn ids(replica: &Replica, query: &Query) -> Vec<String> {
    let (text, descending, limit) = (query.text.clone(), query.descending, query.limit);
    let query = wit::Query { text, descending, limit, ..testing::everything() };
    let page = futures::executor::block_on(replica.search(query)).unwrap();
    page.items.into_iter().map(|event| event.id).collect()
}

/// Whatever is published, changed, older than what is known, replaced or lost: the replica finds what reading every text finds.
#[test]
fn the_index_finds_what_a_scan_finds() {
    let seed = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => RandomState::new().hash_one("seed"),
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&u64::to_be_bytes(seed));
    let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let steps = prop::collection::vec(step(), 1..40);
    let tried = runner.run(&steps, |steps| {
        let (replica, mut model) = (Replica::new(["eu"]), ReadModel::default());
        replica.replace("eu", 0, vec![]);
        for step in steps {
            match step {
                Step::Apply(docs) => {
                    replica.apply("eu", 1, &facts(&docs));
                    facts(&docs).into_iter().for_each(|fact| {
                        model.apply(fact);
                    });
                }
                Step::Snapshot(docs) => {
                    replica.replace("eu", 1, facts(&docs));
                    model = ReadModel::default();
                    facts(&docs).into_iter().for_each(|fact| {
                        model.apply(fact);
                    });
                }
                Step::Reindex => replica.reindex(),
                Step::Lose => replica.lose_index(),
                Step::Search(query) => {
                    let expected = model.search(&query, crate::now()).unwrap();
                    let expected: Vec<_> = expected.items.iter().map(|doc| doc.id.clone()).collect();
                    prop_assert_eq!(ids(&replica, &query), expected, "{:?}", query.text);
                }
            }
        }
        Ok(())
    });
    if let Err(failure) = tried {
        panic!("{failure}\nagain with SEED={seed}");
    }
}

/// A model with its lookup and indexer, maintained as the replica does.
#[derive(Default)]
struct SearchableModel {
    model: ReadModel,
    lookup: Lookup,
    indexer: Indexer,
}

impl SearchableModel {
    fn put(&mut self, id: &str, revision: u64, title: &str) {
        let Fact::Event(doc) = testing::event(id, revision) else { unreachable!() };
        assert!(self.model.apply(Fact::Event(EventDoc { title: title.to_owned(), ..doc })));
        self.lookup.note(id);
    }

    /// Whether that cost a commit.
    fn reindex(&mut self) -> bool {
        let work = self.lookup.work(&self.model, &mut self.indexer);
        let written = self.indexer.write(work);
        let committed = matches!(written.view, Ok(Some(_)));
        self.lookup.advance(written);
        committed
    }

    fn candidates(&self, text: &str) -> BTreeSet<String> {
        self.lookup.candidates(&read_model::words(text)).unwrap().iter().map(|id| id.to_string()).collect()
    }
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// It is the index that answers, and it answers with little more than what there is to find.
#[test]
fn the_index_narrows_the_candidates() {
    let mut searchable = SearchableModel::default();
    for (id, title) in [("1", "Night of lights"), ("2", "knight of keys"), ("3", "東京タワー")] {
        searchable.put(id, 1, title);
    }
    assert!(searchable.lookup.candidates(&["night".to_owned()]).is_none(), "there is no index yet");
    assert!(searchable.reindex());
    for (text, expected) in [
        ("night", &["1"][..]),
        ("LIGHTS night", &["1"]),
        ("of", &["1", "2"]),
        ("of kn", &["2"]),
        ("京タワ", &["3"]),
        ("ight", &[]),
        ("night keys", &[]),
        ("colombo", &["1", "2", "3"]),
    ] {
        assert_eq!(searchable.candidates(text), set(expected), "{text}");
    }
    assert!(searchable.lookup.candidates(&[]).is_none(), "without words there is nothing to look up");
}

#[test]
fn a_change_is_found_at_once_and_commits_only_for_new_text() {
    let mut searchable = SearchableModel::default();
    searchable.put("1", 1, "night");
    searchable.put("2", 1, "day");
    assert!(searchable.reindex());
    searchable.put("1", 2, "night");
    assert!(!searchable.reindex());
    searchable.put("1", 3, "noon");
    searchable.put("3", 1, "night");
    assert_eq!(searchable.candidates("night"), set(&["1", "3"]), "before the commit");
    assert!(searchable.reindex());
    assert_eq!((searchable.candidates("night"), searchable.candidates("noon")), (set(&["3"]), set(&["1"])), "after it");
}

#[test]
fn removed_events_leave_the_index() {
    let mut searchable = SearchableModel::default();
    searchable.put("1", 1, "night");
    searchable.put("2", 1, "night");
    searchable.reindex();
    searchable.model = ReadModel::default();
    searchable.lookup.note("1");
    searchable.reindex();
    assert_eq!(searchable.candidates("night"), set(&["2"]));
    searchable.lookup.note_all();
    assert!(searchable.lookup.lags());
    searchable.reindex();
    assert_eq!(searchable.candidates("night"), set(&[]));
    assert!(!searchable.lookup.lags());
}

#[test]
fn changes_during_a_commit_are_not_lost() {
    let mut searchable = SearchableModel::default();
    searchable.put("1", 1, "day");
    let work = searchable.lookup.work(&searchable.model, &mut searchable.indexer);
    searchable.put("1", 2, "night");
    searchable.put("2", 1, "night");
    let written = searchable.indexer.write(work);
    searchable.lookup.advance(written);
    assert_eq!(searchable.candidates("night"), set(&["1", "2"]));
}

/// A text that changes again and again leaves nothing behind.
#[test]
fn replaced_texts_leave_the_index() {
    let mut searchable = SearchableModel::default();
    let ids: Vec<String> = (0..100).map(|number| format!("{number}")).collect();
    let mut most = 0;
    for revision in 1..=6_u64 {
        for id in &ids {
            searchable.put(id, revision, &format!("text {id} {revision}"));
            searchable.reindex();
            most = most.max(searchable.lookup.view.as_ref().unwrap().documents());
        }
    }
    assert!(most < 300, "{most} documents for 100 events");
}

/// The node works without it, reports it, and does not retry at once.
#[test]
fn a_failed_index_is_reported() {
    let mut searchable = SearchableModel::default();
    searchable.put("1", 1, "night");
    searchable.reindex();
    assert_eq!(searchable.lookup.trouble(), None);
    let work = searchable.lookup.work(&searchable.model, &mut searchable.indexer);
    let view = careful(|| -> tantivy::Result<_> { panic!("a fault in the library") });
    searchable.lookup.advance(IndexUpdate { view, noted: work.noted });
    assert_eq!(searchable.lookup.trouble().as_deref(), Some("it panicked"));
    assert!(searchable.lookup.candidates(&["night".to_owned()]).is_none() && !searchable.lookup.lags());
    searchable.reindex();
    assert_eq!((searchable.lookup.trouble(), searchable.candidates("night")), (None, set(&["1"])));
}
