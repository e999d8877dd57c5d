//! Between the types of the crate `vocabulary` and those that wasmtime knows.

/// A value as its twin on the other side.
pub trait Twin<T> {
    /// Moves what is in it.
    fn twin(self) -> T;
}

macro_rules! same {
    ($($type:ty),+) => {$(
        impl Twin<$type> for $type {
            fn twin(self) -> $type {
                self
            }
        }
    )+};
}

same!((), bool, i64, u32, u64, String);

impl<A: Twin<B>, B> Twin<Option<B>> for Option<A> {
    fn twin(self) -> Option<B> {
        self.map(A::twin)
    }
}

impl<A: Twin<B>, B> Twin<Vec<B>> for Vec<A> {
    fn twin(self) -> Vec<B> {
        self.into_iter().map(A::twin).collect()
    }
}

impl<A: Twin<B>, B, E: Twin<F>, F> Twin<Result<B, F>> for Result<A, E> {
    fn twin(self) -> Result<B, F> {
        match self {
            Ok(value) => Ok(value.twin()),
            Err(error) => Err(error.twin()),
        }
    }
}

/// Types of a module that both crates have, by their fields and cases: each way, and complete.
macro_rules! twins {
    ($module:ident: $($name:ident $body:tt)+) => {$(
        twins!(@one vocabulary::$module::$name, crate::$module::types::$name, $body);
        twins!(@one crate::$module::types::$name, vocabulary::$module::$name, $body);
    )+};
    (@one $from:ty, $to:ty, { $($field:ident),+ $(,)? }) => {
        impl Twin<$to> for $from {
            fn twin(self) -> $to {
                type To = $to;
                let Self { $($field),+ } = self;
                To { $($field: $field.twin()),+ }
            }
        }
    };
    (@one $from:ty, $to:ty, [ $($case:ident $(($value:ident))?),+ $(,)? ]) => {
        impl Twin<$to> for $from {
            fn twin(self) -> $to {
                type To = $to;
                match self {
                    $(Self::$case $(($value))? => To::$case $(($value.twin()))?),+
                }
            }
        }
    };
}

twins! { booking:
    Money { amount, currency }
    Command { subject, idempotency_key, event_id, deadline, trace, token, client, action }
    Sale { revision, currency, sales_from, sales_until, refund_until, offers, shared }
    SharedCapacity { id, capacity, ticket_types }
    Offer { ticket_type, price, capacity, per_person_limit, sales_from, sales_until, paused }
    OrderLine { ticket_type, quantity }
    Confirmation { booking, payment, paid }
    Annulment { booking, refund }
    BookingItem { ticket_type, quantity, unit_price }
    Booking { id, event_id, person, status, expires_at, items, total, version, created_at }
    Receipt { version, replayed, outcome }
    Shortage { ticket_type, available }
    Limit { ticket_type, per_person, has }
    HoldLimit { scope, places, held }
    Subject [Person(id), Steward(id), Platform]
    Action [
        Open(sale), Adjust(sale), Close(revision), Hold(lines), BeginPayment(id), EndPayment(id), Confirm(confirmation), Cancel(id), Expire,
        Annul(annulment),
    ]
    Outcome [Sale(revision), Booking(booking), RefundDue(booking), Swept(count)]
    Rejection [
        Invalid(reason), UnknownEvent, UnknownTicketType(id), UnknownBooking, NotOnSale(phase), SoldOut(shortages), OverLimit(limit),
        TooManyHolds(limit), Expired, WrongState(status), NotCancellable(refusal), Forbidden, Unauthenticated(fault),
        CapacityTooLow(shortage), StaleRevision(revision), KeyConflict, Unavailable(milliseconds), Unknown,
    ]
    BookingStatus [Held, Paying, Confirmed, Cancelled, Expired]
    HoldScope [Account, Address]
    SalePhase [NotYet, Over, Closed, Paused]
    TokenFault [Invalid, Expired, Revoked]
    CancelRefusal [NoRefunds, TooLate]
}

twins! { accounts:
    PublicKey { kid, public_key, until }
    Revocation { session, until }
    User { id, name, email, email_verified, roles }
    Membership { id, name, role, contact_email }
    Visitor { user, organisers }
    Address { id, email, name, verified_at, language, guest }
    Erasure { sequence, user, email }
    GuestLink { hash, guest, booking, created_at, expires_at }
    GuestExchange { links, since, after }
    GuestClaim { guest, account, claimed_at }
    Role [User, Organiser, Admin]
    TeamRole [Owner, Manager, Finance, Door]
    Error [NotHere, TooLong(items), Failed(reason)]
}

twins! { edge:
    Venue { name, city, country }
    TicketType { id, name, price, capacity, per_person_limit, sales_from, sales_until, paused }
    Event {
        id, organiser_id, status, revision, title, description, category, venue, starts_at, ends_at, timezone, currency, region, refund_until,
        ticket_types, questions, image, shared_capacities, accent, logo,
    }
    Image { id, sizes }
    ImageSize { width, height }
    SharedCapacity { id, name, capacity, ticket_types }
    Question { id, label, help, kind, choices, per, required, ticket_types, show_at_check_in }
    EventView { event, as_of }
    Query {
        text, category, city, starts_from, starts_to, currency, min_price, max_price, available, sort, descending, limit, cursor,
    }
    Facet { value, count }
    Page { items, next_cursor, categories, cities, as_of, incomplete }
    LineAvailability { ticket_type, capacity, available, on_sale }
    Availability { event_id, version, lines, as_of }
    Claims { subject, session, roles, expires_at, scope, guest }
    Scope { organiser, permissions }
    EventStatus [Draft, Published, Cancelled]
    QuestionKind [Text, Paragraph, Choice, Choices, Consent]
    QuestionScope [Order, Ticket]
    SortKey [StartsAt, Price, Title]
    ReadError [NotFound, LeftOut, BadCursor, Unavailable(milliseconds)]
    Refusal [Invalid, Expired, Revoked, Unavailable(milliseconds)]
}

#[cfg(test)]
mod tests {
    use super::Twin as _;
    use vocabulary::booking::{Action, Command, OrderLine, Receipt, Rejection, Shortage, Subject};

    #[test]
    fn conversion_round_trips() {
        let lines = vec![OrderLine { ticket_type: "eu_1".into(), quantity: 2 }];
        let command = Command::new(Subject::Person("eu_ada".into()), "key", "eu_event", 7, Action::Hold(lines));
        let there: crate::booking::types::Command = command.clone().twin();
        assert_eq!(there.idempotency_key, "key");
        let back: Command = there.twin();
        assert_eq!(back, command);
        let answer = Err(Rejection::SoldOut(vec![Shortage { ticket_type: "eu_1".into(), available: 1 }]));
        let there: Result<crate::booking::types::Receipt, crate::booking::types::Rejection> = answer.clone().twin();
        let back: Result<Receipt, Rejection> = there.twin();
        assert_eq!(back, answer);
    }
}
