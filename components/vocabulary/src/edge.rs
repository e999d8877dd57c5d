//! `marquee:edge/types`: what the public sees of events, and who asks.
//!
//! JSON of an [`Event`] travels in the feed and is shown by the API: an optional field that is none stands in neither.

use crate::wit::{enums, errors, records, variants};

enums! {
    /// Where an event is in its life.
    #[derive(Default)]
    EventStatus {
        /// Not public.
        #[default]
        "draft" Draft,
        /// On show.
        "published" Published,
        /// Called off; still readable by id.
        "cancelled" Cancelled,
    }

    /// How a question is answered.
    #[derive(Default)]
    QuestionKind {
        /// In a line.
        #[default]
        "text" Text,
        /// In as many lines as it takes.
        "paragraph" Paragraph,
        /// By one of its choices.
        "choice" Choice,
        /// By some of its choices.
        "choices" Choices,
        /// By agreeing to what it says.
        "consent" Consent,
    }

    /// What a question is asked once for.
    #[derive(Default)]
    QuestionScope {
        /// An order.
        #[default]
        "order" Order,
        /// Each ticket.
        "ticket" Ticket,
    }

    /// What a page is sorted by; the id breaks ties.
    #[derive(Default)]
    SortKey {
        /// Soonest first.
        #[default]
        "starts-at" StartsAt,
        /// Cheapest ticket first.
        "price" Price,
        /// By folded title.
        "title" Title,
    }
}

