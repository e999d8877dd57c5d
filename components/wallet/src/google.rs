//! Passes for Google's wallet: a link in which the whole ticket is written, as a token (RFC 7515, RS256) of a service account that Google knows.

use crate::key::Key;
use crate::{BACKGROUND, Error, Ticket, limits};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};

/// What every link begins with.
pub const LINK: &str = "https://pay.google.com/gp/v/save/";

/// How much is written in a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// All.
    Full,
    /// Without the order, the ticket's number in it, the event's end and a colour.
    Lean,
    /// And without the place and the name.
    Bare,
}

/// Who issues passes: a service account of Google's, for an issuer there.
#[derive(Debug)]
pub struct Issuer {
    /// A number.
    id: String,
    /// The service account's address.
    account: String,
    key: Key,
}

impl Issuer {
    /// From the issuer's number, the address of the service account, and its key as PEM.
    ///
    /// # Errors
    /// Where one of these is none.
    pub fn new(id: &str, account: &str, key: &str) -> Result<Self, Error> {
        let is_number = !id.is_empty() && id.len() <= 32 && id.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || !account.contains('@') {
            return Err(Error::Account);
        }
        Ok(Self { id: id.to_owned(), account: account.to_owned(), key: Key::from_pem(key)? })
    }

    /// The link by which a ticket's pass is saved, made at this time in seconds since the Unix epoch. What is of less use is left out, and texts are cut,
    /// where it would else be longer than browsers take.
    ///
    /// # Errors
    /// None but faults of ours.
    pub fn link(&self, ticket: &Ticket<'_>, now: u64) -> Result<String, Error> {
        let mut token = String::new();
        for (detail, characters) in limits::TOKEN_CONTENTS {
            token = self.token(&self.claims(ticket, now, detail, characters))?;
            if token.len() <= limits::TOKEN {
                break;
            }
        }
        Ok(format!("{LINK}{token}"))
    }

    fn claims(&self, ticket: &Ticket<'_>, now: u64, detail: Detail, characters: usize) -> Json {
        let Ticket { order, number, code, kind, holder, event, seller, words, .. } = ticket;
        let cut = |text: &str| -> String { text.chars().take(characters).collect() };
        let text = |value: &str| json!({ "defaultValue": { "language": words.language, "value": cut(value) } });
        let class_id = format!("{}.{}", self.id, event.id);
        let mut class = json!({
            "id": class_id,
            "issuerName": cut(seller),
            "reviewStatus": "UNDER_REVIEW",
            "eventName": text(event.title),
            "dateTime": { "start": event.starts_at },
        });
        let mut pass = json!({
            "id": format!("{}.{}", self.id, ticket.serial()),
            "classId": class_id,
            "state": "ACTIVE",
            "barcode": { "type": "QR_CODE", "value": code },
            "ticketType": text(kind),
        });
        if let (Some(class), Some(pass)) = (class.as_object_mut(), pass.as_object_mut()) {
            let mut add = |member: &str, value: Json| _ = pass.insert(member.to_owned(), value);
            if detail != Detail::Bare {
                let address = format!("{}, {}", event.city, event.country);
                class.insert("venue".to_owned(), json!({ "name": text(event.venue), "address": text(&address) }));
                holder.iter().for_each(|name| add("ticketHolderName", cut(name).into()));
            }
            if detail == Detail::Full {
                let [red, green, blue] = BACKGROUND;
                class.insert("dateTime".to_owned(), json!({ "start": event.starts_at, "end": event.ends_at }));
                add("ticketNumber", number.to_string().into());
                add("reservationInfo", json!({ "confirmationCode": order }));
                add("hexBackgroundColor", format!("#{red:02x}{green:02x}{blue:02x}").into());
            }
        }
        let payload = json!({ "eventTicketClasses": [class], "eventTicketObjects": [pass] });
        json!({ "iss": self.account, "aud": "google", "typ": "savetowallet", "iat": now, "payload": payload })
    }

    fn token(&self, claims: &Json) -> Result<String, Error> {
        let claims = serde_json::to_vec(claims).map_err(|_| Error::Internal("writing JSON"))?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(br#"{"alg":"RS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use crate::{Event, Ticket};

    const NOW: u64 = 1_800_000_000;

    fn claims(link: &str) -> Json {
        let payload = link.strip_prefix(LINK).unwrap().split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }

    #[test]
    fn a_link_says_what_its_ticket_does_and_its_account_has_signed_it() {
        let key = testing::key();
        let account = "passes@example-project.iam.gserviceaccount.com";
        let link = Issuer::new("3388000000012345678", account, &key).unwrap().link(&testing::ticket(), NOW).unwrap();
        assert!(link.len() <= LINK.len() + limits::TOKEN, "{}", link.len());
        let says = claims(&link);
        let ticket = testing::ticket();
        for (pointer, value) in [
            ("/iss", json!(account)),
            ("/aud", json!("google")),
            ("/typ", json!("savetowallet")),
            ("/iat", json!(NOW)),
            ("/payload/eventTicketClasses/0/id", json!("3388000000012345678.eu_06f9zk3m2hw7x1d8q4tn5rv0bc")),
            ("/payload/eventTicketClasses/0/dateTime/start", json!("2027-03-02T00:30:00+05:30")),
            ("/payload/eventTicketClasses/0/venue/name/defaultValue/value", json!("Blue Hall")),
            ("/payload/eventTicketClasses/0/eventName/defaultValue/value", json!(ticket.event.title)),
            ("/payload/eventTicketObjects/0/id", json!("3388000000012345678.eu_06f9zk5c1wv7r3h9d0x2nq6ta8-2-1")),
            ("/payload/eventTicketObjects/0/classId", json!("3388000000012345678.eu_06f9zk3m2hw7x1d8q4tn5rv0bc")),
            ("/payload/eventTicketObjects/0/barcode/value", json!(ticket.code)),
            ("/payload/eventTicketObjects/0/ticketHolderName", json!("Grace")),
        ] {
            assert_eq!(says.pointer(pointer), Some(&value), "{pointer}");
        }
        let token = link.strip_prefix(LINK).unwrap();
        assert!(testing::is_signed(&key, token));
        assert!(!testing::is_signed(&testing::another_key(), token));
        assert!(!testing::is_signed(&key, &token.replacen('.', ".e", 1)));
    }

    #[test]
    fn long_texts_are_cut_and_the_code_is_not() {
        let long = "\u{0db4}\u{0dca}\u{200d}\u{0dbb}".repeat(100);
        let ticket = testing::ticket();
        let event = Event { title: &long, venue: &long, city: &long, ..ticket.event };
        let ticket = Ticket { event, kind: &long, holder: Some(&long), seller: &long, ..ticket };
        let link = Issuer::new("1", "a@b", &testing::key()).unwrap().link(&ticket, NOW).unwrap();
        assert!(link.len() <= LINK.len() + limits::TOKEN, "{}", link.len());
        let says = claims(&link);
        assert_eq!(says["payload"]["eventTicketObjects"][0]["barcode"]["value"], ticket.code);
        let title = says["payload"]["eventTicketClasses"][0]["eventName"]["defaultValue"]["value"].as_str().unwrap();
        assert!(!title.is_empty() && long.starts_with(title), "{title}");
    }

    #[test]
    fn what_is_no_account_is_refused() {
        let key = testing::key();
        for (id, account, key) in [("", "a@b", key.as_str()), ("12x", "a@b", &key), ("1", "nobody", &key), ("1", "a@b", "")] {
            assert!(Issuer::new(id, account, key).is_err(), "{id} {account}");
        }
    }
}
