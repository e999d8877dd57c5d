//! Search: filters, facets, order and pages.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cursor::{Cursor, KeyRef};
use crate::fact::{Availability, EventDoc, EventStatus};
use crate::limits::{MAX_FACETS, MAX_PAGE};
use crate::model::Entry;
use crate::text::{contains_word, fold, words};

/// What a page is sorted by; the id breaks ties.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortKey {
    /// Soonest first.
    #[default]
    StartsAt,
    /// Cheapest ticket first.
    Price,
    /// By folded title.
    Title,
}

/// What to look for. The default asks for everything that is still to come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Words that all must occur in title, description, venue or city; case and accents do not matter. A text without words finds nothing; one of
    /// blanks is none.
    pub text: Option<String>,
    /// Case and accents do not matter.
    pub category: Option<String>,
    /// Case and accents do not matter.
    pub city: Option<String>,
    /// Events that start at or after this. With it, events that are over are found too.
    pub starts_from: Option<i64>,
    /// Events that start before this. Where this is past itself, events that are over are found too.
    pub starts_to: Option<i64>,
    /// ISO 4217: only events that are sold in it. Prices of one currency say nothing beside those of another, so who compares them names it.
    pub currency: Option<String>,
    /// Lower bound of the cheapest ticket, minor units, inclusive.
    pub min_price: Option<i64>,
    /// Upper bound of the cheapest ticket, minor units, inclusive.
    pub max_price: Option<i64>,
    /// true: something can be bought now; false: nothing can.
    pub available: Option<bool>,
    /// What to sort by.
    pub sort: SortKey,
    /// The other way round, ids too.
    pub descending: bool,
    /// Taken as 1 to [`MAX_PAGE`].
    pub limit: u32,
    /// As returned by the page before.
    pub cursor: Option<String>,
}

impl Query {
    /// Whether events that are over at `now` are asked for: only where the query's times say so.
    #[must_use]
    pub fn includes_past(&self, now: i64) -> bool {
        self.starts_from.is_some() || self.starts_to.is_some_and(|to| to <= now)
    }
}

/// How many matching events have a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet {
    /// As it stands in the events.
    pub value: String,
    /// 1 or more.
    pub count: u32,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order asked for.
    pub items: Vec<Arc<EventDoc>>,
    /// None: this is the last page.
    pub next_cursor: Option<String>,
    /// Over everything that matches, not only this page; the most frequent, most frequent first, equals by value.
    pub categories: Vec<Facet>,
    /// As `categories`.
    pub cities: Vec<Facet>,
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
) -> Result<Page, SearchError> {
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
    Ok(Page {
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
            && query.available.is_none_or(|wanted| wanted == inventory.is_some_and(|inventory| inventory.buyable(self.now)))
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
