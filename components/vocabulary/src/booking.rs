//! `marquee:booking/types`: what the ledger is asked, and what it answers.
//!
//! JSON of some of these is kept: an [`Outcome`] beside its idempotency key, and the digest of an [`Action`], which says whether a key is used for
//! the same thing again.

use crate::wit::{enums, errors, records, variants};

/// Microseconds since the Unix epoch, UTC.
pub type Instant = i64;

records! {
    /// An amount in minor units of a currency.
    Money {
        /// Minor units.
        "amount" amount: i64,
        /// ISO 4217, upper case.
        "currency" currency: String,
    }

    /// One thing to decide.
    Command {
        /// Who asks.
        "subject" subject: Subject,
        /// Unique within event and subject; `expire` does without.
        "idempotency-key" idempotency_key: String,
        /// What it is about.
        "event-id" event_id: String,
        /// Dropped undecided from then on, by the clocks of nodes: the one that set it and the one that looks.
        "deadline" deadline: Instant,
        /// What it is part of; decides nothing.
        "trace" trace: Option<String>,
        /// The access token of the person who asks; decides nothing, and is gone before anything is decided.
        "token" token: Option<String>,
        /// The network that its sender asks from, as whoever took the request saw it; none: nobody's that counts.
        "client" client: Option<String>,
        /// What to do.
        "action" action: Action,
    }

    /// What an event offers, and when.
    Sale {
        /// The catalog's revision of the event.
        "revision" revision: u64,
        /// Cannot change once opened.
        "currency" currency: String,
        /// On sale from then on; none: no bound.
        "sales-from" sales_from: Option<Instant>,
        /// Not on sale from then on; none: no bound.
        "sales-until" sales_until: Option<Instant>,
        /// A buyer's paid booking is refunded if cancelled before; none: never.
        "refund-until" refund_until: Option<Instant>,
        /// In the organiser's order.
        "offers" offers: Vec<Offer>,
        /// What some of them share.
        "shared" shared: Vec<SharedCapacity>,
    }

    /// Places that ticket types share: none of them is sold when these are gone, whatever its own capacity is.
    SharedCapacity {
        /// Never that of a ticket type.
        "id" id: String,
        /// Places there are in all.
        "capacity" capacity: u32,
        /// Ids of the ticket types, at least one.
        "ticket-types" ticket_types: Vec<String>,
    }

    /// A general-admission ticket type on sale.
    Offer {
        /// Its id.
        "ticket-type" ticket_type: String,
        /// Minor units.
        "price" price: i64,
        /// Places there are in all.
        "capacity" capacity: u32,
        /// Places one person may have at the same time.
        "per-person-limit" per_person_limit: u32,
        /// On sale from then on, where the event is.
        "sales-from" sales_from: Option<Instant>,
        /// On sale until then, where the event is.
        "sales-until" sales_until: Option<Instant>,
        /// No holds for now, whatever the times say.
        "paused" paused: bool,
    }

    /// Some places of one ticket type.
    OrderLine {
        /// Its id.
        "ticket-type" ticket_type: String,
        /// How many.
        "quantity" quantity: u32,
    }

    /// A provider says that money has arrived.
    Confirmation {
        /// For which booking.
        "booking" booking: String,
        /// By which payment.
        "payment" payment: String,
        /// How much.
        "paid" paid: Money,
    }

    /// An order that its organiser takes back.
    Annulment {
        /// Which booking.
        "booking" booking: String,
        /// What of the payment goes back, in minor units; none: all that has not gone back yet.
        "refund" refund: Option<i64>,
    }

    /// What was booked of one ticket type.
    BookingItem {
        /// Its id.
        "ticket-type" ticket_type: String,
        /// How many.
        "quantity" quantity: u32,
        /// Minor units, fixed when the hold was taken.
        "unit-price" unit_price: i64,
    }

    /// A booking as its owner sees it.
    Booking {
        /// Its id.
        "id" id: String,
        /// What for.
        "event-id" event_id: String,
        /// User id of its owner.
        "person" person: String,
        /// Where it is in its life.
        "status" status: BookingStatus,
        /// When it ends by itself; only while held or paying.
        "expires-at" expires_at: Option<Instant>,
        /// In the order they were asked for.
        "items" items: Vec<BookingItem>,
        /// Sum of the items.
        "total" total: Money,
        /// The event's inventory version that last changed it.
        "version" version: u64,
        /// When the hold was taken.
        "created-at" created_at: Instant,
    }

    /// A decision that was accepted.
    Receipt {
        /// The inventory version that holds the decision.
        "version" version: u64,
        /// Whether an earlier decision under the same key is repeated.
        "replayed" replayed: bool,
        /// What came of it.
        "outcome" outcome: Outcome,
    }

    /// How much there is of a ticket type where more was asked for.
    Shortage {
        /// Its id; of capacity that is too low also that of a shared capacity.
        "ticket-type" ticket_type: String,
        /// Places there are.
        "available" available: u32,
    }

    /// A person's limit for a ticket type.
    Limit {
        /// Its id.
        "ticket-type" ticket_type: String,
        /// Places one person may have.
        "per-person" per_person: u32,
        /// Places this person has already.
        "has" has: u32,
    }

    /// How much of an event may be held, unpaid, at the same time.
    HoldLimit {
        /// By whom.
        "scope" scope: HoldScope,
        /// Places that may be.
        "places" places: u32,
        /// Places that are already.
        "held" held: u32,
    }
}

