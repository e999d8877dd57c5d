//! Commands on their way to a ledger, and its answers.
//!
//! A request: when it was sent, by the sender's clock; how many commands; the commands. An answer: frames, each of which holds a command's
//! place and its answer, once or more. Answers come as they are given, so that a slow event holds up no other.

use bytes::Bytes;
use vocabulary::booking::{Command, Receipt, Rejection};

use super::frames;
use crate::limits::{COMMAND_BYTES, COMMANDS};

/// The ledger's answer to one command.
pub(crate) type Answer = Result<Receipt, Rejection>;

/// What came is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("it cannot be read: {0}")]
    Malformed(#[from] postcard::Error),
    #[error("it has {0} commands, and at most {COMMANDS} are taken")]
    Many(u32),
    #[error("there is more than it says")]
    Longer,
    #[error(transparent)]
    Frame(#[from] frames::TooLong),
}

/// A command by itself, as it stands in a request; none where it is too long for one.
pub(crate) fn encode(command: &Command) -> Option<Bytes> {
    let bytes = postcard::to_extend(command, Vec::with_capacity(192)).ok()?;
    (bytes.len() <= COMMAND_BYTES).then(|| bytes.into())
}

/// A request that is sent now.
pub(crate) fn request<'a>(sent_at: i64, commands: impl ExactSizeIterator<Item = &'a Bytes> + Clone) -> Bytes {
    let length: usize = commands.clone().map(Bytes::len).sum();
    let count = u32::try_from(commands.len()).unwrap_or(u32::MAX);
    // Integers always fit into a vector.
    let mut bytes = postcard::to_extend(&(sent_at, count), Vec::with_capacity(16 + length)).unwrap_or_default();
    for command in commands {
        bytes.extend_from_slice(command);
    }
    bytes.into()
}

/// The commands of a request that has come at `now`, with their deadlines by the clock of this node: what matters of them is how long
/// they are yet, and two nodes' clocks may differ by more than that.
pub(crate) fn read_request(bytes: &[u8], now: i64) -> Result<Vec<Command>, Error> {
    let ((sent_at, count), mut rest) = postcard::take_from_bytes::<(i64, u32)>(bytes)?;
    let length = usize::try_from(count).ok().filter(|count| *count <= COMMANDS).ok_or(Error::Many(count))?;
    let mut commands = Vec::with_capacity(length);
    for _ in 0..length {
        let (mut command, left) = postcard::take_from_bytes::<Command>(rest)?;
        command.deadline = command.deadline.saturating_sub(sent_at).saturating_add(now);
        commands.push(command);
        rest = left;
    }
    if rest.is_empty() { Ok(commands) } else { Err(Error::Longer) }
}

/// A frame of answers, with the places of their commands.
pub(crate) fn answers(answers: &[(u16, Answer)]) -> Result<Bytes, postcard::Error> {
    let mut outcome = Ok(());
    let frame = frames::frame(|bytes| {
        for answer in answers {
            let started = std::mem::take(bytes);
            match postcard::to_extend(answer, started) {
                Ok(extended) => *bytes = extended,
                Err(error) => outcome = Err(error),
            }
        }
    });
    outcome.map(|()| frame)
}

/// The answers of a frame.
pub(crate) fn read_answers(frame: &[u8]) -> Result<Vec<(u16, Answer)>, Error> {
    let (mut rest, mut answers) = (frame, Vec::new());
    while !rest.is_empty() {
        let (answer, left) = postcard::take_from_bytes::<(u16, Answer)>(rest)?;
        if answers.len() >= COMMANDS {
            return Err(Error::Many(u32::MAX));
        }
        answers.push(answer);
        rest = left;
    }
    Ok(answers)
}

/// Commands for tests.
#[cfg(test)]
pub(crate) mod examples {
    use super::{Answer, Command};
    use vocabulary::booking::{
        Action, Annulment, Booking, BookingItem, BookingStatus, CancelRefusal, Confirmation, HoldLimit, HoldScope, Limit, Money,
        Offer, OrderLine, Outcome, Receipt, Rejection, Sale, SalePhase, SharedCapacity, Shortage, Subject, TokenFault,
    };

    fn text(text: &str) -> String {
        text.to_owned()
    }

    /// One of each.
    pub(crate) fn actions() -> Vec<Action> {
        let offers = vec![Offer::new("t", 4500, 100, 6)];
        let shared = vec![SharedCapacity { id: text("h"), capacity: 50, ticket_types: vec![text("t")] }];
        let sale = Sale { sales_until: Some(9), refund_until: Some(-1), shared, ..Sale::new(3, "EUR", offers) };
        let paid = Money { amount: 9000, currency: text("EUR") };
        vec![
            Action::Open(sale.clone()),
            Action::Adjust(sale),
            Action::Close(4),
            Action::Hold(vec![OrderLine { ticket_type: text("t"), quantity: 2 }]),
            Action::BeginPayment(text("b")),
            Action::EndPayment(text("b")),
            Action::Confirm(Confirmation { booking: text("b"), payment: text("p"), paid }),
            Action::Cancel(text("b")),
            Action::Annul(Annulment { booking: text("b"), refund: Some(4500) }),
            Action::Expire,
        ]
    }

