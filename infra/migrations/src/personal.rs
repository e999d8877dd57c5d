//! What of the tables is of people: what every column says of them, and what somebody is given who asks for everything that is known of them.

/// A line for each table and class of its columns; see the head of the file.
const CLASSES: &str = include_str!("../personal.txt");

/// What a column says of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Of a person, and gone once their account is erased.
    Erased,
    /// Whose something is.
    Id,
    /// Of a person, and not erased with them.
    Kept,
    /// Nothing of a person.
    Plain,
}

/// Every column that is classified: its table, its name and its class.
pub fn classes() -> impl Iterator<Item = (&'static str, &'static str, Class)> {
    CLASSES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).flat_map(|line| {
        let (head, columns) = line.split_once(": ").unwrap_or_default();
        let (table, class) = head.split_once(' ').unwrap_or_default();
        let class = match class {
            "erased" => Class::Erased,
            "id" => Class::Id,
            "kept" => Class::Kept,
            _ => Class::Plain,
        };
        let columns = columns.split(" - ").next().unwrap_or_default();
        columns.split(' ').map(move |column| (table, column, class))
    })
}

/// What a column of an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Text,
    /// As it is.
    Number,
    /// Microseconds since the Unix epoch, UTC.
    Instant,
}

/// Rows of one kind that are of a person.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// What each of them is.
    pub kind: &'static str,
    /// An expression: which of its kind it is.
    id: &'static str,
    /// An expression: when it came to be, by which the newest come first.
    at: &'static str,
    /// Each member: its name, the expression that it is, and its form.
    pub members: &'static [(&'static str, &'static str, Form)],
    /// Where they stand. `$1` is the person's id.
    from: &'static str,
}

impl Section {
    /// Its newest rows behind an item: `$2` and `$3` say when that came to be and which it is, `$4` how many at most. Their columns are the id, the instant
    /// and the members. `bytewise` has texts compared as bytes, where the engine would not.
    #[must_use]
    pub fn statement(&self, bytewise: &str) -> String {
        let Self { kind, id, at, members, from } = self;
        let members: String = members.iter().map(|(_, expression, _)| format!(", {expression}")).collect();
        format!(
            "SELECT '{kind}.' || {id}, {at}{members} FROM {from} \
             AND ({at} < $2 OR ({at} = $2 AND ('{kind}.' || {id}){bytewise} < $3)) ORDER BY {at} DESC, ('{kind}.' || {id}){bytewise} DESC LIMIT $4"
        )
    }
}

use Form::{Instant, Number, Text};

/// Whoever has an address is only told what concerns it once they have shown that they read it.
macro_rules! own_address {
    ($column:literal) => {
        concat!($column, " = (SELECT email FROM users WHERE id = $1 AND email_verified_at IS NOT NULL)")
    };
}

