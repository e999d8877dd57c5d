//! What a record leads to. Pure: the same record always leads to the same.

use crate::limits;
use crate::mail::{MailRequest, Needs, Schedule, Template};
use crate::record::Record;
use serde::Deserialize;

/// What a record leads to, beside its place in the audit log.
#[derive(Debug, Default, PartialEq)]
pub struct Effects {
    /// Added to the figures of an event.
    pub figures: Option<(String, EventAnalytics)>,
    /// Mail to be sent.
    pub mail: Option<MailRequest>,
    /// An event whose day, time or place has changed: everybody who has tickets for it is told.
    pub moved: Option<Moved>,
    /// Who did it, where that is known.
    pub actor: Option<String>,
    /// The network that it was done from, where that is known.
    pub network: Option<String>,
}

/// Who acts by a command of the binary.
const OPERATOR: &str = "operator";
/// An event that is elsewhere or at another time than before.
#[derive(Debug, PartialEq)]
pub struct Moved {
    /// Which.
    pub event: String,
    /// When and where it was.
    pub before: Schedule,
}

/// What is counted of an event.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct EventAnalytics {
    /// Bookings that began; a free one, which is confirmed at once, is both.
    pub holds: i64,
    /// Bookings that were confirmed.
    pub bookings: i64,
    /// Tickets of those.
    pub tickets: i64,
    /// Bookings that were confirmed and then given back.
    pub cancelled: i64,
    /// Minor units paid.
    pub revenue: i64,
    /// Minor units given back.
    pub refunded: i64,
    /// ISO 4217.
    pub currency: String,
}

impl EventAnalytics {
    /// Adds what was counted later.
    pub fn add(&mut self, later: &Self) {
        self.holds += later.holds;
        self.bookings += later.bookings;
        self.tickets += later.tickets;
        self.cancelled += later.cancelled;
        self.revenue = self.revenue.saturating_add(later.revenue);
        self.refunded = self.refunded.saturating_add(later.refunded);
        self.currency.clone_from(&later.currency);
    }
}

#[derive(Deserialize)]
struct User {
    user_id: String,
    network: Option<String>,
}

#[derive(Deserialize)]
struct Forgotten {
    /// None where nobody has the address, or has bought with it.
    user_id: Option<String>,
    /// The admin who has it sent.
    actor: Option<String>,
    network: Option<String>,
}

#[derive(Deserialize)]
struct Invited {
    invitation_id: String,
    actor: String,
    network: Option<String>,
}

