//! That somebody was refused for their role goes into the journal: for the audit log.

use crate::{
    hash,
    journal::{self, Entry},
    limits, network, params, router, sql,
    time::SECOND,
};
use http::{HeaderValue, Method};

/// Microseconds.
const MINUTE: i64 = 60 * SECOND;

/// Who was refused, and what they asked for.
pub(crate) struct RefusedRequest<'a> {
    pub(crate) user: String,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) client: Option<HeaderValue>,
    pub(crate) request_id: &'a str,
}

/// Writes it down: the same once a minute, for a refused client may ask as often as it likes. The refusal is answered whether or not that works.
pub(crate) async fn note(refused: RefusedRequest<'_>) {
    let RefusedRequest { user, method, path, client, request_id } = refused;
    let shown: String = path.chars().take(limits::REFUSED_PATH_CHARACTERS).collect();
    let entry = Entry {
        topic: journal::USER_EVENTS,
        kind: "access.refused",
        aggregate: user.clone(),
        version: 0,
        payload: serde_json::json!({
            "actor": user,
            "method": method.as_str(),
            "path": shown,
            "network": client.as_ref().and_then(network::parse),
        }),
        fact: None,
    };
    let written = async {
        let mut tx = sql::write().await?;
        let (now, minute) = (tx.now(), tx.now().div_euclid(MINUTE).to_string());
        let same = hash::sha256(&[user.as_bytes(), method.as_str().as_bytes(), path.as_bytes(), minute.as_bytes()]);
        let new = tx
            .execute(
                "INSERT INTO inbox (consumer, message_id, created_at) VALUES ('refusals', $1, $2) ON CONFLICT (consumer, message_id) DO NOTHING",
                params![same, now],
            )
            .await?;
        if new == 0 {
            return Ok(tx.rollback().await?);
        }
        journal::write(&mut tx, &[entry]).await?;
        Ok::<_, crate::Problem>(tx.commit().await?)
    };
    if let Err(problem) = written.await {
        router::log(&format!("{request_id} {path}: a refusal was not written down: {}", problem.log.unwrap_or(problem.detail)));
    }
}
