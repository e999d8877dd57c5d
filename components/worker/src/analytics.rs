//! Events' figures by day.

use crate::effects::EventAnalytics;
use kit::params;
use kit::sql::{self, Error, Tx};
use kit::time;
use std::collections::BTreeMap;

/// What many records add, by event and day. In order, so that two transactions take the rows in the same one.
#[derive(Debug, Default)]
pub struct Sums(BTreeMap<(String, String), EventAnalytics>);

impl Sums {
    /// Adds what was counted at this instant.
    pub fn add(&mut self, event: &str, at: i64, figures: &EventAnalytics) {
        self.0.entry((event.to_owned(), day(at))).or_default().add(figures);
    }

    /// Adds all of it to the rows.
    pub async fn write(&self, tx: &mut Tx) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut parameters = Vec::with_capacity(self.0.len() * 9);
        for ((event, day), figures) in &self.0 {
            let EventAnalytics { holds, bookings, tickets, cancelled, revenue, refunded, currency } = figures;
            parameters.extend(params![event, day, *holds, *bookings, *tickets, *cancelled, *revenue, *refunded, currency]);
        }
        let statement = format!(
            "INSERT INTO analytics (event, day, holds, bookings, tickets, cancelled, revenue, refunded, currency) VALUES {} \
             ON CONFLICT (event, day) DO UPDATE SET holds = analytics.holds + excluded.holds, \
             bookings = analytics.bookings + excluded.bookings, tickets = analytics.tickets + excluded.tickets, \
             cancelled = analytics.cancelled + excluded.cancelled, revenue = analytics.revenue + excluded.revenue, \
             refunded = analytics.refunded + excluded.refunded",
            sql::rows(self.0.len(), 9)
        );
        tx.execute(&statement, parameters).await.map(drop)
    }
}

/// The day in UTC: `2027-03-01`.
fn day(at: i64) -> String {
    let mut text = time::format(at);
    text.truncate(10);
    text
}
