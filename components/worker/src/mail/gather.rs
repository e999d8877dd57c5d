//! What a mail says, read from the tables as they are when it is sent: only what is true then.

use super::{Claimed, Needs, Schedule, Template, Trouble, queue};
use crate::limits;
use kit::mail_token::{self, Purpose};
use kit::messages::{Draft, Kind};
use kit::sql::{self, Error, Tx};
use kit::tickets::{self, SigningKey};
use kit::{guests, id, params, time, unsubscribe};
use receipt::{Paid, Receipt, tickets as papers};
use serde::Serialize;

/// What the templates may say.
#[derive(Debug, Serialize)]
pub struct Facts {
    /// Who it is for.
    pub person: Person,
    /// In whose name it is sent: whose event it is about.
    pub organiser: Option<Organiser>,
    /// What it is about.
    pub booking: Option<Booking>,
    /// An event that was moved.
    pub moved: Option<Moved>,
    /// A ticket that somebody wants to give away.
    pub offer: Option<Offer>,
    /// A sum that was not paid, or has gone back.
    pub amount: Option<Money>,
    /// Why a payment failed, or why money goes back: a code of `payments.failure` or `refunds.reason`.
    pub why: Option<String>,
    /// Who cancelled a booking: `buyer`, `organiser`, or `event` where the whole event was; empty where that is not known.
    pub cancelled_by: String,
    /// What was changed of an account: the type of the record that says so.
    pub change: Option<String>,
    /// What of a booking's money is on its way back.
    pub going_back: Option<Money>,
    /// What of it has gone back.
    pub went_back: Option<Money>,
    /// What somebody is invited to.
    pub invitation: Option<Invitation>,
    /// What an organiser has written.
    pub message: Option<Message>,
    /// A webhook that is told nothing any more.
    pub webhook: Option<Webhook>,
    /// What opens the order of a guest.
    pub link: Option<String>,
    /// The orders of guests that can be opened.
    pub orders: Vec<GuestOrder>,
    /// Shows that its bearer has read this mail.
    pub token: Option<String>,
    /// The same, to be typed.
    pub code: Option<String>,
    /// The address that an account is to have; none while it is not known that the one that it has is its owner's, who has not typed it then.
    pub new_email: Option<String>,
    /// To be attached.
    #[serde(skip)]
    pub receipt: Option<Receipt>,
    /// To be attached, as tickets to print and as an entry of a calendar.
    #[serde(skip)]
    pub tickets: Option<papers::Order>,
}

/// Who is written to.
#[derive(Debug, Serialize)]
pub struct Person {
    /// As they write it; none while it is not known that the address is theirs: who reads it there may have nothing to do with them.
    pub name: Option<String>,
    /// Whether it is known.
    pub verified: bool,
    /// Whether they buy with an address alone, which this is.
    pub guest: bool,
    /// In which language they are written to: a BCP 47 tag.
    #[serde(skip)]
    pub language: String,
    /// Where they read it.
    #[serde(skip)]
    pub address: String,
}

/// An order of a guest's, and what opens it.
#[derive(Debug, Serialize)]
pub struct GuestOrder {
    booking: String,
    /// None where its event is at home in another region.
    title: Option<String>,
    starts: Option<Instant>,
    link: String,
}

/// Who puts an event on.
#[derive(Debug, Serialize)]
pub struct Organiser {
    /// As people know them.
    pub name: String,
    /// Where answers go.
    #[serde(skip)]
    pub contact_email: Option<String>,
}

/// An instant, for who is at a place.
#[derive(Debug, PartialEq, Serialize)]
pub struct Instant {
    at: i64,
    timezone: String,
}

/// A sum in minor units.
#[derive(Debug, Serialize)]
pub struct Money {
    amount: i64,
    currency: String,
}

/// A booking and its event.
#[derive(Debug, Serialize)]
pub struct Booking {
    id: String,
    event_id: String,
    title: String,
    venue: String,
    starts: Instant,
    items: Vec<Item>,
    total: Money,
    /// As it is now; one whose time is over is `expired`, tidied or not.
    status: String,
    /// Until when its places are kept, while they are.
    held_until: Option<Instant>,
    /// Whether it was confirmed once.
    bought: bool,
    /// None while it is not confirmed.
    tickets: Vec<Ticket>,
    /// Tickets that it has beside those.
    more: usize,
    /// Whether there are none because required answers are missing.
    answers_missing: bool,
}

