//! The public part of the tables: every column of it once, for the region that reads a snapshot and for components that read an event.
//!
//! Which rows are read, and by what statement, is its reader's business; here stands what their columns are called, in which order they are read, and
//! what becomes of them.

use std::collections::HashMap;

use crate::{Availability, EventDoc, EventStatus, Line, TicketType, Venue};

/// A row of SQL, whose columns are taken from left to right.
pub trait Columns {
    /// Why a column cannot be taken.
    type Error;

    /// The next column, which must be a text.
    ///
    /// # Errors
    /// Where it is not.
    fn text(&mut self) -> Result<String, Self::Error>;

    /// The next column, which must be a number.
    ///
    /// # Errors
    /// Where it is not.
    fn integer(&mut self) -> Result<i64, Self::Error>;

    /// The next column, a number or NULL.
    ///
    /// # Errors
    /// Where it is neither.
    fn maybe_integer(&mut self) -> Result<Option<i64>, Self::Error>;

    /// The next column, a text or NULL.
    ///
    /// # Errors
    /// Where it is neither.
    fn maybe_text(&mut self) -> Result<Option<String>, Self::Error>;

    /// The next column, which must be a number that fits.
    ///
    /// # Errors
    /// Where it is not.
    fn count<N: TryFrom<i64>>(&mut self) -> Result<N, Self::Error>;
}

/// What a column is read into.
trait Column: Sized {
    fn take<C: Columns>(row: &mut C) -> Result<Self, C::Error>;
}

impl Column for String {
    fn take<C: Columns>(row: &mut C) -> Result<Self, C::Error> {
        row.text()
    }
}

impl Column for i64 {
    fn take<C: Columns>(row: &mut C) -> Result<Self, C::Error> {
        row.integer()
    }
}

impl Column for Option<i64> {
    fn take<C: Columns>(row: &mut C) -> Result<Self, C::Error> {
        row.maybe_integer()
    }
}

impl Column for Option<String> {
    fn take<C: Columns>(row: &mut C) -> Result<Self, C::Error> {
        row.maybe_text()
    }
}

impl Column for bool {
    fn take<C: Columns>(row: &mut C) -> Result<Self, C::Error> {
        Ok(row.integer()? != 0)
    }
}

impl Column for u32 {
    fn take<C: Columns>(row: &mut C) -> Result<Self, C::Error> {
        row.count()
    }
}

impl Column for u64 {
    fn take<C: Columns>(row: &mut C) -> Result<Self, C::Error> {
        row.count()
    }
}

/// Rows: fields are called as their columns are.
macro_rules! rows {
    ($($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty),+ $(,)? })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone)]
        #[allow(missing_docs, reason = "as in the type that it becomes")]
        pub struct $name {
            $(pub $field: $type),+
        }

        impl $name {
            /// The columns, in the order in which they are read.
            pub const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),+];

            /// Takes the columns of a row.
            ///
            /// # Errors
            /// Where one is not what it must be.
            pub fn take<C: Columns>(row: &mut C) -> Result<Self, C::Error> {
                Ok(Self { $($field: Column::take(row)?),+ })
            }
        }
    )+};
}

rows! {
    /// An event, of the table `events`.
    EventRow {
        id: String,
        organiser_id: String,
        status: String,
        revision: u64,
        title: String,
        description: String,
        category: String,
        venue_name: String,
        city: String,
        country: String,
        starts_at: i64,
        ends_at: i64,
        timezone: String,
        currency: String,
        region: String,
        refund_until: Option<i64>,
        questions: String,
        image: String,
        shared_capacities: String,
        accent: Option<String>,
        logo: String,
    }

    /// A ticket type, of the table `ticket_types`.
    TicketRow {
        event_id: String,
        id: String,
        name: String,
        price: i64,
        capacity: u32,
        per_person_limit: u32,
        sales_from: Option<i64>,
        sales_until: Option<i64>,
        paused: bool,
    }

    /// An event's inventory, of the table `inventory`.
    InventoryRow {
        event: String,
        version: u64,
        status: String,
        sales_from: Option<i64>,
        sales_until: Option<i64>,
    }

    /// What of one ticket type is held and sold, or of what these (as JSON) share, of the table `inventory_lines`.
    LineRow {
        event: String,
        ticket_type: String,
        capacity: i64,
        held: i64,
        sold: i64,
        shared_by: Option<String>,
    }
}

impl EventRow {
    /// The event with these ticket types; none if its state, a question of it, a picture or what is shared is one that this version does not know.
    #[must_use]
    pub fn doc(self, ticket_types: Vec<TicketType>) -> Option<EventDoc> {
        Some(EventDoc {
            id: self.id,
            organiser_id: self.organiser_id,
            status: EventStatus::parse(&self.status)?,
            revision: self.revision,
            title: self.title,
            description: self.description,
            category: self.category,
            venue: Venue { name: self.venue_name, city: self.city, country: self.country },
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            timezone: self.timezone,
            currency: self.currency,
            region: self.region,
            refund_until: self.refund_until,
            ticket_types,
            questions: serde_json::from_str(&self.questions).ok()?,
            image: serde_json::from_str(&self.image).ok()?,
            shared_capacities: serde_json::from_str(&self.shared_capacities).ok()?,
            accent: self.accent,
            logo: serde_json::from_str(&self.logo).ok()?,
        })
    }
}