records! {
    /// Where an event takes place.
    #[derive(Default)]
    Venue {
        /// As people call it.
        "name" name: String,
        /// As people call it; what the `city` filter and facet go by.
        "city" city: String,
        /// ISO 3166-1 alpha-2.
        "country" country: String,
    }

    /// A general-admission ticket type.
    #[derive(Default)]
    TicketType {
        /// Unique over all events.
        "id" id: String,
        /// For example `Standard`.
        "name" name: String,
        /// Minor units of the event's currency.
        "price" price: i64,
        /// Places there are in all.
        "capacity" capacity: u32,
        /// Places one person may have at a time.
        "per-person-limit" per_person_limit: u32,
        /// On sale from then on; none: as soon as the event is. Microseconds, UTC.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "sales-from" sales_from: Option<i64>,
        /// On sale until then; none: as long as the event is. Microseconds, UTC.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "sales-until" sales_until: Option<i64>,
        /// Taken off sale for now.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        "paused" paused: bool,
    }

    /// Places that ticket types share: none of them is sold when these are gone, whatever its own capacity is.
    #[derive(Default)]
    SharedCapacity {
        /// Unique over all events, and no ticket type's.
        "id" id: String,
        /// For example `Hall`.
        "name" name: String,
        /// Places there are in all.
        "capacity" capacity: u32,
        /// Ids of the ticket types, at least one.
        "ticket-types" ticket_types: Vec<String>,
    }

    /// What an organiser asks those who buy.
    #[derive(Default)]
    Question {
        /// Unique over all events, and never given to another question.
        "id" id: String,
        /// The question.
        "label" label: String,
        /// What helps to answer it; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        "help" help: String,
        /// How it is answered.
        "kind" kind: QuestionKind,
        /// What there is to choose from; none of other kinds.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        "choices" choices: Vec<String>,
        /// What it is asked once for.
        "per" per: QuestionScope,
        /// Whether nobody gets tickets without an answer.
        "required" required: bool,
        /// Ids of the ticket types that it is asked for; none: all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        "ticket-types" ticket_types: Vec<String>,
        /// Whether who stands at the door is shown the answer.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        "show-at-check-in" show_at_check_in: bool,
    }

    /// How large a file of a picture is, in pixels.
    #[derive(Default)]
    ImageSize {
        /// It is part of the file's address, too.
        "width" width: u32,
        /// With the width: what a page leaves room for before the file is there.
        "height" height: u32,
    }

    /// A picture, of which there are JPEG files.
    #[derive(Default)]
    Image {
        /// `<region>_<digest of the files>`: what it names never changes.
        "id" id: String,
        /// Of each file; the largest last.
        "sizes" sizes: Vec<ImageSize>,
    }

    /// An event as the public sees it. The default is a draft of which nothing is said yet.
    #[derive(Default)]
    Event {
        /// `<region>_…`.
        "id" id: String,
        /// Who puts it on.
        "organiser-id" organiser_id: String,
        /// Draft ones are never in the read model.
        "status" status: EventStatus,
        /// Grows with every change.
        "revision" revision: u64,
        /// One line.
        "title" title: String,
        /// May be empty.
        "description" description: String,
        /// A slug, for example `music`.
        "category" category: String,
        /// Where.
        "venue" venue: Venue,
        /// Microseconds, UTC.
        "starts-at" starts_at: i64,
        /// Microseconds, UTC; after `starts_at`.
        "ends-at" ends_at: i64,
        /// IANA name of the venue's time zone.
        "timezone" timezone: String,
        /// ISO 4217.
        "currency" currency: String,
        /// Home region.
        "region" region: String,
        /// Until when a buyer may cancel for a refund; absent: never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "refund-until" refund_until: Option<i64>,
        /// In the organiser's order; at least one.
        "ticket-types" ticket_types: Vec<TicketType>,
        /// In the organiser's order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        "questions" questions: Vec<Question>,
        /// Its picture, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "image" image: Option<Image>,
        /// What ticket types share.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        "shared-capacities" shared_capacities: Vec<SharedCapacity>,
        /// `#rrggbb`: what stands out on its pages; none: the platform's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "accent" accent: Option<String>,
        /// Whose it is: a picture of one file, PNG.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "logo" logo: Option<Image>,
    }

    /// An event, and when this view of it was last known to be current.
    EventView {
        /// The event.
        "event" event: Event,
        /// Microseconds, UTC.
        "as-of" as_of: i64,
    }

    /// What to look for. The default asks for everything that is still to come.
    #[derive(Default)]
    Query {
        /// Words that all must occur in title, description, venue or city; case and accents do not matter. A text without words finds nothing; one of
        /// blanks is none.
        "text" text: Option<String>,
        /// Case and accents do not matter.
        "category" category: Option<String>,
        /// Case and accents do not matter.
        "city" city: Option<String>,
        /// Events that start at or after this. With it, events that are over are found too.
        "starts-from" starts_from: Option<i64>,
        /// Events that start before this. Where this is past itself, events that are over are found too.
        "starts-to" starts_to: Option<i64>,
        /// ISO 4217: only events that are sold in it. Prices of one currency say nothing beside those of another, so who compares them names it.
        "currency" currency: Option<String>,
        /// Lower bound of the cheapest ticket, minor units, inclusive.
        "min-price" min_price: Option<i64>,
        /// Upper bound of the cheapest ticket, minor units, inclusive.
        "max-price" max_price: Option<i64>,
        /// true: something can be bought now; false: nothing can.
        "available" available: Option<bool>,
        /// What to sort by.
        "sort" sort: SortKey,
        /// The other way round, ids too.
        "descending" descending: bool,
        /// 1 to 100; taken as the nearest of these.
        "limit" limit: u32,
        /// As returned by the page before.
        "cursor" cursor: Option<String>,
    }

    /// How many matching events have a value.
    Facet {
        /// As it stands in the events.
        "value" value: String,
        /// 1 or more.
        "count" count: u32,
    }

    /// What was found.
    Page {
        /// In the order asked for, without descriptions, questions and shared capacities.
        "items" items: Vec<Event>,
        /// None: this is the last page.
        "next-cursor" next_cursor: Option<String>,
        /// Over everything that matches, not only this page; the most frequent, most frequent first, equals by value.
        "categories" categories: Vec<Facet>,
        /// As `categories`.
        "cities" cities: Vec<Facet>,
        /// As old as the oldest part of it.
        "as-of" as_of: i64,
        /// Regions of which nothing is known here: what they sell is not in the page.
        "incomplete" incomplete: Vec<String>,
    }

    /// What one ticket type has left.
    LineAvailability {
        /// Ticket type's id.
        "ticket-type" ticket_type: String,
        /// Places there are in all.
        "capacity" capacity: u32,
        /// Places that are free, of its own and of what it shares: the least of these. Overdue holds are.
        "available" available: u32,
        /// Whether the sale is open now; `available` may still be 0.
        "on-sale" on_sale: bool,
    }

    /// What an event has left to sell.
    Availability {
        /// Whose.
        "event-id" event_id: String,
        /// The inventory version that this is of; 0 where none has come yet.
        "version" version: u64,
        /// By ticket type, in the organiser's order.
        "lines" lines: Vec<LineAvailability>,
        /// When it was last known to be current.
        "as-of" as_of: i64,
    }

    /// What the token of an API key is good for: this, and nothing that a person does.
    Scope {
        /// The only organiser that it may act for.
        "organiser" organiser: String,
        /// What it may do for that one: names of permissions.
        "permissions" permissions: Vec<String>,
    }

    /// What a verified access token says.
    Claims {
        /// User id; of a program the id of its API key.
        "subject" subject: String,
        /// Session (refresh family) id; of a program the id of its API key.
        "session" session: String,
        /// They only inform: a write reads them from SQL.
        "roles" roles: Vec<String>,
        /// When the token ends.
        "expires-at" expires_at: i64,
        /// Of a program; none: it is a person's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "scope" scope: Option<Scope>,
        /// Of somebody who buys with an address alone: it is good for a checkout, and for nothing else that a person does.
        #[serde(default)]
        "guest" guest: bool,
    }
}