/// An invitation to an organiser's team.
#[derive(Debug, Serialize)]
pub struct Invitation {
    role: String,
    /// Who invites and to what; none while it is not known that the inviter reads their address: then what they call themselves reaches nobody by mail.
    from: Option<Inviter>,
}

#[derive(Debug, Serialize)]
struct Inviter {
    name: String,
    organiser: String,
}

/// An event at its new time and place, and where it was.
#[derive(Debug, Serialize)]
pub struct Moved {
    title: String,
    now: Place,
    before: Place,
}

/// What an organiser has written to those who come.
#[derive(Debug, Serialize)]
pub struct Message {
    subject: String,
    /// Of several lines.
    text: String,
    /// The event's title.
    title: String,
    /// Whether it goes to nobody but who wrote it.
    test: bool,
    /// Whether its reader can end such mails.
    pub news: bool,
    /// What the link is good for that ends them; none in a test.
    #[serde(skip)]
    pub link: Option<String>,
}

/// A webhook that was disabled.
#[derive(Debug, Serialize)]
pub struct Webhook {
    organiser: String,
    /// Without what stands behind its path, which may be a secret.
    url: String,
    /// `gone` or `failing`.
    reason: String,
}

/// A ticket that is offered.
#[derive(Debug, Serialize)]
pub struct Offer {
    token: String,
    /// The address of who offers it.
    from: String,
    title: String,
    venue: String,
    starts: Instant,
    ticket_type: String,
    until: Instant,
}

#[derive(Debug, PartialEq, Serialize)]
struct Place {
    venue: String,
    starts: Instant,
    ends: Instant,
}

#[derive(Debug, Serialize)]
struct Item {
    name: String,
    quantity: u32,
}

#[derive(Debug, Serialize)]
struct Ticket {
    code: String,
    name: String,
}

kit::row! {
    struct BookingRow {
        status: String,
        expires_at: Option<i64>,
        payment: Option<String>,
        total: i64,
        currency: String,
        event: String,
        title: String,
        venue_name: String,
        city: String,
        country: String,
        starts_at: i64,
        timezone: String,
    }
}

