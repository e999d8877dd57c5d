//! What an organiser writes, to each of those whom it is for.

use super::audience::{self, Order, Ticket};
use super::{BulkMail, add, is_full};
use crate::limits;
use crate::mail::{Needs, Template};
use kit::sql::{self, Error, Tx};
use kit::{Problem, hash, params};

kit::row! {
    #[derive(Debug)]
    struct Message {
        id: String,
        event: String,
        ticket_types: Option<String>,
        admitted: Option<bool>,
        holders: bool,
        cursor: String,
    }
}

/// Whether there may be any whose mails are not all written down.
pub async fn are_due(tx: &mut Tx) -> Result<bool, Error> {
    Ok(tx.one::<(i64,)>("SELECT 1 FROM messages WHERE addressed_at IS NULL LIMIT 1", []).await?.is_some())
}

/// Writes down some mails of the message whose turn is the longest ago; false where there is none, or no room.
pub async fn write_down() -> Result<bool, Problem> {
    let mut tx = sql::write().await?;
    let now = tx.now();
    // Locked: another worker goes on where this one ends.
    let statement = format!(
        "SELECT id, event, ticket_types, admitted, holders, cursor FROM messages WHERE addressed_at IS NULL ORDER BY turn_at, id LIMIT 1{}",
        tx.exclusive_lock()
    );
    let message: Option<Message> = if is_full(&mut tx).await? { None } else { tx.one(&statement, []).await? };
    let Some(message) = message else {
        tx.rollback().await?;
        return Ok(false);
    };
    let wanted = match message.ticket_types.as_deref().map(serde_json::from_str::<Vec<String>>).transpose() {
        Ok(wanted) => wanted,
        Err(error) => return Err(Problem::internal(format_args!("ticket types of the message {}: {error}", message.id))),
    };
    let orders = audience::page(&mut tx, &message.event, &message.cursor, limits::BULK_BOOKINGS).await?;
    let is_for = |ticket: &Ticket| {
        wanted.as_ref().is_none_or(|wanted| wanted.contains(&ticket.ticket_type))
            && message.admitted.is_none_or(|admitted| admitted == ticket.admitted)
    };
    let mails: Vec<BulkMail> = orders.iter().flat_map(|order| mails(&message, order, is_for)).collect();
    add(&mut tx, Template::Message, &mails).await?;
    let is_last = i64::try_from(orders.len()).unwrap_or(i64::MAX) < limits::BULK_BOOKINGS;
    let cursor = orders.last().map_or(message.cursor.as_str(), |order| order.id.as_str());
    tx.execute(
        "UPDATE messages SET cursor = $2, turn_at = $3, addressed_at = $4 WHERE id = $1",
        params![&message.id, cursor, now, is_last.then_some(now)],
    )
    .await?;
    tx.commit().await?;
    Ok(true)
}

/// The mails to an order's people. One who has several orders gets one mail, and so does an address.
fn mails(message: &Message, order: &Order, is_for: impl Fn(&Ticket) -> bool) -> Vec<BulkMail> {
    let mail = |key: &str, recipient: &str, booking: Option<&str>| BulkMail {
        id: hash::sha256(&[b"message", message.id.as_bytes(), key.as_bytes()]),
        recipient: recipient.to_owned(),
        needs: Needs { message: Some(message.id.clone()), booking: booking.map(str::to_owned), ..Needs::default() },
    };
    let wanted: Vec<&Ticket> = order.tickets.iter().filter(|ticket| is_for(ticket)).collect();
    let key = order.address.as_deref().unwrap_or(&order.buyer);
    let buyer = (!wanted.is_empty() && !order.is_unreachable).then(|| mail(key, &order.buyer, Some(&order.id)));
    let holders = wanted.iter().filter_map(|ticket| ticket.holder.as_deref()).filter(|_| message.holders);
    buyer.into_iter().chain(holders.map(|holder| mail(holder, holder, None))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(ticket_type: &str, holder: Option<&str>, admitted: bool) -> Ticket {
        Ticket { ticket_type: ticket_type.to_owned(), holder: holder.map(str::to_owned), admitted }
    }

    fn order(tickets: &[Ticket]) -> Order {
        Order {
            id: "eu_b".to_owned(),
            buyer: "eu_ada".to_owned(),
            address: None,
            is_unreachable: false,
            created_at: 0,
            tickets: tickets.to_vec(),
        }
    }

    fn recipients(holders: bool, order: &Order, is_for: fn(&Ticket) -> bool) -> Vec<String> {
        let message = Message {
            id: "eu_m".to_owned(),
            event: "eu_e".to_owned(),
            ticket_types: None,
            admitted: None,
            holders,
            cursor: String::new(),
        };
        mails(&message, order, is_for).into_iter().map(|mail| mail.recipient).collect()
    }

    #[test]
    fn a_message_goes_to_whoever_has_a_ticket_that_it_is_for() {
        let order = order(&[ticket("eu_a", None, false), ticket("eu_b", Some("eu_bob"), true)]);
        assert_eq!(recipients(true, &order, |_| true), ["eu_ada", "eu_bob"]);
        assert_eq!(recipients(false, &order, |_| true), ["eu_ada"], "buyers alone");
        assert_eq!(recipients(true, &order, |ticket| ticket.ticket_type == "eu_a"), ["eu_ada"]);
        assert_eq!(recipients(true, &order, |ticket| ticket.admitted), ["eu_ada", "eu_bob"]);
        assert_eq!(recipients(true, &order, |_| false), [""; 0]);
        let counter = Order { is_unreachable: true, ..order };
        assert_eq!(recipients(true, &counter, |_| true), ["eu_bob"], "nobody knows an address of who bought at the counter");
    }
}
