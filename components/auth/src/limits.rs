//! Every bound of this crate.

use std::ops::RangeInclusive;

pub use kit::limits::EMAIL_BYTES;
/// Characters of a password.
pub const PASSWORD_CHARACTERS: RangeInclusive<usize> = 8..=256;
/// Characters of a person's or an organiser's name.
pub const NAME_CHARACTERS: RangeInclusive<usize> = 1..=100;
/// Bytes of a refresh token: a session id, a dot and a secret.
pub const REFRESH_TOKEN_BYTES: usize = 160;
/// Characters of what is sent as a refresh token; beyond them it is not even looked at.
pub const TOKEN_CHARACTERS: usize = 4096;
/// Characters of a language's tag: as many as BCP 47 asks programs to have room for (RFC 5646, 4.4.1).
pub const LANGUAGE_CHARACTERS: usize = 35;
/// Characters of what users and organisers are looked for by.
pub const SEARCH_CHARACTERS: RangeInclusive<usize> = 1..=100;
/// Characters of a list's cursor that is an id: its region, and what comes after.
pub const ID_CURSOR_CHARACTERS: RangeInclusive<usize> = 1..=64;
/// Characters of why somebody is suspended.
pub const REASON_CHARACTERS: RangeInclusive<usize> = 1..=500;
/// Organisers that one person may be a member of.
pub const ORGANISERS_PER_USER: i64 = vocabulary::limits::MEMBERSHIPS as i64;
/// Members of one organiser's team: a page's worth.
pub const MEMBERS: i64 = 100;
/// Invitations of one organiser that are open at a time.
pub const OPEN_INVITATIONS: i64 = 50;
/// How long an invitation is open, in microseconds; the secret of its mail ends no later by much, and serves no longer.
pub const INVITATION_MICROSECONDS: i64 = 7 * 86_400_000_000;
/// Invitations to one person that are shown, the newest: few people are asked by so many.
pub const INVITATIONS_SHOWN: i64 = 100;
/// Invitations by one organiser after which the next has to wait: a whole team at once, and then slowly.
pub const FREE_INVITATIONS: i64 = 50;
/// How long the first of those has to wait, and any at most, in microseconds.
pub const INVITING_DELAY: (i64, i64) = (60_000_000, 3_600_000_000);

/// API keys of one organiser, those that have expired among them.
pub const API_KEYS: i64 = 20;
/// Characters of what is sent as an API key; beyond them it is not even looked at.
pub const API_KEY_CHARACTERS: usize = 256;
/// How long the tokens of an API key that was deleted are refused, in microseconds: longer than any of them lasts, whichever transaction gave it.
pub const KEY_REFUSED_MICROSECONDS: i64 = (ACCESS_SECONDS + access_token::limits::LEEWAY_SECONDS) * 1_000_000;

/// Wrong passwords for an account after which the next try has to wait.
pub const FREE_ATTEMPTS: i64 = 9;
/// How long it has to wait at most, in microseconds.
pub const LONGEST_DELAY: i64 = 30_000_000;
/// After how long without any they are forgotten, in microseconds.
pub const ATTEMPTS_MICROSECONDS: i64 = 15 * 60_000_000;

/// Mails of one kind that somebody can have sent to one address after which the next has to wait.
pub const FREE_MAILS: i64 = 3;
/// How long the first of those has to wait, and any at most, in microseconds: nobody's mailbox is to be filled by somebody else.
pub const MAIL_DELAY: (i64, i64) = (5 * 60_000_000, 6 * 3_600_000_000);
/// After how long without any they are forgotten, in microseconds.
pub const MAILS_MICROSECONDS: i64 = 12 * 3_600_000_000;
/// Characters of a code from a mail, as people type it.
pub const CODE_CHARACTERS: RangeInclusive<usize> = 1..=20;

/// Wrong codes for an account after which the next has to wait.
pub const FREE_CODES: i64 = 5;
/// How long it has to wait at most, in microseconds. Who tries codes has the password already, and six digits are soon tried: a hundred a day are a
/// chance of one in three thousand.
pub const LONGEST_CODE_DELAY: i64 = 15 * 60_000_000;
/// After how long without any they are forgotten, in microseconds.
pub const CODES_MICROSECONDS: i64 = 86_400_000_000;
/// Characters of a code as somebody types it: perhaps in two groups.
pub const TOTP_CODE_CHARACTERS: RangeInclusive<usize> = 6..=7;
/// Steps before and after the present one whose codes are good: clocks differ, and people are slow.
pub const TOTP_STEPS_BESIDE: i64 = 1;
/// Bytes of a secret that codes are made of: as many as HMAC-SHA-1 has (RFC 4226 §4).
pub const TOTP_SECRET_BYTES: usize = 20;
/// How long a secret waits for its first code, in microseconds.
pub const TOTP_PENDING_MICROSECONDS: i64 = 3_600_000_000;
/// Secrets that are encrypted anew in one transaction.
pub const TOTP_RENEWED: i64 = 100;
/// Recovery codes that an account has.
pub const RECOVERY_CODES: usize = 10;
/// Letters and digits of one: 80 bits.
pub const RECOVERY_CODE_LETTERS: usize = 16;
/// Characters of one as somebody types it: in groups, or not.
pub const RECOVERY_CODE_CHARACTERS: RangeInclusive<usize> = 16..=31;
/// Passkeys of one user.
pub const PASSKEYS_PER_USER: i64 = 20;

