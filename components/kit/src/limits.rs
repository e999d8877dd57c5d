//! Every bound of this crate.

use std::ops::RangeInclusive;

/// Bytes of a request's body. Spin sets no limit, so the kit counts.
pub const BODY_BYTES: usize = 256 * 1024;
/// Bytes of a refused request that are read all the same: a client that is still writing when its connection closes never sees the refusal.
pub const UNREAD_BYTES: usize = 16 * 1024 * 1024;
/// Depth of nested JSON.
pub const JSON_DEPTH: usize = 16;
/// Bytes of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_BYTES: RangeInclusive<usize> = 1..=200;
/// Bytes of a request id taken from a client.
pub const REQUEST_ID_BYTES: RangeInclusive<usize> = 1..=64;
/// Bytes of an id.
pub const ID_BYTES: RangeInclusive<usize> = 1..=64;
/// Characters of a path that are written to the audit log.
pub const REFUSED_PATH_CHARACTERS: usize = 200;
/// Faults named in one problem; more would not help.
pub const FAULTS: usize = 32;
/// After how many seconds to ask again where too much is held already: holds last minutes.
pub const HOLDS_RETRY_SECONDS: u32 = 30;
/// Events that one search of stock Spin's replica looks at, soonest first: all there are, in what it is for.
pub const PUBLIC_EVENTS: i64 = 20_000;
/// After how many milliseconds to ask again for what this node leaves out: its region is asked then.
pub const LEFT_OUT_RETRY_MILLISECONDS: u32 = 1_000;
/// Bytes of an email address (RFC 5321 §4.5.3.1, as it fits between angle brackets).
pub const EMAIL_BYTES: RangeInclusive<usize> = 3..=254;
/// Bytes of the part before the `@`.
pub const EMAIL_LOCAL_BYTES: usize = 64;
/// Bytes of one label of a domain.
pub const DOMAIN_LABEL_BYTES: RangeInclusive<usize> = 1..=63;
/// Items on a page.
pub const PAGE: RangeInclusive<i64> = 1..=100;
/// Items on a page where the client does not say.
pub const PAGE_DEFAULT: i64 = 20;
/// Bytes of a CSV document after which the next page begins.
pub const CSV_BYTES: usize = 8 * 1024 * 1024;
/// How long a statement waits for another's lock on SQLite.
pub const SQLITE_BUSY_MILLISECONDS: u32 = 30_000;
/// Rows of one statement. Of the widest one it keeps the parameters well under SQLite's 32,766.
pub const ROWS: usize = 500;
/// Transactions tried again after losing a race for one idempotency key.
pub const IDEMPOTENCY_ATTEMPTS: usize = 3;
/// How long a ledger command may wait before it is dropped undecided, in microseconds. Shorter than what a request may take in `spin.toml`, so
/// that "certainly not done" can still be said.
pub const COMMAND_MICROSECONDS: i64 = 25_000_000;
/// How long what a session has proved of its owner serves for what asks for it again, in microseconds.
pub const RECENT_MICROSECONDS: i64 = 15 * 60_000_000;
/// How long the secret of a mail is good that verifies an address: people read mail late.
pub const VERIFY_EMAIL_MICROSECONDS: i64 = 7 * 86_400_000_000;
/// How long the secret of a mail is good that lets its reader choose a new password: they are waiting for it.
pub const RESET_PASSWORD_MICROSECONDS: i64 = 3_600_000_000;
/// How long those of the two mails are good that confirm another address.
pub const CHANGE_EMAIL_MICROSECONDS: i64 = 86_400_000_000;
/// How long the secret of a mail is good that lets its reader join an organiser's team: as long as the invitation, if that is made at once.
pub const JOIN_TEAM_MICROSECONDS: i64 = 7 * 86_400_000_000;
/// How long after its event ends the link to a guest's order is good, in microseconds: refunds and complaints come afterwards.
pub const GUEST_LINK_MICROSECONDS: i64 = 30 * 86_400_000_000;
/// Links to one order that somebody asked for, the newest: to ask is free.
pub const GUEST_LINKS_ASKED: i64 = 3;
/// Guests whose orders one account has, the newest: each list of its own looks for all of them.
pub const GUESTS_CLAIMED: i64 = 200;
/// Digits of a code that is typed instead of such a secret.
pub const MAIL_CODE_DIGITS: u32 = 8;
/// How long it is good, and for how many tries: a guess is right once in twenty million.
pub const MAIL_CODE_MICROSECONDS: i64 = 3_600_000_000;
/// See [`MAIL_CODE_MICROSECONDS`].
pub const MAIL_CODE_TRIES: i64 = 5;
/// Questions that an event asks those who buy.
pub const QUESTIONS: usize = 30;
/// How old the address of somebody may be whose account another region keeps before that region is asked for it again, in microseconds.
pub const CONTACT_MICROSECONDS: i64 = 3_600_000_000;
/// Bytes of such a secret: the id of a user or an invitation, a dot and 256 bits in base32.
pub const MAIL_TOKEN_BYTES: RangeInclusive<usize> = 56..=117;
/// Media ranges of an `Accept` header that are looked at.
pub const ACCEPT_RANGES: usize = 32;
/// For so many microseconds the key that signs tickets is not looked at again: within them every node knows that it was retired.
pub const TICKET_KEY_MICROSECONDS: i64 = 5_000_000;
/// Keys that secrets at rest may be encrypted with: the present one, and some before it.
pub const SEALING_KEYS: RangeInclusive<usize> = 1..=4;
/// Characters of what such a key is called.
pub const SEALING_KEY_ID: usize = 16;