/// Everything that is known of a person in a region's database, but for secrets: what they are told, and an operator is.
pub const SECTIONS: &[Section] = &[
    Section {
        kind: "account",
        id: "u.id",
        at: "u.created_at",
        members: &[
            ("email", "NULLIF(u.email, u.id)", Text),
            ("name", "u.name", Text),
            ("language", "u.language", Text),
            ("email_verified_at", "u.email_verified_at", Instant),
            ("suspended_at", "u.suspended_at", Instant),
            ("suspension_reason", "u.suspension_reason", Text),
        ],
        from: "users u WHERE u.id = $1",
    },
    Section {
        kind: "role",
        id: "r.role",
        at: "u.created_at",
        members: &[("role", "r.role", Text)],
        from: "user_roles r JOIN users u ON u.id = r.user_id WHERE r.user_id = $1",
    },
    Section {
        kind: "session",
        id: "s.id",
        at: "s.created_at",
        members: &[
            ("network", "s.network", Text),
            ("user_agent", "s.user_agent", Text),
            ("transport", "s.transport", Text),
            ("last_used_at", "s.last_used_at", Instant),
            ("authenticated_at", "s.authenticated_at", Instant),
            ("expires_at", "s.expires_at", Instant),
            ("ended_at", "s.revoked_at", Instant),
        ],
        from: "sessions s WHERE s.user_id = $1",
    },
    Section {
        kind: "second-factor",
        id: "'totp'",
        at: "t.created_at",
        members: &[
            ("confirmed_at", "t.confirmed_at", Instant),
            ("recovery_codes_left", "(SELECT COUNT(*) FROM recovery_codes c WHERE c.user_id = t.user_id)", Number),
        ],
        from: "totp t WHERE t.user_id = $1",
    },
    Section {
        kind: "passkey",
        id: "p.id",
        at: "p.created_at",
        members: &[("name", "p.name", Text), ("transports", "p.transports", Text), ("last_used_at", "p.last_used_at", Instant)],
        from: "passkeys p WHERE p.user_id = $1",
    },
    Section {
        kind: "email-change",
        id: "'open'",
        at: "c.expires_at",
        members: &[
            ("old_email", "c.old_email", Text),
            ("new_email", "c.new_email", Text),
            ("expires_at", "c.expires_at", Instant),
        ],
        from: "email_changes c WHERE c.user_id = $1",
    },
    Section {
        kind: "membership",
        id: "m.organiser_id",
        at: "m.created_at",
        members: &[("organiser_id", "m.organiser_id", Text), ("organiser", "o.name", Text), ("role", "m.role", Text)],
        from: "organiser_members m JOIN organisers o ON o.id = m.organiser_id WHERE m.user_id = $1",
    },
    Section {
        kind: "invitation",
        id: "i.id",
        at: "i.created_at",
        members: &[
            ("organiser_id", "i.organiser_id", Text),
            ("organiser", "o.name", Text),
            ("role", "i.role", Text),
            ("expires_at", "i.expires_at", Instant),
        ],
        from: concat!("invitations i JOIN organisers o ON o.id = i.organiser_id WHERE ", own_address!("i.email")),
    },
    Section {
        kind: "invitation-made",
        id: "i.id",
        at: "i.created_at",
        members: &[
            ("organiser_id", "i.organiser_id", Text),
            ("email", "i.email", Text),
            ("role", "i.role", Text),
            ("expires_at", "i.expires_at", Instant),
        ],
        from: "invitations i WHERE i.invited_by = $1",
    },
    Section {
        kind: "api-key-made",
        id: "k.id",
        at: "k.created_at",
        members: &[("organiser_id", "k.organiser_id", Text), ("name", "k.name", Text)],
        from: "api_keys k WHERE k.created_by = $1",
    },
    Section {
        kind: "webhook-made",
        id: "w.id",
        at: "w.created_at",
        members: &[("organiser_id", "w.organiser_id", Text), ("description", "w.description", Text)],
        from: "webhooks w WHERE w.created_by = $1",
    },
    Section {
        kind: "event-made",
        id: "e.id",
        at: "e.created_at",
        members: &[("organiser_id", "e.organiser_id", Text), ("title", "e.title", Text), ("status", "e.status", Text)],
        from: "events e WHERE e.created_by = $1",
    },
    Section {
        kind: "booking",
        id: "b.id",
        at: "b.created_at",
        members: &[
            ("booking_id", "b.id", Text),
            ("event_id", "b.event", Text),
            ("title", "e.title", Text),
            ("status", "b.status", Text),
            ("total", "b.total", Number),
            ("currency", "b.currency", Text),
            ("payment_id", "b.payment", Text),
            ("network", "b.client", Text),
            ("expires_at", "b.expires_at", Instant),
            ("updated_at", "b.updated_at", Instant),
        ],
        from: "bookings b LEFT JOIN events e ON e.id = b.event WHERE b.person IN (SELECT CAST($1 AS TEXT) UNION ALL SELECT guest FROM guest_claims WHERE account = $1)",
    },
    Section {
        kind: "booking-item",
        id: "i.booking || '.' || i.ticket_type",
        at: "b.created_at",
        members: &[
            ("booking_id", "i.booking", Text),
            ("ticket_type_id", "i.ticket_type", Text),
            ("name", "t.name", Text),
            ("quantity", "i.quantity", Number),
            ("unit_price", "i.unit_price", Number),
        ],
        from: "bookings b JOIN booking_items i ON i.booking = b.id LEFT JOIN ticket_types t ON t.id = i.ticket_type WHERE b.person IN (SELECT CAST($1 AS TEXT) UNION ALL SELECT guest FROM guest_claims WHERE account = $1)",
    },
    Section {
        kind: "order-details",
        id: "d.booking",
        at: "d.updated_at",
        members: &[
            ("booking_id", "d.booking", Text),
            ("channel", "d.channel", Text),
            ("name", "d.name", Text),
            ("email", "d.email", Text),
            ("note", "d.note", Text),
        ],
        from: concat!(
            "order_details d JOIN bookings b ON b.id = d.booking WHERE (b.person IN (SELECT CAST($1 AS TEXT) UNION ALL SELECT guest FROM guest_claims WHERE account = $1) OR ",
            own_address!("d.email"),
            ")"
        ),
    },
    Section {
        kind: "payment",
        id: "p.id",
        at: "p.created_at",
        members: &[
            ("booking_id", "p.booking", Text),
            ("amount", "p.amount", Number),
            ("refunded", "p.refunded", Number),
            ("currency", "p.currency", Text),
            ("status", "p.status", Text),
            ("provider", "p.provider", Text),
            ("failure", "p.failure", Text),
            ("updated_at", "p.updated_at", Instant),
        ],
        from: "bookings b JOIN payments p ON p.booking = b.id WHERE b.person IN (SELECT CAST($1 AS TEXT) UNION ALL SELECT guest FROM guest_claims WHERE account = $1)",
    },
    Section {
        kind: "refund",
        id: "f.id",
        at: "f.created_at",
        members: &[
            ("payment_id", "f.payment", Text),
            ("amount", "f.amount", Number),
            ("currency", "f.currency", Text),
            ("reason", "f.reason", Text),
            ("status", "f.status", Text),
        ],
        from: "bookings b JOIN payments p ON p.booking = b.id JOIN refunds f ON f.payment = p.id WHERE b.person IN (SELECT CAST($1 AS TEXT) UNION ALL SELECT guest FROM guest_claims WHERE account = $1)",
    },
    Section {
        kind: "receipt",
        id: "r.payment",
        at: "r.created_at",
        members: &[
            ("payment_id", "r.payment", Text),
            ("seller", "r.seller", Text),
            ("buyer_name", "r.buyer_name", Text),
            ("buyer_email", "r.buyer_email", Text),
            ("title", "r.title", Text),
            ("venue", "r.venue_name", Text),
            ("city", "r.city", Text),
            ("country", "r.country", Text),
            ("starts_at", "r.starts_at", Instant),
        ],
        from: "bookings b JOIN payments p ON p.booking = b.id JOIN receipts r ON r.payment = p.id WHERE b.person IN (SELECT CAST($1 AS TEXT) UNION ALL SELECT guest FROM guest_claims WHERE account = $1)",
    },
    Section {
        kind: "ticket",
        id: "t.booking || '.' || CAST(t.number AS TEXT)",
        at: "t.updated_at",
        members: &[
            ("booking_id", "t.booking", Text),
            ("number", "t.number", Number),
            ("event_id", "t.event", Text),
            ("ticket_type_id", "t.ticket_type", Text),
            ("name", "t.name", Text),
            ("held_since", "t.held_since", Instant),
        ],
        from: "tickets t JOIN bookings b ON b.id = t.booking WHERE ((t.holder IS NULL AND b.person IN (SELECT CAST($1 AS TEXT) UNION ALL SELECT guest FROM guest_claims WHERE account = $1)) OR t.holder = $1)",
    },
    Section {
        kind: "answer",
        id: "a.booking || '.' || CAST(a.number AS TEXT) || '.' || a.question",
        at: "a.answered_at",
        members: &[
            ("booking_id", "a.booking", Text),
            ("number", "NULLIF(a.number, 0)", Number),
            ("question", "a.label", Text),
            ("answer", "a.value", Text),
        ],
        from: "answers a WHERE a.person IN (SELECT CAST($1 AS TEXT) UNION ALL SELECT guest FROM guest_claims WHERE account = $1)",
    },
    Section {
        kind: "ticket-offer",
        id: "o.id",
        at: "o.created_at",
        members: &[
            ("booking_id", "o.booking", Text),
            ("number", "o.number", Number),
            ("email", "o.email", Text),
            ("status", "o.status", Text),
            ("expires_at", "o.expires_at", Instant),
        ],
        from: concat!("ticket_offers o WHERE (o.offered_by = $1 OR o.accepted_by = $1 OR ", own_address!("o.email"), ")"),
    },
    Section {
        kind: "admission",
        id: "a.booking || '.' || CAST(a.number AS TEXT) || '.' || a.list || '.' || CAST(a.entry AS TEXT)",
        at: "a.created_at",
        members: &[
            ("booking_id", "a.booking", Text),
            ("number", "a.number", Number),
            ("event_id", "a.event", Text),
            ("list", "a.list", Text),
            ("gate", "a.gate", Text),
            ("admitted_at", "a.at", Instant),
        ],
        from: "admissions a JOIN tickets t ON t.booking = a.booking AND t.number = a.number JOIN bookings b ON b.id = t.booking \
               WHERE ((t.holder IS NULL AND b.person IN (SELECT CAST($1 AS TEXT) UNION ALL SELECT guest FROM guest_claims WHERE account = $1)) OR t.holder = $1)",
    },
    Section {
        kind: "mail",
        id: "m.id",
        at: "m.created_at",
        members: &[
            ("template", "m.template", Text),
            ("address", "m.address", Text),
            ("state", "m.state", Text),
            ("updated_at", "m.updated_at", Instant),
        ],
        from: "mail_log m WHERE m.recipient IN (SELECT CAST($1 AS TEXT) UNION ALL SELECT guest FROM guest_claims WHERE account = $1)",
    },
    Section {
        kind: "audit",
        id: "a.region || '.' || CAST(a.sequence AS TEXT)",
        at: "a.at",
        members: &[
            ("type", "a.type", Text),
            ("subject", "a.subject", Text),
            ("actor", "a.actor", Text),
            ("network", "a.network", Text),
        ],
        from: "audit_log a WHERE (a.actor = $1 OR a.subject = $1)",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_can_be_read() {
        for (table, column, _) in classes() {
            let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(plain(table) && plain(column), "{table:?} {column:?}");
        }
        for line in CLASSES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (head, _) = line.split_once(": ").unwrap();
            let (_, class) = head.split_once(' ').unwrap();
            assert!(["erased", "id", "kept", "plain"].contains(&class), "{line}");
            assert_eq!(class == "kept", line.contains(" - "), "a reason stands where something is kept, and only there: {line}");
        }
    }

    #[test]
    fn each_kind_is_exported_by_one_section() {
        let mut kinds: Vec<_> = SECTIONS.iter().map(|section| section.kind).collect();
        kinds.sort_unstable();
        let all = kinds.len();
        kinds.dedup();
        assert_eq!(kinds.len(), all);
    }
}
