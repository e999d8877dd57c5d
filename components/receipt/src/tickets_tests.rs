use super::labels::Labels;
use super::*;
use crate::fonts::Library;
use crate::page::{BOTTOM, MARGIN, Page, RIGHT, Shape};
use crate::pdf::{render_tickets_with, tests::with_fonts};
use icalendar::parser::{read_calendar, unfold};
use std::path::{Path, PathBuf};
use std::process::Command;

/// As long as they get, in the letters that they have.
const CODE: &str = "LOCAL.T1.06F9ZK5C1WV7R3H9D0X2NQ6TA8.1-1.WX2C0Y8KDEVQ8J7YYHETRHZG55VRXE3V941BPPZVD28MS3BMAP91WN8EGB7X7ZHZZ56K2KMTNY51PH8ZJ7RDCYJAM730E4KZVX80HQDQ1Y642CDQE836C0Z0MR5JTR4R9R51WMGB0123456789012345678901";

fn code(number: u32) -> String {
    CODE.replacen(".1-1.", &format!(".{number}-1."), 1)[..CODE.len()].to_owned()
}

/// An order of so many tickets.
pub fn order(title: &str, size: u32) -> Order {
    let ticket = |number| Ticket {
        number,
        code: code(number),
        kind: if number > 1 { "Standard".into() } else { "Balcony, first row".into() },
        name: (number == 1).then(|| "Grace Hopper".into()),
        price: Money { amount: 4500, currency: "EUR".into() },
    };
    Order {
        id: "local_06f9zk5c1wv7r3h9d0x2nq6ta8".into(),
        seller: "Blue Hall Ltd".into(),
        buyer: Some("Ada Lovelace".into()),
        event: Event {
            title: title.into(),
            venue: crate::Venue { name: "Blue Hall".into(), city: "Colombo".into(), country: "LK".into() },
            starts_at: 1_803_927_600_000_000,
            ends_at: 1_803_938_400_000_000,
            timezone: "Asia/Colombo".into(),
            cancelled: false,
            revision: 3,
        },
        size: size as usize,
        tickets: (1..=size).map(ticket).collect(),
        more: 0,
        withheld: 0,
        language: "en".into(),
        changed_at: 1_800_000_000_000_000,
    }
}

/// Every letter is half as wide as it is high.
fn half(text: &str, size: f32, _: bool) -> f32 {
    text.chars().filter(|letter| !('\u{2068}'..='\u{2069}').contains(letter)).count() as f32 * size / 2.0
}

fn texts(page: &Page) -> Vec<String> {
    page.texts.iter().map(|text| text.text.replace(['\u{2068}', '\u{2069}'], "")).collect()
}

#[test]
fn everything_stands_on_a_ticket() {
    let order = order("Night of Strings", 3);
    let labels = Labels::of("en");
    let first = texts(&layout::page(&order, &order.tickets[0], labels, false, &half).unwrap());
    for expected in [
        "Blue Hall Ltd",
        "Ticket 1 of 3",
        "Night of Strings",
        "Tuesday 2 March 2027",
        "00:30 (Asia/Colombo, UTC+05:30)",
        "Blue Hall",
        "Colombo, LK",
        "Balcony, first row",
        "Grace Hopper",
        "EUR 45.00",
        "local_06f9zk5c1wv7r3h9d0x2nq6ta8",
        "Ada Lovelace",
    ] {
        assert!(first.iter().any(|text| text == expected), "{expected} in {first:?}");
    }
    assert!(first.concat().contains(CODE), "{first:?}");
    assert!(first.iter().all(|text| !text.starts_with("An empty box")));
    let second = texts(&layout::page(&order, &order.tickets[1], labels, true, &half).unwrap());
    assert!(second.iter().all(|text| text != "Name" && text != "Grace Hopper"), "nobody is named on it: {second:?}");
    assert!(second.iter().any(|text| text.starts_with("An empty box")));
    let nameless = order.without_names();
    let all = texts(&layout::page(&nameless, &nameless.tickets[0], labels, false, &half).unwrap());
    assert!(all.iter().all(|text| !text.contains("Grace") && !text.contains("Ada")), "{all:?}");
}

