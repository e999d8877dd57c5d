//! What records lead to, without a database.

use super::world::{booking, payment, record};
use crate::effects::{self, EventAnalytics};
use crate::mail::Template;
use crate::record;
use crate::wit::kafka::ConsumerRecord;
use serde_json::json;

fn email_change(address: &str) -> ConsumerRecord {
    record("a", "user.email-change-requested", "eu_ada", &json!({"user_id": "eu_ada", "address": address}))
}

#[test]
fn figures_and_mail_follow_the_record() {
    let eur = || EventAnalytics { currency: "EUR".into(), ..EventAnalytics::default() };
    let cases: [(ConsumerRecord, Option<EventAnalytics>, Option<Template>); 15] = [
        (booking("a", "booking.created", "eu_paid", "held", None), Some(EventAnalytics { holds: 1, ..eur() }), None),
        (booking("a", "booking.updated", "eu_paid", "paying", None), Some(eur()), None),
        (
            booking("a", "booking.updated", "eu_paid", "confirmed", Some("eu_pay")),
            Some(EventAnalytics { bookings: 1, tickets: 2, ..eur() }),
            Some(Template::Confirmed),
        ),
        (
            booking("a", "booking.created", "eu_free", "confirmed", None),
            Some(EventAnalytics { holds: 1, bookings: 1, tickets: 1, ..eur() }),
            Some(Template::Confirmed),
        ),
        (booking("a", "booking.cancelled", "eu_paid", "cancelled", None), Some(eur()), Some(Template::Cancelled)),
        (
            booking("a", "booking.cancelled", "eu_paid", "cancelled", Some("eu_pay")),
            Some(EventAnalytics { cancelled: 1, ..eur() }),
            Some(Template::Cancelled),
        ),
        (
            booking("a", "booking.cancelled", "eu_free", "cancelled", None),
            Some(EventAnalytics { cancelled: 1, ..eur() }),
            Some(Template::Cancelled),
        ),
        (payment("a", "payment.completed", None), Some(EventAnalytics { revenue: 9000, ..eur() }), None),
        (payment("a", "payment.completed", Some(500)), Some(EventAnalytics { refunded: 500, ..eur() }), Some(Template::Refunded)),
        (payment("a", "payment.failed", None), None, Some(Template::PaymentFailed)),
        (record("a", "event.cancelled", "eu_e", &json!({"id": "eu_e"})), None, None),
        (record("a", "user.verification-requested", "eu_ada", &json!({"user_id": "eu_ada"})), None, Some(Template::VerifyEmail)),
        (email_change("old"), None, Some(Template::LeaveEmail)),
        (email_change("new"), None, Some(Template::TakeEmail)),
        (record("a", "user.email-changed", "eu_ada", &json!({"user_id": "eu_ada", "actor": "eu_ada"})), None, None),
    ];
    for (record, figures, template) in cases {
        let effects = effects::of(&record::read(&record).unwrap()).unwrap();
        let (event, counted) = effects.figures.unzip();
        assert_eq!((counted, effects.mail.map(|wish| wish.template)), (figures.clone(), template), "{record:?}");
        assert_eq!(event, figures.map(|_| "eu_e".to_owned()));
    }
}
