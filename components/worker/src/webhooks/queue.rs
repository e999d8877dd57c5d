//! The rows of `webhook_deliveries`: what is due, who is at it, and what became of it.

use super::retry::{self, Verdict};
use super::send::Answer;
use super::{message, occurrence};
use crate::record::Record;
use crate::{limits, mail};
use kit::sealing::{Keys, Sealed};
use kit::sql::{self, Error, Tx, Value};
use kit::{Problem, hash, id, params};
use std::collections::{BTreeMap, BTreeSet};

/// A message that is this caller's to send, for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The header `webhook-id`.
    pub id: String,
    /// Whose it is.
    pub webhook: String,
    /// Where to.
    pub url: String,
    /// What signs it, the newest first.
    pub secrets: Vec<Sealed>,
    /// What it says.
    pub body: String,
    /// Which attempt this is, from 1.
    attempt: i64,
    give_up_at: i64,
    until: i64,
}

/// What came of an attempt.
#[derive(Debug)]
pub struct Attempt {
    /// What was answered, or why nothing was.
    pub answer: Result<Answer, String>,
    /// Milliseconds.
    pub duration: i64,
}

/// A webhook of the organiser of an event.
struct Hook {
    id: String,
    types: Vec<String>,
}

/// Writes down what these records have organisers told, a message for each of their webhooks that asks for it.
pub async fn add<'a>(tx: &mut Tx, records: impl Iterator<Item = &'a Record<'a>>) -> Result<(), Error> {
    let all: Vec<_> = records.filter_map(|record| Some((record, occurrence::of(record)?))).collect();
    let events: BTreeSet<&str> = all.iter().map(|(_, occurrence)| occurrence.event.as_str()).collect();
    let hooks = hooks(tx, &events).await?;
    // Nearly always: nobody asked.
    if hooks.is_empty() {
        return Ok(());
    }
    let asked: Vec<_> = all
        .iter()
        .filter_map(|(record, occurrence)| {
            let (title, hooks) = hooks.get(&occurrence.event)?;
            let asking = |hook: &&Hook| hook.types.iter().any(|kind| kind == occurrence.kind);
            let hooks: Vec<&Hook> = hooks.iter().filter(asking).collect();
            (!hooks.is_empty()).then_some((record, occurrence, title, hooks))
        })
        .collect();
    let orders: BTreeSet<&str> = asked.iter().filter_map(|(_, occurrence, ..)| occurrence.order.as_deref()).collect();
    let orders = message::orders(tx, &orders.into_iter().collect::<Vec<_>>()).await?;
    let now = tx.now();
    let (mut rows, mut told) = (Vec::new(), BTreeSet::new());
    for (record, occurrence, title, hooks) in asked {
        let Some(body) = message::body(record, occurrence, title, &orders) else { continue };
        let person = occurrence.order.as_ref().and_then(|order| Some(orders.get(order)?.person.as_str()));
        for hook in hooks {
            let id = format!("{}_{}", record.region, id::with(now, hash::random()));
            told.insert(hook.id.as_str());
            rows.push((
                hook.id.as_str(),
                params![id, &hook.id, occurrence.kind, &body, now, now + limits::HOOK_GIVEN_UP, person],
            ));
        }
    }
    let mut full = BTreeSet::new();
    for hook in told {
        if is_full(tx, hook).await? {
            kit::router::log(&format!("the webhook {hook} has {} messages waiting: it is not told more", limits::HOOK_DUE));
            full.insert(hook);
        }
        forget(tx, hook).await?;
    }
    let rows: Vec<_> = rows.into_iter().filter(|(hook, _)| !full.contains(hook)).map(|(_, row)| row).collect();
    for rows in rows.chunks(limits::HOOK_ROWS) {
        let columns = |number: usize| {
            let at = number * 7 + 1;
            format!(
                "(${}, ${}, ${}, ${}, 'due', 0, ${}, ${}, 0, ${}, ${}, ${})",
                at,
                at + 1,
                at + 2,
                at + 3,
                at + 4,
                at + 5,
                at + 4,
                at + 4,
                at + 6
            )
        };
        let statement = format!(
            "INSERT INTO webhook_deliveries (id, webhook, type, body, state, attempts, due_at, give_up_at, claimed_until, created_at, updated_at, person) \
             VALUES {}",
            (0..rows.len()).map(columns).collect::<Vec<_>>().join(", ")
        );
        tx.execute(&statement, rows.iter().flatten().cloned().collect::<Vec<Value>>()).await?;
    }
    Ok(())
}

