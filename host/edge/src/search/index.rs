//! The index itself: which events' texts have keys that begin with a word's.
//!
//! An event is a document of two fields: its id, and the [`read_model::keys`] of its text. Nothing is stored, scored or normed. A
//! committed segment never changes but for what is deleted from it, so the ids of its documents are read once.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::Arc;

use tantivy::index::SegmentId;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::query::{BooleanQuery, EnableScoring, InvertedIndexRangeQuery, Query};
use tantivy::schema::{FAST, Field, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{IndexReader, IndexSettings, IndexWriter, ReloadPolicy, Searcher, SegmentReader, TantivyDocument, Term};

use crate::limits;

const ID: &str = "id";
const TEXT: &str = "text";
const TOKENIZER: &str = "keys";
/// Follows every character that a folded text may have: it is none.
const LAST: char = char::MAX;

/// The ids of a segment's documents, by document.
type Ids = Arc<[Arc<str>]>;

/// An index that is written to; what is written is seen in the [`View`] that the next commit gives.
pub(super) struct Index {
    writer: IndexWriter,
    reader: IndexReader,
    id: Field,
    text: Field,
    /// Every event that it has, with a hash of its text.
    known: HashMap<Arc<str>, u64>,
    hasher: RandomState,
    ids: HashMap<SegmentId, Ids>,
}

/// An index as of one commit. Cheap to clone.
#[derive(Clone)]
pub(super) struct View {
    searcher: Searcher,
    text: Field,
    /// By segment.
    ids: Vec<Ids>,
}

impl Index {
    /// An empty one, and the threads that it writes with.
    pub fn open() -> tantivy::Result<Self> {
        let indexing = TextFieldIndexing::default().set_tokenizer(TOKENIZER).set_index_option(IndexRecordOption::Basic);
        let mut schema = Schema::builder();
        let id = schema.add_text_field(ID, STRING | FAST);
        let text = schema.add_text_field(TEXT, TextOptions::default().set_indexing_options(indexing.set_fieldnorms(false)));
        let tokenizers = TokenizerManager::default();
        tokenizers.register(TOKENIZER, Keys);
        let settings = IndexSettings { docstore_compress_dedicated_thread: false, ..IndexSettings::default() };
        let index = tantivy::Index::builder().schema(schema.build()).tokenizers(tokenizers).settings(settings).create_in_ram()?;

        let options = IndexWriterOptions::builder().num_worker_threads(1).num_merge_threads(1);
        let writer = index.writer_with_options(options.memory_budget_per_thread(limits::INDEX_BYTES).build())?;
        let mut policy = LogMergePolicy::default();
        policy.set_min_num_segments(limits::INDEX_SEGMENTS);
        policy.set_min_layer_size(limits::INDEX_SMALL_SEGMENT);
        policy.set_del_docs_ratio_before_merge(limits::INDEX_STALE_SHARE);
        writer.set_merge_policy(Box::new(policy));
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { writer, reader, id, text, known: HashMap::new(), hasher: RandomState::new(), ids: HashMap::new() })
    }

    /// The ids of what it has.
    pub fn known(&self) -> impl Iterator<Item = &Arc<str>> {
        self.known.keys()
    }

    /// Takes an event with its text, in place of what was known of it; whether that changes anything.
    pub fn put(&mut self, id: &str, text: &str) -> tantivy::Result<bool> {
        let hash = self.hasher.hash_one(text);
        let id: Arc<str> = match self.known.get_key_value(id) {
            Some((_, known)) if *known == hash => return Ok(false),
            Some((id, _)) => {
                let id = Arc::clone(id);
                self.writer.delete_term(Term::from_field_text(self.id, &id));
                id
            }
            None => id.into(),
        };
        let mut document = TantivyDocument::new();
        document.add_text(self.id, &id);
        document.add_text(self.text, text);
        self.writer.add_document(document)?;
        self.known.insert(id, hash);
        Ok(true)
    }

    /// Forgets an event; whether it was known.
    pub fn remove(&mut self, id: &str) -> bool {
        let known = self.known.remove(id).is_some();
        if known {
            self.writer.delete_term(Term::from_field_text(self.id, id));
        }
        known
    }

    /// Makes what was put and removed visible, in the view that it returns.
    pub fn commit(&mut self) -> tantivy::Result<View> {
        self.writer.commit()?;
        self.reader.reload()?;
        let searcher = self.reader.searcher();
        let mut ids = HashMap::with_capacity(searcher.segment_readers().len());
        let mut by_segment = Vec::with_capacity(ids.capacity());
        for segment in searcher.segment_readers() {
            let of_segment = match self.ids.get(&segment.segment_id()) {
                Some(read) => Arc::clone(read),
                None => self.read_ids(segment)?,
            };
            by_segment.push(Arc::clone(&of_segment));
            ids.insert(segment.segment_id(), of_segment);
        }
        self.ids = ids;
        Ok(View { searcher, text: self.text, ids: by_segment })
    }

    fn read_ids(&self, segment: &SegmentReader) -> tantivy::Result<Ids> {
        // A segment without the column has no documents.
        let Some(column) = segment.fast_fields().str(ID)? else { return Ok(Arc::from([])) };
        let mut by_ordinal: Vec<Arc<str>> = Vec::with_capacity(column.num_terms());
        let mut terms = column.dictionary().stream()?;
        while terms.advance() {
            let id = std::str::from_utf8(terms.key()).unwrap_or_default();
            // What is not known any more is deleted from the segment, and nobody asks for it.
            by_ordinal.push(self.known.get_key_value(id).map(|(id, _)| Arc::clone(id)).unwrap_or_default());
        }
        let id_of = |document| {
            column.term_ords(document).next().and_then(|ordinal| by_ordinal.get(usize::try_from(ordinal).ok()?).cloned())
        };
        Ok((0..segment.max_doc()).map(|document| id_of(document).unwrap_or_default()).collect())
    }
}

