//! Mail: written down with the record that asks for it, sent afterwards.

pub mod formats;
mod gather;
pub mod queue;
pub mod render;

use crate::limits;
use crate::wit::mail::{Error as MailError, Message};
use futures::future::join_all;
use kit::mail_token::Purpose;
use kit::messages::Draft;
use kit::{Problem, sql, tickets};
use queue::{Claimed, Outcome};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Whoever takes a mail from here: the host, or a test.
pub trait Mailer {
    /// Sends it.
    fn send(&self, message: Message) -> impl Future<Output = Result<(), MailError>>;
}

/// What is written to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// Somebody has an account now.
    Welcome,
    /// Somebody wants to show that they read their address.
    VerifyEmail,
    /// An account is to have another address: to the one that it has.
    LeaveEmail,
    /// The same, to the other.
    TakeEmail,
    /// A booking is theirs, with its tickets and, where it was paid, the receipt.
    Confirmed,
    /// A booking is no longer.
    Cancelled,
    /// A payment failed; what it was for is still held for a while.
    PaymentFailed,
    /// Money has gone back.
    Refunded,
    /// An event is at another time or place than before.
    Moved,
    /// Somebody, perhaps its owner, wants to choose another password.
    PasswordForgotten,
    /// The password is another one.
    PasswordChanged,
    /// Somebody wants to give their ticket to whoever reads an address.
    TicketOffered,
    /// Somebody may join an organiser's team.
    Invitation,
    /// Something that stands for its owner at a login is there now, is gone, or was used up.
    SecondFactorChanged,
    /// An organiser writes to those who come.
    Message,
    /// An event begins soon.
    Reminder,
    /// An organiser's server is told nothing any more.
    WebhookDisabled,
    /// Links to what was bought with an address by guests.
    GuestOrders,
}

impl Template {
    const NAMES: [(Self, &'static str); 18] = [
        (Self::Welcome, "welcome"),
        (Self::VerifyEmail, "verify-email"),
        (Self::LeaveEmail, "leave-email"),
        (Self::TakeEmail, "take-email"),
        (Self::Confirmed, "booking-confirmed"),
        (Self::Cancelled, "booking-cancelled"),
        (Self::PaymentFailed, "payment-failed"),
        (Self::Refunded, "refund-made"),
        (Self::Moved, "event-moved"),
        (Self::PasswordForgotten, "password-forgotten"),
        (Self::PasswordChanged, "password-changed"),
        (Self::TicketOffered, "ticket-offered"),
        (Self::Invitation, "invitation"),
        (Self::SecondFactorChanged, "second-factor-changed"),
        (Self::Message, kit::messages::TEMPLATE),
        (Self::Reminder, "reminder"),
        (Self::WebhookDisabled, "webhook-disabled"),
        (Self::GuestOrders, "guest-orders"),
    ];

    /// Its name in SQL, and its files'.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(template, _)| *template == self).map_or("", |(_, name)| name)
    }

    /// What a secret in it is good for; none where it has none.
    fn secret(self) -> Option<Purpose> {
        match self {
            Self::Welcome | Self::VerifyEmail => Some(Purpose::VerifyEmail),
            Self::LeaveEmail => Some(Purpose::LeaveEmail),
            Self::TakeEmail => Some(Purpose::TakeEmail),
            Self::PasswordForgotten => Some(Purpose::ResetPassword),
            Self::Invitation => Some(Purpose::JoinTeam),
            Self::Confirmed
            | Self::Cancelled
            | Self::PaymentFailed
            | Self::Refunded
            | Self::Moved
            | Self::PasswordChanged
            | Self::TicketOffered
            | Self::SecondFactorChanged
            | Self::Message
            | Self::Reminder
            | Self::WebhookDisabled
            | Self::GuestOrders => None,
        }
    }

    /// Whether there are tickets in it.
    fn has_tickets(self) -> bool {
        matches!(self, Self::Confirmed | Self::Reminder)
    }

    /// Whether it opens orders, where its reader is a guest.
    fn has_links(self) -> bool {
        matches!(
            self,
            Self::Confirmed
                | Self::Cancelled
                | Self::PaymentFailed
                | Self::Refunded
                | Self::Moved
                | Self::Reminder
                | Self::GuestOrders
        )
    }

    /// The template of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(template, _)| *template)
    }
}

