//! What a region has of a person beside the account: whose orders, tickets, receipts and mails name them, and answers and messages that were kept.
//!
//! Everything here finds what is left and takes some of it away, in a transaction of its own, so that it may end anywhere and be done again. Bookings,
//! payments and what hangs on them stay, by the id alone: tickets let in whoever has their code, and the books balance.

use crate::limits;
use kit::{Problem, params, sql};
use serde_json::Value as Json;

/// Somebody whose traces go.
struct Person {
    id: String,
    /// What goes by the address that was theirs goes as well.
    email: Option<String>,
    passes: i64,
}

/// Who goes by what.
enum By {
    /// The person's id is `$1`.
    Id,
    /// The address that was theirs is.
    Address,
}

/// Statements that each take away as many rows as `$2` says at most; `$3` is now, where they say when. The rows that one has changed it finds no more.
const STATEMENTS: &[(By, &str)] = &[
    // Whoever asks again is nobody.
    (
        By::Id,
        "DELETE FROM idempotency WHERE person = $1 AND (scope, key) IN (SELECT scope, key FROM idempotency WHERE person = $1 LIMIT $2)",
    ),
    (
        By::Id,
        "UPDATE order_details SET name = NULL, email = NULL, note = NULL, updated_at = $3 WHERE booking IN \
         (SELECT d.booking FROM bookings b JOIN order_details d ON d.booking = b.id WHERE b.person = $1 \
         AND (d.name IS NOT NULL OR d.email IS NOT NULL OR d.note IS NOT NULL) LIMIT $2)",
    ),
    (
        By::Address,
        "UPDATE order_details SET name = NULL, email = NULL, note = NULL, updated_at = $3 WHERE booking IN \
         (SELECT booking FROM order_details WHERE email = $1 LIMIT $2)",
    ),
    (
        By::Id,
        "UPDATE tickets SET name = NULL, version = version + 1, updated_at = $3 WHERE (booking, number) IN \
         (SELECT t.booking, t.number FROM bookings b JOIN tickets t ON t.booking = b.id WHERE b.person = $1 AND t.holder IS NULL \
         AND t.name IS NOT NULL LIMIT $2)",
    ),
    (
        By::Id,
        "UPDATE tickets SET name = NULL, version = version + 1, updated_at = $3 WHERE (booking, number) IN \
         (SELECT booking, number FROM tickets WHERE holder = $1 AND name IS NOT NULL LIMIT $2)",
    ),
    // What they were asked.
    (
        By::Id,
        "DELETE FROM answers WHERE person = $1 AND (booking, number, question) IN \
         (SELECT booking, number, question FROM answers WHERE person = $1 LIMIT $2)",
    ),
    // What they have offered, and what was offered to them: nobody accepts it any more.
    (
        By::Id,
        "UPDATE ticket_offers SET email = 'erased', status = CASE WHEN status = 'open' THEN 'withdrawn' ELSE status END, updated_at = $3 \
         WHERE id IN (SELECT id FROM ticket_offers WHERE (offered_by = $1 OR accepted_by = $1) AND email <> 'erased' LIMIT $2)",
    ),
    (
        By::Address,
        "UPDATE ticket_offers SET email = 'erased', status = CASE WHEN status = 'open' THEN 'withdrawn' ELSE status END, updated_at = $3 \
         WHERE id IN (SELECT id FROM ticket_offers WHERE email = $1 LIMIT $2)",
    ),
    (
        By::Id,
        "UPDATE receipts SET buyer_name = NULL, buyer_email = NULL WHERE payment IN \
         (SELECT r.payment FROM bookings b JOIN payments p ON p.booking = b.id JOIN receipts r ON r.payment = p.id WHERE b.person = $1 \
         AND (r.buyer_name IS NOT NULL OR r.buyer_email IS NOT NULL) LIMIT $2)",
    ),
    (
        By::Address,
        "UPDATE receipts SET buyer_name = NULL, buyer_email = NULL WHERE payment IN \
         (SELECT payment FROM receipts WHERE buyer_email = $1 LIMIT $2)",
    ),
    (
        By::Id,
        "UPDATE mail_log SET address = NULL, error = NULL, state = CASE WHEN state = 'due' THEN 'failed' ELSE state END, updated_at = $3 \
         WHERE id IN (SELECT id FROM mail_log WHERE recipient = $1 AND (address IS NOT NULL OR error IS NOT NULL OR state = 'due') LIMIT $2)",
    ),
    (
        By::Address,
        "UPDATE mail_log SET address = NULL, error = NULL, updated_at = $3 WHERE id IN \
         (SELECT id FROM mail_log WHERE address = $1 LIMIT $2)",
    ),
    (
        By::Address,
        "UPDATE organisers SET contact_email = NULL WHERE id IN (SELECT id FROM organisers WHERE contact_email = $1 LIMIT $2)",
    ),
];

