use super::*;
use crate::fields::VenueFields;
use read_model::{QuestionKind, QuestionScope, Venue};

/// 2027-03-01T19:00:00Z
const STARTS: i64 = 1_803_927_600_000_000;
const HOUR: i64 = 3_600_000_000;
const NOW: i64 = STARTS - 24 * HOUR;

pub(crate) fn event() -> EventDoc {
    let mut ids = ["eu_1", "eu_t1"].into_iter().map(str::to_owned);
    create(fields(), "eu", NOW, || ids.next().unwrap()).unwrap()
}

fn fields() -> Fields {
    let text = |text: &str| Some(text.to_owned());
    Fields {
        organiser_id: text("eu_o"),
        title: text("Night of Strings"),
        description: text("..."),
        category: text("music"),
        venue: VenueFields { name: text("Blue Hall"), city: text("Colombo"), country: text("LK") },
        starts_at: Some(STARTS),
        ends_at: Some(STARTS + 3 * HOUR),
        timezone: text("Asia/Colombo"),
        currency: text("EUR"),
        region: None,
        refund_until: None,
        ticket_types: Some(vec![ticket(None, Some(4500), Some(100), Some(6))]),
        questions: None,
        shared_capacities: None,
        reminder_hours: None,
        accent: None,
    }
}

fn ticket(id: Option<&str>, price: Option<i64>, capacity: Option<i64>, per_person_limit: Option<i64>) -> TicketFields {
    TicketFields {
        id: id.map(str::to_owned),
        name: id.is_none().then(|| "Standard".to_owned()),
        price,
        capacity,
        per_person_limit,
        ..TicketFields::default()
    }
}

fn priced(currency: &str, price: i64) -> Fields {
    Fields { currency: Some(currency.to_owned()), ticket_types: Some(vec![ticket(None, Some(price), Some(1), None)]), ..fields() }
}

fn published() -> EventDoc {
    publish(&event(), NOW).unwrap()
}

fn id() -> String {
    "eu_new".to_owned()
}

fn pointers(result: Result<EventDoc, Refusal>) -> Vec<String> {
    match result {
        Ok(_) => vec!["accepted".to_owned()],
        Err(Refusal::State(_)) => vec!["state".to_owned()],
        Err(Refusal::Faults(faults)) => faults.into_iter().map(|(pointer, _)| pointer).collect(),
    }
}

#[test]
fn a_draft_has_the_requested_fields() {
    let doc = event();
    assert_eq!((doc.status, doc.revision, doc.region.as_str(), doc.organiser_id.as_str()), (EventStatus::Draft, 1, "eu", "eu_o"));
    assert_eq!(doc.ticket_types[0].per_person_limit, 6);
    let unlimited = Fields { ticket_types: Some(vec![ticket(None, Some(0), Some(1), None)]), ..fields() };
    assert_eq!(create(unlimited, "eu", NOW, id).unwrap().ticket_types[0].per_person_limit, limits::PER_PERSON_DEFAULT);
}

#[test]
fn new_events_are_refused() {
    for (name, fields, expected) in [
        ("begun", Fields { starts_at: Some(NOW), ..fields() }, &["/starts_at"][..]),
        ("over", Fields { starts_at: Some(NOW - 2), ends_at: Some(NOW - 1), ..fields() }, &["/starts_at", "/ends_at"]),
        ("ends before it starts", Fields { ends_at: Some(STARTS), ..fields() }, &["/ends_at"]),
        ("in another age", Fields { ends_at: Some(NOW + limits::AHEAD + 1), ..fields() }, &["/ends_at"]),
        ("refunds after it is over", Fields { refund_until: Some(Some(STARTS + 3 * HOUR + 1)), ..fields() }, &["/refund_until"]),
        ("refunds until it is over", Fields { refund_until: Some(Some(STARTS + 3 * HOUR)), ..fields() }, &["accepted"]),
        ("too dear", priced("EUR", 1_000_000_001), &["/ticket_types/0/price"]),
        ("as many rials", priced("IRR", 12_000_000_000), &["accepted"]),
        ("a hundred euros in pounds", priced("LBP", 1_050_000_000), &["accepted"]),
        ("elsewhere", Fields { region: Some("us".to_owned()), ..fields() }, &["/region"]),
        ("here", Fields { region: Some("eu".to_owned()), ..fields() }, &["accepted"]),
    ] {
        assert_eq!(pointers(create(fields, "eu", NOW, id)), expected, "{name}");
    }
}

