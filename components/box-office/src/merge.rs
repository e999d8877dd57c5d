//! `POST /api/checkin/merge`: what was scanned without a network.

use crate::checkin::{self, Outcome, Scan, Way};
use crate::scan::Door;
use crate::{limits, lists};
use kit::claims::Claims;
use kit::problem::Fault;
use kit::sql::{self, Tx};
use kit::team;
use kit::{Answer, Problem, Request, Response, hash, idempotency, json, params, trace};
use serde_json::json;
use ticket_code::{Code, Ticket};

/// Merges scans into what is known, so many in each transaction. A scan has one outcome: whoever tells of it again gets that, so after an
/// error all of them may be sent again.
pub async fn merge(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    idempotency::key(&request)?;
    let (event, list, scans) = json::read(&request, |body| {
        let (event, list) = (body.id("event_id"), lists::asked_for(body));
        let scans = body.objects("scans", limits::SCANS, |scan| {
            let (code, gate) = (scan.text("code", limits::CODE), scan.optional_name("gate", limits::GATE));
            Scan { code, gate, at: Some(scan.instant("at")), way: Way::Offline }
        });
        (event, list, scans)
    })?;
    check(&claims, &event, &scans).await?;
    let mut all = vec![Outcome::default(); scans.len()];
    let order = order(&scans);
    for chunk in order.chunks(limits::SCANS_AT_ONCE) {
        let mut tx = sql::write().await?;
        tx.part_of(trace::parent(&request));
        let door = Door::open(&mut tx, &claims, Some(&event)).await?;
        for at in chunk {
            let (Some(scan), Some(outcome)) = (scans.get(*at), all.get_mut(*at)) else { continue };
            *outcome = once(&mut tx, &request, &door, (&event, list.as_deref()), scan).await?;
        }
        tx.commit().await?;
    }
    Response::json(200, &json!({ "results": all }))
}

/// Before anything is done: one wrong clock, and nothing is.
async fn check(claims: &Claims, event: &str, scans: &[Scan]) -> Result<(), Problem> {
    let mut tx = sql::read().await?;
    Door::open(&mut tx, claims, Some(event)).await?;
    let now = tx.now();
    tx.rollback().await?;
    let fault = |(index, scan): (usize, &Scan)| {
        let detail = checkin::untimely(scan.at?, now)?.to_owned();
        Some(Fault { pointer: format!("/scans/{index}/at"), detail })
    };
    let faults: Vec<_> = scans.iter().enumerate().filter_map(fault).collect();
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

/// In which order: a ticket's scans by their clocks, so that what was earlier is let in without taking anything back; and tickets alike in
/// every request, so that no two wait for each other.
fn order(scans: &[Scan]) -> Vec<usize> {
    let ticket = |code: &str| Code::parse(code).map(|code| code.ticket().clone()).or_else(|| Ticket::of_reference(code));
    let mut order: Vec<_> =
        scans.iter().enumerate().map(|(index, scan)| (ticket(&scan.code), &scan.code, scan.at, index)).collect();
    order.sort_unstable();
    order.into_iter().map(|(.., index)| index).collect()
}

/// The outcome of a scan; the one from before where it was merged already.
pub async fn once(
    tx: &mut Tx,
    request: &Request,
    door: &Door<'_>,
    (event, list): (&str, Option<&str>),
    scan: &Scan,
) -> Result<Outcome, Problem> {
    let (at, gate, listed) = (scan.at.unwrap_or_default(), scan.gate.as_deref().unwrap_or_default(), list.unwrap_or_default());
    let parts = ["offline-scan", event, listed, gate, &at.to_string(), scan.code.trim()];
    let id = hash::sha256(&parts.map(str::as_bytes));
    let now = tx.now();
    // Whoever tells of the same scan at the same time waits here until its outcome is written.
    let new = tx
        .execute(
            "INSERT INTO offline_scans (id, event, list, gate, at, answer, merged_by, created_at) VALUES ($1, $2, $3, $4, $5, '', $6, $7) \
             ON CONFLICT (id) DO NOTHING",
            params![&id, event, listed, scan.gate.clone(), at, &door.claims.subject, now],
        )
        .await?;
    if new == 0 {
        let known: Option<(String,)> = tx.one("SELECT answer FROM offline_scans WHERE id = $1", params![&id]).await?;
        let (answer,) = known.ok_or_else(|| Problem::internal(format_args!("scan {id} is gone")))?;
        let known = serde_json::from_str(&answer)
            .map_err(|error| Problem::internal(format_args!("the outcome of scan {id} does not parse: {error}")))?;
        return checkin::named(tx, door, scan, known).await;
    }
    let outcome = checkin::scan(tx, request, door, list, scan).await?;
    // Whom it let in stands with the ticket: here a name would outlast it.
    let kept = Outcome { name: None, ..outcome.clone() };
    let answer = serde_json::to_string(&kept).map_err(Problem::internal)?;
    tx.execute("UPDATE offline_scans SET answer = $2 WHERE id = $1", params![id, answer]).await?;
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_of_a_ticket_are_merged_in_the_order_of_their_clocks() {
        let scan = |code: &str, at| Scan { code: code.to_owned(), gate: None, at: Some(at), way: Way::Offline };
        let scans =
            [scan("EU.T1.B.2-1", 5), scan("EU.T1.A.1-1", 9), scan("EU.T1.B.2-1", 3), scan("x", 1), scan("EU.T1.A.10-1", 1)];
        assert_eq!(order(&scans), [3, 1, 4, 2, 0]);
    }
}