/// The title of each of these events whose organiser has webhooks, and those.
async fn hooks(tx: &mut Tx, events: &BTreeSet<&str>) -> Result<BTreeMap<String, (String, Vec<Hook>)>, Error> {
    let mut found: BTreeMap<String, (String, Vec<Hook>)> = BTreeMap::new();
    let events: Vec<&str> = events.iter().copied().collect();
    for events in events.chunks(limits::HOOK_ORDERS) {
        let statement = format!(
            "SELECT e.id, e.title, w.id, w.types FROM events e JOIN webhooks w ON w.organiser_id = e.organiser_id \
             WHERE w.state = 'active' AND e.id IN ({})",
            sql::list(1, events.len())
        );
        let rows: Vec<(String, String, String, String)> =
            tx.all(&statement, events.iter().map(|event| Value::from(*event))).await?;
        for (event, title, id, types) in rows {
            let types =
                serde_json::from_str(&types).map_err(|error| Error::Other(format!("types of the webhook {id}: {error}")))?;
            found.entry(event).or_insert_with(|| (title, Vec::new())).1.push(Hook { id, types });
        }
    }
    Ok(found)
}

/// Whether as many messages wait as may.
async fn is_full(tx: &mut Tx, hook: &str) -> Result<bool, Error> {
    let statement =
        "SELECT id FROM webhook_deliveries WHERE webhook = $1 AND state = 'due' ORDER BY due_at, id LIMIT 1 OFFSET $2";
    Ok(tx.one::<(String,)>(statement, params![hook, limits::HOOK_DUE]).await?.is_some())
}

/// Deletes what is beyond the number of messages that a webhook's log has.
async fn forget(tx: &mut Tx, hook: &str) -> Result<(), Error> {
    let statement =
        "SELECT created_at FROM webhook_deliveries WHERE webhook = $1 ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET $2";
    let Some((before,)) = tx.one::<(i64,)>(statement, params![hook, limits::HOOK_LOG]).await? else { return Ok(()) };
    let statement = "DELETE FROM webhook_deliveries WHERE webhook = $1 AND state <> 'due' AND created_at <= $2";
    tx.execute(statement, params![hook, before]).await.map(drop)
}

/// What holds of a message that may be sent at `$1`, beside its webhook.
const DUE: &str = "d.state = 'due' AND d.due_at <= $1 AND d.claimed_until <= $1";

/// Whether there may be something to send.
pub async fn is_due() -> Result<bool, Problem> {
    let mut tx = sql::read().await?;
    let now = tx.now();
    let statement = format!(
        "SELECT 1 FROM webhooks w WHERE w.state = 'active' AND w.not_before <= $1 \
         AND EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.webhook = w.id AND {DUE}) LIMIT 1"
    );
    let found: Option<(i64,)> = tx.one(&statement, params![now]).await?;
    tx.rollback().await?;
    Ok(found.is_some())
}

kit::row! {
    struct Turn {
        id: String,
        url: String,
        secret: String,
        key_id: String,
        previous_secret: Option<String>,
        previous_key_id: Option<String>,
        previous_until: Option<i64>,
        failures: i64,
        claimed: i64,
    }
}