#[test]
fn the_fullest_ticket_fits_on_its_page() {
    let mut order = order(&"夜".repeat(200), 1);
    order.seller = "者".repeat(100);
    order.event.venue.name = "館".repeat(200);
    order.event.venue.city = "市".repeat(100);
    order.buyer = Some("人".repeat(200));
    order.event.timezone = "America/Argentina/ComodRivadavia".into();
    order.tickets[0].kind = "席".repeat(100);
    order.tickets[0].name = Some("名".repeat(100));
    order.tickets[0].price.amount = 1_000_000_000_000;
    // As wide as they are high.
    let wide = |text: &str, size: f32, _: bool| text.chars().count() as f32 * size;
    for tag in ["en", "de", "si"] {
        fits(&layout::page(&order, &order.tickets[0], Labels::of(tag), true, &wide).unwrap(), &wide);
    }
}

fn fits(page: &Page, wide: &dyn Fn(&str, f32, bool) -> f32) {
    let mut code = None;
    for shape in &page.shapes {
        match shape {
            Shape::Card { top, height, .. } => assert!(top + height <= BOTTOM + 20.0, "{shape:?}"),
            Shape::Code { left, top, side, .. } => code = Some((*left, *top, *side)),
            Shape::Dashes { .. } => {}
        }
    }
    let (left, top, side) = code.unwrap();
    for text in &page.texts {
        let right = text.x + wide(&text.text, text.size, text.bold);
        assert!(text.x >= MARGIN && right <= RIGHT + 0.01 && text.y > MARGIN && text.y <= BOTTOM + 20.0, "{text:?}");
        let beside = right <= left || text.y <= top || text.y - text.size >= top + side;
        assert!(beside, "{text:?} runs into the code");
    }
}

#[test]
fn an_order_goes_into_a_calendar() {
    let mut order = order("Night; of, Strings", 3);
    let read = |order: &Order, name: &str| {
        let text = unfold(&order.calendar().unwrap());
        let calendar = read_calendar(&text).unwrap();
        let event = calendar.components.iter().find(|it| it.name.as_ref() == "VEVENT").unwrap();
        event.find_prop(name).map(|property| property.val.as_ref().to_owned()).unwrap_or_default()
    };
    for (name, expected) in [
        ("UID", "local_06f9zk5c1wv7r3h9d0x2nq6ta8@marquee"),
        ("SEQUENCE", "3"),
        ("SUMMARY", "Night; of, Strings"),
        ("LOCATION", "Blue Hall, Colombo, LK"),
        ("DESCRIPTION", "Order local_06f9zk5c1wv7r3h9d0x2nq6ta8\n1 × Balcony, first row\n2 × Standard"),
        ("STATUS", "CONFIRMED"),
        ("DTSTAMP", "20270115T080000Z"),
        ("DTSTART", "20270302T003000"),
        ("DTEND", "20270302T033000"),
    ] {
        assert_eq!(read(&order, name), expected, "{name}");
    }
    assert!(!order.calendar().unwrap().contains(&CODE[..40]), "calendars are shared with others: no code is in them");
    order.tickets.clear();
    assert_eq!((read(&order, "STATUS"), read(&order, "SEQUENCE")), ("CANCELLED".to_owned(), "4".to_owned()));
}

/// Titles in scripts of all kinds, and words of each as a reader of the document finds them.
const TITLES: [(&str, &str, &str); 4] = [
    ("latin", "Łódź & São Paulo: Night of Strings", "Łódź & São Paulo: Night of Strings"),
    ("sinhala", "ශ්‍රී ලංකා තත් වාදන රාත්‍රිය", "වාදන"),
    ("japanese", "弦楽四重奏の夜　カタカナ", "弦楽四重奏の夜"),
    ("arabic", "ليلة الأوتار في القاعة الزرقاء", "القاعة"),
];

