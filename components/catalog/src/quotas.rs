//! How much an account and an organiser may have in the catalog.
//!
//! What is published is in the memory of every edge, for everybody to read, until it is over: so it is bounded per author. An organiser who needs more
//! has the setting raised; admins have no bounds.

use kit::sql::{Error, Tx};
use kit::{Problem, claims, config, params, problem};
use read_model::{EventDoc, EventStatus};

use crate::{limits, store};

/// The settings.
struct Quotas {
    drafts: i64,
    events: i64,
    text: i64,
}

kit::row! {
    /// What there is already.
    #[derive(Debug, PartialEq, Eq)]
    struct QuotaUsage {
        drafts: i64,
        /// Published or cancelled, and not over.
        events: i64,
        /// Characters, in drafts and in those.
        text: i64,
    }
}

/// Whose it is counted as.
#[derive(Clone, Copy)]
enum QuotaOwner<'a> {
    Organiser(&'a str),
    Account(&'a str),
}

/// What a change adds.
#[derive(Debug, Default, PartialEq, Eq)]
struct QuotaChange {
    drafts: i64,
    events: i64,
    text: i64,
}

/// Refuses what would be more than the event's organiser may have, or the account that made it. `created_by`: that account; `user`: who asks.
///
/// # Errors
/// 409 `quota-exceeded`, which says of what there is too much and what to do.
pub async fn check(tx: &mut Tx, old: Option<&EventDoc>, new: &EventDoc, created_by: &str, user: &str) -> Result<(), Problem> {
    let same_organiser = old.is_some_and(|old| old.organiser_id == new.organiser_id);
    let of_organiser = added(old.filter(|_| same_organiser), new);
    let of_account = added(old, new);
    if of_organiser.is_nothing() && of_account.is_nothing() {
        return Ok(());
    }
    if claims::roles(tx, user).await?.iter().any(|role| role == "admin") {
        return Ok(());
    }
    let number = async |name: &str| Ok::<_, Problem>(i64::from(config::number(name, limits::QUOTA).await?));
    let quotas = Quotas {
        drafts: number("quota_drafts").await?,
        events: number("quota_events").await?,
        text: number("quota_text").await?,
    };
    for (owner, added) in
        [(QuotaOwner::Organiser(&new.organiser_id), of_organiser), (QuotaOwner::Account(created_by), of_account)]
    {
        if !added.is_nothing() {
            let used = used(tx, owner).await?;
            within(&quotas, &used, &added, owner)?;
        }
    }
    Ok(())
}

impl QuotaChange {
    fn is_nothing(&self) -> bool {
        self.drafts <= 0 && self.events <= 0 && self.text <= 0
    }
}

fn added(old: Option<&EventDoc>, new: &EventDoc) -> QuotaChange {
    let is_draft = |doc: &EventDoc| i64::from(doc.status == EventStatus::Draft);
    let before = |of: fn(&EventDoc) -> i64| old.map_or(0, of);
    QuotaChange {
        drafts: is_draft(new) - before(|doc| i64::from(doc.status == EventStatus::Draft)),
        // A draft can always be cancelled, which puts it on show as such; but see `within`.
        events: i64::from(new.status == EventStatus::Published) - before(|doc| i64::from(doc.status != EventStatus::Draft)),
        text: text(new) - before(text),
    }
}

/// Characters, and for each ticket type what it takes beside its name; of questions and shared capacities those of their row. The same as in [`used`].
fn text(doc: &EventDoc) -> i64 {
    let count = |text: &str| text.chars().count();
    let tickets = doc.ticket_types.iter().map(|ticket| count(&ticket.name) + limits::TICKET_TEXT);
    let questions = store::questions(doc).map_or(0, |text| count(&text));
    let shared = store::shared_capacities(doc).map_or(0, |text| count(&text));
    let texts = count(&doc.title) + count(&doc.description) + count(&doc.venue.name);
    let characters = texts + tickets.sum::<usize>() + questions + shared;
    i64::try_from(characters).unwrap_or(i64::MAX)
}

async fn used(tx: &mut Tx, owner: QuotaOwner<'_>) -> Result<QuotaUsage, Error> {
    let (column, id) = match owner {
        QuotaOwner::Organiser(id) => ("organiser_id", id),
        QuotaOwner::Account(id) => ("created_by", id),
    };
    let now = tx.now();
    let text = format!(
        "SELECT CAST(COALESCE(SUM(CASE WHEN e.status = 'draft' THEN 1 ELSE 0 END), 0) AS BIGINT), \
         CAST(COALESCE(SUM(CASE WHEN e.status = 'draft' THEN 0 ELSE 1 END), 0) AS BIGINT), \
         CAST(COALESCE(SUM(LENGTH(e.title) + LENGTH(e.description) + LENGTH(e.venue_name) + LENGTH(e.questions) + LENGTH(e.shared_capacities) + \
           COALESCE((SELECT SUM(LENGTH(t.name) + {each}) FROM ticket_types t WHERE t.event_id = e.id), 0)), 0) AS BIGINT) \
         FROM events e WHERE e.{column} = $1 AND (e.status = 'draft' OR e.ends_at > $2)",
        each = limits::TICKET_TEXT
    );
    Ok(tx.one(&text, params![id, now]).await?.unwrap_or(QuotaUsage { drafts: 0, events: 0, text: 0 }))
}

fn within(quotas: &Quotas, used: &QuotaUsage, added: &QuotaChange, owner: QuotaOwner<'_>) -> Result<(), Problem> {
    let owner = match owner {
        QuotaOwner::Organiser(_) => "This organiser",
        QuotaOwner::Account(_) => "The account that made this event",
    };
    // Who may publish no more gets no more drafts either.
    let is_new = added.drafts > 0;
    for (used, added, quota, what, remedy) in [
        (used.drafts, added.drafts, quotas.drafts, "drafts", "publish or cancel some first"),
        (
            used.events,
            added.events.max(i64::from(is_new)),
            quotas.events,
            "events that are not over yet",
            "wait until some are over",
        ),
        (
            used.text,
            added.text,
            quotas.text,
            "characters in drafts and in events that are not over yet",
            "shorten descriptions and questions",
        ),
    ] {
        if added > 0 && used + added > quota {
            let detail = format!("{owner} may have {quota} {what}, and has {used}: {remedy}, or ask who runs this for more.");
            return Err(Problem::new(problem::QUOTA_EXCEEDED, detail));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::tests::event;
    use kit::sql;
    use kit::sql::testing::{Database, ready};

    fn doc(id: &str, organiser: &str, status: EventStatus) -> EventDoc {
        let mut doc = EventDoc { id: id.to_owned(), organiser_id: organiser.to_owned(), status, ..event() };
        doc.ticket_types[0].id = format!("{id}_t");
        doc
    }

    #[test]
    fn a_publisher_beyond_the_quota_is_refused() {
        for database in Database::all() {
            database.enter();
            database.set_now(event().starts_at - 1);
            database.run("INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('u', 'u@example.com', 'U', '', 1, 1)");
            database.run("INSERT INTO organisers (id, name, created_at) VALUES ('o', 'O', 1), ('p', 'P', 1)");
            let quotas = Quotas { drafts: 2, events: 2, text: 1_000 };
            let off = doc("d", "o", EventStatus::Cancelled);
            let (draft, shown) = (doc("d", "o", EventStatus::Draft), doc("s", "o", EventStatus::Published));
            ready(async {
                let mut tx = sql::write().await.unwrap();
                for (doc, by) in [
                    (&draft, "u"),
                    (&shown, "u"),
                    (&doc("c", "p", EventStatus::Cancelled), "u"),
                    (&doc("x", "p", EventStatus::Draft), "v"),
                ] {
                    store::insert(&mut tx, doc, by, 24).await.unwrap();
                }
                let one = text(&draft);
                let organiser = used(&mut tx, QuotaOwner::Organiser("o")).await.unwrap();
                assert_eq!(organiser, QuotaUsage { drafts: 1, events: 1, text: 2 * one });
                let account = used(&mut tx, QuotaOwner::Account("u")).await.unwrap();
                assert_eq!(account, QuotaUsage { drafts: 1, events: 2, text: 3 * one }, "whoever it sells for");

                let published = EventDoc { status: EventStatus::Published, ..draft.clone() };
                assert_eq!(added(Some(&draft), &published), QuotaChange { drafts: -1, events: 1, text: 0 });
                assert_eq!(added(None, &draft), QuotaChange { drafts: 1, events: 0, text: one });
                let longer = EventDoc { description: "x".repeat(1_000), ..shown.clone() };
                for (used, added, owner, refused) in [
                    (&organiser, added(Some(&draft), &published), QuotaOwner::Organiser("o"), None),
                    (&account, added(Some(&draft), &published), QuotaOwner::Account("u"), Some("not over yet")),
                    (&account, added(None, &draft), QuotaOwner::Account("u"), Some("not over yet")),
                    (&organiser, added(None, &draft), QuotaOwner::Organiser("o"), None),
                    (&organiser, added(Some(&shown), &longer), QuotaOwner::Organiser("o"), Some("characters")),
                    // What makes it less is always possible.
                    (
                        &QuotaUsage { drafts: 9, events: 9, text: 9_999 },
                        added(Some(&draft), &off),
                        QuotaOwner::Organiser("o"),
                        None,
                    ),
                    (
                        &QuotaUsage { drafts: 9, events: 9, text: 9_999 },
                        added(Some(&longer), &shown),
                        QuotaOwner::Organiser("o"),
                        None,
                    ),
                ] {
                    let problem = within(&quotas, used, &added, owner).err();
                    assert_eq!(problem.is_some(), refused.is_some(), "{added:?}");
                    if let Some((problem, part)) = problem.zip(refused) {
                        assert!(problem.kind.slug == "quota-exceeded" && problem.detail.contains(part), "{}", problem.detail);
                    }
                }
                tx.rollback().await.unwrap();
            });
        }
    }
}