/// What a mail tells of: ids, and what stands in no table. Kept as JSON.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// A booking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking: Option<String>,
    /// A payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    /// Minor units that were not paid, or have gone back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// Of that amount, ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Why a payment failed, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Why money goes back, as a code; of a booking that was cancelled, by whom; of what was changed of an account, the type of the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// An event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// When and where that was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Schedule>,
    /// An offer of a ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
    /// An invitation to a team, which says where to write to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
    /// What an organiser has written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The same, as somebody wants to see it before others do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<Draft>,
    /// To whom tickets of the booking were transferred, of which it tells then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// A webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
}

/// When and where an event is. Instants are RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// When it begins.
    pub starts_at: String,
    /// When it ends.
    pub ends_at: String,
    /// A name of the IANA database.
    pub timezone: String,
    /// Where it is.
    pub venue: Venue,
}

/// Where an event is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Venue {
    /// Its name.
    pub name: String,
    /// Its city.
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// A mail that a record asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRequest {
    /// What to write.
    pub template: Template,
    /// The user to write to; of an invitation its id, for there may be no such user yet.
    pub recipient: String,
    /// What it tells of.
    pub needs: Needs,
}

/// Why there is no mail to send.
enum Trouble {
    /// There never will be.
    Never(String),
    /// What it tells of is not there yet.
    NotYet(String),
    /// Its reader wants no news of the organiser.
    Unwanted,
    /// The same message goes to this address by another of its mails.
    Twice,
}

/// Sends mail that is due, so many at most, with or without what goes to many people; `base` comes before the paths of links, and without it there are
/// none.
///
/// # Errors
/// Where the database fails. What was sent then and is not written down is sent again, with the same `Message-ID`.
pub async fn send_due(mailer: &impl Mailer, base: &str, most: usize, with_bulk: bool) -> Result<(), Problem> {
    let until = Instant::now() + limits::SEND_TIME;
    let claimed = queue::claim(most, with_bulk).await?;
    for group in claimed.chunks(limits::MAILS_AT_ONCE) {
        if Instant::now() >= until {
            queue::finish(group.iter().map(|claimed| (claimed, Outcome::NotTried)).collect()).await?;
            continue;
        }
        let prepared = prepare(group, base).await?;
        let sending = group.iter().zip(prepared).map(async |(claimed, prepared)| (claimed, outcome(mailer, prepared).await));
        queue::finish(join_all(sending).await).await?;
    }
    Ok(())
}

async fn prepare(group: &[Claimed], base: &str) -> Result<Vec<Result<Message, Trouble>>, Problem> {
    // Before the transaction begins: where no key was used yet, one is written down.
    let key = if group.iter().any(|claimed| claimed.template.has_tickets()) { Some(tickets::signer().await?) } else { None };
    // Secrets, and which address a message goes to.
    let writes = group
        .iter()
        .any(|claimed| claimed.template.secret().is_some() || claimed.template.has_links() || claimed.needs.message.is_some());
    let mut tx = if writes { sql::write().await? } else { sql::read().await? };
    let mut gathered = Vec::with_capacity(group.len());
    for claimed in group {
        gathered.push(gather::gather(&mut tx, claimed, key.as_deref()).await?);
    }
    // A receipt takes its time to draw; nobody need wait for this transaction meanwhile.
    if writes {
        tx.commit().await?
    } else {
        tx.rollback().await?
    }
    let render = |(claimed, facts): (&Claimed, Result<gather::Facts, Trouble>)| {
        facts.and_then(|facts| render::message(&claimed.id, claimed.template, &facts, base).map_err(Trouble::Never))
    };
    Ok(group.iter().zip(gathered).map(render).collect())
}

async fn outcome(mailer: &impl Mailer, prepared: Result<Message, Trouble>) -> Outcome {
    let message = match prepared {
        Ok(message) => message,
        Err(Trouble::Never(reason)) => return Outcome::Failed(reason),
        Err(Trouble::NotYet(reason)) => return Outcome::Again { reason, wait: 0 },
        Err(Trouble::Unwanted) => return Outcome::Unwanted,
        Err(Trouble::Twice) => return Outcome::Twice,
    };
    let address = message.to.clone();
    match mailer.send(message).await {
        Ok(()) => Outcome::Sent(address),
        Err(MailError::Rejected(reason)) => Outcome::Failed(reason),
        Err(MailError::Unavailable(milliseconds)) => {
            Outcome::Again { reason: "the mail server does not take it now".to_owned(), wait: i64::from(milliseconds) * 1000 }
        }
        Err(MailError::Unknown) => {
            Outcome::Again { reason: "the mail server did not say whether it took it".to_owned(), wait: 0 }
        }
    }
}
