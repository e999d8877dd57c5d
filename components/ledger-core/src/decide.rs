//! One command: from what is known to an answer and what it changes.

use crate::changes::{Changes, KeyWrite};
use crate::draft::Draft;
use crate::facts::Facts;
use crate::state::State;
use crate::types::{Accepted, Action, Command, Instant, Outcome, Receipt, Rejection, Sale, Subject};
use crate::validate::validate;
use crate::{booking, limits, sale};
use sha2::{Digest, Sha256};
use std::rc::Rc;

/// What decisions depend on beside state and facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a hold lasts, microseconds, more than 0.
    pub hold: i64,
    /// How long payments may keep a hold at most, from when it was taken, microseconds, more than 0.
    pub paying_cap: i64,
    /// How much may be held at the same time.
    pub limits: HoldLimits,
}

/// How many places of an event may be held, unpaid, at the same time: by one person, and from one network. Whatever these say, one person may
/// hold as much as the organiser lets a person have of a ticket type, and a network as much as one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldLimits {
    /// By one person, of all ticket types.
    pub account: u32,
    /// From one network, by whomever.
    pub address: u32,
    /// The same in hundredths of what the event has; the larger of the two counts, so that a large sale has room for large networks.
    pub address_percent: u32,
}

impl HoldLimits {
    /// As much as there is.
    pub const NONE: Self = Self { account: u32::MAX, address: u32::MAX, address_percent: 100 };

    /// Places of an event that one person may hold.
    pub(crate) fn of_account(&self, state: &State) -> i64 {
        let most = state.lines.values().map(|line| line.terms.per_person_limit).max();
        most.unwrap_or_default().max(self.account).into()
    }

    /// Places of an event that may be held from one network.
    pub(crate) fn of_address(&self, state: &State) -> i64 {
        let share = state.capacity() * i64::from(self.address_percent) / 100;
        self.of_account(state).max(self.address.into()).max(share)
    }

    /// Whether what is held from one network can ever be too much: not where it may be all that there is.
    #[must_use]
    pub fn bind_networks(&self, state: &State) -> bool {
        self.of_address(state) < state.capacity()
    }
}

/// What is found out for one command when it is decided, and new ids and secrets, used only where it needs them: nothing here is random.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandInputs {
    /// Whether its deadline has passed, by the clock that it was set by: that of a node, which may be hours from the one that holds run out by.
    pub late: bool,
    /// A booking's id.
    pub booking: String,
    /// A booking's secret.
    pub ticket_seed: String,
    /// A refund's id.
    pub refund: String,
}

/// An answer, and what makes it true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The answer, to be given once `changes` are durable.
    pub outcome: Result<Receipt, Rejection>,
    /// What to write. A rejection has none, but where it is `Unavailable` for want of tidying: then the tidying.
    pub changes: Changes,
}

impl Decision {
    fn rejected(rejection: Rejection) -> Self {
        Self { outcome: Err(rejection), changes: Changes::default() }
    }
}

/// Decides one command on the event whose inventory `state` is; none where it was never opened.
#[must_use]
pub fn decide(
    state: Option<&State>,
    facts: &Facts,
    now: Instant,
    settings: &Settings,
    command: &Command,
    fresh: CommandInputs,
) -> Decision {
    if let Err(rejection) = validate(command) {
        return Decision::rejected(rejection);
    }
    let key = match stored(facts, command) {
        Ok(key) => key,
        Err(decision) => return *decision,
    };
    // After the key: what was accepted once is not "certainly not done", however late it is asked for again.
    if fresh.late {
        return Decision::rejected(Rejection::Unavailable(limits::RETRY_MILLISECONDS));
    }
    if !permitted(command) {
        return Decision::rejected(Rejection::Forbidden);
    }
    let mut draft = match (state, &command.action) {
        (Some(state), _) => Draft::new(state, facts, now, settings),
        (None, Action::Open(new)) => return with_key(sale::first(new), 1, key),
        (None, _) => return Decision::rejected(Rejection::UnknownEvent),
    };
    let outcome = match &command.action {
        Action::Open(new) => sale::open(&mut draft, new),
        Action::Adjust(new) => sale::adjust(&mut draft, new),
        Action::Close(revision) => sale::close(&mut draft, *revision),
        Action::Hold(lines) => booking::hold(&mut draft, command, lines, fresh),
        Action::BeginPayment(id) => booking::begin_payment(&mut draft, &command.subject, id),
        Action::EndPayment(id) => booking::end_payment(&mut draft, &command.subject, id),
        Action::Confirm(confirmation) => booking::confirm(&mut draft, confirmation, fresh.refund),
        Action::Cancel(id) => booking::cancel(&mut draft, &command.subject, id, None, fresh.refund),
        Action::Annul(it) => booking::cancel(&mut draft, &command.subject, &it.booking, it.refund, fresh.refund),
        Action::Expire => Ok(draft.sweep(limits::SWEPT_BY_EXPIRE)),
    };
    let version = draft.version();
    let mut changes = draft.finish();
    match outcome {
        Ok(outcome) => with_key((outcome, changes), version, key),
        Err(rejection) => {
            if !changes.is_empty() {
                changes.version = Some(version);
            }
            Decision { outcome: Err(rejection), changes }
        }
    }
}