/// What somebody sees who prints it or shows it on a screen: the code can be scanned and the words can be read.
#[test]
fn a_printed_ticket_can_be_scanned_and_read() {
    let mut library = with_fonts();
    let folder = std::env::temp_dir().join(format!("marquee-tickets-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, title, words) in TITLES {
        let mut order = order(title, 2);
        order.event.venue.name = title.into();
        order.tickets[1].name = Some(title.into());
        let pdf = folder.join(format!("{name}.pdf"));
        std::fs::write(&pdf, render_tickets_with(&mut library, &order).unwrap()).unwrap();
        for (page, ticket) in (1..).zip(&order.tickets) {
            // From a screen and from paper.
            for dots in ["100", "200"] {
                assert_eq!(
                    scanned(&poppler("pdftoppm", &["-gray", "-r", dots], page, &pdf)),
                    std::slice::from_ref(&ticket.code),
                    "{name} {dots}"
                );
            }
            let text = String::from_utf8(poppler("pdftotext", &["-raw"], page, &pdf)).unwrap();
            let number = format!("Ticket {page} of 2");
            for expected in [words, &number, &ticket.kind, "EUR 45.00", &order.id, "Tuesday 2 March 2027", "Asia/Colombo"] {
                assert!(text.contains(expected), "{expected} in {text}");
            }
            assert!(text.split_whitespace().collect::<String>().contains(&ticket.code), "{text}");
            assert!(!text.contains("An empty box"), "{text}");
        }
        if let Ok(papers) = std::env::var("MARQUEE_PAPERS") {
            std::fs::copy(&pdf, PathBuf::from(papers).join(format!("ticket-{name}.pdf"))).unwrap();
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_ticket_is_in_its_buyers_language_where_there_is_a_font() {
    let nowhere = || Library::new(PathBuf::from("/nowhere")).unwrap();
    let folder = std::env::temp_dir().join(format!("marquee-ticket-languages-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, mut library, language, words) in [
        ("german", nowhere(), "de-AT", ["Ticket 1 von 1", "Dienstag, 2. März 2027", "Bestellung"]),
        ("sinhala", with_fonts(), "si", ["2027", "මිල", "නම"]),
        ("sinhala without a font", nowhere(), "si", ["Ticket 1 of 1", "Tuesday 2 March 2027", "Order"]),
        ("unknown", nowhere(), "fr", ["Ticket 1 of 1", "Tuesday 2 March 2027", "Order"]),
    ] {
        let order = Order { language: language.into(), ..order("Night of Strings", 1) };
        let pdf = folder.join("ticket.pdf");
        std::fs::write(&pdf, render_tickets_with(&mut library, &order).unwrap()).unwrap();
        let text = String::from_utf8(poppler("pdftotext", &["-raw"], 1, &pdf)).unwrap();
        assert!(words.iter().all(|expected| text.contains(expected)), "{name}: {text}");
        assert!(!text.contains("An empty box"), "{name}: {text}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// What a program of poppler's makes of a page.
fn poppler(program: &str, arguments: &[&str], page: u32, pdf: &Path) -> Vec<u8> {
    let page = page.to_string();
    let (arguments, output) =
        (arguments.iter().copied().chain(["-f", &page, "-l", &page]), if program == "pdftotext" { Some("-") } else { None });
    let done = Command::new(program).args(arguments).arg(pdf).args(output).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}. `cargo xtask test` installs it: Debian's poppler-utils"));
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// The codes that somebody's scanner finds in a picture: a grey one, in the format PGM.
fn scanned(picture: &[u8]) -> Vec<String> {
    let mut fields = picture.splitn(4, |byte| byte.is_ascii_whitespace());
    let mut field = || fields.next().unwrap();
    assert_eq!(field(), b"P5");
    let (width, height) = (number(field()), number(field()));
    let rest = field();
    let pixels = &rest[rest.len() - width * height..];
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * width + x]);
    image.detect_grids().iter().map(|grid| grid.decode().unwrap().1).collect()
}

fn number(digits: &[u8]) -> usize {
    std::str::from_utf8(digits).unwrap().parse().unwrap()
}

#[test]
fn a_page_more_is_only_its_own_code_more() {
    let mut library = Library::new(PathBuf::from("/nowhere")).unwrap();
    let mut bytes = |size| render_tickets_with(&mut library, &order("Night of Strings", size)).unwrap().len();
    let (one, many) = (bytes(1), bytes(41));
    assert!(one < 60_000, "{one}");
    assert!((many - one) / 40 < 6_000, "{one} {many}");
}
