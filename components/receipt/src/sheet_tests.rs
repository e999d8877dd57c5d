use super::*;
use crate::{Booking, Buyer, Event, Item, Money, Seller, Venue};

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
        issued_local: "Monday 1 February 2027, 07:20 (America/Sao_Paulo, UTC-03:00)".into(),
        seller: Seller { name: "Blue Hall Ltd".into() },
        buyer: Some(Buyer { name: "Ada Lovelace".into(), email: "ada@example.com".into() }),
        booking: Booking {
            id: "eu_b".into(),
            event_id: "eu_e".into(),
            created_at: "2027-02-01T10:10:00Z".into(),
            refund_until: None,
            refund_until_local: None,
        },
        event: Event {
            title: title.into(),
            venue: Venue { name: "Blue Hall".into(), city: "São Paulo".into(), country: "BR".into() },
            starts_at: "2027-03-01T19:00:00Z".into(),
            starts_at_local: "2027-03-01T16:00:00-03:00".into(),
            starts_local: "Monday 1 March 2027, 16:00 (America/Sao_Paulo, UTC-03:00)".into(),
            timezone: "America/Sao_Paulo".into(),
        },
        items: (1..=items).map(item).collect(),
        total: eur(9000),
        refunded: eur(refunded),
    }
}

/// Every letter is half as wide as it is high.
fn measure(text: &str, size: f32, _: bool) -> f32 {
    text.chars().filter(|letter| !('\u{2068}'..='\u{2069}').contains(letter)).count() as f32 * size / 2.0
}

fn texts(pages: &[Page]) -> Vec<String> {
    pages.iter().flat_map(|page| &page.texts).map(|text| text.text.replace(['\u{2068}', '\u{2069}'], "")).collect()
}

#[test]
fn a_buyer_without_a_name_is_their_address() {
    let mut receipt = receipt("Night of Strings", 1, 0);
    if let Some(buyer) = &mut receipt.buyer {
        buyer.name.clear();
    }
    let texts = texts(&pages(&receipt, false, &measure));
    assert!(texts.contains(&"ada@example.com".to_owned()), "{texts:?}");
}

#[test]
fn everything_stands_on_the_page() {
    let pages = pages(&receipt("Night of Strings", 2, 0), false, &measure);
    let texts = texts(&pages);
    for expected in [
        "EU-P",
        "Monday 1 February 2027, 07:20 (America/Sao_Paulo, UTC-03:00)",
        "Blue Hall Ltd",
        "Ada Lovelace, ada@example.com",
        "The buyer may not cancel for a refund.",
        "Night of Strings",
        "Blue Hall, São Paulo, BR",
        "Monday 1 March 2027, 16:00 (America/Sao_Paulo, UTC-03:00)",
        "Standard 1",
        "Standard 2",
        "EUR 45.00",
        "Paid",
        "EUR 90.00",
    ] {
        assert!(texts.iter().any(|text| text == expected), "{expected} in {texts:?}");
    }
    assert!(texts.iter().all(|text| text != "Refunded" && !text.starts_with("An empty box")));
}

#[test]
fn what_went_back_is_taken_off() {
    let pages = pages(&receipt("Night of Strings", 1, 4500), false, &measure);
    let texts = texts(&pages);
    let at = texts.iter().position(|text| text == "Refunded").unwrap();
    assert_eq!(&texts[at..], ["Refunded", "EUR -45.00", "Left", "EUR 45.00"]);
}

#[test]
fn a_paper_says_which_characters_it_lacks() {
    let pages = pages(&receipt("東京", 1, 0), true, &measure);
    assert!(texts(&pages).iter().any(|text| text.starts_with("An empty box stands for a character")));
}

#[test]
fn nothing_runs_over_the_edge() {
    let long = format!("{} {}", "Very long title".repeat(10), "w".repeat(300));
    let pages = pages(&receipt(&long, 60, 1), false, &measure);
    assert!(pages.len() > 1);
    assert_apart(&pages);
}

#[test]
fn the_longest_receipt_that_can_be_sold_fits() {
    let mut longest = receipt(&"あ".repeat(200), 50, 1);
    for item in &mut longest.items {
        (item.name, item.quantity) = ("席".repeat(100), 1000);
        item.unit_price.amount = 1_000_000_000_000;
        item.total.amount = 1_000_000_000_000_000;
    }
    longest.event.venue.name = "館".repeat(200);
    longest.seller.name = "者".repeat(100);
    // As wide as they are high.
    let wide = |text: &str, size: f32, _: bool| text.chars().count() as f32 * size;
    let pages = pages(&longest, true, &wide);
    assert!(pages.len() < limits::PAGES, "{}", pages.len());
    for text in pages.iter().flat_map(|page| &page.texts) {
        assert!(text.y <= BOTTOM + 20.0, "{text:?}");
    }
}

#[test]
fn long_sums_never_run_into_the_next_column() {
    for (unit, quantity) in [(4500, 2), (100_000_000, 1000), (999_999_999_999, 1000), (99_999_999_999_999, 10_000)] {
        let mut dear = receipt("Night of Strings", 3, 0);
        for item in &mut dear.items {
            (item.unit_price.amount, item.quantity, item.total.amount) = (unit, quantity, unit * i64::from(quantity));
            item.name = "A ticket type with a long name that takes several lines in its column".into();
        }
        let pages = pages(&dear, false, &measure);
        assert_apart(&pages);
        let sum = money::format(unit * i64::from(quantity), "EUR");
        assert!(texts(&pages).contains(&sum), "{sum}");
    }
}

/// Every text is on its page, and none over another.
fn assert_apart(pages: &[Page]) {
    for page in pages {
        for text in &page.texts {
            let right = text.x + measure(&text.text, text.size, text.bold);
            assert!(text.x >= MARGIN && right <= RIGHT + 0.01, "{text:?}");
            assert!(text.y > MARGIN && text.y <= BOTTOM + 20.0, "{text:?}");
            for other in page.texts.iter().filter(|other| other.y == text.y && other.x > text.x) {
                assert!(right < other.x, "{text:?} runs into {other:?}");
            }
        }
    }
}
