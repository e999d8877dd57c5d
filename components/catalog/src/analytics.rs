//! An event's analytics, for those who organise it.

use crate::limits;
use kit::sql::{Error, Tx};
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, Response, config, params, query, sql, time};
use serde::Serialize;

kit::row! {
    #[derive(Debug, Default, Clone, PartialEq)]
    struct EventAnalytics {
        views: Option<i64>,
        holds: i64,
        bookings: i64,
        tickets: i64,
        cancelled: i64,
        revenue: i64,
        refunded: i64,
    }
}

kit::row! {
    struct Row {
        day: String,
        views: Option<i64>,
        holds: i64,
        bookings: i64,
        tickets: i64,
        cancelled: i64,
        revenue: i64,
        refunded: i64,
    }
}

#[derive(Debug, Serialize)]
struct Money {
    amount: i64,
    currency: String,
}

/// Analytics as the API shows them.
#[derive(Debug, Serialize)]
struct AnalyticsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    views: Option<i64>,
    holds: i64,
    bookings: i64,
    tickets: i64,
    cancelled: i64,
    revenue: Money,
    refunded: Money,
    /// Bookings for each hold; none where there were no holds.
    conversion: Option<f64>,
}

/// An event's analytics: by day, and in total.
#[derive(Debug, Serialize)]
pub struct Analytics {
    event_id: String,
    as_of: String,
    /// Whether anything counts here. Where nothing does, zeros would say that nothing was sold.
    available: bool,
    days: Vec<AnalyticsView>,
    totals: Option<AnalyticsView>,
}

/// `GET /api/events/{id}/analytics`
pub async fn show(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let id = request.id("id")?;
    query::read(&request, |_| ())?;
    let mut tx = sql::read().await?;
    let event: Option<(String, String)> = tx.one("SELECT organiser_id, currency FROM events WHERE id = $1", params![id]).await?;
    let (organiser, currency) = event.ok_or_else(Problem::not_found)?;
    team::require(&mut tx, &claims, &organiser, Permission::SeeOrders).await?;
    let analytics = match config::switch("analytics").await? {
        true => read(&mut tx, id, &currency).await?,
        false => unavailable(&tx, id),
    };
    tx.rollback().await?;
    Ok(Response::json(200, &analytics)?.header("cache-control", "private, no-cache"))
}

/// What is said where nothing follows the events, as under stock Spin.
fn unavailable(tx: &Tx, event: &str) -> Analytics {
    Analytics { event_id: event.to_owned(), as_of: time::format(tx.now()), available: false, days: Vec::new(), totals: None }
}

/// The newest days, the first of them first; totals are of all days.
async fn read(tx: &mut Tx, event: &str, currency: &str) -> Result<Analytics, Error> {
    let columns = "views, holds, bookings, tickets, cancelled, revenue, refunded";
    let newest = format!("SELECT day, {columns} FROM analytics WHERE event = $1 ORDER BY day DESC LIMIT $2");
    let mut rows: Vec<Row> = tx.all(&newest, params![event, limits::DAYS]).await?;
    rows.reverse();
    let sum = |column: &str| format!("CAST(COALESCE(SUM({column}), 0) AS BIGINT)");
    let sums: Vec<String> = ["holds", "bookings", "tickets", "cancelled", "revenue", "refunded"].map(sum).into();
    let all = format!("SELECT CAST(SUM(views) AS BIGINT), {} FROM analytics WHERE event = $1", sums.join(", "));
    let totals: EventAnalytics = tx.one(&all, params![event]).await?.unwrap_or_default();
    let days = rows.into_iter().map(|row| {
        let Row { day, views, holds, bookings, tickets, cancelled, revenue, refunded } = row;
        shown(Some(day), EventAnalytics { views, holds, bookings, tickets, cancelled, revenue, refunded }, currency)
    });
    Ok(Analytics {
        event_id: event.to_owned(),
        as_of: time::format(tx.now()),
        available: true,
        days: days.collect(),
        totals: Some(shown(None, totals, currency)),
    })
}

fn shown(day: Option<String>, analytics: EventAnalytics, currency: &str) -> AnalyticsView {
    let money = |amount| Money { amount, currency: currency.to_owned() };
    let EventAnalytics { views, holds, bookings, tickets, cancelled, revenue, refunded } = analytics;
    // Four decimals; numbers of this size are exact.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 of either")]
    let conversion = (holds > 0).then(|| (bookings as f64 / holds as f64 * 10_000.0).round() / 10_000.0);
    AnalyticsView {
        day,
        views,
        holds,
        bookings,
        tickets,
        cancelled,
        revenue: money(revenue),
        refunded: money(refunded),
        conversion,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::sql::testing::{Database, ready};
    use serde_json::json;

    #[test]
    fn analytics_are_shown_by_day_and_in_total() {
        for database in Database::all() {
            database.enter();
            database.set_now(1_800_000_000_000_000);
            let read = || {
                ready(async {
                    let mut tx = sql::read().await.unwrap();
                    serde_json::to_value(read(&mut tx, "eu_e", "EUR").await.unwrap()).unwrap()
                })
            };
            let money = |amount: i64| json!({"amount": amount, "currency": "EUR"});
            let nothing = json!({
                "views": null, "holds": 0, "bookings": 0, "tickets": 0, "cancelled": 0, "revenue": money(0), "refunded": money(0), "conversion": null
            });
            let empty = json!({
                "event_id": "eu_e", "as_of": "2027-01-15T08:00:00Z", "available": true, "days": [], "totals": nothing
            });
            assert_eq!(read(), empty);
            let uncounted = ready(async { serde_json::to_value(unavailable(&sql::read().await.unwrap(), "eu_e")).unwrap() });
            let nobody_knows = json!({
                "event_id": "eu_e", "as_of": "2027-01-15T08:00:00Z", "available": false, "days": [], "totals": null
            });
            assert_eq!(uncounted, nobody_knows);

            database.run(
                "INSERT INTO analytics (event, day, holds, bookings, tickets, cancelled, revenue, refunded, currency) VALUES \
                 ('eu_e', '2027-01-15', 1, 1, 4, 0, 9000, 0, 'EUR'), ('eu_e', '2027-01-14', 2, 1, 2, 1, 4500, 4500, 'EUR'), \
                 ('eu_other', '2027-01-15', 7, 7, 7, 7, 7, 7, 'EUR')",
            );
            let shown = read();
            let day = json!({
                "day": "2027-01-14", "views": null, "holds": 2, "bookings": 1, "tickets": 2, "cancelled": 1, "revenue": money(4500),
                "refunded": money(4500), "conversion": 0.5
            });
            assert_eq!((&shown["days"][0], shown["days"].as_array().unwrap().len()), (&day, 2));
            let totals = json!({
                "views": null, "holds": 3, "bookings": 2, "tickets": 6, "cancelled": 1, "revenue": money(13500), "refunded": money(4500),
                "conversion": 0.6667
            });
            assert_eq!(shown["totals"], totals);
        }
    }
}
