//! What a client asks to watch.

use serde::Deserialize;

use crate::limits::{LIVE_EVENTS, LIVE_ID_BYTES, LIVE_OWN};

/// A kind of thing that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What is left of an event: public.
    Availability,
    /// A booking of the caller's.
    Booking,
    /// A payment of the caller's.
    Payment,
    /// An event's figures, for whom its organiser lets see them.
    Analytics,
}

impl Kind {
    /// As messages call it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Booking => "booking",
            Self::Payment => "payment",
            Self::Analytics => "analytics",
        }
    }

    /// Where it is read by whoever asks for it.
    pub(crate) fn path(self, id: &str) -> String {
        match self {
            Self::Availability => format!("/api/events/{id}/availability"),
            Self::Booking => format!("/api/bookings/{id}"),
            Self::Payment => format!("/api/payments/{id}"),
            Self::Analytics => format!("/api/events/{id}/analytics"),
        }
    }
}

/// All that a socket watches from now on. Sound: within bounds, without repetition, and ids are ids.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Events whose availability is watched.
    pub(crate) events: Vec<String>,
    /// What is the caller's, or for their eyes.
    pub(crate) own: Vec<(Kind, String)>,
}

/// What is wrong with it, in a sentence that fits a close frame.
pub(crate) type Fault = &'static str;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    watch: Lists,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Lists {
    events: Vec<String>,
    bookings: Vec<String>,
    payments: Vec<String>,
    analytics: Vec<String>,
}

impl Wanted {
    /// Of a WebSocket's message: `{"watch": {"events": […], "bookings": […], "payments": […], "analytics": […]}}`.
    pub(crate) fn message(text: &str) -> Result<Self, Fault> {
        let message: Message = serde_json::from_str(text)
            .map_err(|_| "A message is {\"watch\": {\"events\": [], \"bookings\": [], \"payments\": [], \"analytics\": []}}.")?;
        Self::of(message.watch)
    }

    /// Of a query: the same lists as parameters, with commas between ids.
    pub(crate) fn query(query: &str) -> Result<Self, Fault> {
        let mut lists = Lists::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let list = match name {
                "events" => &mut lists.events,
                "bookings" => &mut lists.bookings,
                "payments" => &mut lists.payments,
                "analytics" => &mut lists.analytics,
                _ => return Err("The parameters are events, bookings, payments and analytics."),
            };
            if !list.is_empty() {
                return Err("A parameter is there once.");
            }
            let value = value.replace("%2C", ",").replace("%2c", ",");
            // More than can be watched is a fault whatever the rest is.
            let ids = value.split(',').filter(|id| !id.is_empty()).take(LIVE_EVENTS + 1);
            *list = ids.map(str::to_owned).collect();
        }
        Self::of(lists)
    }

    fn of(lists: Lists) -> Result<Self, Fault> {
        let Lists { mut events, bookings, payments, analytics } = lists;
        if events.len() > LIVE_EVENTS {
            return Err("At most 50 events can be watched.");
        }
        let kinds = [(Kind::Booking, bookings), (Kind::Payment, payments), (Kind::Analytics, analytics)];
        if kinds.iter().map(|(_, ids)| ids.len()).sum::<usize>() > LIVE_OWN {
            return Err("At most 14 bookings, payments and analytics can be watched.");
        }
        let mut own: Vec<_> = kinds.into_iter().flat_map(|(kind, ids)| ids.into_iter().map(move |id| (kind, id))).collect();
        if !events.iter().chain(own.iter().map(|(_, id)| id)).all(|id| is_id(id)) {
            return Err("What is watched is named by its id.");
        }
        events.sort_unstable();
        events.dedup();
        own.sort_unstable_by(|(one, a), (other, b)| (one.as_str(), a).cmp(&(other.as_str(), b)));
        own.dedup();
        Ok(Self { events, own })
    }
}

/// Whether this may be an id, of any region: it stands in a path as it is.
fn is_id(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !text.is_empty() && text.len() <= LIVE_ID_BYTES && text.bytes().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_and_a_query_ask_the_same() {
        let message =
            r#"{"watch":{"events":["eu_2","eu_1","eu_1"],"bookings":["eu_b"],"payments":["eu_p"],"analytics":["eu_1"]}}"#;
        let query = "events=eu_2%2Ceu_1,eu_1&bookings=eu_b&payments=eu_p&analytics=eu_1";
        let wanted = Wanted::message(message).unwrap();
        assert_eq!(wanted, Wanted::query(query).unwrap());
        assert_eq!(wanted.events, ["eu_1", "eu_2"]);
        let own = [(Kind::Analytics, "eu_1"), (Kind::Booking, "eu_b"), (Kind::Payment, "eu_p")];
        assert_eq!(wanted.own, own.map(|(kind, id)| (kind, id.to_owned())));
        assert_eq!(Wanted::message(r#"{"watch":{}}"#).unwrap(), Wanted::query("").unwrap());
    }

    #[test]
    fn what_is_too_much_or_no_id_is_a_fault() {
        let ids = |count: usize| (0..count).map(|n| format!("eu_{n}")).collect::<Vec<_>>().join(",");
        for query in [
            format!("events={}", ids(LIVE_EVENTS + 1)),
            format!("bookings={}", ids(LIVE_OWN + 1)),
            format!("bookings={}&payments=eu_1", ids(LIVE_OWN)),
            "events=eu_1&events=eu_2".to_owned(),
            "events=eu_1%2F..%2F".to_owned(),
            "events=EU_1".to_owned(),
            format!("events={}", "a".repeat(LIVE_ID_BYTES + 1)),
            "seats=eu_1".to_owned(),
        ] {
            assert!(Wanted::query(&query).is_err(), "{query}");
        }
        assert!(Wanted::query(&format!("events={}&bookings={}", ids(LIVE_EVENTS), ids(LIVE_OWN))).is_ok());
        for message in ["", "[]", "{}", r#"{"watch":{"seats":[]}}"#, r#"{"watch":{},"more":1}"#, r#"{"watch":{"events":[1]}}"#] {
            assert!(Wanted::message(message).is_err(), "{message}");
        }
    }

    #[test]
    fn faults_name_the_limits_and_fit_a_close_frame() {
        let ids = |count: usize| (0..count).map(|n| format!("eu_{n}")).collect::<Vec<_>>().join(",");
        let events = Wanted::query(&format!("events={}", ids(LIVE_EVENTS + 1))).unwrap_err();
        let own = Wanted::query(&format!("bookings={}", ids(LIVE_OWN + 1))).unwrap_err();
        assert!(events.contains(&LIVE_EVENTS.to_string()) && own.contains(&LIVE_OWN.to_string()), "{events} {own}");
        for fault in [events, own, Wanted::message("").unwrap_err(), Wanted::query("a=b").unwrap_err()] {
            assert!(fault.len() <= 123, "{fault}");
        }
    }
}
