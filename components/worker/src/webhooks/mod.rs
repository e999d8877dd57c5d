//! Webhooks: an organiser's own servers are told what happens at its events.
//!
//! What is told is written down with the record that tells of it (`queue`), once, as it will be sent; each webhook has a message of its own. Sending comes
//! after the commit, by ticks: at least once, in no particular order, with the same id whenever a message is sent again. A message that does not arrive
//! is tried for about a day (`retry`). A server that fails or is slow holds up its own messages alone: so many are on their way to one at once, one to a
//! server that failed last, and the others go on meanwhile.

mod message;
mod occurrence;
pub mod queue;
mod retry;
mod send;

pub use send::{Answer, Outgoing, Sender};

use crate::limits;
use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use kit::Problem;
use kit::sealing::Keys;
use queue::Claimed;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

/// Sends messages that are due, until there are none that may be sent now, or time is up. `keys` are asked for only where there is something to send.
///
/// # Errors
/// Where the database fails before anything was sent. What was sent and is not written down is sent again, with the same id.
pub async fn send_due<K>(sender: &impl Sender, keys: impl FnOnce() -> K) -> Result<(), Problem>
where
    K: Future<Output = Result<Arc<Keys>, Problem>>,
{
    if !queue::is_due().await? {
        return Ok(());
    }
    let keys = keys().await?;
    let until = Instant::now() + limits::HOOK_TIME;
    let mut flying = FuturesUnordered::new();
    let mut claims = true;
    let mut pause = pin!(sender.pause());
    loop {
        claims &= Instant::now() < until;
        let free = limits::HOOKS_AT_ONCE.saturating_sub(flying.len());
        if claims && free > 0 {
            match queue::claim(free).await {
                Ok(claimed) => flying.extend(claimed.into_iter().map(|claimed| attempt(sender, &keys, claimed))),
                // Those that are on their way are not let go of.
                Err(problem) => {
                    claims = false;
                    log("webhooks stay due", &problem);
                }
            }
        }
        if flying.is_empty() {
            break;
        }
        match select(flying.next(), pause.as_mut()).await {
            Either::Left((Some((claimed, outcome)), _)) => {
                if let Err(problem) = queue::finish(&claimed, outcome, &keys).await {
                    log("a webhook's message is sent again", &problem);
                }
            }
            Either::Left((None, _)) => break,
            // Meanwhile others may have come due.
            Either::Right(_) => pause.set(sender.pause()),
        }
    }
    // It has begun, and hosts are not asked to end what has begun.
    pause.await;
    Ok(())
}

fn log(what: &str, problem: &Problem) {
    kit::router::log(&format!("{what}: {}", problem.log.as_deref().unwrap_or(&problem.detail)));
}

async fn attempt(sender: &impl Sender, keys: &Keys, claimed: Claimed) -> (Claimed, queue::Attempt) {
    let began = Instant::now();
    let answer = match send::outgoing(&claimed, keys, kit::time::now() / kit::time::SECOND) {
        Some(outgoing) => sender.post(outgoing).await,
        None => {
            Err("its secret cannot be decrypted: whoever runs this must put the key that it is encrypted with into webhook_key"
                .to_owned())
        }
    };
    let duration = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    (claimed, queue::Attempt { answer, duration })
}