/// Claims so many messages at most, of the webhooks whose turn is the longest ago. What somebody else has claimed is theirs until their time is over: they
/// may have died.
pub async fn claim(most: usize) -> Result<Vec<Claimed>, Problem> {
    let mut tx = sql::write().await?;
    let now = tx.now();
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let statement = format!(
        "SELECT w.id, w.url, w.secret, w.key_id, w.previous_secret, w.previous_key_id, w.previous_until, w.failures, \
         (SELECT COUNT(*) FROM webhook_deliveries c WHERE c.webhook = w.id AND c.state = 'due' AND c.claimed_until > $1) \
         FROM webhooks w WHERE w.state = 'active' AND w.not_before <= $1 \
         AND EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.webhook = w.id AND {DUE}) ORDER BY w.turn_at, w.id LIMIT $2"
    );
    let turns: Vec<Turn> = tx.all(&statement, params![now, limits::HOOK_TURNS]).await?;
    let (mut claimed, mut left) = (Vec::new(), most);
    for turn in turns {
        let own = if turn.failures > 0 { 1 } else { limits::HOOK_AT_ONCE };
        let few = (own - turn.claimed).min(left);
        if few <= 0 {
            continue;
        }
        claimed.extend(claim_of(&mut tx, &turn, few).await?);
        left = most - i64::try_from(claimed.len()).unwrap_or(i64::MAX);
    }
    if claimed.is_empty() {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    Ok(claimed)
}

async fn claim_of(tx: &mut Tx, turn: &Turn, few: i64) -> Result<Vec<Claimed>, Problem> {
    let now = tx.now();
    let until = now + limits::HOOK_CLAIM;
    let statement = format!(
        "UPDATE webhook_deliveries SET claimed_until = $2, attempts = attempts + 1, updated_at = $1 WHERE id IN \
         (SELECT d.id FROM webhook_deliveries d WHERE d.webhook = $3 AND {DUE} ORDER BY d.due_at, d.id LIMIT $4) \
         AND state = 'due' AND claimed_until <= $1 RETURNING id, body, attempts, give_up_at"
    );
    // The webhook first, as everybody does who changes both.
    tx.execute("UPDATE webhooks SET turn_at = $2 WHERE id = $1", params![&turn.id, now]).await?;
    let rows: Vec<(String, String, i64, i64)> = tx.all(&statement, params![now, until, &turn.id, few]).await?;
    let sealed = |text: &str, key: &str| Sealed { text: text.to_owned(), key_id: key.to_owned() };
    let before = turn.previous_secret.as_deref().zip(turn.previous_key_id.as_deref());
    let before = before.filter(|_| turn.previous_until.is_some_and(|until| until > now)).map(|(text, key)| sealed(text, key));
    let secrets: Vec<Sealed> = std::iter::once(sealed(&turn.secret, &turn.key_id)).chain(before).collect();
    let claimed = |(id, body, attempt, give_up_at)| {
        let (webhook, url, secrets) = (turn.id.clone(), turn.url.clone(), secrets.clone());
        Claimed { id, webhook, url, secrets, body, attempt, give_up_at, until }
    };
    Ok(rows.into_iter().map(claimed).collect())
}

/// Writes down what became of a message, and what that says of its receiver.
pub async fn finish(claimed: &Claimed, attempt: Attempt, keys: &Keys) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    let now = tx.now();
    let Attempt { answer, duration } = attempt;
    let chance = u16::from_le_bytes(hash::random());
    let verdict = retry::judge(&answer, claimed.attempt, now >= claimed.give_up_at, chance);
    let (state, due_at, error) = match &verdict {
        Verdict::Delivered => ("delivered", now, None),
        Verdict::Gone => ("failed", now, Some("answered 410: it wants nothing any more".to_owned())),
        Verdict::Again(wait, reason) => ("due", now + wait, Some(reason.clone())),
        Verdict::GivenUp(reason) => ("failed", now, Some(format!("given up after {} attempts: {reason}", claimed.attempt))),
    };
    let (status, text) = match answer {
        Ok(Answer { status, text, .. }) => (Some(i64::from(status)), Some(text)),
        Err(_) => (None, None),
    };
    let lock = tx.exclusive_lock();
    let statement = format!("SELECT 1 FROM webhooks WHERE id = $1{lock}");
    tx.one::<(i64,)>(&statement, params![&claimed.webhook]).await?;
    // Somebody else may have claimed it since, or asked for it again: then it is theirs.
    tx.execute(
        "UPDATE webhook_deliveries SET state = $3, due_at = $4, error = $5, status = $6, answer = $7, duration = $8, attempted_at = $9, \
         updated_at = $9, claimed_until = 0 WHERE id = $1 AND state = 'due' AND claimed_until = $2",
        params![&claimed.id, claimed.until, state, due_at, error, status, text, duration, now],
    )
    .await?;
    match verdict {
        Verdict::Delivered => recovered(&mut tx, &claimed.webhook).await?,
        Verdict::Gone => disable(&mut tx, &claimed.webhook, "gone").await?,
        Verdict::Again(..) | Verdict::GivenUp(_) => failed(&mut tx, &claimed.webhook).await?,
    }
    reseal(&mut tx, claimed, keys).await?;
    Ok(tx.commit().await?)
}

