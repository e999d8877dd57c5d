//! That somebody was refused for their role goes into the journal: for the audit log.

use crate::{
    journal::{self, Entry},
    network, router, sql,
};
use http::{HeaderValue, Method};

/// Who was refused, and what they asked for.
pub(crate) struct Refused<'a> {
    pub(crate) user: String,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) client: Option<HeaderValue>,
    pub(crate) request_id: &'a str,
}

/// Writes it down. The refusal stands whether or not that works.
pub(crate) async fn note(refused: Refused<'_>) {
    let Refused { user, method, path, client, request_id } = refused;
    let entry = Entry {
        topic: journal::USER_EVENTS,
        kind: "access.refused",
        aggregate: user.clone(),
        version: 0,
        payload: serde_json::json!({
            "actor": user,
            "method": method.as_str(),
            "path": path,
            "network": client.as_ref().and_then(network::parse),
        }),
        fact: None,
    };
    let written = async {
        let mut tx = sql::write().await?;
        journal::write(&mut tx, &[entry]).await?;
        Ok::<_, crate::Problem>(tx.commit().await?)
    };
    if let Err(problem) = written.await {
        router::log(&format!("{request_id} {path}: a refusal was not written down: {}", problem.log.unwrap_or(problem.detail)));
    }
}
