use super::*;
use crate::{Booking, Event, Item, Money, Venue};

fn eur(amount: i64) -> Money {
    Money { amount, currency: "EUR".into() }
}

/// A receipt over so many ticket types.
pub fn receipt(title: &str, items: u32, refunded: i64) -> Receipt {
    let item = |number| Item {
        ticket_type_id: format!("eu_t{number}"),
        name: format!("Standard {number}"),
        quantity: 2,
        unit_price: eur(4500),
        total: eur(9000),
    };
    Receipt {
        number: "EU-P".into(),
        issued_at: "2027-02-01T10:20:30.123Z".into(),
        booking: Booking { id: "eu_b".into(), event_id: "eu_e".into(), created_at: "2027-02-01T10:10:00Z".into() },
        event: Event {
            title: title.into(),
            venue: Venue { name: "Blue Hall".into(), city: "São Paulo".into(), country: "BR".into() },
            starts_at: "2027-03-01T19:00:00Z".into(),
            timezone: "America/Sao_Paulo".into(),
        },
        items: (1..=items).map(item).collect(),
        total: eur(9000),
        refunded: eur(refunded),
    }
}

/// Every letter is half as wide as it is high.
fn measure(text: &str, size: f32, _: bool) -> f32 {
    text.chars().count() as f32 * size / 2.0
}

fn texts(pages: &[Page]) -> Vec<&str> {
    pages.iter().flat_map(|page| &page.texts).map(|text| text.text.as_str()).collect()
}

#[test]
fn everything_stands_on_the_page() {
    let pages = pages(&receipt("Night of Strings", 2, 0), &measure);
    let texts = texts(&pages);
    for expected in [
        "EU-P",
        "2027-02-01 10:20 UTC",
        "Night of Strings",
        "Blue Hall, São Paulo, BR",
        "2027-03-01 19:00 UTC (America/Sao_Paulo)",
        "Standard 1",
        "Standard 2",
        "EUR 45.00",
        "Paid",
        "EUR 90.00",
    ] {
        assert!(texts.contains(&expected), "{expected} in {texts:?}");
    }
    assert!(!texts.contains(&"Refunded"));
}

#[test]
fn what_went_back_is_taken_off() {
    let pages = pages(&receipt("Night of Strings", 1, 4500), &measure);
    let texts = texts(&pages);
    let at = texts.iter().position(|text| *text == "Refunded").unwrap();
    assert_eq!(&texts[at..], ["Refunded", "EUR -45.00", "Left", "EUR 45.00"]);
}

#[test]
fn nothing_runs_over_the_edge() {
    let long = format!("{} {}", "Very long title".repeat(10), "w".repeat(300));
    let pages = pages(&receipt(&long, 60, 1), &measure);
    assert!(pages.len() > 1);
    for text in pages.iter().flat_map(|page| &page.texts) {
        assert!(text.x >= MARGIN && text.x + measure(&text.text, text.size, text.bold) <= RIGHT + 0.01, "{text:?}");
        assert!(text.y > MARGIN && text.y <= BOTTOM, "{text:?}");
    }
}
