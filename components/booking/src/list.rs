//! One's own bookings.

use crate::{
    limits,
    store::{self, Page},
    view::{self, View},
};
use kit::ledger::{Booking, BookingStatus};
use kit::{Answer, Problem, Request, Response, claims, id, query, sql};
use serde::Serialize;

const STATUSES: &[&str] = &["held", "paying", "confirmed", "cancelled", "expired"];

#[derive(Serialize)]
struct List {
    items: Vec<View>,
    next_cursor: Option<String>,
}

/// `GET /api/bookings`: newest first.
pub async fn mine(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    let (page, cursor) = query::read(&request, |query| {
        let page =
            Page { status: query.word("status", STATUSES).and_then(BookingStatus::parse), after: None, limit: query.limit() };
        (page, query.text("cursor", limits::CURSOR_BYTES))
    })?;
    let after =
        cursor.map(|text| parse(&text).ok_or_else(|| Problem::fault("/cursor", "not a cursor of this list"))).transpose()?;

    let mut tx = sql::read().await?;
    let now = tx.now();
    // One more than asked for tells whether there is a next page.
    let wanted = Page { after, limit: page.limit + 1, ..page };
    let mut found = store::page(&mut tx, &claims.subject, &wanted).await?;
    let size = usize::try_from(page.limit).unwrap_or_default();
    let more = found.len() > size;
    found.truncate(size);
    let next_cursor = found.last().filter(|_| more).map(cursor_after);
    let items = found.into_iter().map(|booking| View::new(&view::at(booking, now))).collect();
    Ok(Response::json(200, &List { items, next_cursor })?.header("cache-control", "no-store"))
}

/// Says where the next page begins: behind this booking.
fn cursor_after(last: &Booking) -> String {
    format!("{}.{}", last.created_at, last.id)
}

fn parse(cursor: &str) -> Option<(i64, String)> {
    let (created_at, booking) = cursor.split_once('.')?;
    let plain = created_at.len() <= limits::CURSOR_DIGITS && created_at.bytes().all(|byte| byte.is_ascii_digit());
    let created_at = created_at.parse().ok().filter(|_| plain)?;
    id::valid(booking).then(|| (created_at, booking.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn foreign_cursors_are_refused() {
        assert_eq!(parse("17.eu_b"), Some((17, "eu_b".to_owned())));
        for nonsense in
            ["", "17", "17.", ".eu_b", "-1.eu_b", "x.eu_b", "17.eu_B", "17.eu_b.c", "+17.eu_b", "99999999999999999999.eu_b"]
        {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn fuzz_cursors() {
        fuzz::text(&["1800000000000000.eu_06f9zkb2m4s8t1w6y3c5e7g9hj", "0.a_b"], |text| {
            if let Some((instant, booking)) = parse(text) {
                assert!(instant >= 0 && kit::id::valid(&booking) && text.ends_with(&booking), "{text}");
            }
        });
    }
}
