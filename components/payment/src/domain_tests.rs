use super::*;
use kit::{
    ledger::{Booking, BookingStatus, Money},
    time::SECOND,
};

const NOW: i64 = 1_000 * SECOND;

fn payment(status: Status, version: i64, due_at: Option<i64>) -> Payment {
    Payment {
        id: "eu_p".into(),
        booking: "eu_b".into(),
        event: "eu_e".into(),
        person: "eu_u".into(),
        amount: 9000,
        currency: "EUR".into(),
        status,
        provider: "sandbox".into(),
        details: Details { token: "tok_ok".into(), deadline: None, completed_at: None, trace: None, memo: Json::Null },
        failure: (status == Status::Failed).then(|| "declined".to_owned()),
        refunded: 0,
        due_at,
        version,
        created_at: NOW,
    }
}

fn receipt(outcome: Decided) -> Result<Receipt, Rejection> {
    Ok(Receipt { version: 1, replayed: false, outcome })
}

fn booking(expires_at: Option<i64>) -> Booking {
    Booking {
        id: "eu_b".into(),
        event_id: "eu_e".into(),
        person: "eu_u".into(),
        status: BookingStatus::Paying,
        expires_at,
        items: Vec::new(),
        total: Money { amount: 9000, currency: "EUR".into() },
        version: 1,
        created_at: 0,
    }
}

#[test]
fn statuses_keep_their_names() {
    for (status, name) in Status::NAMES {
        assert_eq!((Status::named(name), status.name()), (Some(status), name));
    }
    assert_eq!(Status::named("paid"), None);
}

#[test]
fn what_is_paid_stays_paid_and_what_failed_begins_no_more() {
    let all = Status::NAMES.map(|(status, _)| status);
    let after = |status: Status| all.into_iter().filter(|next| status.may_become(*next)).collect::<Vec<_>>();
    assert_eq!(after(Status::Pending), all);
    assert_eq!(after(Status::Processing), [Status::RequiresAction, Status::Processing, Status::Completed, Status::Failed]);
    assert_eq!(after(Status::RequiresAction), after(Status::Processing));
    assert_eq!(after(Status::Failed), [Status::Completed, Status::Failed]);
    assert_eq!(after(Status::Completed), [Status::Completed]);
}

#[test]
fn the_next_step_follows_from_the_state() {
    use Driver::{Owner, Passer};
    let (past, future) = (Some(NOW), Some(NOW + 1));
    for (status, version, due, driver, step) in [
        // Accepted, then killed: the owner's retry drives it on at once, others once it is due.
        (Status::Pending, 0, future, Owner, Step::Begin),
        (Status::Pending, 0, future, Passer, Step::Rest),
        (Status::Pending, 0, past, Passer, Step::Begin),
        // Begun, then killed before, while or after the provider was asked: it is asked again.
        (Status::Pending, 1, future, Owner, Step::Start),
        (Status::Pending, 1, future, Passer, Step::Rest),
        (Status::Pending, 1, past, Passer, Step::Start),
        // The provider works on it: there is no hurry.
        (Status::Processing, 2, future, Owner, Step::Rest),
        (Status::Processing, 2, past, Passer, Step::LookUp),
        (Status::RequiresAction, 2, future, Owner, Step::Rest),
        (Status::RequiresAction, 2, past, Owner, Step::LookUp),
        // Over, but for a provider that takes its word back.
        (Status::Completed, 3, None, Owner, Step::Rest),
        (Status::Failed, 3, None, Owner, Step::Rest),
        (Status::Failed, 4, past, Passer, Step::LookUp),
    ] {
        assert_eq!(next_step(&payment(status, version, due), NOW, driver), step, "{status:?} v{version} {due:?} {driver:?}");
    }
}