/// Reads it.
///
/// # Errors
/// Of the database; in it, why there is nothing to send.
pub async fn gather(tx: &mut Tx, claimed: &Claimed, key: Option<&SigningKey>) -> Result<Result<Facts, Trouble>, Error> {
    let needs = &claimed.needs;
    // Whose the orders of a guest are by now is written to as they wish.
    let reader = guests::account_of(tx, &claimed.recipient).await?.unwrap_or_else(|| claimed.recipient.clone());
    let (person, invitation) = match &needs.invitation {
        // To whom tickets were transferred is written to at their own address, whatever stands beside the order.
        None => (person(tx, &reader, needs.booking.as_deref().filter(|_| needs.holder.is_none())).await?, None),
        Some(id) => match self::invitation(tx, id).await? {
            Some((person, invitation)) => (Ok(person), Some(invitation)),
            None => return Ok(Err(Trouble::Never("its invitation is over, was withdrawn or has been accepted".to_owned()))),
        },
    };
    let mut person = match person {
        Ok(person) => person,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let mut new_email = None;
    if matches!(claimed.template, Template::LeaveEmail | Template::TakeEmail) {
        let Some(email) = self::new_email(tx, &claimed.recipient, &person.address).await? else {
            return Ok(Err(Trouble::Never("the change of address is void, or done".to_owned())));
        };
        if claimed.template == Template::TakeEmail {
            // Who reads it there may have nothing to do with them.
            person = Person { name: None, verified: false, address: email, ..person };
        } else if person.verified {
            new_email = Some(email);
        }
    }
    let booking = match &needs.booking {
        Some(id) if claimed.template != Template::Message => match booking(tx, id, key, needs.holder.as_deref()).await? {
            Some(booking) => Some(booking),
            None => return Ok(Err(Trouble::Never("its booking or event is not here".to_owned()))),
        },
        // Of a message it says where to write to, and that was all.
        _ => None,
    };
    let (token, code) = match claimed.template.secret() {
        Some(Purpose::VerifyEmail) if person.verified && claimed.template == Template::VerifyEmail => {
            return Ok(Err(Trouble::Never("the address has been verified".to_owned())));
        }
        Some(Purpose::VerifyEmail) if person.verified => (None, None),
        Some(purpose) => {
            let token = mail_token::issue(tx, purpose, &claimed.recipient, &person.address).await?;
            let code = match purpose {
                Purpose::VerifyEmail => Some(grouped(&mail_token::issue_code(tx, purpose, &claimed.recipient).await?)),
                _ => None,
            };
            (Some(token), code)
        }
        None => (None, None),
    };
    let mut event = booking.as_ref().map(|booking| booking.event_id.clone());
    let (mut receipt, mut moved, mut offer, mut back) = (None, None, None, (None, None));
    let (mut message, mut webhook) = (None, None);
    match (claimed.template, &needs.payment) {
        (Template::Confirmed, Some(payment)) => match receipt_of(tx, payment).await? {
            Ok(it) => receipt = Some(it),
            Err(trouble) => return Ok(Err(trouble)),
        },
        (Template::Cancelled, Some(payment)) => back = given_back(tx, payment).await?,
        (Template::PaymentFailed, Some(payment)) if is_complete(tx, payment).await? => {
            return Ok(Err(Trouble::Never("the money has arrived after all".to_owned())));
        }
        (Template::Moved, _) => match self::moved(tx, &reader, needs).await? {
            Ok(it) => {
                moved = Some(it);
                event.clone_from(&needs.event);
            }
            Err(trouble) => return Ok(Err(trouble)),
        },
        (Template::TicketOffered, _) => match self::offer(tx, &person, needs).await? {
            Ok(it) => {
                // Not to who offers it: to a reader of whom nothing is known, but for the language of an account with this address.
                let language = language_of(tx, &it.email).await?.unwrap_or(person.language);
                person = Person { name: None, verified: false, guest: false, language, address: it.email };
                event = Some(it.event);
                offer = Some(it.offer);
            }
            Err(trouble) => return Ok(Err(trouble)),
        },
        (Template::Message, _) => match self::message(tx, claimed, &person.address).await? {
            Ok((of, it)) => (event, message) = (Some(of), Some(it)),
            Err(trouble) => return Ok(Err(trouble)),
        },
        (Template::Reminder, _) => {
            let there = booking.as_ref().is_some_and(|booking| !booking.tickets.is_empty());
            if !there || !is_ahead(tx, event.as_deref().unwrap_or_default()).await? {
                return Ok(Err(Trouble::Never("there is nothing to be reminded of any more".to_owned())));
            }
        }
        (Template::WebhookDisabled, _) => match self::webhook(tx, claimed, &person).await? {
            Ok(it) => webhook = Some(it),
            Err(trouble) => return Ok(Err(trouble)),
        },
        _ => {}
    }
    let mut orders = Vec::new();
    if claimed.template == Template::GuestOrders {
        orders = guest_orders(tx, &person).await?;
        if orders.is_empty() {
            return Ok(Err(Trouble::Never("there is nothing to open any more".to_owned())));
        }
    }
    let link = match &event {
        Some(event) if person.guest && claimed.template.has_links() => {
            link_to(tx, &reader, needs.booking.as_deref(), event).await?
        }
        _ => None,
    };
    let tickets = match (key, &booking) {
        // Papers are the buyer's.
        (Some(key), Some(booking)) if claimed.template.has_tickets() && needs.holder.is_none() && !booking.tickets.is_empty() => {
            let order = papers::read(tx, key, &booking.id, limits::TICKETS).await?;
            // What people call themselves reaches nobody of whom it is not known that they are it.
            let order = order.filter(|order| !order.tickets.is_empty());
            // In the language of the mail.
            let order = order.map(|it| it.in_language(&person.language));
            order.map(|it| if person.verified { it } else { it.without_names() })
        }
        _ => None,
    };
    let organiser = match &event {
        Some(event) => organiser(tx, event).await?,
        None => None,
    };
    let amount = needs.amount.zip(needs.currency.clone()).map(|(amount, currency)| Money { amount, currency });
    let why = match claimed.template {
        Template::PaymentFailed => needs.failure.clone(),
        Template::Refunded => needs.reason.clone(),
        _ => None,
    };
    let cancelled_by = needs.reason.clone().unwrap_or_default();
    let change = needs.reason.clone().filter(|_| claimed.template == Template::SecondFactorChanged);
    let (going_back, went_back) = back;
    Ok(Ok(Facts {
        person,
        organiser,
        booking,
        moved,
        offer,
        amount,
        why,
        cancelled_by,
        change,
        going_back,
        went_back,
        invitation,
        message,
        webhook,
        link,
        orders,
        token,
        code,
        new_email,
        receipt,
        tickets,
    }))
}

/// The address that an account is to have instead of this one, while that is asked for.
async fn new_email(tx: &mut Tx, user: &str, old: &str) -> Result<Option<String>, Error> {
    let statement = "SELECT new_email FROM email_changes WHERE user_id = $1 AND old_email = $2 AND expires_at > $3";
    let now = tx.now();
    Ok(tx.one::<(String,)>(statement, params![user, old, now]).await?.map(|(email,)| email))
}

/// A code as people read it best, with a blank in its middle.
fn grouped(code: &str) -> String {
    let (left, right) = code.split_at_checked(code.len() / 2).unwrap_or((code, ""));
    format!("{left} {right}")
}

kit::row! {
    struct Contact {
        email: String,
        name: Option<String>,
        email_verified_at: Option<i64>,
        language: String,
        guest: i64,
    }
}

/// Who gets a mail: the user, or whom the organiser has named beside the booking that it is about. Of a user whose account another region keeps the
/// address is asked for meanwhile, and again after a while: it may have changed.
async fn person(tx: &mut Tx, id: &str, booking: Option<&str>) -> Result<Result<Person, Trouble>, Error> {
    let statement = "SELECT email, name, email_verified_at, language, guest FROM contacts WHERE id = $1 AND (contact_at IS NULL OR contact_at > $2)";
    let fresh = tx.now() - kit::limits::CONTACT_MICROSECONDS;
    let contact: Option<Contact> = tx.one(statement, params![id, fresh]).await?;
    let account = contact.map(|Contact { email, name, email_verified_at, language, guest }| {
        let verified = email_verified_at.is_some();
        Person { name: name.filter(|_| verified).map(|name| line(&name)), verified, guest: guest == 1, language, address: email }
    });
    let statement = "SELECT channel, name, email FROM order_details WHERE booking = $1";
    let details: Option<(String, Option<String>, Option<String>)> = match booking {
        Some(booking) => tx.one(statement, params![booking]).await?,
        None => None,
    };
    let statement = "SELECT 1 FROM erasures WHERE user_id = $1";
    if account.is_none() && tx.one::<(i64,)>(statement, params![id]).await?.is_some() {
        return Ok(Err(Trouble::Never("the recipient's account was erased".to_owned())));
    }
    let missing = || Trouble::NotYet("the recipient's address is not in this region's database".to_owned());
    Ok(match (details, account) {
        // The organiser vouches for the name.
        (Some((_, name, Some(address))), account) => {
            // An address that the organiser has named opens no guest's order but their own.
            let guest = account.as_ref().is_some_and(|account| account.guest && account.address == address);
            let (known, language) = match account {
                Some(account) => (account.name, account.language),
                None => (None, language_of(tx, &address).await?.unwrap_or_default()),
            };
            Ok(Person { name: name.map(|name| line(&name)).or(known), verified: true, guest, language, address })
        }
        (Some((channel, ..)), None) if channel == "counter" => {
            Err(Trouble::Never("it was sold at the counter, to somebody who gave no address".to_owned()))
        }
        (_, account) => account.ok_or_else(missing),
    })
}

/// A link that opens a guest's order until some time after its event: the one that the mail is about, or the newest that there is for the event.
async fn link_to(tx: &mut Tx, guest: &str, booking: Option<&str>, event: &str) -> Result<Option<String>, Error> {
    let statement = "SELECT b.id, e.ends_at FROM bookings b JOIN events e ON e.id = b.event WHERE b.person = $1 AND b.event = $2 \
                     AND b.id = COALESCE($3, b.id) ORDER BY b.created_at DESC, b.id DESC LIMIT 1";
    let row: Option<(String, i64)> = tx.one(statement, params![guest, event, booking]).await?;
    let Some((booking, ends_at)) = row else { return Ok(None) };
    let expires_at = ends_at + kit::limits::GUEST_LINK_MICROSECONDS;
    if expires_at <= tx.now() {
        return Ok(None);
    }
    let order = guests::Order { guest, booking: &booking };
    guests::issue_link(tx, order, guests::Reason::Order, expires_at).await.map(Some)
}

kit::row! {
    struct OpenOrder {
        guest: String,
        booking: String,
        expires_at: i64,
        title: Option<String>,
        starts_at: Option<i64>,
        timezone: Option<String>,
    }
}

/// The orders that guests have made with a guest's address and that can be opened, each with a new link that is good as long as those before.
async fn guest_orders(tx: &mut Tx, person: &Person) -> Result<Vec<GuestOrder>, Error> {
    if !person.guest {
        return Ok(Vec::new());
    }
    let statement = "SELECT l.guest, l.booking, l.expires_at, e.title, e.starts_at, e.timezone FROM \
                     (SELECT guest, booking, MAX(expires_at) AS expires_at FROM guest_links WHERE expires_at > $2 GROUP BY guest, booking) l \
                     JOIN users u ON u.id = l.guest LEFT JOIN bookings b ON b.id = l.booking LEFT JOIN events e ON e.id = b.event \
                     WHERE u.guest_email = $1 AND u.suspended_at IS NULL ORDER BY l.expires_at DESC, l.booking LIMIT $3";
    let now = tx.now();
    let rows: Vec<OpenOrder> = tx.all(statement, params![&person.address, now, limits::GUEST_ORDERS]).await?;
    let mut orders = Vec::with_capacity(rows.len());
    for row in rows {
        let order = guests::Order { guest: &row.guest, booking: &row.booking };
        let link = guests::issue_link(tx, order, guests::Reason::Asked, row.expires_at).await?;
        orders.push(GuestOrder {
            title: row.title.as_deref().map(line),
            starts: row.starts_at.zip(row.timezone).map(|(at, timezone)| Instant { at, timezone }),
            booking: row.booking,
            link,
        });
    }
    Ok(orders)
}

/// The language of who has an account with this address, if anybody.
async fn language_of(tx: &mut Tx, address: &str) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = tx.one("SELECT language FROM users WHERE email = $1", params![address]).await?;
    Ok(row.map(|(language,)| language))
}

