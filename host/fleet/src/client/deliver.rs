//! Merged commands on their way: sent, and sent again elsewhere where that is right, until each has its answer.
//!
//! What is certainly not done may be sent again because nothing was done; what may have been done, because it carries its key (or needs
//! none). A command that may have been done is never answered `unavailable`; nor is it refused for a reason that can pass: a node that was
//! asked before and is still at it (it stood still, say) may find a place that has become free since.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::Instant;
use vocabulary::booking::Rejection;

use super::Inner;
use super::call::{self, Failure};
use super::ledger::{Group, Item};
use super::nodes::{ChosenNode, StartNode};
use crate::limits;
use crate::wire::commands::{self, Answer};
use crate::wire::frames::Frames;

/// A command without an answer.
struct PendingCommand {
    group: usize,
    item: Item,
    /// It may have been done.
    sent: bool,
    /// What to wait before it is sent again, as the last refusal says, in milliseconds.
    wait: Option<u32>,
}

/// Commands that are sent together.
struct Batch {
    groups: Vec<Option<Group>>,
    open: Vec<PendingCommand>,
}

pub(super) async fn deliver(inner: &Arc<Inner>, groups: Vec<Group>) {
    let mut batch = Batch::new(groups);
    let (start, mut last) = (inner.nodes.begin(StartNode::Home), None);
    for n in 0..inner.tries {
        if let Some(wait) = batch.pause().filter(|_| n > 0) {
            tokio::time::sleep(wait).await;
        }
        batch.drop_what_is_late();
        let Some(until) = batch.latest() else { return };
        let Some(asked) = inner.nodes.wait(start, last, until).await else { break };
        last = Some(asked.at);
        // It may have taken a while.
        batch.drop_what_is_late();
        if batch.open.is_empty() {
            return;
        }
        attempt(inner, &asked, &mut batch).await;
        batch.keep_order();
    }
    batch.give_up();
}

/// Sends what is open to one node, and takes in what it answers.
async fn attempt(inner: &Inner, asked: &ChosenNode, batch: &mut Batch) {
    let commands = batch.open.len();
    let outcome = match request(inner, batch) {
        None => return,
        Some(request) => call::send(&asked.links.ledger, request, batch.patience()).await,
    };
    inner.metrics.merged_commands(commands);
    let failure = match outcome {
        Ok(response) if response.status() == StatusCode::OK => match read(response, batch).await {
            Ok(()) => None,
            Err(reason) => Some(Failure::Lost(reason)),
        },
        Ok(response) => {
            // Whatever else a node says, it says before it begins.
            tracing::error!(node = asked.node.name, status = %response.status(), "a node does not take commands");
            Some(Failure::Refused(crate::wire::Refusal::Busy))
        }
        Err(Failure::Lost(reason)) => {
            for open in &mut batch.open {
                open.sent = true;
                open.wait = None;
            }
            Some(Failure::Lost(reason))
        }
        Err(failure) => Some(failure),
    };
    inner.metrics.fleet_request(&inner.region, "ledger", failure.as_ref().map_or("answered", Failure::as_str));
    match failure {
        None => asked.succeeded(),
        Some(failure) => {
            match &failure {
                Failure::Lost(reason) => {
                    tracing::warn!(node = asked.node.name, reason, "answers to commands were lost: they are asked for again");
                }
                Failure::Refused(_) => batch.open.iter_mut().for_each(|open| open.wait = Some(0)),
                // The body of commands is at hand and does not break.
                Failure::NotSent | Failure::BrokenOff => batch.open.iter_mut().for_each(|open| open.wait = None),
            }
            asked.failed(&failure);
        }
    }
}

fn request(inner: &Inner, batch: &Batch) -> Option<Request<call::OutBody>> {
    let bytes = commands::request(edge::now(), batch.open.iter().map(|open| &open.item.bytes));
    Request::post(inner.commands.clone()).body(call::known(bytes)).ok()
}

/// Takes in answers as they come.
async fn read(response: Response<Incoming>, batch: &mut Batch) -> Result<(), String> {
    let mut body = response.into_body();
    let mut frames = Frames::new(limits::ANSWERS_BYTES);
    // By place in the request.
    let mut answers: Vec<Option<Answer>> = vec![None; batch.open.len()];
    let mut outcome = Ok(());
    loop {
        let piece: Bytes = match tokio::time::timeout(batch.patience(), body.frame()).await {
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            Ok(Some(Err(error))) => {
                outcome = Err(call::reason(&error));
                break;
            }
            Ok(None) => break,
            Err(_) => {
                outcome = Err("it stopped answering".to_owned());
                break;
            }
        };
        frames.push(&piece);
        if let Err(error) = batch.take_in(&mut frames, &mut answers) {
            outcome = Err(error.to_string());
            break;
        }
    }
    let mut heard = answers.iter();
    let mut missing = 0;
    batch.open.retain_mut(|open| match heard.next() {
        Some(Some(Err(Rejection::Unavailable(wait)))) => {
            open.wait = Some(*wait);
            true
        }
        Some(Some(Err(Rejection::Unknown))) => {
            open.sent = true;
            open.wait = Some(0);
            true
        }
        // Its caller has it.
        Some(Some(_)) => false,
        Some(None) | None => {
            open.sent = true;
            open.wait = None;
            missing += 1;
            true
        }
    });
    if outcome.is_ok() && missing > 0 { Err(format!("{missing} commands were not answered")) } else { outcome }
}