variants! {
    /// Who asks.
    Subject {
        /// A buyer, by user id.
        "person" Person(String),
        /// An organiser or admin, by user id, whose right over the event the caller has checked.
        "steward" Steward(String),
        /// The platform itself.
        "platform" Platform,
    }

    /// What a command does.
    Action {
        /// Makes an event bookable.
        "open" Open(Sale),
        /// Changes prices, limits, windows and capacity.
        "adjust" Adjust(Sale),
        /// Ends the sale. Carries the catalog's revision.
        "close" Close(u64),
        /// Takes places for a while.
        "hold" Hold(Vec<OrderLine>),
        /// A payment of this booking begins.
        "begin-payment" BeginPayment(String),
        /// A payment of this booking came to nothing.
        "end-payment" EndPayment(String),
        /// Money for a booking has arrived.
        "confirm" Confirm(Confirmation),
        /// Gives this booking's places back.
        "cancel" Cancel(String),
        /// Tidies the rows of overdue holds.
        "expire" Expire,
        /// Gives a booking's places back in the organiser's name, and so much of what was paid.
        "annul" Annul(Annulment),
    }

    /// What came of an accepted command.
    Outcome {
        /// open, adjust, close: the catalog's revision now in force.
        "sale" Sale(u64),
        /// The booking as the decision left it.
        "booking" Booking(Booking),
        /// The money came too late to be kept: the booking as it is.
        "refund-due" RefundDue(Booking),
        /// How many overdue holds were tidied.
        "swept" Swept(u32),
    }

    /// An expected outcome that does nothing of what was asked.
    Rejection {
        /// Malformed; the text says how.
        "invalid" Invalid(String),
        /// No such event is open here.
        "unknown-event" UnknownEvent,
        /// No such ticket type in this event.
        "unknown-ticket-type" UnknownTicketType(String),
        /// No such booking, or not this subject's.
        "unknown-booking" UnknownBooking,
        /// Nothing is on sale.
        "not-on-sale" NotOnSale(SalePhase),
        /// Fewer places than asked for, by ticket type.
        "sold-out" SoldOut(Vec<Shortage>),
        /// More places than one person may have.
        "over-limit" OverLimit(Limit),
        /// More places than may be held, unpaid, at the same time.
        "too-many-holds" TooManyHolds(HoldLimit),
        /// The hold's deadline has passed.
        "expired" Expired,
        /// The booking's state does not permit this.
        "wrong-state" WrongState(BookingStatus),
        /// A buyer may not cancel this one, or no longer.
        "not-cancellable" NotCancellable(CancelRefusal),
        /// This subject may not do this.
        "forbidden" Forbidden,
        /// The command came from an edge, and its token does not speak for the person.
        "unauthenticated" Unauthenticated(TokenFault),
        /// The floor of a capacity: what is held and sold.
        "capacity-too-low" CapacityTooLow(Shortage),
        /// A newer catalog revision, which this carries, has been applied already.
        "stale-revision" StaleRevision(u64),
        /// The key was used for another action.
        "key-conflict" KeyConflict,
        /// Certainly not done; milliseconds after which to try again.
        "unavailable" Unavailable(u32),
        /// It may or may not have been done: ask again with the same key.
        "unknown" Unknown,
    }
}

