//! What stands on a ticket beside what it is for, in its reader's language.

use crate::local::Clock;

/// The words of a language.
#[derive(Debug, PartialEq, Eq)]
pub struct Labels {
    /// A language of BCP 47.
    pub tag: &'static str,
    /// With `{number}` and `{size}`.
    number: &'static str,
    /// Above a time.
    pub when: &'static str,
    /// Above a place.
    pub location: &'static str,
    /// Above what the ticket is for.
    pub ticket: &'static str,
    /// Above the name that it is in.
    pub name: &'static str,
    pub(crate) price: &'static str,
    /// Above the order's number.
    pub order: &'static str,
    pub(crate) ordered_by: &'static str,
    /// What to do with the code.
    pub at_the_door: &'static str,
    /// That a character has no font.
    pub(crate) incomplete: &'static str,
    /// With `{weekday}`, `{day}`, `{month}` and `{year}`.
    date: &'static str,
    /// With `{time}`.
    time: &'static str,
    /// From Monday on.
    weekdays: [&'static str; 7],
    months: [&'static str; 12],
}

/// Every language, the one first that stands in for all others.
const ALL: [Labels; 3] = [
    Labels {
        tag: "en",
        number: "Ticket {number} of {size}",
        when: "When",
        location: "Where",
        ticket: "Ticket",
        name: "Name",
        price: "Price",
        order: "Order",
        ordered_by: "Ordered by",
        at_the_door: "Show this code at the door, on paper or on a screen. It lets one person in, once: whoever comes with it first. \
                      Keep it to yourself until then.",
        incomplete: "An empty box stands for a character that this document has no font for.",
        date: "{weekday} {day} {month} {year}",
        time: "{time}",
        weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        months: [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
    },
    Labels {
        tag: "de",
        number: "Ticket {number} von {size}",
        when: "Wann",
        location: "Wo",
        ticket: "Ticket",
        name: "Name",
        price: "Preis",
        order: "Bestellung",
        ordered_by: "Bestellt von",
        at_the_door: "Zeig diesen Code am Einlass vor, auf Papier oder auf einem Bildschirm. Er lässt eine Person ein, einmal: wer \
                      zuerst mit ihm kommt. Gib ihn bis dahin nicht weiter.",
        incomplete: "Ein leeres Kästchen steht für ein Zeichen, für das dieses Dokument keine Schrift hat.",
        date: "{weekday}, {day}. {month} {year}",
        time: "{time} Uhr",
        weekdays: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
        months: [
            "Januar",
            "Februar",
            "März",
            "April",
            "Mai",
            "Juni",
            "Juli",
            "August",
            "September",
            "Oktober",
            "November",
            "Dezember",
        ],
    },
    Labels {
        tag: "si",
        number: "ප්\u{200d}රවේශ පත්\u{200d}රය {number} / {size}",
        when: "වේලාව",
        location: "ස්ථානය",
        ticket: "ප්\u{200d}රවේශ පත්\u{200d}රය",
        name: "නම",
        price: "මිල",
        order: "ඇණවුම",
        ordered_by: "ඇණවුම් කළේ",
        at_the_door: "ඇතුළුවීමේදී මෙම කේතය කඩදාසියක හෝ තිරයක පෙන්වන්න. එයින් එක් වරක්, එක් අයෙකුට පමණක් ඇතුළු විය හැක: පළමුව එය රැගෙන \
                      එන අයට. එතෙක් එය වෙනත් අයට නොදෙන්න.",
        incomplete: "හිස් කොටුවකින් දැක්වෙන්නේ මෙම ලේඛනයේ අකුරු නොමැති අනුලකුණකි.",
        date: "{year} {month} {day}, {weekday}",
        time: "පැය {time}",
        weekdays: ["සඳුදා", "අඟහරුවාදා", "බදාදා", "බ්\u{200d}රහස්පතින්දා", "සිකුරාදා", "සෙනසුරාදා", "ඉරිදා"],
        months: [
            "ජනවාරි",
            "පෙබරවාරි",
            "මාර්තු",
            "අප්\u{200d}රේල්",
            "මැයි",
            "ජූනි",
            "ජූලි",
            "අගෝස්තු",
            "සැප්තැම්බර්",
            "ඔක්තෝබර්",
            "නොවැම්බර්",
            "දෙසැම්බර්",
        ],
    },
];

impl Labels {
    /// Those of a tag, `de` for `de-AT`, or else English.
    #[must_use]
    pub fn of(tag: &str) -> &'static Self {
        let [fallback, ..] = &ALL;
        let primary = tag.split('-').next().unwrap_or_default();
        ALL.iter().find(|labels| labels.tag.eq_ignore_ascii_case(primary)).unwrap_or(fallback)
    }

    /// English, for which there is always a font.
    pub(crate) fn fallback() -> &'static Self {
        let [fallback, ..] = &ALL;
        fallback
    }

    /// All letters that are in them but those of numbers: what a font must have.
    pub(crate) fn letters(&self) -> String {
        let words = [self.number, self.when, self.location, self.ticket, self.name, self.price, self.order, self.ordered_by];
        let texts = [self.at_the_door, self.incomplete, self.time];
        words.iter().chain(&texts).chain(&self.weekdays).chain(&self.months).copied().collect::<Vec<_>>().join(" ")
    }

    /// Which of how many tickets.
    pub(crate) fn number(&self, number: u32, size: usize) -> String {
        self.number.replace("{number}", &number.to_string()).replace("{size}", &size.to_string())
    }

    /// The day and the time.
    pub(crate) fn instant(&self, clock: &Clock) -> (String, String) {
        let name = |names: &[&'static str], index: usize| names.get(index).copied().unwrap_or_default();
        let date = self
            .date
            .replace("{weekday}", name(&self.weekdays, clock.weekday))
            .replace("{month}", name(&self.months, clock.month))
            .replace("{day}", &clock.day.to_string())
            .replace("{year}", &clock.year.to_string());
        let time = self.time.replace("{time}", &format!("{:02}:{:02}", clock.hour, clock.minute));
        (date, format!("{time} ({})", clock.zone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local;

    #[test]
    fn a_date_is_written_as_its_language_does() {
        // 2027-01-15T08:00:00Z, a Friday.
        let clock = local::clock(1_800_000_000_000_000, "Asia/Colombo").unwrap();
        for (tag, day, time, number) in [
            ("en", "Friday 15 January 2027", "13:30 (Asia/Colombo, UTC+05:30)", "Ticket 2 of 3"),
            ("fr-CA", "Friday 15 January 2027", "13:30 (Asia/Colombo, UTC+05:30)", "Ticket 2 of 3"),
            ("de-AT", "Freitag, 15. Januar 2027", "13:30 Uhr (Asia/Colombo, UTC+05:30)", "Ticket 2 von 3"),
            ("si", "2027 ජනවාරි 15, සිකුරාදා", "පැය 13:30 (Asia/Colombo, UTC+05:30)", "ප්\u{200d}රවේශ පත්\u{200d}රය 2 / 3"),
        ] {
            let labels = Labels::of(tag);
            assert_eq!((labels.instant(&clock), labels.number(2, 3)), ((day.to_owned(), time.to_owned()), number.to_owned()));
        }
    }

    /// In English it is what receipts say.
    #[test]
    fn english_tickets_and_receipts_write_a_date_alike() {
        for (at, zone) in [(1_800_000_000_000_000, "Asia/Colombo"), (1_794_184_200_000_000, "America/New_York"), (0, "UTC")] {
            let (day, time) = Labels::of("en").instant(&local::clock(at, zone).unwrap());
            assert_eq!(format!("{day}, {time}"), local::readable(at, zone));
        }
    }
}