impl Batch {
    fn new(groups: Vec<Group>) -> Self {
        let mut batch = Self { groups: Vec::with_capacity(groups.len()), open: Vec::new() };
        for (at, mut group) in groups.into_iter().enumerate() {
            let items = std::mem::take(&mut group.items);
            batch.open.extend(items.into_iter().map(|item| PendingCommand { group: at, item, sent: false, wait: None }));
            batch.groups.push(Some(group));
        }
        batch
    }

    /// Answers a command; its caller gets the answers when all of theirs are there.
    fn answer(groups: &mut [Option<Group>], group: usize, place: usize, answer: Answer) {
        let Some(slot) = groups.get_mut(group) else { return };
        if let Some(answers) = slot.as_mut().map(|group| &mut group.answers)
            && let Some(known) = answers.get_mut(place)
        {
            *known = Some(answer);
            if answers.iter().all(Option::is_some)
                && let Some(Group { answers, caller, .. }) = slot.take()
            {
                // The caller may have gone away.
                _ = caller.send(answers.into_iter().flatten().collect());
            }
        }
    }

    /// Takes in the answers that have come; those that are final go to their callers at once.
    fn take_in(&mut self, frames: &mut Frames, answers: &mut [Option<Answer>]) -> Result<(), commands::Error> {
        while let Some(frame) = frames.next()? {
            for (place, answer) in commands::read_answers(&frame)? {
                let place = usize::from(place);
                let (Some(open), Some(known)) = (self.open.get(place), answers.get_mut(place)) else { continue };
                if !matches!(answer, Err(Rejection::Unavailable(_) | Rejection::Unknown)) {
                    let doubtful = open.sent && answer.as_ref().is_err_and(may_pass);
                    let told = if doubtful { Err(Rejection::Unknown) } else { answer.clone() };
                    Self::answer(&mut self.groups, open.group, open.item.place, told);
                }
                *known = Some(answer);
            }
        }
        Ok(())
    }

    /// When the last of the deadlines is; none where nothing is open.
    fn latest(&self) -> Option<Instant> {
        let latest = self.open.iter().map(|open| open.item.deadline).max()?;
        Some(Instant::now() + until(latest))
    }

    /// How long to wait for a word of an answer.
    fn patience(&self) -> Duration {
        let latest = self.open.iter().map(|open| open.item.deadline).max().unwrap_or(0);
        limits::ANSWER.min(until(latest) + limits::GRACE)
    }

    /// Answers commands past their deadline, and drops those without a waiting caller.
    fn drop_what_is_late(&mut self) {
        let (now, groups) = (edge::now(), &mut self.groups);
        self.open.retain(|open| {
            let gone = groups.get(open.group).and_then(Option::as_ref).is_none_or(|group| group.caller.is_closed());
            if !gone && open.item.deadline > now {
                return true;
            }
            Self::answer(groups, open.group, open.item.place, Err(open.last_word()));
            false
        });
    }

    /// Commands of one caller are decided in order. One that was refused cannot be sent again after another of them that came later has been
    /// decided, or may have been: then the refusal is its answer.
    fn keep_order(&mut self) {
        let groups = &mut self.groups;
        // Places that every one from which on is refused, by group.
        let mut refused_from: Vec<usize> =
            groups.iter().map(|group| group.as_ref().map_or(0, |group| group.answers.len())).collect();
        for open in self.open.iter().rev().filter(|open| !open.sent) {
            if let Some(from) = refused_from.get_mut(open.group)
                && *from == open.item.place + 1
            {
                *from = open.item.place;
            }
        }
        self.open.retain(|open| {
            let again = open.sent || refused_from.get(open.group).is_some_and(|from| open.item.place >= *from);
            if !again {
                Self::answer(groups, open.group, open.item.place, Err(open.last_word()));
            }
            again
        });
    }

    /// What to wait before the next try: nothing where the node was lost, for another is asked.
    fn pause(&self) -> Option<Duration> {
        let (least, most) = limits::RETRY_PAUSE;
        let wait = self.open.iter().filter_map(|open| open.wait).max()?;
        Some(Duration::from_millis(wait.into()).clamp(least, most))
    }

    /// Says what is known of what is still open.
    fn give_up(&mut self) {
        for open in self.open.drain(..) {
            Self::answer(&mut self.groups, open.group, open.item.place, Err(open.last_word()));
        }
    }
}

impl PendingCommand {
    fn last_word(&self) -> Rejection {
        match self.wait {
            _ if self.sent => Rejection::Unknown,
            Some(wait) if wait > 0 => Rejection::Unavailable(wait),
            _ => Rejection::Unavailable(limits::RETRY_MS),
        }
    }
}

/// Whether a refusal may not be true any more of what is decided later.
fn may_pass(refusal: &Rejection) -> bool {
    !matches!(
        refusal,
        Rejection::Invalid(_)
            | Rejection::Forbidden
            | Rejection::Unauthenticated(_)
            | Rejection::StaleRevision(_)
            | Rejection::KeyConflict
    )
}

/// How long it is until a deadline by this node's clock.
fn until(deadline: i64) -> Duration {
    Duration::from_micros(u64::try_from(deadline.saturating_sub(edge::now())).unwrap_or(0))
}