/// Takes away what there is of people whose turn it is, in so many steps that change something at most; gives how many these were.
pub async fn erase_due(most: u32) -> Result<u32, Problem> {
    let mut left = most;
    while left > 0 {
        let Some(person) = next().await? else { break };
        if !erase(&person, &mut left).await? {
            break;
        }
        finish(&person).await?;
        left = left.saturating_sub(1);
    }
    forget_addresses().await?;
    Ok(most - left)
}

async fn next() -> Result<Option<Person>, Problem> {
    let mut tx = sql::read().await?;
    let now = tx.now();
    let statement = "SELECT user_id, email, passes FROM erasures WHERE due_at <= $1 ORDER BY due_at, user_id LIMIT 1";
    let found: Option<(String, Option<String>, i64)> = tx.one(statement, params![now]).await?;
    tx.rollback().await?;
    Ok(found.map(|(id, email, passes)| Person { id, email, passes }))
}

/// Whether nothing is left of them; false where there were not enough steps for that.
async fn erase(person: &Person, left: &mut u32) -> Result<bool, Problem> {
    for (by, statement) in STATEMENTS {
        let Some(who) = (match by {
            By::Id => Some(&person.id),
            By::Address => person.email.as_ref(),
        }) else {
            continue;
        };
        while step(statement, who).await? > 0 {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return Ok(false);
            }
        }
    }
    while messages(person).await? + answers(person).await? > 0 {
        *left = left.saturating_sub(1);
        if *left == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn step(statement: &str, who: &str) -> Result<u64, Problem> {
    let mut tx = sql::write().await?;
    let now = tx.now();
    let mut parameters = params![who, limits::ERASURE_ROWS].to_vec();
    if statement.contains("$3") {
        parameters.push(now.into());
    }
    let rows = tx.execute(statement, parameters).await?;
    tx.commit().await?;
    Ok(rows)
}

/// It is looked for once more, after everything has ended that was under way: what somebody had in hand may have been written down since.
async fn finish(person: &Person) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    let due_at = (person.passes == 0).then_some(tx.now() + limits::ERASURE_AGAIN);
    tx.execute(
        "UPDATE erasures SET passes = passes + 1, due_at = $3 WHERE user_id = $1 AND passes = $2",
        params![&person.id, person.passes, due_at],
    )
    .await?;
    Ok(tx.commit().await?)
}

/// An address has done its work once everything that goes by it is gone here, and every region that asks has heard of it. A region that is down is waited
/// for, but not for ever.
async fn forget_addresses() -> Result<(), Problem> {
    let statement = "SELECT sequence FROM erasures WHERE email IS NOT NULL AND passes > 0 AND NOT EXISTS \
                     (SELECT 1 FROM erasure_readers r WHERE r.sequence < erasures.sequence AND r.heard_at > $1) ORDER BY sequence LIMIT $2";
    let mut tx = sql::read().await?;
    let heard_since = tx.now() - limits::ERASURE_WAIT;
    let done: Vec<(i64,)> = tx.all(statement, params![heard_since, limits::ERASURE_ROWS]).await?;
    tx.rollback().await?;
    if done.is_empty() {
        return Ok(());
    }
    let mut tx = sql::write().await?;
    for (sequence,) in done {
        tx.execute("UPDATE erasures SET email = NULL WHERE sequence = $1", params![sequence]).await?;
    }
    Ok(tx.commit().await?)
}

/// Messages of webhooks that tell of their orders, or name their address: sent or still to be sent, they say nothing of the buyer any more.
async fn messages(person: &Person) -> Result<usize, Problem> {
    let mut tx = sql::write().await?;
    let lock = tx.exclusive_lock();
    let statement = format!("SELECT id, body FROM webhook_deliveries WHERE person = $1 ORDER BY id LIMIT $2{lock}");
    let own: Vec<(String, String)> = tx.all(&statement, params![&person.id, limits::ERASURE_TEXTS]).await?;
    let mut changed: Vec<(String, String)> = own.into_iter().map(|(id, body)| (id, without(&body, person, |_| true))).collect();
    if let (Some(email), true) = (&person.email, changed.is_empty()) {
        let statement =
            format!("SELECT id, body FROM webhook_deliveries WHERE body LIKE $1 ESCAPE '!' ORDER BY id LIMIT $2{lock}");
        let naming: Vec<(String, String)> = tx.all(&statement, params![anywhere(email), limits::ERASURE_TEXTS]).await?;
        changed.extend(naming.into_iter().map(|(id, body)| (id, without(&body, person, |object| is_of(object, email)))));
    }
    let statement = "UPDATE webhook_deliveries SET body = $2, answer = NULL, person = NULL WHERE id = $1";
    for (id, body) in &changed {
        tx.execute(statement, params![id, body]).await?;
    }
    tx.commit().await?;
    Ok(changed.len())
}