errors!(Rejection);

enums! {
    /// Where a booking is in its life.
    BookingStatus {
        /// Places are kept until the deadline.
        "held" Held,
        /// As held, while a payment is under way.
        "paying" Paying,
        /// Sold.
        "confirmed" Confirmed,
        /// Given back.
        "cancelled" Cancelled,
        /// Lost to the deadline.
        "expired" Expired,
    }

    /// Whose holds are counted together.
    HoldScope {
        /// One person's.
        "account" Account,
        /// Everybody's who asks from one network.
        "address" Address,
    }

    /// Why nothing is on sale.
    SalePhase {
        /// Before `sales_from`.
        "not-yet" NotYet,
        /// From `sales_until` on.
        "over" Over,
        /// Closed for good.
        "closed" Closed,
        /// Taken off sale for now.
        "paused" Paused,
    }

    /// Why a token does not speak for a person.
    TokenFault {
        /// There is none, or it is not one of ours.
        "invalid" Invalid,
        /// It has ended.
        "expired" Expired,
        /// Its session was ended.
        "revoked" Revoked,
    }

    /// Why a buyer may not cancel.
    CancelRefusal {
        /// The event never offered refunds to buyers.
        "no-refunds" NoRefunds,
        /// It is past the time for it.
        "too-late" TooLate,
    }
}

impl Command {
    /// A command that is part of nothing, shows no token and comes from nobody's network.
    #[must_use]
    pub fn new(
        subject: Subject,
        idempotency_key: impl Into<String>,
        event_id: impl Into<String>,
        deadline: Instant,
        action: Action,
    ) -> Self {
        let (idempotency_key, event_id) = (idempotency_key.into(), event_id.into());
        Self { subject, idempotency_key, event_id, deadline, trace: None, token: None, client: None, action }
    }
}

impl Subject {
    /// The subject's part of an idempotency key's scope; no two subjects share one.
    #[must_use]
    pub fn scope(&self) -> String {
        match self {
            Self::Person(id) => format!("person:{id}"),
            Self::Steward(id) => format!("steward:{id}"),
            Self::Platform => "platform".to_owned(),
        }
    }
}

impl Action {
    /// The booking that it names.
    #[must_use]
    pub fn booking(&self) -> Option<&str> {
        match self {
            Self::BeginPayment(id) | Self::EndPayment(id) | Self::Cancel(id) => Some(id),
            Self::Confirm(confirmation) => Some(&confirmation.booking),
            Self::Annul(annulment) => Some(&annulment.booking),
            Self::Open(_) | Self::Adjust(_) | Self::Close(_) | Self::Hold(_) | Self::Expire => None,
        }
    }
}

impl Sale {
    /// On sale without bounds, without refunds to buyers, and with nothing that types share.
    #[must_use]
    pub fn new(revision: u64, currency: impl Into<String>, offers: Vec<Offer>) -> Self {
        Self {
            revision,
            currency: currency.into(),
            sales_from: None,
            sales_until: None,
            refund_until: None,
            offers,
            shared: Vec::new(),
        }
    }
}

impl Offer {
    /// On sale whenever the event is.
    #[must_use]
    pub fn new(ticket_type: impl Into<String>, price: i64, capacity: u32, per_person_limit: u32) -> Self {
        let ticket_type = ticket_type.into();
        Self { ticket_type, price, capacity, per_person_limit, sales_from: None, sales_until: None, paused: false }
    }
}

impl BookingStatus {
    /// As it stands in SQL and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Paying => "paying",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The inverse of [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.as_str() == text)
    }

    /// Whether its places are kept until a deadline.
    #[must_use]
    pub const fn is_hold(self) -> bool {
        matches!(self, Self::Held | Self::Paying)
    }
}
