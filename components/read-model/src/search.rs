//! Search: filters, facets, order and pages.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use vocabulary::edge::Page;
pub use vocabulary::edge::{Facet, Query, SortKey};

use crate::cursor::{Cursor, KeyRef};
use crate::fact::{Availability, EventDoc, EventStatus};
use crate::limits::{MAX_FACETS, MAX_PAGE};
use crate::model::Entry;
use crate::text::{contains_word, fold, words};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPage {
    /// In the order asked for; shared, so that finding copies nothing.
    pub items: Vec<Arc<EventDoc>>,
    /// None: this is the last page.
    pub next_cursor: Option<String>,
    /// Over everything that matches, not only this page; the most frequent, most frequent first, equals by value.
    pub categories: Vec<Facet>,
    /// As `categories`.
    pub cities: Vec<Facet>,
}

impl SearchPage {
    /// The page to be handed out: as of then, and without what these regions sell.
    #[must_use]
    pub fn into_page(self, as_of: i64, incomplete: Vec<String>) -> Page {
        let Self { items, next_cursor, categories, cities } = self;
        let items = items.iter().map(|doc| doc.in_list()).collect();
        Page { items, next_cursor, categories, cities, as_of, incomplete }
    }
}

/// Why a search was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// The cursor is not from a page of this order.
    #[error("the cursor is not from a page of this order")]
    BadCursor,
}

/// The page of `entries` that `query` asks for at `now`. Drafts and cancelled events are never on it.
///
/// # Errors
/// [`SearchError::BadCursor`] if the cursor is not from a page of this order.
pub fn search<'a>(
    entries: impl Iterator<Item = (&'a Entry, Option<&'a Availability>)>,
    query: &Query,
    now: i64,
) -> Result<SearchPage, SearchError> {
    let after = match &query.cursor {
        Some(text) => Some(Cursor::parse(text, query.sort, query.descending).ok_or(SearchError::BadCursor)?),
        None => None,
    };
    let filter = Filter::of(query, now);

    let (mut categories, mut cities) = (Spellings::new(), Spellings::new());
    let mut found: Vec<&Entry> = Vec::new();
    for (entry, inventory) in entries {
        if !filter.admits(entry, inventory) {
            continue;
        }
        categories.entry(&entry.doc.category).or_insert((0, &entry.category_key)).0 += 1;
        cities.entry(&entry.doc.venue.city).or_insert((0, &entry.city_key)).0 += 1;
        if after.as_ref().is_none_or(|cursor| cursor.is_before(key_of(entry, query.sort), &entry.doc.id)) {
            found.push(entry);
        }
    }

    let order = |a: &&Entry, b: &&Entry| {
        let order = compare(a, b, query.sort);
        if query.descending { order.reverse() } else { order }
    };
    let limit = query.limit.clamp(1, MAX_PAGE) as usize;
    let more = found.len() > limit;
    if more {
        // Only what is on the page needs an order.
        found.select_nth_unstable_by(limit, order);
        found.truncate(limit);
    }
    found.sort_unstable_by(order);

    let next_cursor = match found.last() {
        Some(last) if more => Cursor::at(query.sort, query.descending, key_of(last, query.sort), &last.doc.id).render(),
        _ => None,
    };
    Ok(SearchPage {
        items: found.iter().map(|entry| Arc::clone(&entry.doc)).collect(),
        next_cursor,
        categories: most_frequent(categories),
        cities: most_frequent(cities),
    })
}

/// A query's conditions, its text folded once.
struct Filter<'q> {
    query: &'q Query,
    now: i64,
    words: Vec<String>,
    category: Option<String>,
    city: Option<String>,
    past_too: bool,
    /// Asked for by signs alone.
    nothing: bool,
}

impl<'q> Filter<'q> {
    fn of(query: &'q Query, now: i64) -> Self {
        let text = query.text.as_deref().filter(|text| !text.trim().is_empty());
        let words = text.map(words).unwrap_or_default();
        Self {
            query,
            now,
            nothing: text.is_some() && words.is_empty(),
            words,
            category: query.category.as_deref().map(fold),
            city: query.city.as_deref().map(fold),
            past_too: query.includes_past(now),
        }
    }

    /// The cheap conditions come first.
    fn admits(&self, entry: &Entry, inventory: Option<&Availability>) -> bool {
        let (doc, query) = (&entry.doc, self.query);
        doc.status == EventStatus::Published
            && !self.nothing
            && (self.past_too || doc.ends_at >= self.now)
            && query.starts_from.is_none_or(|from| doc.starts_at >= from)
            && query.starts_to.is_none_or(|to| doc.starts_at < to)
            && query.currency.as_deref().is_none_or(|currency| doc.currency == currency)
            && query.min_price.is_none_or(|min| entry.cheapest >= min)
            && query.max_price.is_none_or(|max| entry.cheapest <= max)
            && self.category.as_deref().is_none_or(|category| *entry.category_key == *category)
            && self.city.as_deref().is_none_or(|city| *entry.city_key == *city)
            && query
                .available
                .is_none_or(|wanted| wanted == inventory.is_some_and(|inventory| inventory.buyable(&doc.ticket_types, self.now)))
            && self.words.iter().all(|word| contains_word(&entry.haystack, word))
    }
}

fn key_of(entry: &Entry, sort: SortKey) -> KeyRef<'_> {
    match sort {
        SortKey::StartsAt => KeyRef::Number(entry.doc.starts_at),
        SortKey::Price => KeyRef::Number(entry.cheapest),
        SortKey::Title => KeyRef::Text(&entry.title_key),
    }
}

fn compare(a: &Entry, b: &Entry, sort: SortKey) -> Ordering {
    key_of(a, sort).cmp(&key_of(b, sort)).then_with(|| a.doc.id.cmp(&b.doc.id))
}

/// Values as they stand in events: how many have it, and what a filter compares it by.
type Spellings<'a> = HashMap<&'a str, (u32, &'a str)>;

/// The most frequent values, those together that their filter finds together, under the spelling that most have.
fn most_frequent(spellings: Spellings<'_>) -> Vec<Facet> {
    let mut spellings: Vec<(&str, u32, &str)> = spellings.into_iter().map(|(value, (count, key))| (key, count, value)).collect();
    spellings.sort_unstable_by(|a, b| a.0.cmp(b.0).then_with(|| b.1.cmp(&a.1)).then_with(|| a.2.cmp(b.2)));
    let mut facets: Vec<(u32, &str)> = Vec::new();
    for same in spellings.chunk_by(|a, b| a.0 == b.0) {
        let count = same.iter().map(|(_, count, _)| count).sum();
        facets.extend(same.first().map(|(_, _, value)| (count, *value)));
    }
    facets.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    facets.truncate(MAX_FACETS);
    facets.into_iter().map(|(count, value)| Facet { value: value.to_owned(), count }).collect()
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