impl From<TicketRow> for TicketType {
    fn from(row: TicketRow) -> Self {
        let TicketRow { event_id: _, id, name, price, capacity, per_person_limit, sales_from, sales_until, paused } = row;
        Self { id, name, price, capacity, per_person_limit, sales_from, sales_until, paused }
    }
}

impl InventoryRow {
    /// What the event has left, by these lines.
    #[must_use]
    pub fn availability(self, lines: Vec<Line>) -> Availability {
        let Self { event: event_id, version, status, sales_from, sales_until } = self;
        Availability { event_id, version, open: status == "open", sales_from, sales_until, lines }
    }
}

/// Ticket types by their event, in the order of the rows.
pub fn tickets_by_event(rows: impl IntoIterator<Item = TicketRow>) -> HashMap<String, Vec<TicketType>> {
    let mut tickets_of: HashMap<String, Vec<TicketType>> = HashMap::new();
    for row in rows {
        tickets_of.entry(row.event_id.clone()).or_default().push(row.into());
    }
    tickets_of
}

/// Places by event and ticket type whose hold has run out without anybody having tidied it: they are free.
pub type Overdue = HashMap<(String, String), i64>;

/// Ticket types by their event, in the order of the rows: of each what is free of its own and of what it shares, the least of these.
pub fn lines_by_event(rows: impl IntoIterator<Item = LineRow>, overdue: &Overdue) -> HashMap<String, Vec<Line>> {
    let mut lines_of: HashMap<String, Vec<Line>> = HashMap::new();
    let mut shared = Vec::new();
    for LineRow { event, ticket_type, capacity, held, sold, shared_by } in rows {
        let taken = held + sold;
        if let Some(types) = shared_by {
            shared.push((event, types, capacity - taken));
            continue;
        }
        let key = (event, ticket_type);
        let free = capacity - taken + overdue.get(&key).copied().unwrap_or(0);
        let (event, ticket_type) = key;
        let line = Line { ticket_type, capacity: places(capacity), available: places(free.min(capacity)) };
        lines_of.entry(event).or_default().push(line);
    }
    for (event, types, mut free) in shared {
        // One that cannot be read is for the ledger to refuse.
        let types: Vec<String> = serde_json::from_str(&types).unwrap_or_default();
        let Some(lines) = lines_of.get_mut(&event) else { continue };
        for ticket_type in &types {
            free += overdue.get(&(event.clone(), ticket_type.clone())).copied().unwrap_or(0);
        }
        for line in lines.iter_mut().filter(|line| types.contains(&line.ticket_type)) {
            line.available = line.available.min(places(free));
        }
    }
    lines_of
}

fn places(count: i64) -> u32 {
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}

/// Columns of the table that a statement calls `alias`, for a list.
#[must_use]
pub fn columns(alias: &str, names: &[&str]) -> String {
    names.iter().map(|name| format!("{alias}.{name}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overdue_holds_are_free() {
        let (event, ticket_type) = ("eu_1".to_owned(), "eu_t".to_owned());
        for (capacity, held, sold, overdue, available) in
            [(10, 0, 0, 0, 10), (10, 6, 4, 0, 0), (10, 6, 4, 3, 3), (10, 2, 0, 9, 10), (10, 12, 0, 0, 0)]
        {
            let row = LineRow { event: event.clone(), ticket_type: ticket_type.clone(), capacity, held, sold, shared_by: None };
            let overdue = Overdue::from([((event.clone(), ticket_type.clone()), overdue)]);
            let lines = lines_by_event([row], &overdue);
            assert_eq!((lines["eu_1"][0].capacity, lines["eu_1"][0].available), (10, available));
        }
    }

    #[test]
    fn what_is_shared_bounds_those_who_share_it() {
        let line = |event: &str, ticket_type: &str, (capacity, held, sold): (i64, i64, i64), shared_by: Option<&str>| LineRow {
            event: event.to_owned(),
            ticket_type: ticket_type.to_owned(),
            capacity,
            held,
            sold,
            shared_by: shared_by.map(str::to_owned),
        };
        let rows = [
            // In whatever order they come, and of another event.
            line("eu_1", "hall", (12, 4, 5), Some(r#"["adult","child"]"#)),
            line("eu_1", "adult", (10, 4, 0), None),
            line("eu_1", "child", (6, 0, 5), None),
            line("eu_1", "balcony", (10, 0, 0), None),
            line("eu_1", "gone", (0, 0, 0), Some("[]")),
            line("eu_2", "adult", (10, 0, 0), None),
        ];
        let available = |overdue: i64| {
            let overdue = Overdue::from([(("eu_1".to_owned(), "adult".to_owned()), overdue)]);
            let lines = lines_by_event(rows.clone(), &overdue);
            let of = |event: &str| lines[event].iter().map(|line| line.available).collect::<Vec<_>>();
            (of("eu_1"), of("eu_2"))
        };
        assert_eq!(available(0), (vec![3, 1, 10], vec![10]));
        assert_eq!(available(2), (vec![5, 1, 10], vec![10]), "what is overdue is free in both");
    }
}