/// Who puts an event on, as they are called now.
async fn organiser(tx: &mut Tx, event: &str) -> Result<Option<Organiser>, Error> {
    let statement = "SELECT o.name, o.contact_email FROM events e JOIN organisers o ON o.id = e.organiser_id WHERE e.id = $1";
    let row: Option<(String, Option<String>)> = tx.one(statement, params![event]).await?;
    Ok(row.map(|(name, contact_email)| Organiser { name: line(&name), contact_email }))
}

kit::row! {
    struct InvitationRow {
        email: String,
        role: String,
        organiser: String,
        inviter: Option<String>,
        verified_at: Option<i64>,
        language: String,
    }
}

/// An invitation that is open, and whom it goes to: an address, whose reader may have no account.
async fn invitation(tx: &mut Tx, id: &str) -> Result<Option<(Person, Invitation)>, Error> {
    // Its reader's language, if they have an account, or else the inviter's.
    let statement = "SELECT i.email, i.role, o.name, u.name, u.email_verified_at, COALESCE(r.language, u.language, 'en') \
                     FROM invitations i JOIN organisers o ON o.id = i.organiser_id LEFT JOIN users u ON u.id = i.invited_by \
                     LEFT JOIN users r ON r.email = i.email WHERE i.id = $1 AND i.expires_at > $2";
    let now = tx.now();
    let row: Option<InvitationRow> = tx.one(statement, params![id, now]).await?;
    Ok(row.map(|row| {
        let from = row.inviter.filter(|_| row.verified_at.is_some());
        let from = from.map(|name| Inviter { name: line(&name), organiser: line(&row.organiser) });
        let person = Person { name: None, verified: false, guest: false, language: row.language, address: row.email };
        (person, Invitation { role: row.role, from })
    }))
}

