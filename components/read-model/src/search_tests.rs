use super::*;
use crate::fact::{TicketType, Venue};
use crate::model::tests::{availability, event};
use crate::{Fact, ReadModel};

/// Seven events: `a` to `e` to come, `past` over at 2,000, `off` cancelled.
fn model() -> ReadModel {
    let rows = [
        ("a", "Night of Strings", "music", "Colombo", 10_000, 4_500, &[5][..]),
        ("b", "Éclat de Jazz", "music", "São Paulo", 11_000, 0, &[0]),
        ("c", "Open Air Cinema", "film", "colombo", 12_000, 1_000, &[0, 2]),
        ("d", "strings & keys", "music", "Oslo", 12_000, 9_000, &[]),
        ("e", "A Party", "comedy", "Oslo", 13_000, 1_000, &[1]),
        ("past", "Strings of old", "music", "Colombo", 1_000, 100, &[1]),
        ("off", "Strings called off", "music", "Colombo", 10_000, 100, &[1]),
    ];
    let mut model = ReadModel::default();
    for (id, title, category, city, starts_at, price, left) in rows {
        let tickets = [price + 500, price].map(|price| TicketType { price, ..event(id).ticket_types[0].clone() });
        model.apply(Fact::Event(EventDoc {
            title: title.to_owned(),
            description: format!("About {title}: rock'n'roll."),
            category: category.to_owned(),
            venue: Venue { city: city.to_owned(), ..event(id).venue },
            starts_at,
            ends_at: starts_at + 1_000,
            status: if id == "off" { EventStatus::Cancelled } else { EventStatus::Published },
            ticket_types: tickets.to_vec(),
            ..event(id)
        }));
        model.apply(Fact::Availability(Availability { sales_until: Some(starts_at + 1_000), ..availability(id, 1, left) }));
    }
    model
}

const NOW: i64 = 5_000;

fn query() -> Query {
    Query { limit: 100, ..Query::default() }
}

fn ids(query: &Query) -> Vec<String> {
    model().search(query, NOW).unwrap().items.iter().map(|doc| doc.id.clone()).collect()
}

#[test]
fn filters_select_matching_events() {
    let text = |text: &str| Query { text: Some(text.to_owned()), ..query() };
    let city = |city: &str| Query { city: Some(city.to_owned()), ..query() };
    for (name, query, expected) in [
        ("everything to come", query(), &["a", "b", "c", "d", "e"][..]),
        ("a word, another case", text("STRINGS"), &["a", "d"]),
        ("the beginning of a word", text("stri"), &["a", "d"]),
        ("not its middle", text("art"), &[]),
        ("all words", text("strings night"), &["a"]),
        ("accents", text("eclat"), &["b"]),
        ("in the city", text("jazz sao"), &["b"]),
        ("in the venue", text("blue strings"), &["a", "d"]),
        ("in the description", text("rock'n'roll oslo"), &["d", "e"]),
        ("blanks are no text", text("  "), &["a", "b", "c", "d", "e"]),
        ("signs alone", text(" !? "), &[]),
        ("more than sixteen words", text(&format!("{} oslo", "strings keys about rock ".repeat(5))), &["d"]),
        (
            "one wrong word after sixteen",
            text("s st str stri strin string strings k ke key keys a ab abo abou about r ro roc zzz"),
            &[],
        ),
        ("within a currency", Query { currency: Some("EUR".to_owned()), ..query() }, &["a", "b", "c", "d", "e"]),
        ("of another", Query { currency: Some("JPY".to_owned()), max_price: Some(1_000), ..query() }, &[]),
        ("category", Query { category: Some("Film".to_owned()), ..query() }, &["c"]),
        ("part of a category", Query { category: Some("mus".to_owned()), ..query() }, &[]),
        ("city", city("COLOMBO"), &["a", "c"]),
        ("city without accents", city("sao paulo"), &["b"]),
        ("from, inclusive", Query { starts_from: Some(12_000), ..query() }, &["c", "d", "e"]),
        ("to, exclusive", Query { starts_to: Some(12_000), ..query() }, &["a", "b"]),
        ("past ones by from", Query { starts_from: Some(0), starts_to: Some(10_001), ..query() }, &["past", "a"]),
        ("past ones by to", Query { starts_to: Some(NOW), ..query() }, &["past"]),
        ("min price", Query { min_price: Some(4_500), ..query() }, &["a", "d"]),
        ("max price", Query { max_price: Some(1_000), ..query() }, &["b", "c", "e"]),
        ("both", Query { min_price: Some(1), max_price: Some(1_000), ..query() }, &["c", "e"]),
        ("available", Query { available: Some(true), ..query() }, &["a", "c", "e"]),
        ("not available", Query { available: Some(false), ..query() }, &["b", "d"]),
        ("by price", Query { sort: SortKey::Price, ..query() }, &["b", "c", "e", "a", "d"]),
        ("by price, descending", Query { sort: SortKey::Price, descending: true, ..query() }, &["d", "a", "e", "c", "b"]),
        ("by title", Query { sort: SortKey::Title, ..query() }, &["e", "b", "a", "c", "d"]),
        ("by title, descending", Query { sort: SortKey::Title, descending: true, ..query() }, &["d", "c", "a", "b", "e"]),
        ("by start, descending", Query { descending: true, ..query() }, &["e", "d", "c", "b", "a"]),
    ] {
        assert_eq!(ids(&query), expected, "{name}");
    }
}

