//! Events as the API writes them.

use kit::{Answer, Response, time};
use read_model::{EventDoc, EventStatus, Question, SharedCapacity, TicketType, Venue};
use serde::Serialize;

use crate::images::{FileDocument, ImageDocument};

/// An event in an answer: the same bytes for the same revision, at every renderer.
#[derive(Serialize)]
pub struct Document<'a> {
    id: &'a str,
    organiser_id: &'a str,
    status: EventStatus,
    revision: u64,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    category: &'a str,
    venue: &'a Venue,
    starts_at: String,
    ends_at: String,
    timezone: &'a str,
    currency: &'a str,
    region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_until: Option<String>,
    ticket_types: Vec<Ticket<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    questions: &'a [Question],
    image: Option<ImageDocument>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    shared_capacities: &'a [SharedCapacity],
    #[serde(skip_serializing_if = "Option::is_none")]
    accent: Option<&'a str>,
    logo: Option<FileDocument>,
    /// For its team.
    #[serde(skip_serializing_if = "Option::is_none")]
    reminder_hours: Option<i64>,
}

/// A ticket type of an event.
#[derive(Serialize)]
struct Ticket<'a> {
    id: &'a str,
    name: &'a str,
    price: i64,
    capacity: u32,
    per_person_limit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    sales_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sales_until: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    paused: bool,
}

impl<'a> From<&'a TicketType> for Ticket<'a> {
    fn from(ticket: &'a TicketType) -> Self {
        Self {
            id: &ticket.id,
            name: &ticket.name,
            price: ticket.price,
            capacity: ticket.capacity,
            per_person_limit: ticket.per_person_limit,
            sales_from: ticket.sales_from.map(time::format),
            sales_until: ticket.sales_until.map(time::format),
            paused: ticket.paused,
        }
    }
}

impl<'a> From<&'a EventDoc> for Document<'a> {
    fn from(doc: &'a EventDoc) -> Self {
        Self {
            id: &doc.id,
            organiser_id: &doc.organiser_id,
            status: doc.status,
            revision: doc.revision,
            title: &doc.title,
            description: Some(&doc.description),
            category: &doc.category,
            venue: &doc.venue,
            starts_at: time::format(doc.starts_at),
            ends_at: time::format(doc.ends_at),
            timezone: &doc.timezone,
            currency: &doc.currency,
            region: &doc.region,
            refund_until: doc.refund_until.map(time::format),
            ticket_types: doc.ticket_types.iter().map(Ticket::from).collect(),
            questions: &doc.questions,
            image: doc.image.as_ref().and_then(ImageDocument::new),
            shared_capacities: &doc.shared_capacities,
            accent: doc.accent.as_deref(),
            logo: doc.logo.as_ref().and_then(FileDocument::of_logo),
            reminder_hours: None,
        }
    }
}

impl<'a> Document<'a> {
    /// As in lists: without its description, its questions and its shared capacities.
    pub fn in_list(doc: &'a EventDoc) -> Self {
        Self { description: None, questions: &[], shared_capacities: &[], ..Self::from(doc) }
    }

    /// As in its team's lists.
    pub fn of_team(doc: &'a EventDoc, reminder_hours: i64) -> Self {
        Self { reminder_hours: Some(reminder_hours), ..Self::from(doc) }
    }
}

/// The event with its `ETag`; with the hours of its reminder where its team asks.
pub fn answer(status: u16, doc: &EventDoc, reminder_hours: Option<i64>) -> Answer {
    let document = Document { reminder_hours, ..Document::from(doc) };
    Ok(Response::json(status, &document)?.header("etag", etag(doc.revision)))
}

/// A strong validator: what the public sees of a revision has one representation.
pub fn etag(revision: u64) -> String {
    format!("\"{revision}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use read_model::{Image, ImageSize};

    #[test]
    fn the_document_has_the_form_of_the_api() {
        let sizes = vec![ImageSize { width: 480, height: 320 }, ImageSize { width: 600, height: 400 }];
        let doc = EventDoc { image: Some(Image { id: "eu_d".to_owned(), sizes }), ..crate::draft::tests::event() };
        let json = serde_json::to_string(&Document::from(&doc)).unwrap();
        assert_eq!(
            json,
            r#"{"id":"eu_1","organiser_id":"eu_o","status":"draft","revision":1,"title":"Night of Strings","#.to_owned()
                + r#""description":"...","category":"music","venue":{"name":"Blue Hall","city":"Colombo","country":"LK"},"#
                + r#""starts_at":"2027-03-01T19:00:00Z","ends_at":"2027-03-01T22:00:00Z","timezone":"Asia/Colombo","#
                + r#""currency":"EUR","region":"eu","ticket_types":[{"id":"eu_t1","name":"Standard","price":4500,"#
                + r#""capacity":100,"per_person_limit":6}],"image":{"url":"/api/images/eu_d-600.jpg","width":600,"height":400,"#
                + r#""sizes":[{"url":"/api/images/eu_d-480.jpg","width":480,"height":320},"#
                + r#"{"url":"/api/images/eu_d-600.jpg","width":600,"height":400}]},"logo":null}"#
        );
        let accented = EventDoc { accent: Some("#0b6e4f".to_owned()), ..crate::draft::tests::event() };
        assert_eq!(serde_json::to_value(Document::in_list(&accented)).unwrap()["accent"], "#0b6e4f");
        let without = serde_json::to_value(Document::from(&crate::draft::tests::event())).unwrap();
        assert_eq!(without["image"], serde_json::Value::Null);
        assert!(without.get("accent").is_none());
        let sizes = vec![ImageSize { width: 512, height: 128 }];
        let signed = EventDoc { logo: Some(Image { id: "eu_l".to_owned(), sizes }), ..crate::draft::tests::event() };
        let logo = serde_json::json!({"url": "/api/images/eu_l-512.png", "width": 512, "height": 128});
        assert_eq!(serde_json::to_value(Document::in_list(&signed)).unwrap()["logo"], logo);
    }
}