#[test]
fn changes_by_state() {
    let none = Fields::default();
    let (draft, shown, off) = (event(), published(), cancel(&published()));
    let refundable = change(&draft, Fields { refund_until: Some(Some(STARTS + 2 * HOUR)), ..none.clone() }, NOW, id).unwrap();
    let dear = create(priced("IRR", 12_000_000_000), "eu", NOW, id).unwrap();
    let tickets = |list: Vec<TicketFields>| Fields { ticket_types: Some(list), ..none.clone() };
    for (name, old, fields, expected) in [
        ("currency in a draft", &draft, Fields { currency: Some("USD".to_owned()), ..none.clone() }, "accepted"),
        ("currency on sale", &shown, Fields { currency: Some("USD".to_owned()), ..none.clone() }, "state"),
        ("the same currency", &shown, Fields { currency: Some("EUR".to_owned()), ..none.clone() }, "accepted"),
        ("another region", &draft, Fields { region: Some("us".to_owned()), ..none.clone() }, "/region"),
        ("anything when cancelled", &off, Fields { title: Some("x".to_owned()), ..none.clone() }, "state"),
        ("replace a ticket type in a draft", &draft, tickets(vec![ticket(None, Some(1), Some(1), None)]), "accepted"),
        ("replace one on sale", &shown, tickets(vec![ticket(None, Some(1), Some(1), None)]), "state"),
        (
            "add one on sale",
            &shown,
            tickets(vec![ticket(Some("eu_t1"), None, None, None), ticket(None, Some(1), Some(1), None)]),
            "accepted",
        ),
        ("a stranger's ticket type", &shown, tickets(vec![ticket(Some("eu_t9"), None, None, None)]), "/ticket_types/0/id"),
        (
            "the same one twice",
            &shown,
            tickets(vec![ticket(Some("eu_t1"), None, None, None), ticket(Some("eu_t1"), None, None, None)]),
            "/ticket_types/1/id",
        ),
        ("into the past", &shown, Fields { starts_at: Some(NOW), ..none.clone() }, "/starts_at"),
        (
            "an end before the last refund",
            &refundable,
            Fields { ends_at: Some(STARTS + 2 * HOUR - 1), ..none.clone() },
            "/refund_until",
        ),
        (
            "another currency with the same price",
            &dear,
            Fields { currency: Some("EUR".to_owned()), ..none.clone() },
            "/ticket_types/0/price",
        ),
        ("end before start", &shown, Fields { ends_at: Some(STARTS - 1), ..none.clone() }, "/ends_at"),
    ] {
        assert_eq!(pointers(change(old, fields, NOW, id)), [expected], "{name}");
    }
}

#[test]
fn a_change_affects_only_the_named_fields() {
    let old = published();
    let fields = Fields {
        title: Some("Morning of Strings".to_owned()),
        venue: VenueFields { city: Some("Kandy".to_owned()), ..VenueFields::default() },
        refund_until: Some(Some(STARTS)),
        accent: Some(Some("#0b6e4f".to_owned())),
        ticket_types: Some(vec![ticket(Some("eu_t1"), Some(5000), None, Some(2))]),
        ..Fields::default()
    };
    let new = change(&old, fields, NOW, id).unwrap();
    let expected = EventDoc {
        revision: old.revision + 1,
        title: "Morning of Strings".to_owned(),
        venue: Venue { city: "Kandy".to_owned(), ..old.venue.clone() },
        refund_until: Some(STARTS),
        accent: Some("#0b6e4f".to_owned()),
        ticket_types: vec![TicketType { price: 5000, per_person_limit: 2, ..old.ticket_types[0].clone() }],
        ..old.clone()
    };
    assert_eq!(new, expected);

    let taken_away = Fields { refund_until: Some(None), ..Fields::default() };
    assert_eq!(change(&new, taken_away, NOW, id).unwrap().refund_until, None);
    let without = Fields { accent: Some(None), ..Fields::default() };
    assert_eq!(change(&new, without, NOW, id).unwrap().accent, None);
    // What has begun may still be put right, in all but its times.
    let late = change(&old, Fields { title: Some("x".to_owned()), ..Fields::default() }, STARTS + HOUR, id);
    assert_eq!(late.unwrap().title, "x");
    assert_eq!(change(&old, Fields { title: Some(old.title.clone()), ..Fields::default() }, NOW, id).unwrap(), old);
}