/// Answers that are kept for who asks again, and name their address: to an organiser of an order, to a team of its members.
async fn answers(person: &Person) -> Result<usize, Problem> {
    let Some(email) = &person.email else { return Ok(0) };
    let mut tx = sql::write().await?;
    let rows: Vec<(String, String, String, String)> = tx
        .all(
            "SELECT scope, person, key, outcome FROM idempotency WHERE outcome LIKE $1 ESCAPE '!' ORDER BY scope, person, key LIMIT $2",
            params![anywhere(email), limits::ERASURE_TEXTS],
        )
        .await?;
    let statement = "UPDATE idempotency SET outcome = $4 WHERE scope = $1 AND person = $2 AND key = $3";
    for (scope, of, key, outcome) in &rows {
        // The answer is a text in it.
        let kept = match serde_json::from_str::<Json>(outcome) {
            Ok(mut kept) => {
                if let Some(body) = kept.get_mut("body")
                    && let Some(text) = body.as_str().map(|text| without(text, person, |object| is_of(object, email)))
                {
                    *body = text.into();
                }
                kept.to_string()
            }
            Err(_) => outcome.clone(),
        };
        tx.execute(statement, params![scope, of, key, scrubbed(&kept, email)]).await?;
    }
    tx.commit().await?;
    Ok(rows.len())
}

/// A pattern of LIKE for a text that has this one in it.
pub fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// A text without an address, however that is spelled.
fn scrubbed(text: &str, email: &str) -> String {
    // Both have as many bytes as before, whatever else there is in the text.
    let (lower, email) = (text.to_ascii_lowercase(), email.to_ascii_lowercase());
    let mut left = String::new();
    let mut from = 0;
    for (at, found) in lower.match_indices(&email) {
        left.push_str(text.get(from..at).unwrap_or_default());
        left.push_str("erased");
        from = at + found.len();
    }
    left.push_str(text.get(from..).unwrap_or_default());
    left
}

/// A JSON text without what it says of a person: of the objects that `theirs` says are about them, and of those beside these.
fn without(text: &str, person: &Person, theirs: impl Fn(&Json) -> bool) -> String {
    let erased = match serde_json::from_str::<Json>(text) {
        Ok(mut json) => {
            blank(&mut json, &theirs);
            json.to_string()
        }
        Err(_) => String::new(),
    };
    match &person.email {
        Some(email) => scrubbed(&erased, email),
        None => erased,
    }
}

/// Members of an object that say who somebody is, or what is thought of them.
const SAYING: [&str; 3] = ["name", "email", "note"];

fn is_of(object: &Json, email: &str) -> bool {
    object.get("email").and_then(Json::as_str) == Some(email)
}

/// Takes out what is said of a buyer, and what an object says that is about the person.
fn blank(json: &mut Json, theirs: &impl Fn(&Json) -> bool) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| blank(item, theirs)),
        Json::Object(_) => {
            let buyer = json.get("buyer").is_some_and(theirs);
            let about = json.get("email").is_some() && theirs(json);
            if let Json::Object(members) = json {
                for (name, value) in members {
                    match value {
                        Json::String(_) if about && SAYING.contains(&name.as_str()) => *value = Json::Null,
                        Json::String(_) if buyer && name == "note" => *value = Json::Null,
                        value => blank(value, theirs),
                    }
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ada() -> Person {
        Person { id: "eu_u".to_owned(), email: Some("ada@example.com".to_owned()), passes: 0 }
    }

    #[test]
    fn only_what_is_about_the_person_goes() {
        let order = json!({
            "items": [{"id": "eu_b", "buyer": {"name": "Ada", "email": "ada@example.com"}, "note": "sings", "items": [{"name": "Standard"}]},
                      {"id": "eu_c", "buyer": {"name": "Bob", "email": "bob@example.com"}, "note": "hums"}],
        });
        let text = without(&order.to_string(), &ada(), |object| is_of(object, "ada@example.com"));
        let left = json!({
            "items": [{"id": "eu_b", "buyer": {"name": null, "email": null}, "note": null, "items": [{"name": "Standard"}]},
                      {"id": "eu_c", "buyer": {"name": "Bob", "email": "bob@example.com"}, "note": "hums"}],
        });
        assert_eq!(serde_json::from_str::<Json>(&text).unwrap(), left);
    }

    #[test]
    fn addresses_are_looked_for_as_they_are() {
        assert_eq!(anywhere("a_b%c!@x.y"), "%a!_b!%c!!@x.y%");
        assert_eq!(scrubbed("to Ada@Example.com, ä ADA@example.COM.", "ada@example.com"), "to erased, ä erased.");
    }
}