/// A booking, with the tickets of it that are its buyer's, or this holder's.
async fn booking(tx: &mut Tx, id: &str, key: Option<&SigningKey>, holder: Option<&str>) -> Result<Option<Booking>, Error> {
    let statement = "SELECT b.status, b.expires_at, b.payment, b.total, b.currency, b.event, e.title, e.venue_name, e.city, \
                     e.country, e.starts_at, e.timezone FROM bookings b JOIN events e ON e.id = b.event WHERE b.id = $1";
    let Some(row): Option<BookingRow> = tx.one(statement, params![id]).await? else { return Ok(None) };
    let statement = "SELECT i.ticket_type, COALESCE(t.name, i.ticket_type), i.quantity FROM booking_items i \
                     LEFT JOIN ticket_types t ON t.id = i.ticket_type WHERE i.booking = $1 ORDER BY i.ordinal";
    let items: Vec<(String, String, u32)> = tx.all(statement, params![id]).await?;
    let now = tx.now();
    let overdue = row.expires_at.is_some_and(|at| at <= now);
    let status = if overdue { "expired".to_owned() } else { row.status };
    let (tickets, more, answers_missing) = match key {
        Some(key) if status == "confirmed" => codes(tx, key, (id, &row.event), holder, &items).await?,
        _ => (Vec::new(), 0, false),
    };
    Ok(Some(Booking {
        id: id.to_owned(),
        event_id: row.event,
        title: line(&row.title),
        venue: place(&row.venue_name, &row.city, &row.country),
        starts: Instant { at: row.starts_at, timezone: row.timezone.clone() },
        items: items.into_iter().map(|(_, name, quantity)| Item { name: line(&name), quantity }).collect(),
        total: Money { amount: row.total, currency: row.currency },
        held_until: row.expires_at.filter(|at| *at > now).map(|at| Instant { at, timezone: row.timezone.clone() }),
        bought: row.payment.is_some() || row.total == 0,
        status,
        tickets,
        more,
        answers_missing,
    }))
}