#[test]
fn an_event_never_returns_to_an_earlier_state() {
    let (draft, shown) = (event(), published());
    assert_eq!((shown.status, shown.revision), (EventStatus::Published, draft.revision + 1));
    assert_eq!(publish(&shown, NOW).unwrap(), shown);
    assert_eq!(pointers(publish(&draft, STARTS)), ["state"]);
    let off = cancel(&shown);
    assert_eq!((off.status, off.revision), (EventStatus::Cancelled, shown.revision + 1));
    assert_eq!(cancel(&off), off);
    assert_eq!(cancel(&draft).status, EventStatus::Cancelled);
    assert_eq!(pointers(publish(&off, NOW)), ["state"]);
}

fn question(id: Option<&str>, kind: QuestionKind) -> QuestionFields {
    QuestionFields { id: id.map(str::to_owned), label: "Meal".to_owned(), kind, ..QuestionFields::default() }
}

#[test]
fn a_question_means_the_same_for_good() {
    let asking = |questions: Vec<QuestionFields>| Fields { questions: Some(questions), ..Fields::default() };
    let draft = change(&event(), asking(vec![question(None, QuestionKind::Text)]), NOW, || "eu_q1".to_owned()).unwrap();
    assert_eq!((draft.questions[0].id.as_str(), draft.questions[0].kind, draft.revision), ("eu_q1", QuestionKind::Text, 2));
    let shown = publish(&draft, NOW).unwrap();
    let known = |kind| question(Some("eu_q1"), kind);
    let per_ticket = QuestionFields { per: QuestionScope::Ticket, ..known(QuestionKind::Text) };
    let of_type = |id: &str| QuestionFields { ticket_types: vec![id.to_owned()], ..known(QuestionKind::Text) };
    for (name, old, questions, expected) in [
        ("another kind in a draft", &draft, vec![known(QuestionKind::Consent)], "accepted"),
        ("another kind on sale", &shown, vec![known(QuestionKind::Consent)], "state"),
        ("for each ticket on sale", &shown, vec![per_ticket], "state"),
        ("the same one twice", &shown, vec![known(QuestionKind::Text), known(QuestionKind::Text)], "/questions/1/id"),
        ("a stranger's", &shown, vec![question(Some("eu_q9"), QuestionKind::Text)], "/questions/0/id"),
        ("for some", &shown, vec![of_type("eu_t1")], "accepted"),
        ("for a stranger's ticket type", &shown, vec![of_type("eu_t9")], "/questions/0/ticket_types/0"),
        ("no more, and another", &shown, vec![question(None, QuestionKind::Consent)], "accepted"),
    ] {
        assert_eq!(pointers(change(old, asking(questions), NOW, id)), [expected], "{name}");
    }
    let long = QuestionFields { help: "x".repeat(1_000), ..question(None, QuestionKind::Text) };
    assert_eq!(pointers(change(&shown, asking(vec![long; 20]), NOW, id)), ["/questions"]);

    let worded = QuestionFields { label: "Which meal?".to_owned(), required: true, ..known(QuestionKind::Text) };
    let new = change(&shown, asking(vec![worded]), NOW, id).unwrap();
    assert_eq!((new.questions[0].id.as_str(), new.questions[0].label.as_str()), ("eu_q1", "Which meal?"));
    assert_eq!(change(&new, asking(vec![]), NOW, id).unwrap().questions, []);
    assert_eq!(
        change(&new, Fields { title: Some("x".to_owned()), ..Fields::default() }, NOW, id).unwrap().questions,
        new.questions
    );
}