#[test]
fn provider_answers_map_to_outcomes() {
    let later = NOW + 5 * SECOND;
    let soon = NOW + limits::WAIT_FLOOR;
    for (status, outcome, settlement) in [
        (Status::Pending, Outcome::Paid, Settlement::Confirm),
        (Status::Processing, Outcome::Paid, Settlement::Confirm),
        (Status::RequiresAction, Outcome::Paid, Settlement::Confirm),
        (Status::Failed, Outcome::Paid, Settlement::Confirm),
        (Status::Completed, Outcome::Paid, Settlement::Close),
        (Status::Pending, Outcome::Declined("x".into()), Settlement::Fail("x".into())),
        (Status::Processing, Outcome::Declined("x".into()), Settlement::Fail("x".into())),
        (Status::Failed, Outcome::Declined("x".into()), Settlement::Close),
        (Status::Completed, Outcome::Declined("x".into()), Settlement::Close),
        (Status::Pending, Outcome::ActionRequired { look_at: later }, Settlement::Wait(Status::RequiresAction, later)),
        (Status::Pending, Outcome::Processing { look_at: later }, Settlement::Wait(Status::Processing, later)),
        // A provider that wants to be asked at once is still given a moment: no busy loop.
        (Status::Processing, Outcome::Processing { look_at: NOW }, Settlement::Wait(Status::Processing, soon)),
        (Status::Pending, Outcome::NoAnswer, Settlement::Wait(Status::Processing, NOW + limits::NO_ANSWER)),
        (Status::Pending, Outcome::Unreachable, Settlement::Wait(Status::Pending, NOW + SECOND)),
    ] {
        assert_eq!(settle(&payment(status, 1, Some(NOW)), outcome.clone(), NOW), settlement, "{status:?} {outcome:?}");
    }
}

#[test]
fn ledger_answers_to_begin_payment_map_to_outcomes() {
    let begun = after_begin(receipt(Decided::Booking(booking(Some(7)))), true);
    assert!(matches!(begun, BeginOutcome::Until(Some(7))), "{begun:?}");
    assert!(matches!(after_begin(Err(Rejection::Unknown), true), BeginOutcome::Unknown));
    assert!(matches!(after_begin(Err(Rejection::Unavailable(10)), false), BeginOutcome::Unknown));
    for rejection in [Rejection::Expired, Rejection::WrongState(BookingStatus::Confirmed), Rejection::Unavailable(10)] {
        assert!(matches!(after_begin(Err(rejection), true), BeginOutcome::Refused(_)));
    }
}

#[test]
fn every_charge_is_either_confirmed_or_refunded() {
    for (answer, confirmed) in [
        (receipt(Decided::Booking(booking(None))), ConfirmOutcome::Complete),
        (receipt(Decided::RefundDue(booking(None))), ConfirmOutcome::Complete),
        (Err(Rejection::Unavailable(5)), ConfirmOutcome::AskAgain),
        (Err(Rejection::Unknown), ConfirmOutcome::AskAgain),
        (Err(Rejection::UnknownBooking), ConfirmOutcome::GiveBack),
        (Err(Rejection::Invalid("amount".into())), ConfirmOutcome::GiveBack),
        (Err(Rejection::WrongState(BookingStatus::Cancelled)), ConfirmOutcome::GiveBack),
    ] {
        assert_eq!(after_confirm(&answer), confirmed, "{answer:?}");
    }
}

#[test]
fn releasing_a_hold_is_retried_until_the_ledger_answers() {
    assert!(hold_is_back(&receipt(Decided::Booking(booking(None)))));
    assert!(hold_is_back(&Err(Rejection::Expired)));
    assert!(!hold_is_back(&Err(Rejection::Unavailable(5))));
    assert!(!hold_is_back(&Err(Rejection::Unknown)));
}

#[test]
fn waits_grow_up_to_a_limit() {
    let mut old = payment(Status::Processing, 1, None);
    assert_eq!(wait(&old, NOW), SECOND);
    assert_eq!(wait(&old, NOW + 60 * SECOND), 15 * SECOND);
    old.created_at = 0;
    assert_eq!(wait(&old, 1_000_000 * SECOND), *limits::WAIT.end());
    assert_eq!(refund_wait(0), 2 * SECOND);
    assert_eq!(refund_wait(3), 16 * SECOND);
    assert_eq!(refund_wait(i64::MAX), *limits::REFUND_WAIT.end());
}

#[test]
fn a_booking_no_longer_payable_names_the_reason() {
    for (booking, expires_at, sale, code) in [
        ("paying", Some(NOW + 1), "open", None),
        ("held", Some(NOW + 1), "open", None),
        ("paying", Some(NOW), "open", Some("hold_expired")),
        ("expired", None, "open", Some("hold_expired")),
        ("cancelled", None, "open", Some("booking_cancelled")),
        ("cancelled", None, "closed", Some("event_cancelled")),
        ("paying", Some(NOW + 1), "closed", Some("event_cancelled")),
        ("confirmed", None, "open", Some("already_paid")),
    ] {
        assert_eq!(gone(booking, expires_at, sale, NOW), code, "{booking} {expires_at:?} {sale}");
    }
}