impl View {
    /// The events that may have all of these folded words, each once: those that have, and some that only have words that begin alike.
    pub fn matching(&self, words: &[String]) -> tantivy::Result<Vec<Arc<str>>> {
        let keys: BTreeSet<&str> = words.iter().map(|word| read_model::key(word)).collect();
        // Those that narrow most; the others are looked at in the texts.
        let mut keys: Vec<&str> = keys.into_iter().collect();
        keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
        keys.truncate(limits::INDEX_WORDS);
        let query = BooleanQuery::intersection(keys.into_iter().map(|key| self.begins_with(key)).collect());
        let weight = query.weight(EnableScoring::disabled_from_searcher(&self.searcher))?;
        let mut found = Vec::new();
        for (segment, ids) in self.searcher.segment_readers().iter().zip(&self.ids) {
            weight.for_each_no_score(segment, &mut |documents| {
                let alive = documents.iter().filter(|document| !segment.is_deleted(**document));
                found.extend(alive.filter_map(|document| ids.get(*document as usize).cloned()));
            })?;
        }
        Ok(found)
    }

    /// How many documents it keeps, those that were replaced included.
    #[cfg(test)]
    pub fn documents(&self) -> u32 {
        self.searcher.segment_readers().iter().map(SegmentReader::max_doc).sum()
    }

    fn begins_with(&self, key: &str) -> Box<dyn Query> {
        let first = Term::from_field_text(self.text, key);
        let past = Term::from_field_text(self.text, &format!("{key}{LAST}"));
        Box::new(InvertedIndexRangeQuery::new(Bound::Included(first), Bound::Excluded(past)))
    }
}

/// Cuts a folded text into its keys.
#[derive(Clone)]
struct Keys;

struct KeyStream<'a> {
    keys: Box<dyn Iterator<Item = &'a str> + 'a>,
    token: Token,
}

impl Tokenizer for Keys {
    type TokenStream<'a> = KeyStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> KeyStream<'a> {
        KeyStream { keys: Box::new(read_model::keys(text)), token: Token::default() }
    }
}

impl TokenStream for KeyStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(key) = self.keys.next() else { return false };
        self.token.text.clear();
        self.token.text.push_str(key);
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