fn hall(id: Option<&str>, capacity: i64, ticket_types: &[&str]) -> SharedFields {
    let ticket_types = Some(ticket_types.iter().map(|name| (*name).to_owned()).collect());
    SharedFields { id: id.map(str::to_owned), name: Some("Hall".to_owned()), capacity: Some(capacity), ticket_types }
}

#[test]
fn a_new_event_names_its_ticket_types_by_keys() {
    let keyed = |key: &str| TicketFields { key: Some(key.to_owned()), ..ticket(None, Some(100), Some(10), None) };
    let with = |tickets: &[&str], shared: Vec<SharedFields>| Fields {
        ticket_types: Some(tickets.iter().map(|key| keyed(key)).collect()),
        shared_capacities: Some(shared),
        ..fields()
    };
    let make = |fields| {
        let mut number = 0;
        create(fields, "eu", NOW, || {
            number += 1;
            format!("eu_{number}")
        })
    };
    let doc = make(with(&["adult", "child"], vec![hall(None, 15, &["child", "adult"])])).unwrap();
    let ids: Vec<_> = doc.ticket_types.iter().map(|ticket| ticket.id.as_str()).collect();
    assert_eq!(ids, ["eu_2", "eu_3"]);
    let shared = SharedCapacity {
        id: "eu_4".to_owned(),
        name: "Hall".to_owned(),
        capacity: 15,
        ticket_types: vec!["eu_3".to_owned(), "eu_2".to_owned()],
    };
    assert_eq!(doc.shared_capacities, [shared]);
    for (name, tickets, shared, expected) in [
        ("one key twice", &["adult", "adult"][..], vec![], "/ticket_types/1/key"),
        ("a key of nothing", &["adult"], vec![hall(None, 1, &["adult", "child"])], "/shared_capacities/0/ticket_types/1"),
        ("too many for one", &["adult"], vec![hall(None, 1, &["adult"]); 5], "/shared_capacities/4/ticket_types/0"),
        ("as many as there may be", &["adult"], vec![hall(None, 1, &["adult"]); 4], "accepted"),
    ] {
        assert_eq!(pointers(make(with(tickets, shared))), [expected], "{name}");
    }
}

#[test]
fn what_is_shared_can_change_and_end() {
    let sharing = |shared: Vec<SharedFields>| Fields { shared_capacities: Some(shared), ..Fields::default() };
    let old =
        publish(&change(&event(), sharing(vec![hall(None, 50, &["eu_t1"])]), NOW, || "eu_h".to_owned()).unwrap(), NOW).unwrap();
    for (name, fields, expected) in [
        ("another size", sharing(vec![hall(Some("eu_h"), 40, &["eu_t1"])]), "accepted"),
        ("no more", sharing(vec![]), "accepted"),
        ("a stranger's", sharing(vec![hall(Some("eu_x"), 40, &["eu_t1"])]), "/shared_capacities/0/id"),
        ("twice", sharing(vec![hall(Some("eu_h"), 1, &["eu_t1"]), hall(Some("eu_h"), 1, &["eu_t1"])]), "/shared_capacities/1/id"),
        ("by a stranger's ticket type", sharing(vec![hall(Some("eu_h"), 40, &["eu_t9"])]), "/shared_capacities/0/ticket_types/0"),
        (
            "a key like an id",
            Fields {
                ticket_types: Some(vec![
                    ticket(Some("eu_t1"), None, None, None),
                    TicketFields { key: Some("eu_t1".to_owned()), ..ticket(None, Some(1), Some(1), None) },
                ]),
                ..Fields::default()
            },
            "/ticket_types/1/key",
        ),
    ] {
        assert_eq!(pointers(change(&old, fields, NOW, id)), [expected], "{name}");
    }
    let smaller = SharedFields { id: Some("eu_h".to_owned()), capacity: Some(40), ..SharedFields::default() };
    let new = change(&old, sharing(vec![smaller]), NOW, id).unwrap();
    let expected = SharedCapacity { capacity: 40, ..old.shared_capacities[0].clone() };
    assert_eq!((new.revision, &new.shared_capacities[0]), (old.revision + 1, &expected));
}