async fn recovered(tx: &mut Tx, hook: &str) -> Result<(), Error> {
    let statement = "UPDATE webhooks SET failures = 0, failing_since = NULL, not_before = 0 WHERE id = $1 AND failures > 0";
    tx.execute(statement, params![hook]).await.map(drop)
}

/// A receiver that fails is left alone for a while, and for good after days.
async fn failed(tx: &mut Tx, hook: &str) -> Result<(), Error> {
    let now = tx.now();
    let statement = "UPDATE webhooks SET failures = failures + 1, failing_since = COALESCE(failing_since, CAST($2 AS BIGINT)) \
                     WHERE id = $1 AND state = 'active' RETURNING failures, failing_since";
    let Some((failures, since)) = tx.one::<(i64, i64)>(statement, params![hook, now]).await? else { return Ok(()) };
    if since <= now - limits::HOOK_FAILING {
        return disable(tx, hook, "failing").await;
    }
    let not_before = now + retry::rest(failures);
    tx.execute("UPDATE webhooks SET not_before = $2 WHERE id = $1", params![hook, not_before]).await.map(drop)
}

/// Nothing is sent any more, until somebody of its team says so.
async fn disable(tx: &mut Tx, hook: &str, reason: &str) -> Result<(), Error> {
    let now = tx.now();
    let statement = "UPDATE webhooks SET state = 'disabled', reason = $2, updated_at = $3 WHERE id = $1 AND state = 'active'";
    if tx.execute(statement, params![hook, reason, now]).await? == 0 {
        return Ok(());
    }
    kit::router::log(&format!("the webhook {hook} is disabled: {reason}"));
    tx.execute(
        "UPDATE webhook_deliveries SET state = 'failed', error = 'the webhook was disabled', updated_at = $2, claimed_until = 0 \
         WHERE webhook = $1 AND state = 'due'",
        params![hook, now],
    )
    .await?;
    mail::queue::add_for_webhook(tx, hook).await
}

/// Encrypts a secret anew that is encrypted with another key than the first: so that the other can go.
async fn reseal(tx: &mut Tx, claimed: &Claimed, keys: &Keys) -> Result<(), Error> {
    for (sealed, column, key) in claimed
        .secrets
        .iter()
        .zip([("secret", "key_id"), ("previous_secret", "previous_key_id")])
        .map(|(sealed, (column, key))| (sealed, column, key))
    {
        if keys.is_current(sealed) {
            continue;
        }
        let Some(secret) = keys.open(&claimed.webhook, sealed) else { continue };
        let Ok(anew) = keys.seal(&claimed.webhook, &secret) else { continue };
        let statement = format!("UPDATE webhooks SET {column} = $3, {key} = $4 WHERE id = $1 AND {column} = $2");
        tx.execute(&statement, params![&claimed.webhook, &sealed.text, anew.text, anew.key_id]).await?;
    }
    Ok(())
}