variants! {
    /// Why a read is not answered.
    ReadError {
        /// There is no such event.
        "not-found" NotFound,
        /// Not in this view: the database of its home region may have it.
        "left-out" LeftOut,
        /// The cursor is not one of ours.
        "bad-cursor" BadCursor,
        /// No view to answer from; milliseconds after which to try again.
        "unavailable" Unavailable(u32),
    }

    /// Why a token says nothing.
    Refusal {
        /// Not a token of ours: malformed, forged, wrong type, audience or issuer.
        "invalid" Invalid,
        /// It has ended.
        "expired" Expired,
        /// Its session was ended.
        "revoked" Revoked,
        /// No keys to verify with; milliseconds after which to try again.
        "unavailable" Unavailable(u32),
    }
}

errors!(ReadError, Refusal);

impl EventStatus {
    /// As it stands in JSON and SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Cancelled => "cancelled",
        }
    }

    /// The inverse of [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.as_str() == text)
    }
}

impl TicketType {
    /// Whether it may be sold at `now`, where its event is on sale.
    #[must_use]
    pub fn on_sale(&self, now: i64) -> bool {
        !self.paused && self.sales_from.is_none_or(|from| from <= now) && self.sales_until.is_none_or(|until| now < until)
    }
}

impl Event {
    /// As it stands in lists: a copy without the description, the questions and the shared capacities, which are most of an event.
    #[must_use]
    pub fn in_list(&self) -> Self {
        Self {
            id: self.id.clone(),
            organiser_id: self.organiser_id.clone(),
            status: self.status,
            revision: self.revision,
            title: self.title.clone(),
            description: String::new(),
            category: self.category.clone(),
            venue: self.venue.clone(),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            timezone: self.timezone.clone(),
            currency: self.currency.clone(),
            region: self.region.clone(),
            refund_until: self.refund_until,
            ticket_types: self.ticket_types.clone(),
            questions: Vec::new(),
            image: self.image.clone(),
            shared_capacities: Vec::new(),
            accent: self.accent.clone(),
            logo: self.logo.clone(),
        }
    }
}

impl Question {
    /// Whether it is asked of who buys this ticket type.
    #[must_use]
    pub fn is_for(&self, ticket_type: &str) -> bool {
        self.ticket_types.is_empty() || self.ticket_types.iter().any(|known| known == ticket_type)
    }
}

impl QuestionKind {
    /// As it stands in JSON and SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Paragraph => "paragraph",
            Self::Choice => "choice",
            Self::Choices => "choices",
            Self::Consent => "consent",
        }
    }
}

impl Query {
    /// Whether events that are over at `now` are asked for: only where the query's times say so.
    #[must_use]
    pub fn includes_past(&self, now: i64) -> bool {
        self.starts_from.is_some() || self.starts_to.is_some_and(|to| to <= now)
    }
}
