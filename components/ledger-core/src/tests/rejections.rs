//! One example, at least, of every rejection.

use super::world::{World, changed, confirmation, sale, shortage};
use super::{CAP, HOLD, MINUTE, START, euros, offer, order, person};
use crate::*;

#[test]
fn every_rejection_is_reachable() {
    use Rejection::*;
    type Setup = fn(&mut World) -> Action;
    let (ada, steward) = (|| person("ada"), || Subject::Steward("org".to_owned()));
    let cases: Vec<(&str, Subject, Setup, Rejection)> = vec![
        (
            "another event",
            ada(),
            |w| {
                *w = World::unopened();
                order(&[("standard", 1)])
            },
            UnknownEvent,
        ),
        (
            "sweep of another event",
            Subject::Platform,
            |w| {
                *w = World::unopened();
                Action::Expire
            },
            UnknownEvent,
        ),
        ("ticket type", ada(), |_| order(&[("standard", 1), ("box", 1)]), UnknownTicketType("box".to_owned())),
        (
            "before the sale",
            ada(),
            |w| {
                let sale = changed(|sale| sale.sales_from = Some(START + 1));
                w.ask(Subject::Platform, Action::Adjust(sale)).unwrap();
                order(&[("standard", 1)])
            },
            NotOnSale(SalePhase::NotYet),
        ),
        (
            "after the sale",
            ada(),
            |w| {
                w.now = START + 120 * MINUTE;
                order(&[("standard", 1)])
            },
            NotOnSale(SalePhase::Over),
        ),
        (
            "closed",
            ada(),
            |w| {
                w.ask(Subject::Platform, Action::Close(4)).unwrap();
                order(&[("standard", 1)])
            },
            NotOnSale(SalePhase::Closed),
        ),
        (
            "opened after closing",
            steward(),
            |w| {
                w.ask(Subject::Platform, Action::Close(4)).unwrap();
                Action::Open(sale(5))
            },
            NotOnSale(SalePhase::Closed),
        ),
        (
            "opened at the revision that closed it",
            steward(),
            |w| {
                w.ask(Subject::Platform, Action::Close(4)).unwrap();
                Action::Open(sale(4))
            },
            NotOnSale(SalePhase::Closed),
        ),
        (
            "adjusted after closing",
            steward(),
            |w| {
                w.ask(Subject::Platform, Action::Close(4)).unwrap();
                Action::Adjust(sale(5))
            },
            NotOnSale(SalePhase::Closed),
        ),
        (
            "payment after closing",
            ada(),
            |w| {
                let id = w.hold("ada", "standard", 1).id;
                w.ask(Subject::Platform, Action::Close(4)).unwrap();
                Action::BeginPayment(id)
            },
            NotOnSale(SalePhase::Closed),
        ),
        (
            "sold out",
            ada(),
            |w| {
                w.hold("bob", "balcony", 1);
                order(&[("standard", 1), ("balcony", 2)])
            },
            SoldOut(vec![shortage("balcony", 1)]),
        ),
        (
            "free ones sold out",
            ada(),
            |w| {
                w.hold("bob", "free", 3);
                order(&[("free", 3)])
            },
            SoldOut(vec![shortage("free", 2)]),
        ),
        (
            "too many at once",
            ada(),
            |_| order(&[("standard", 4)]),
            OverLimit(Limit { ticket_type: "standard".to_owned(), per_person: 3, has: 0 }),
        ),
        (
            "too many in all",
            ada(),
            |w| {
                w.bought("ada");
                order(&[("standard", 2)])
            },
            OverLimit(Limit { ticket_type: "standard".to_owned(), per_person: 3, has: 2 }),
        ),
        (
            "payment of an overdue hold",
            ada(),
            |w| {
                let id = w.hold("ada", "standard", 1).id;
                w.now += HOLD;
                Action::BeginPayment(id)
            },
            Expired,
        ),
        (
            "payment of an expired one",
            ada(),
            |w| {
                let id = w.hold("ada", "standard", 1).id;
                w.now += HOLD;
                w.ask(Subject::Platform, Action::Expire).unwrap();
                Action::BeginPayment(id)
            },
            Expired,
        ),
        (
            "end of a payment too late",
            Subject::Platform,
            |w| {
                let id = w.hold("ada", "standard", 1).id;
                w.ask(person("ada"), Action::BeginPayment(id.clone())).unwrap();
                w.now += CAP;
                Action::EndPayment(id)
            },
            Expired,
        ),
        (
            "end of no payment",
            Subject::Platform,
            |w| Action::EndPayment(w.hold("ada", "standard", 1).id),
            WrongState(BookingStatus::Held),
        ),
        ("payment of what is paid", ada(), |w| Action::BeginPayment(w.bought("ada")), WrongState(BookingStatus::Confirmed)),
        (
            "payment of what was given back",
            ada(),
            |w| {
                let id = w.hold("ada", "standard", 1).id;
                w.ask(person("ada"), Action::Cancel(id.clone())).unwrap();
                Action::BeginPayment(id)
            },
            WrongState(BookingStatus::Cancelled),
        ),
        (
            "cancelled twice",
            ada(),
            |w| {
                let id = w.hold("ada", "standard", 1).id;
                w.ask(person("ada"), Action::Cancel(id.clone())).unwrap();
                Action::Cancel(id)
            },
            WrongState(BookingStatus::Cancelled),
        ),
        (
            "cancelled when overdue",
            Subject::Platform,
            |w| {
                let id = w.hold("ada", "standard", 1).id;
                w.now += HOLD;
                Action::Cancel(id)
            },
            WrongState(BookingStatus::Expired),
        ),
        (
            "cancelled when expired",
            ada(),
            |w| {
                let id = w.hold("ada", "standard", 1).id;
                w.now += HOLD;
                w.ask(Subject::Platform, Action::Expire).unwrap();
                Action::Cancel(id)
            },
            WrongState(BookingStatus::Expired),
        ),
        (
            "no refunds",
            ada(),
            |w| {
                let sale = changed(|sale| sale.refund_until = None);
                w.ask(Subject::Platform, Action::Adjust(sale)).unwrap();
                Action::Cancel(w.bought("ada"))
            },
            NotCancellable(CancelRefusal::NoRefunds),
        ),
        (
            "refunds are over",
            ada(),
            |w| {
                let id = w.bought("ada");
                w.now = START + 60 * MINUTE;
                Action::Cancel(id)
            },
            NotCancellable(CancelRefusal::TooLate),
        ),
        (
            "a free one after the sale",
            ada(),
            |w| {
                let id = w.hold("ada", "free", 1).id;
                w.now = START + 120 * MINUTE;
                Action::Cancel(id)
            },
            NotCancellable(CancelRefusal::TooLate),
        ),
        ("another's booking", ada(), |w| Action::Cancel(w.hold("bob", "standard", 1).id), UnknownBooking),
        ("another's payment", ada(), |w| Action::BeginPayment(w.hold("bob", "standard", 1).id), UnknownBooking),
        ("no booking", Subject::Platform, |_| Action::Cancel("eu_none".to_owned()), UnknownBooking),
        (
            "capacity",
            steward(),
            |w| {
                w.bought("ada");
                w.hold("bob", "standard", 1);
                Action::Adjust(changed(|sale| sale.offers[0].capacity = 2))
            },
            CapacityTooLow(shortage("standard", 3)),
        ),
        ("stale open", steward(), |_| Action::Open(sale(2)), StaleRevision(3)),
        ("stale adjustment", steward(), |_| Action::Adjust(sale(2)), StaleRevision(3)),
        ("stale end", Subject::Platform, |_| Action::Close(2), StaleRevision(3)),
        ("buyer opens", ada(), |_| Action::Open(sale(4)), Forbidden),
        ("buyer adjusts", ada(), |_| Action::Adjust(sale(4)), Forbidden),
        ("buyer closes", ada(), |_| Action::Close(4), Forbidden),
        ("buyer sweeps", ada(), |_| Action::Expire, Forbidden),
        ("steward holds", steward(), |_| order(&[("standard", 1)]), Forbidden),
        ("steward pays", steward(), |w| Action::BeginPayment(w.hold("ada", "standard", 1).id), Forbidden),
        (
            "buyer confirms",
            ada(),
            |w| {
                let id = w.hold("ada", "standard", 1).id;
                confirmation(&id, "p", euros(4500))
            },
            Forbidden,
        ),
        (
            "wrong sum",
            Subject::Platform,
            |w| {
                let id = w.hold("ada", "standard", 1).id;
                confirmation(&id, "p", euros(4400))
            },
            Invalid("paid: the booking's total is 4500 EUR".to_owned()),
        ),
        (
            "wrong currency",
            Subject::Platform,
            |w| {
                let id = w.hold("ada", "standard", 1).id;
                confirmation(&id, "p", Money { amount: 4500, currency: "LKR".to_owned() })
            },
            Invalid("paid: the booking's total is 4500 EUR".to_owned()),
        ),
        (
            "another currency",
            steward(),
            |_| Action::Adjust(changed(|sale| sale.currency = "LKR".to_owned())),
            Invalid("currency: is EUR".to_owned()),
        ),
        (
            "left out",
            steward(),
            |_| {
                Action::Adjust(changed(|sale| {
                    sale.offers.remove(1);
                }))
            },
            Invalid("offers: balcony is left out".to_owned()),
        ),
        (
            "nothing offered",
            steward(),
            |_| Action::Adjust(changed(|sale| sale.offers.clear())),
            Invalid("offers: 0 is not 1 to 50".to_owned()),
        ),
        (
            "offered twice",
            steward(),
            |_| Action::Adjust(changed(|sale| sale.offers.push(offer("free", 0, 1, 1)))),
            Invalid("offers: free is listed twice".to_owned()),
        ),
        (
            "no currency",
            steward(),
            |_| Action::Open(changed(|sale| sale.currency = "eur".to_owned())),
            Invalid("currency: not three upper-case letters".to_owned()),
        ),
        (
            "no window",
            steward(),
            |_| Action::Open(changed(|sale| sale.sales_from = sale.sales_until)),
            Invalid("sales-until: not after sales-from".to_owned()),
        ),
        (
            "negative price",
            steward(),
            |_| Action::Open(changed(|sale| sale.offers[0].price = -1)),
            Invalid("price: -1 is not 0 to 1000000000000".to_owned()),
        ),
        (
            "no places each",
            steward(),
            |_| Action::Open(changed(|sale| sale.offers[0].per_person_limit = 0)),
            Invalid("per-person-limit: 0".to_owned()),
        ),
        (
            "absurd revision",
            Subject::Platform,
            |_| Action::Close(u64::MAX),
            Invalid("revision: 18446744073709551615 is not 0 to 9223372036854775807".to_owned()),
        ),
        ("nothing ordered", ada(), |_| order(&[]), Invalid("lines: 0 is not 1 to 50".to_owned())),
        ("no places ordered", ada(), |_| order(&[("standard", 0)]), Invalid("quantity: 0 is not 1 to 10000".to_owned())),
        (
            "ordered twice",
            ada(),
            |_| order(&[("standard", 1), ("standard", 1)]),
            Invalid("lines: standard is listed twice".to_owned()),
        ),
        ("no id", ada(), |_| Action::Cancel(String::new()), Invalid("booking: not 1 to 200 bytes".to_owned())),
        ("a NUL", ada(), |_| Action::Cancel("eu_\0".to_owned()), Invalid("booking: has control characters".to_owned())),
        ("nothing paid", Subject::Platform, |_| confirmation("eu_b", "p", euros(0)), Invalid("paid: not more than 0".to_owned())),
    ];
    for (name, subject, setup, expected) in cases {
        let mut world = World::open();
        let action = setup(&mut world);
        assert_eq!(world.ask(subject, action), Err(expected), "{name}");
    }
}