    /// One of each action.
    pub(crate) fn commands() -> Vec<Command> {
        let subjects = [Subject::Person(text("u")), Subject::Steward(text("s")), Subject::Platform];
        let all = actions().into_iter().zip(subjects.into_iter().cycle()).enumerate();
        all.map(|(n, (action, subject))| Command {
            trace: (n % 2 == 0).then(|| text("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
            token: (n % 3 == 0).then(|| text("a.b.c")),
            client: (n % 2 == 1).then(|| text("192.0.2.1")),
            ..Command::new(subject, format!("k{n}"), "eu_e", 1_000_000, action)
        })
        .collect()
    }

    /// One of each answer.
    pub(crate) fn given() -> Vec<Answer> {
        let shortage = Shortage { ticket_type: text("t"), available: 1 };
        let booking = Booking {
            id: text("b"),
            event_id: text("eu_e"),
            person: text("u"),
            status: BookingStatus::Held,
            expires_at: Some(7),
            items: vec![BookingItem { ticket_type: text("t"), quantity: 2, unit_price: 4500 }],
            total: Money { amount: 9000, currency: text("EUR") },
            version: 17,
            created_at: 5,
        };
        let outcomes = [Outcome::Sale(3), Outcome::Booking(booking.clone()), Outcome::RefundDue(booking), Outcome::Swept(2)];
        let rejections = [
            Rejection::Invalid(text("x")),
            Rejection::UnknownEvent,
            Rejection::UnknownTicketType(text("t")),
            Rejection::UnknownBooking,
            Rejection::NotOnSale(SalePhase::Over),
            Rejection::SoldOut(vec![shortage.clone()]),
            Rejection::TooManyHolds(HoldLimit { scope: HoldScope::Address, places: 100, held: 99 }),
            Rejection::OverLimit(Limit { ticket_type: text("t"), per_person: 6, has: 5 }),
            Rejection::Expired,
            Rejection::WrongState(BookingStatus::Cancelled),
            Rejection::NotCancellable(CancelRefusal::TooLate),
            Rejection::Forbidden,
            Rejection::Unauthenticated(TokenFault::Revoked),
            Rejection::CapacityTooLow(shortage),
            Rejection::StaleRevision(9),
            Rejection::KeyConflict,
            Rejection::Unavailable(200),
            Rejection::Unknown,
        ];
        let receipts = outcomes.into_iter().map(|outcome| Ok(Receipt { version: 18, replayed: true, outcome }));
        receipts.chain(rejections.into_iter().map(Err)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frames::Frames;
    use examples::{commands, given};

    fn numbered(answers: Vec<Answer>) -> Vec<(u16, Answer)> {
        (0..).zip(answers).collect()
    }

    #[test]
    fn commands_and_their_deadlines_round_trip() {
        let encoded: Vec<Bytes> = commands().iter().map(|command| encode(command).unwrap()).collect();
        let received = read_request(&request(900_000, encoded.iter()), 5_000_000).unwrap();
        let expected: Vec<_> = commands().into_iter().map(|command| Command { deadline: 5_100_000, ..command }).collect();
        assert_eq!(received, expected);
    }

    #[test]
    fn answers_round_trip() {
        let sent = numbered(given());
        let mut frames = Frames::new(4096);
        frames.push(&answers(&sent).unwrap());
        assert_eq!(read_answers(&frames.next().unwrap().unwrap()).unwrap(), sent);
    }

    /// If this fails, nodes of two versions no longer understand each other: `VERSION` and the paths need a new number.
    #[test]
    fn the_wire_format_is_stable() {
        let sum = |bytes: &[u8]| {
            bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
        };
        let encoded: Vec<Bytes> = commands().iter().map(|command| encode(command).unwrap()).collect();
        let sums = (sum(&request(1, encoded.iter())), sum(&answers(&numbered(given())).unwrap()));
        assert_eq!((super::super::VERSION, sums), (5, (0x882f_1df1_e47c_0ed7, 0x597a_2f57_45cc_fc25)));
    }

    #[test]
    fn nonsense_is_refused() {
        let one = encode(&commands()[0]).unwrap();
        let many: Vec<Bytes> = vec![one.clone(); COMMANDS + 1];
        assert_eq!(read_request(&request(1, many.iter()), 1), Err(Error::Many(257)));
        let good = request(1, std::iter::once(&one));
        assert!(matches!(read_request(&good[..good.len() - 1], 1), Err(Error::Malformed(_))));
        assert_eq!(read_request(&[&good[..], b"x"].concat(), 1), Err(Error::Longer));
        assert!(read_request(b"", 1).is_err());
        let long = Command { idempotency_key: "k".repeat(COMMAND_BYTES), ..commands()[0].clone() };
        assert_eq!(encode(&long), None);
        assert!(read_answers(b"\x01").is_err());
    }
}