#[derive(Deserialize)]
struct EmailChange {
    user_id: String,
    /// The one of two mails that is asked for.
    address: Address,
    network: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Address {
    Old,
    New,
}

#[derive(Deserialize)]
struct OfferMade {
    offer_id: String,
    actor: String,
    network: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    actor: Option<String>,
    /// Of one that is on sale and is elsewhere or at another time than before: when and where it was.
    before: Option<Schedule>,
}

/// What payloads of the platform's own say of who did it.
#[derive(Deserialize)]
struct Security {
    actor: Option<String>,
    network: Option<String>,
}

#[derive(Deserialize)]
struct Booking {
    id: String,
    event_id: String,
    person: String,
    status: String,
    items: Vec<Item>,
    total: Amount,
    payment_id: Option<String>,
    cancelled_by: Option<String>,
}

#[derive(Deserialize)]
struct MailRequested {
    order_id: String,
    /// Whose booking it is.
    user_id: String,
    payment_id: Option<String>,
    /// Who of the organiser's team asked.
    actor: String,
}

#[derive(Deserialize)]
struct Answered {
    order_id: String,
    /// Whose booking it is.
    user_id: String,
    payment_id: Option<String>,
    /// Who answered, for themselves or of the organiser's team.
    actor: String,
    network: Option<String>,
    /// Whether its owner's tickets are shown from now on.
    completed: bool,
}

#[derive(Deserialize)]
struct Item {
    quantity: u32,
}

#[derive(Deserialize)]
struct Amount {
    amount: i64,
    currency: String,
}

#[derive(Deserialize)]
struct Payment {
    payment_id: String,
    booking_id: String,
    event_id: String,
    user_id: String,
    amount: i64,
    currency: String,
    failure: Option<String>,
    /// Of a refund, told as its payment is.
    refund_amount: Option<i64>,
    refund_reason: Option<String>,
}

/// What a record leads to. A type that is not known here only stands in the audit log.
///
/// # Errors
/// Where its payload is not what its type says.
pub fn of(record: &Record<'_>) -> Result<Effects, String> {
    Ok(match record.kind {
        "user.registered" => {
            let User { user_id, network } = payload(record)?;
            ids([&user_id])?;
            let mail = MailRequest { template: Template::Welcome, recipient: user_id.clone(), needs: Needs::default() };
            Effects { mail: Some(mail), actor: Some(user_id), network: network.and_then(known), ..Effects::default() }
        }
        "user.verification-requested" => {
            let User { user_id, network } = payload(record)?;
            ids([&user_id])?;
            let mail = MailRequest { template: Template::VerifyEmail, recipient: user_id.clone(), needs: Needs::default() };
            Effects { mail: Some(mail), actor: Some(user_id), network: network.and_then(known), ..Effects::default() }
        }
        "user.email-change-requested" => {
            let EmailChange { user_id, address, network } = payload(record)?;
            ids([&user_id])?;
            let template = match address {
                Address::Old => Template::LeaveEmail,
                Address::New => Template::TakeEmail,
            };
            let mail = MailRequest { template, recipient: user_id.clone(), needs: Needs::default() };
            Effects { mail: Some(mail), actor: Some(user_id), network: network.and_then(known), ..Effects::default() }
        }
        "user.password-forgotten" | "user.guest-links-requested" => {
            let Forgotten { user_id, actor, network } = payload(record)?;
            ids(user_id.iter().chain(&actor))?;
            let template =
                if record.kind == "user.password-forgotten" { Template::PasswordForgotten } else { Template::GuestOrders };
            let mail = |recipient| MailRequest { template, recipient, needs: Needs::default() };
            // Whoever asked need not be whose account it is; only an admin has shown who they are.
            Effects { mail: user_id.map(mail), actor, network: network.and_then(known), ..Effects::default() }
        }
        "user.password-changed" => {
            let User { user_id, network } = payload(record)?;
            ids([&user_id])?;
            let mail = MailRequest { template: Template::PasswordChanged, recipient: user_id.clone(), needs: Needs::default() };
            Effects { mail: Some(mail), actor: Some(user_id), network: network.and_then(known), ..Effects::default() }
        }
        "organiser.invited" => {
            let Invited { invitation_id, actor, network } = payload(record)?;
            ids([&invitation_id, &actor])?;
            let needs = Needs { invitation: Some(invitation_id.clone()), ..Needs::default() };
            let mail = MailRequest { template: Template::Invitation, recipient: invitation_id, needs };
            Effects { mail: Some(mail), actor: Some(actor), network: network.and_then(known), ..Effects::default() }
        }
        "user.second-factor-enabled"
        | "user.second-factor-disabled"
        | "user.recovery-code-used"
        | "user.recovery-codes-made"
        | "user.passkey-added"
        | "user.passkey-removed" => {
            let User { user_id, network } = payload(record)?;
            ids([&user_id])?;
            let needs = Needs { reason: Some(record.kind.to_owned()), ..Needs::default() };
            let mail = MailRequest { template: Template::SecondFactorChanged, recipient: user_id.clone(), needs };
            Effects { mail: Some(mail), actor: Some(user_id), network: network.and_then(known), ..Effects::default() }
        }
        "user.login" | "user.logout" | "user.guest-created" => {
            let User { user_id, network } = payload(record)?;
            ids([&user_id])?;
            Effects { actor: Some(user_id), network: network.and_then(known), ..Effects::default() }
        }
        "event.created" | "event.updated" | "event.cancelled" => {
            let Event { actor, before } = payload(record)?;
            ids(&actor)?;
            let moved = before.map(|before| Moved { event: record.subject.to_owned(), before });
            Effects { actor, moved, ..Effects::default() }
        }
        "booking.created" | "booking.updated" | "booking.cancelled" => booking(record, payload(record)?)?,
        "order.mail-requested" => {
            let MailRequested { order_id, user_id, payment_id, actor } = payload(record)?;
            ids([&order_id, &user_id, &actor].into_iter().chain(&payment_id))?;
            let needs = Needs { booking: Some(order_id), payment: payment_id, ..Needs::default() };
            let mail = MailRequest { template: Template::Confirmed, recipient: user_id, needs };
            Effects { mail: Some(mail), actor: Some(actor), ..Effects::default() }
        }
        "order.answered" => {
            let Answered { order_id, user_id, payment_id, actor, network, completed } = payload(record)?;
            ids([&order_id, &user_id, &actor].into_iter().chain(&payment_id))?;
            let needs = Needs { booking: Some(order_id), payment: payment_id, ..Needs::default() };
            let mail = completed.then_some(MailRequest { template: Template::Confirmed, recipient: user_id, needs });
            Effects { mail, actor: Some(actor), network: network.and_then(known), ..Effects::default() }
        }
        "order.changed" => {
            let Security { actor, network } = payload(record)?;
            ids(&actor)?;
            Effects { actor, network: network.and_then(known), ..Effects::default() }
        }
        "ticket.offered" => {
            let OfferMade { offer_id, actor, network } = payload(record)?;
            ids([&offer_id, &actor])?;
            let needs = Needs { offer: Some(offer_id), ..Needs::default() };
            let mail = MailRequest { template: Template::TicketOffered, recipient: actor.clone(), needs };
            Effects { mail: Some(mail), actor: Some(actor), network: network.and_then(known), ..Effects::default() }
        }
        "payment.initiated" | "payment.completed" | "payment.failed" => payment(record, payload(record)?)?,
        kind if kit::security::is_own(kind) => {
            let Security { actor, network } = payload(record)?;
            // Some of it is done by commands, and not by somebody who has an id.
            let actor = actor.filter(|actor| kit::id::valid(actor) || actor == OPERATOR);
            Effects { actor, network: network.and_then(known), ..Effects::default() }
        }
        // Among them are events of others, whose payloads say what they like.
        _ => Effects::default(),
    })
}

/// A network, if it is written as one: it stands in the log for good.
fn known(network: String) -> Option<String> {
    let (address, bits) = network.split_once('/')?;
    (address.parse::<std::net::IpAddr>().is_ok() && bits.parse::<u8>().is_ok()).then_some(network)
}

fn payload<'a, T: Deserialize<'a>>(record: &Record<'a>) -> Result<T, String> {
    serde_json::from_slice(record.value).map_err(|error| format!("the payload is not that of {}: {error}", record.kind))
}

fn booking(record: &Record<'_>, booking: Booking) -> Result<Effects, String> {
    ids([&booking.id, &booking.event_id, &booking.person].into_iter().chain(&booking.payment_id))?;
    currency(&booking.total.currency)?;
    amount(booking.total.amount)?;
    let confirmed = booking.status == "confirmed";
    let mut figures = EventAnalytics { currency: booking.total.currency, ..EventAnalytics::default() };
    let mut template = None;
    match record.kind {
        "booking.cancelled" => {
            // Places that cost something are confirmed by a payment, the others at once.
            let was_confirmed = booking.payment_id.is_some() || booking.total.amount == 0;
            figures.cancelled = i64::from(was_confirmed);
            template = Some(Template::Cancelled);
        }
        kind => {
            figures.holds = i64::from(kind == "booking.created");
            if confirmed {
                figures.bookings = 1;
                figures.tickets = booking.items.iter().map(|item| i64::from(item.quantity)).sum();
                template = Some(Template::Confirmed);
            }
        }
    }
    let needs =
        Needs { booking: Some(booking.id), payment: booking.payment_id, reason: booking.cancelled_by, ..Needs::default() };
    let mail = template.map(|template| MailRequest { template, recipient: booking.person.clone(), needs });
    // Later changes may be the payment's, the organiser's or time's.
    let actor = (record.kind == "booking.created").then_some(booking.person);
    Ok(Effects { figures: Some((booking.event_id, figures)), mail, actor, moved: None, network: None })
}

fn payment(record: &Record<'_>, payment: Payment) -> Result<Effects, String> {
    ids([&payment.payment_id, &payment.booking_id, &payment.event_id, &payment.user_id])?;
    currency(&payment.currency)?;
    amount(payment.amount)?;
    let mut figures = EventAnalytics { currency: payment.currency.clone(), ..EventAnalytics::default() };
    let mut told = None;
    match (record.kind, payment.refund_amount) {
        ("payment.completed", Some(refunded)) => {
            figures.refunded = amount(refunded)?;
            told = Some((Template::Refunded, refunded));
        }
        ("payment.completed", None) => figures.revenue = payment.amount,
        ("payment.failed", _) => told = Some((Template::PaymentFailed, payment.amount)),
        _ => {}
    }
    let mail = told.map(|(template, amount)| MailRequest {
        template,
        recipient: payment.user_id.clone(),
        needs: Needs {
            booking: Some(payment.booking_id),
            payment: Some(payment.payment_id),
            amount: Some(amount),
            currency: Some(payment.currency),
            failure: payment.failure,
            reason: payment.refund_reason,
            ..Needs::default()
        },
    });
    let counts = figures.revenue > 0 || figures.refunded > 0;
    // A refund may be the organiser's or follow from a cancellation.
    let actor = payment.refund_amount.is_none().then_some(payment.user_id);
    Ok(Effects { figures: counts.then_some((payment.event_id, figures)), mail, actor, moved: None, network: None })
}

/// What is no id is refused here: a database might take it, or refuse it for reasons of its own.
fn ids<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    let wrong = texts.into_iter().find(|text| !kit::id::valid(text));
    wrong.map_or(Ok(()), |text| Err(format!("{text:?} is not an id")))
}

fn currency(code: &str) -> Result<(), String> {
    let right = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if right { Ok(()) } else { Err(format!("{code:?} is not a currency")) }
}

fn amount(amount: i64) -> Result<i64, String> {
    if limits::AMOUNT.contains(&amount) { Ok(amount) } else { Err(format!("{amount} is not an amount")) }
}