fn place(venue: &str, city: &str, country: &str) -> String {
    line(&format!("{venue}, {city}, {country}"))
}

/// Whether people are still to be reminded of an event: it takes place, has not begun, and its organiser wants it.
async fn is_ahead(tx: &mut Tx, event: &str) -> Result<bool, Error> {
    let statement = "SELECT 1 FROM events WHERE id = $1 AND status = 'published' AND starts_at > $2 AND reminder_hours > 0";
    let now = tx.now();
    Ok(tx.one::<(i64,)>(statement, params![event, now]).await?.is_some())
}

kit::row! {
    struct MessageRow { event: String, organiser: String, kind: String, subject: String, text: String, title: String }
}

/// What an organiser has written, or wants to see first, and for which event. From then on this mail is the one that takes it to this address.
async fn message(tx: &mut Tx, claimed: &Claimed, address: &str) -> Result<Result<(String, Message), Trouble>, Error> {
    let never = |why: &str| Ok(Err(Trouble::Never(why.to_owned())));
    if let (Some(Draft { kind, subject, text }), Some(event)) = (&claimed.needs.draft, &claimed.needs.event) {
        let found: Option<(String,)> = tx.one("SELECT title FROM events WHERE id = $1", params![event]).await?;
        let Some((title,)) = found else { return never("its event is not here") };
        let (subject, text, news) = (line(subject), text.clone(), *kind == Kind::News);
        return Ok(Ok((event.clone(), Message { subject, text, title: line(&title), test: true, news, link: None })));
    }
    let Some(id) = &claimed.needs.message else { return never("it does not say what was written") };
    let statement = "SELECT m.event, m.organiser_id, m.kind, m.subject, m.text, e.title FROM messages m JOIN events e ON e.id = m.event \
                     WHERE m.id = $1";
    let Some(row): Option<MessageRow> = tx.one(statement, params![id]).await? else {
        return never("what was written is not here");
    };
    if !queue::take_address(tx, &claimed.id, id, address).await? {
        return Ok(Err(Trouble::Twice));
    }
    let news = Kind::named(&row.kind) != Some(Kind::Service);
    let mut link = None;
    if news {
        if unsubscribe::is_unsubscribed(tx, &row.organiser, address).await? {
            return Ok(Err(Trouble::Unwanted));
        }
        link = Some(unsubscribe::link(tx, id::region(id).unwrap_or_default(), &row.organiser, address).await?);
    }
    let (subject, title) = (line(&row.subject), line(&row.title));
    Ok(Ok((row.event, Message { subject, text: row.text, title, test: false, news, link })))
}

/// A webhook that is disabled, for somebody of its organiser's team who can see to it and is known to read their address.
async fn webhook(tx: &mut Tx, claimed: &Claimed, person: &Person) -> Result<Result<Webhook, Trouble>, Error> {
    let never = |why: &str| Ok(Err(Trouble::Never(why.to_owned())));
    let Some(id) = &claimed.needs.webhook else { return never("it does not say which webhook") };
    if !person.verified {
        return never("nobody has shown to read this address");
    }
    let statement = "SELECT w.url, w.reason, o.name FROM webhooks w JOIN organisers o ON o.id = w.organiser_id \
                     JOIN organiser_members m ON m.organiser_id = w.organiser_id AND m.user_id = $2 AND m.role IN ('owner', 'manager') \
                     WHERE w.id = $1 AND w.state = 'disabled' AND w.reason IS NOT NULL";
    let row: Option<(String, String, String)> = tx.one(statement, params![id, &claimed.recipient]).await?;
    let Some((url, reason, organiser)) = row else { return never("the webhook is told again, or was deleted") };
    let url = url.split(['?', '#']).next().unwrap_or_default();
    Ok(Ok(Webhook { organiser: line(&organiser), url: line(url), reason }))
}