/// How long a challenge may be answered, in microseconds.
pub const CHALLENGE_MICROSECONDS: i64 = 5 * 60_000_000;
/// Tries at one, where several are allowed.
pub const CHALLENGE_TRIES: i64 = 5;
/// Characters of what is sent as one; beyond them it is not even looked at.
pub const CHALLENGE_CHARACTERS: RangeInclusive<usize> = 1..=100;
/// Challenges that are put to nobody in particular, at a time: some hundred bytes each, which rates bound long before.
pub const CHALLENGES: i64 = 100_000;
/// When to try again where there are so many, in milliseconds.
pub const CHALLENGES_RETRY_MILLISECONDS: u32 = 10_000;
/// Challenges that ended, tidied away by a new one.
pub const CHALLENGES_TIDIED: i64 = 50;

/// How long an access token is good, in seconds.
pub const ACCESS_SECONDS: i64 = access_token::limits::LIFETIME_SECONDS;
/// How long a refresh token is good if it is not used, in microseconds.
pub const REFRESH_MICROSECONDS: i64 = 30 * 86_400_000_000;
/// How long a session lasts at most, however often it is refreshed, in microseconds.
pub const SESSION_MICROSECONDS: i64 = 180 * 86_400_000_000;
/// The same of a guest's: long enough to buy, and to look at it again on the same evening. A link in the mail begins another.
pub const GUEST_REFRESH_MICROSECONDS: i64 = 86_400_000_000;
/// How long a guest's session lasts at most, in microseconds.
pub const GUEST_SESSION_MICROSECONDS: i64 = 7 * 86_400_000_000;
/// After how long a guest who has bought nothing is deleted, in microseconds: well past their session, so that a region that was cut off can still ask for the
/// address of who bought there.
pub const GUEST_MICROSECONDS: i64 = 14 * 86_400_000_000;
/// New guests in a day: some hundred bytes each, which rates bound long before.
pub const GUESTS_A_DAY: i64 = 200_000;
/// When to try again where there were so many, in milliseconds.
pub const GUESTS_RETRY_MILLISECONDS: u32 = 60_000;
/// Guests who bought nothing, tidied away by a new one.
pub const GUESTS_TIDIED: i64 = 50;
/// Guests with one address after which the next has to wait: each can have mails sent there.
pub const FREE_GUESTS: i64 = 10;
/// How long the first of those has to wait, and any at most, in microseconds.
pub const GUEST_DELAY: (i64, i64) = (60_000_000, 3_600_000_000);
/// How far back claims are asked for again, in microseconds: longer than a transaction takes, so that none is missed that became visible late.
pub const CLAIMS_OVERLAP: i64 = 60_000_000;
/// How long the refresh token before the newest still gets the newest, for a client that lost the answer, in microseconds.
pub const GRACE_MICROSECONDS: i64 = 10_000_000;
/// How long an ended session is kept, well past its last access token, in microseconds.
pub const ENDED_MICROSECONDS: i64 = 86_400_000_000;
/// Characters of what a session's client says that it is.
pub const USER_AGENT_CHARACTERS: usize = 200;
/// Sessions of one user that are listed, those used last: who has more has had programs log in again and again, and ends all of them at once.
pub const SESSIONS_LISTED: i64 = 100;
/// Sessions of one user whose end is told at once.
pub const SESSIONS_TOLD: usize = 500;
/// Ended sessions tidied away by one login.
pub const SESSIONS_TIDIED: i64 = 50;

/// Looks at a session that others use at the same time, before giving up.
pub const ROTATION_ATTEMPTS: usize = 4;

/// When to try again what only the region of the accounts can do, in milliseconds.
pub const ELSEWHERE_MILLISECONDS: u32 = 1_000;

/// Public keys published at once, newest first.
pub const KEYS: i64 = 16;
/// How long a reader may keep the public keys, in seconds.
pub const KEYS_MAX_AGE_SECONDS: u32 = 60;

/// Rows that one statement of an erasure changes: a few milliseconds' work, for which others wait.
pub const ERASURE_ROWS: i64 = 200;
/// Messages and answers that are rewritten at once.
pub const ERASURE_TEXTS: i64 = 50;
/// Statements of erasures by one request or tick: what somebody usually leaves behind is gone after these, and whoever has bought thousands of tickets
/// keeps nobody waiting.
pub const ERASURE_STEPS: u32 = 60;
/// When an erased person is looked for once more, in microseconds: after the last access token, and the last mail or message that was under way.
pub const ERASURE_AGAIN: i64 = 30 * 60_000_000;
/// How exactly it is known when a region asked for erasures last, in microseconds.
pub const ERASURE_HEARD: i64 = 3_600_000_000;
/// How long a region that does not ask is waited for, in microseconds, before it hears of an erasure without the address.
pub const ERASURE_WAIT: i64 = 30 * 86_400_000_000;
