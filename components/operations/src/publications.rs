//! Events of others: an admin puts them into the journal, and they go the way that everything goes, in order and to be replayed.

use crate::{NO_SUCH_REGION, admins_only, limits};
use kit::journal::{self, BOOKING_EVENTS, CATALOG_EVENTS, CustomEvent, PAYMENT_EVENTS, USER_EVENTS};
use kit::sql::Tx;
use kit::{Answer, Problem, Request, Response, claims, config, hash, idempotency, json, security, time};
use serde::Serialize;

/// What is published, as the API shows it.
#[derive(Debug, Serialize)]
struct Publication {
    id: String,
    region: String,
    topic: &'static str,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    time: String,
}

/// `POST /events/publish`: `{"topic": "catalog-events", "type": "com.example.poster", "subject": "eu_…", "data": {…}}`.
pub async fn publish(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    idempotency::required(&request)?;
    let region = config::region().await?;
    let topics = [BOOKING_EVENTS, CATALOG_EVENTS, PAYMENT_EVENTS, USER_EVENTS].map(Option::unwrap_or_default);
    let (topic, kind, subject) = json::read(&request, |body| {
        let topic = body.word("topic", &topics);
        let kind = body.text("type", limits::TYPE_CHARACTERS);
        if !kind.is_empty()
            && let Err(reason) = check_type(&kind)
        {
            body.fault("type", reason);
        }
        let subject = body.text("subject", limits::SUBJECT_CHARACTERS);
        if !subject.bytes().all(|byte| byte.is_ascii_graphic()) {
            body.fault("subject", "must be visible ASCII characters without blanks");
        }
        body.any_object("data");
        if body.optional_text("region", limits::REGION_BYTES).is_some_and(|asked| asked != region) {
            body.fault("region", NO_SUCH_REGION);
        }
        (topic, kind, subject)
    })?;
    let data = json::raw(&request, "data").unwrap_or_default();
    if data.len() > limits::DATA_BYTES {
        return Err(Problem::fault("/data", format!("may have at most {} bytes", limits::DATA_BYTES)));
    }
    idempotency::once(&request, "publications", &claims.subject, async |tx: &mut Tx| {
        admins_only(tx, &claims.subject).await?;
        let custom = CustomEvent { topic, kind: &kind, subject: &subject, data };
        let id = journal::write_custom(tx, &custom).await?;
        let said =
            serde_json::json!({"topic": topic, "type": kind, "subject": subject, "digest": hash::sha256(&[data.as_bytes()])});
        journal::write(tx, &[security::entry(security::PUBLISHED, &id, &claims.subject, &request, said)]).await?;
        let (kind, subject, time) = (kind.clone(), subject.clone(), time::format(tx.now()));
        let publication = Publication { id, region: region.clone(), topic, kind, subject, time };
        Ok(Response::json(202, &publication)?.header("cache-control", "no-store"))
    })
    .await
}

/// Words of lower-case letters, digits and hyphens with dots between them, and none of the platform's own: a consumer of a topic must know the origin of a
/// record is.
fn check_type(kind: &str) -> Result<(), String> {
    let word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if !kind.contains('.') || !kind.split('.').all(word) {
        return Err("must be words of a-z, 0-9 and hyphens with dots between them, for example com.example.poster".to_owned());
    }
    if security::is_own(kind) {
        return Err(format!("types that begin with {} are the platform's own", security::OWN.join(", ")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_type;

    #[test]
    fn custom_events_cannot_use_platform_types() {
        for good in ["com.example.poster", "promo.launched", "a.b", "x-1.y-2.z3", "users.import"] {
            assert_eq!(check_type(good), Ok(()), "{good}");
        }
        for bad in ["", "poster", ".a", "a.", "a..b", "A.b", "a.b c", "1a.b", "a.-b", "é.b"] {
            assert!(check_type(bad).is_err_and(|reason| reason.contains("for example")), "{bad}");
        }
        for own in ["payment.completed", "user.registered", "booking.reminder", "key.revoked", "events.published", "event.x.y"] {
            assert!(check_type(own).is_err_and(|reason| reason.contains("the platform's own")), "{own}");
        }
    }
}