kit::row! {
    struct EventRow {
        status: String,
        title: String,
        venue_name: String,
        city: String,
        country: String,
        starts_at: i64,
        ends_at: i64,
        timezone: String,
    }
}

/// An event that was moved, if it still takes place and this person still has tickets for it.
async fn moved(tx: &mut Tx, person: &str, needs: &Needs) -> Result<Result<Moved, Trouble>, Error> {
    let never = |why: &str| Ok(Err(Trouble::Never(why.to_owned())));
    let (Some(event), Some(before)) = (&needs.event, &needs.before) else { return never("it does not say what was moved") };
    let statement = "SELECT status, title, venue_name, city, country, starts_at, ends_at, timezone FROM events WHERE id = $1";
    let Some(row): Option<EventRow> = tx.one(statement, params![event]).await? else { return never("its event is not here") };
    if row.status == "cancelled" {
        return never("the event was cancelled, of which there is a mail of its own");
    }
    let subjects = guests::subjects(tx, person).await?;
    let statement = format!(
        "SELECT COUNT(*) FROM bookings WHERE event = $1 AND person IN ({}) AND status = 'confirmed'",
        sql::list(2, subjects.len())
    );
    let parameters = params![event].into_iter().chain(subjects.iter().map(sql::Value::from));
    let bookings: Option<(i64,)> = tx.one(&statement, parameters).await?;
    if bookings.is_none_or(|(count,)| count == 0) {
        return never("its recipient has no tickets any more");
    }
    let now = Place {
        venue: place(&row.venue_name, &row.city, &row.country),
        starts: Instant { at: row.starts_at, timezone: row.timezone.clone() },
        ends: Instant { at: row.ends_at, timezone: row.timezone },
    };
    let Schedule { starts_at, ends_at, timezone, venue } = before;
    let instant = |text: &str| time::parse(text).map(|at| Instant { at, timezone: timezone.clone() });
    let Some((starts, ends)) = instant(starts_at).zip(instant(ends_at)) else {
        return never("it does not say when it was before");
    };
    let before = Place { venue: place(&venue.name, &venue.city, &venue.country), starts, ends };
    if now == before {
        return never("it is where it was before");
    }
    Ok(Ok(Moved { title: line(&row.title), now, before }))
}

/// What is going back of a payment, and what has gone back.
async fn given_back(tx: &mut Tx, payment: &str) -> Result<(Option<Money>, Option<Money>), Error> {
    let statement = "SELECT status, currency, CAST(SUM(amount) AS BIGINT) FROM refunds WHERE payment = $1 AND status <> 'failed' \
                     GROUP BY status, currency";
    let sums: Vec<(String, String, i64)> = tx.all(statement, params![payment]).await?;
    let of = |wanted: &str| {
        let sum = sums.iter().find(|(status, ..)| status == wanted);
        sum.map(|(_, currency, amount)| Money { amount: *amount, currency: currency.clone() })
    };
    Ok((of("due"), of("completed")))
}

async fn is_complete(tx: &mut Tx, payment: &str) -> Result<bool, Error> {
    let row: Option<(String,)> = tx.one("SELECT status FROM payments WHERE id = $1", params![payment]).await?;
    Ok(row.is_some_and(|(status,)| status == "completed"))
}

/// The codes of a booking's tickets that are still its owner's, or this holder's, each with its type's name; how many there are beside these; and
/// whether required answers are missing, without which there are none.
async fn codes(
    tx: &mut Tx,
    key: &SigningKey,
    booking: (&str, &str),
    holder: Option<&str>,
    items: &[(String, String, u32)],
) -> Result<(Vec<Ticket>, usize, bool), Error> {
    let wanted = items.iter().map(|(ticket_type, _, quantity)| (ticket_type.as_str(), *quantity));
    let own = tickets::of_holder(tx, key, booking, holder, wanted, limits::TICKETS).await?;
    if own.withheld > 0 {
        return Ok((Vec::new(), 0, true));
    }
    let name = |id: &str| items.iter().find(|(ticket_type, ..)| ticket_type == id).map_or("", |(_, name, _)| name);
    let tickets = own.tickets.into_iter().map(|ticket| Ticket { name: line(name(&ticket.ticket_type_id)), code: ticket.code });
    Ok((tickets.collect(), own.more, false))
}

