//! An event's orders, for its organiser's team.

mod cancel;
mod details;
mod store;
mod view;

pub use cancel::cancel;
pub use details::{change, resend};

use crate::answers::{self, AnswerView, Columns, Scope};
use crate::{event, limits};
use kit::ledger::BookingStatus;
use kit::questions::QuestionScope;
use kit::sql::{Error, Tx};
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, Response, accept, csv, id, query, sql, time};
use serde::Serialize;
use std::collections::BTreeMap;
use store::{Order, Wanted};
use view::{Detailed, View};

const STATUSES: &[&str] = &["held", "paying", "confirmed", "cancelled", "expired"];

#[derive(Serialize)]
struct List<'a> {
    items: Vec<View<'a>>,
    next_cursor: Option<&'a str>,
}

/// `GET /api/events/{id}/orders`: newest first.
pub async fn list(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let csv = accept::choose(&request, &["application/json", csv::MEDIA])? == csv::MEDIA;
    let (wanted, cursor) = query::read(&request, |query| {
        let search = query.text("q", limits::SEARCH).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let status = query.word("status", STATUSES).and_then(BookingStatus::parse);
        let limit = if csv { query.integer("limit", 1..=limits::CSV_ROWS).unwrap_or(limits::CSV_ROWS) } else { query.limit() };
        (Wanted { status, search, after: None, limit }, query.text("cursor", limits::CURSOR_BYTES))
    })?;
    let after =
        cursor.map(|text| if id::valid(&text) { Ok(text) } else { Err(Problem::fault("/cursor", "not a cursor of this list")) });
    let after = after.transpose()?;
    let event = request.id("id")?;

    let mut tx = sql::read().await?;
    event::permitted(&mut tx, &claims, event, Permission::SeeOrders).await?;
    let now = tx.now();
    let size = usize::try_from(wanted.limit).unwrap_or_default();
    // One more than asked for tells whether there is a next page.
    let asked = Wanted { after, limit: wanted.limit + 1, ..wanted };
    let mut orders = match &asked.search {
        Some(search) if id::valid(search) => {
            store::find(&mut tx, event, search).await?.into_iter().filter(|order| asked.admits(order, now)).collect()
        }
        _ => store::page(&mut tx, event, &asked).await?,
    };
    let more = orders.len() > size;
    orders.truncate(size);
    if csv {
        let (table, shown) = table(&mut tx, event, &orders, now).await?;
        tx.rollback().await?;
        let last = orders.get(..shown).and_then(<[Order]>::last).filter(|_| more || shown < orders.len());
        let next = last.map(|order| csv::next_page(&request, &order.row.id));
        return Ok(table.answer("orders", next).header("cache-control", "private, no-store").header("vary", "accept"));
    }
    let answers = answers_of(&mut tx, &orders).await?;
    tx.rollback().await?;
    let next_cursor = orders.last().filter(|_| more).map(|order| order.row.id.as_str());
    let answers = |order: &Order| answers.get(&(order.row.id.clone(), 0)).map(Vec::as_slice).unwrap_or_default();
    let items = orders.iter().map(|order| View::new(order, answers(order), now)).collect();
    private(200, &List { items, next_cursor })
}

impl Wanted {
    /// Whether an order that was found by its id is one of those.
    fn admits(&self, order: &Order, now: i64) -> bool {
        self.after.is_none() && self.status.is_none_or(|status| status.as_str() == view::status(order, now))
    }
}

/// What was answered of these orders.
async fn answers_of(tx: &mut Tx, orders: &[Order]) -> Result<BTreeMap<(String, u32), Vec<AnswerView>>, Error> {
    answers::of_bookings(tx, orders.iter().map(|order| order.row.id.as_str()), Scope::Orders).await
}

/// As many of these orders as one document takes, and how many that are.
async fn table(tx: &mut Tx, event: &str, orders: &[Order], now: i64) -> Result<(csv::Table, usize), Error> {
    let columns = Columns::of(tx, event, QuestionScope::Order).await?;
    let own = [
        "order",
        "created_at",
        "status",
        "channel",
        "buyer_name",
        "buyer_email",
        "tickets",
        "items",
        "total_minor_units",
        "refunded_minor_units",
        "currency",
        "payment",
        "note",
    ];
    let mut table = csv::Table::new(own.into_iter().chain(columns.labels()));
    let mut shown = 0;
    for some in orders.chunks(limits::ANSWERED_AT_ONCE) {
        if table.is_full() {
            break;
        }
        shown += some.len();
        let answers = answers_of(tx, some).await?;
        for order in some {
            let cells = columns.cells(answers.get(&(order.row.id.clone(), 0)));
            add(&mut table, order, &cells, now);
        }
    }
    Ok((table, shown))
}

fn add(table: &mut csv::Table, order: &Order, answers: &[String], now: i64) {
    let row = &order.row;
    let items: Vec<String> = order.items.iter().map(|item| format!("{} x {}", item.quantity, item.name)).collect();
    let tickets: u32 = order.items.iter().map(|item| item.quantity).sum();
    let (created_at, tickets, items) = (time::format(row.created_at), tickets.to_string(), items.join("; "));
    let (total, refunded) = (row.total.to_string(), row.refunded.to_string());
    let own = [
        row.id.as_str(),
        &created_at,
        view::status(order, now),
        view::channel(order),
        row.name.as_deref().unwrap_or_default(),
        row.email.as_deref().unwrap_or_default(),
        &tickets,
        &items,
        &total,
        &refunded,
        &row.currency,
        row.payment.as_deref().unwrap_or_default(),
        row.note.as_deref().unwrap_or_default(),
    ];
    table.row(own.into_iter().chain(answers.iter().map(String::as_str)));
}

/// `GET /api/events/{id}/orders/{order}`
pub async fn one(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    query::read(&request, |_| ())?;
    let (event, order) = (request.id("id")?, request.id("order")?);
    let mut tx = sql::read().await?;
    event::permitted(&mut tx, &claims, event, Permission::SeeOrders).await?;
    let answer = detailed(&mut tx, event, order).await?;
    tx.rollback().await?;
    Ok(answer)
}

/// The order as it is now, as an answer.
pub async fn detailed(tx: &mut Tx, event: &str, order: &str) -> Answer {
    let now = tx.now();
    let found = store::find(tx, event, order).await?.ok_or_else(Problem::not_found)?;
    let payments = store::payments(tx, order).await?;
    let refunds = store::refunds(tx, order).await?;
    let answers: Vec<_> = answers::of_bookings(tx, [order], Scope::All).await?.into_values().flatten().collect();
    private(200, &Detailed::new(&found, &answers, &payments, &refunds, now))
}

fn private(status: u16, value: &impl Serialize) -> Answer {
    Ok(Response::json(status, value)?.header("cache-control", "private, no-store").header("vary", "accept"))
}