#[test]
fn pages_join_to_the_whole() {
    for sort in [SortKey::StartsAt, SortKey::Price, SortKey::Title] {
        for descending in [false, true] {
            for limit in 1..=6 {
                let whole = ids(&Query { sort, descending, ..query() });
                let mut joined = Vec::new();
                let mut cursor = None;
                loop {
                    let page = model().search(&Query { sort, descending, limit, cursor, ..query() }, NOW).unwrap();
                    assert!(page.items.len() <= limit as usize);
                    joined.extend(page.items.iter().map(|doc| doc.id.clone()));
                    cursor = page.next_cursor;
                    if cursor.is_none() {
                        break;
                    }
                    assert!(joined.len() < whole.len(), "a further page must bring something");
                }
                assert_eq!(joined, whole, "{sort:?} {descending} {limit}");
            }
        }
    }
}

#[test]
fn inserts_do_not_shift_pages() {
    let mut model = model();
    let first = model.search(&Query { limit: 2, ..query() }, NOW).unwrap();
    model.apply(Fact::Event(EventDoc { starts_at: 9_000, ends_at: 20_000, ..event("new") }));
    let second = model.search(&Query { limit: 2, cursor: first.next_cursor, ..query() }, NOW).unwrap();
    let ids: Vec<_> = second.items.iter().map(|doc| doc.id.as_str()).collect();
    assert_eq!(ids, ["c", "d"]);
}

#[test]
fn facets_count_everything_that_matches() {
    let facets = |facets: &[Facet]| facets.iter().map(|facet| format!("{}:{}", facet.value, facet.count)).collect::<Vec<_>>();
    let first = model().search(&Query { limit: 1, ..query() }, NOW).unwrap();
    assert_eq!(facets(&first.categories), ["music:3", "comedy:1", "film:1"]);
    assert_eq!(facets(&first.cities), ["Colombo:2", "Oslo:2", "São Paulo:1"], "one city, however it is spelled");
    let last = model().search(&Query { limit: 4, cursor: first.next_cursor, ..query() }, NOW).unwrap();
    assert_eq!((&last.categories, last.items.len(), last.next_cursor), (&first.categories, 4, None));
    let music = model().search(&Query { category: Some("music".to_owned()), ..query() }, NOW).unwrap();
    assert_eq!(facets(&music.cities), ["Colombo:1", "Oslo:1", "São Paulo:1"]);
}

#[test]
fn facets_are_bounded() {
    let mut model = ReadModel::default();
    for n in 0..200 {
        model.apply(Fact::Event(EventDoc { category: format!("c{n:03}"), ends_at: i64::MAX, ..event(&format!("e{n}")) }));
    }
    let page = model.search(&query(), NOW).unwrap();
    assert_eq!((page.categories.len(), page.categories[0].value.as_str(), page.items.len()), (MAX_FACETS, "c000", 100));
}

#[test]
fn refuses_a_foreign_cursor() {
    let cursor = model().search(&Query { limit: 1, ..query() }, NOW).unwrap().next_cursor;
    for bad in [
        Query { cursor: cursor.clone(), sort: SortKey::Price, ..query() },
        Query { cursor: cursor.clone(), descending: true, ..query() },
        Query { cursor: Some("x".to_owned()), ..query() },
    ] {
        assert_eq!(model().search(&bad, NOW), Err(SearchError::BadCursor));
    }
}

#[test]
fn a_facets_count_is_what_its_filter_gives() {
    let mut model = ReadModel::default();
    for (id, city) in [("1", "Zürich"), ("2", "ZURICH"), ("3", "Zurich"), ("4", "Zürich"), ("5", "L'Aquila"), ("6", "L’Aquila")]
    {
        let venue = Venue { city: city.to_owned(), ..event(id).venue };
        model.apply(Fact::Event(EventDoc { venue, ends_at: i64::MAX, ..event(id) }));
    }
    let page = model.search(&query(), NOW).unwrap();
    let facets: Vec<_> = page.cities.iter().map(|facet| (facet.value.as_str(), facet.count)).collect();
    assert_eq!(facets, [("Zürich", 4), ("L'Aquila", 2)]);
    for facet in page.cities {
        let found = model.search(&Query { city: Some(facet.value), ..query() }, NOW).unwrap();
        assert_eq!(found.items.len(), facet.count as usize);
    }
}