kit::row! {
    struct OfferRow {
        email: String,
        status: String,
        expires_at: i64,
        booking_status: String,
        title: String,
        venue_name: String,
        city: String,
        country: String,
        starts_at: i64,
        timezone: String,
        ticket_type: String,
        event: String,
    }
}

/// An offer, to whom it is, and for which event.
struct Offered {
    email: String,
    event: String,
    offer: Offer,
}

/// An offer that can be accepted, and to whom it is. Of who makes it only the address is named, and only where it is known to be theirs:
/// what people call themselves reaches nobody whom they have chosen.
async fn offer(tx: &mut Tx, from: &Person, needs: &Needs) -> Result<Result<Offered, Trouble>, Error> {
    let never = |why: &str| Ok(Err(Trouble::Never(why.to_owned())));
    let Some(id) = &needs.offer else { return never("it does not say what is offered") };
    let statement = "SELECT o.email, o.status, o.expires_at, b.status, e.title, e.venue_name, e.city, e.country, e.starts_at, e.timezone, \
                     COALESCE(y.name, t.ticket_type), b.event FROM ticket_offers o JOIN tickets t ON t.booking = o.booking AND t.number = o.number \
                     JOIN bookings b ON b.id = o.booking JOIN events e ON e.id = b.event LEFT JOIN ticket_types y ON y.id = t.ticket_type \
                     WHERE o.id = $1";
    let Some(row): Option<OfferRow> = tx.one(statement, params![id]).await? else { return never("its offer is not here") };
    if row.status != "open" || row.expires_at <= tx.now() || row.booking_status != "confirmed" {
        return never("what is offered can no longer be accepted");
    }
    if !from.verified {
        return never("who offers it has not shown to read their address");
    }
    let offer = Offer {
        token: id.clone(),
        from: line(&from.address),
        title: line(&row.title),
        venue: place(&row.venue_name, &row.city, &row.country),
        starts: Instant { at: row.starts_at, timezone: row.timezone.clone() },
        ticket_type: line(&row.ticket_type),
        until: Instant { at: row.expires_at, timezone: row.timezone },
    };
    Ok(Ok(Offered { email: row.email, event: row.event, offer }))
}

kit::row! {
    struct PaymentRow {
        booking: String,
        event: String,
        person: String,
        amount: i64,
        currency: String,
        refunded: i64,
        status: String,
        provider_state: String,
        created_at: i64,
    }
}

/// The ledger confirms a booking a moment before its payment is complete: until then there is no receipt.
async fn receipt_of(tx: &mut Tx, id: &str) -> Result<Result<Receipt, Trouble>, Error> {
    let statement = "SELECT booking, event, person, amount, currency, refunded, status, provider_state, created_at FROM payments WHERE id = $1";
    let row: Option<PaymentRow> = tx.one(statement, params![id]).await?;
    let Some(row) = row else { return Ok(Err(Trouble::Never("its payment is not here".to_owned()))) };
    if row.status != "completed" {
        return Ok(Err(Trouble::NotYet("its payment is not complete yet".to_owned())));
    }
    let state: serde_json::Value = serde_json::from_str(&row.provider_state).unwrap_or_default();
    let paid = Paid {
        id: id.to_owned(),
        booking: row.booking,
        event: row.event,
        person: row.person,
        amount: row.amount,
        currency: row.currency,
        refunded: row.refunded,
        completed_at: state.get("completed_at").and_then(serde_json::Value::as_i64).unwrap_or(row.created_at),
    };
    Ok(receipt::read(tx, &paid).await?.ok_or_else(|| Trouble::Never("what its payment bought is not here".to_owned())))
}

/// A value on one line: what people type begins no line of a mail, nor a header.
fn line(text: &str) -> String {
    let words = text.split(|character: char| character.is_whitespace() || character.is_control());
    let joined = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    joined.chars().take(limits::VALUE).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_value_stays_on_its_line() {
        for (text, line) in [
            ("Night of Strings", "Night of Strings"),
            ("  a\r\nBcc: b@example.com\u{2028}c\t", "a Bcc: b@example.com c"),
            ("", ""),
        ] {
            assert_eq!(super::line(text), line);
        }
        assert_eq!(super::line(&"x".repeat(1000)).len(), crate::limits::VALUE);
    }
}