/// SHA-256 of an action, hexadecimal. The encoding is serde_json's of [`Action`]: fields in the order they are declared in, no spaces. A sale of which
/// nothing is shared is hashed as it was before that could be said, so that keys of then are good.
pub fn request_hash(action: &Action) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(action)?;
    if let Action::Open(Sale { shared, .. }) | Action::Adjust(Sale { shared, .. }) = action
        && shared.is_empty()
        && let Some(before) = text.strip_suffix(NOTHING_SHARED)
    {
        text = format!("{before}}}}}");
    }
    let hash = Sha256::digest(text);
    let digit = |four_bits: u8| char::from_digit(four_bits.into(), 16).unwrap_or_default();
    Ok(hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
}

/// How a sale's JSON ends where nothing is shared.
const NOTHING_SHARED: &str = r#","shared":[]}}"#;

/// A key that is to be remembered with what comes of its command.
struct Key {
    scope: String,
    key: String,
    request_hash: String,
}

/// Looks the command's key up: an answer if it was used, else the key itself; none where the command needs none.
fn stored(facts: &Facts, command: &Command) -> Result<Option<Key>, Box<Decision>> {
    if command.action == Action::Expire {
        return Ok(None);
    }
    let request_hash =
        request_hash(&command.action).map_err(|error| Box::new(Decision::rejected(Rejection::Invalid(error.to_string()))))?;
    let (scope, key) = (command.subject.scope(), command.idempotency_key.clone());
    let at = (scope, key);
    match facts.keys.get(&at) {
        None => {
            let (scope, key) = at;
            Ok(Some(Key { scope, key, request_hash }))
        }
        Some(stored) if stored.request_hash == request_hash => {
            let Accepted { version, outcome } = Accepted::clone(&stored.accepted);
            let replay = Receipt { version, replayed: true, outcome };
            Err(Box::new(Decision { outcome: Ok(replay), changes: Changes::default() }))
        }
        Some(_) => Err(Box::new(Decision::rejected(Rejection::KeyConflict))),
    }
}

/// Whether this kind of subject may do this kind of thing at all.
fn permitted(command: &Command) -> bool {
    match command.action {
        Action::Open(_) | Action::Adjust(_) | Action::Close(_) => !matches!(command.subject, Subject::Person(_)),
        Action::Hold(_) => matches!(command.subject, Subject::Person(_)),
        Action::BeginPayment(_) | Action::EndPayment(_) => !matches!(command.subject, Subject::Steward(_)),
        Action::Confirm(_) | Action::Expire => command.subject == Subject::Platform,
        Action::Annul(_) => matches!(command.subject, Subject::Steward(_)),
        Action::Cancel(_) => true,
    }
}

/// `version` is the one that the decision takes if it changes something. An `expire` that finds nothing takes none.
fn with_key((outcome, mut changes): (Outcome, Changes), version: u64, key: Option<Key>) -> Decision {
    if let Some(Key { scope, key, request_hash }) = key {
        let accepted = Rc::new(Accepted { version, outcome: outcome.clone() });
        changes.keys.push(KeyWrite { scope, key, request_hash, accepted });
    }
    let version = if changes.is_empty() {
        version - 1
    } else {
        changes.version = Some(version);
        version
    };
    let receipt = Receipt { version, replayed: false, outcome };
    Decision { outcome: Ok(receipt), changes }
}
