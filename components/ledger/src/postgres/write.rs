//! From batches to one statement, `write.sql`, and its parameters.

use super::arrays::{Statement, inserted, rows_of, sent, setting, updated};
use crate::rows::{BatchRows, Booking, DueRefund, Inventory, Item, Key, Line};
use kit::journal::{BatchRow, EntryRow};
use kit::sql::Error;
use kit::sql::postgres::Parameter;
use kit::sql::table::{Row, names};
use ledger_engine::{Write, bigint};
use std::sync::LazyLock;

/// The statement.
pub(super) static STATEMENT: LazyLock<String> = LazyLock::new(statement);

/// Puts it together. Parameters are numbered in the order in which [`parameters`] gives them.
fn statement() -> String {
    let mut statement = Statement::new(1);
    let mut text = include_str!("write.sql").to_owned();
    let mut put = |name: &str, sql: &str| text = text.replace(&format!("{{{name}}}"), sql);

    let terms = setting::<Inventory<'_>>();
    let swapped = [statement.texts(), statement.numbers(), statement.numbers(), statement.numbers(), statement.columns(&terms)];
    put("swap arrays", &swapped.join(", "));
    put("swap columns", &sent(&terms));
    let set = |name: &str| format!("{name} = CASE WHEN l.status IS NULL THEN i.{name} ELSE l.{name} END");
    put("swap terms", &names(&terms, |column| set(column.name)));

    let inventory = Inventory::columns();
    let (events, numbers) = (statement.texts(), statement.numbers());
    put("opened arrays", &format!("{events}, {numbers}, {}", statement.columns(&inventory)));
    put("opened columns", &names(&inventory, |column| column.name.to_owned()));
    put("opened sent", &sent(&inventory));
    put("opened events", &events);
    put("opened numbers", &numbers);

    let (lines, lines_of) = statement.update::<Line<'_>>();
    put("lines", &lines);
    put("new lines", &statement.insert::<Line<'_>>().0);
    put("new bookings", &statement.insert::<Booking<'_>>().0);
    put("items", &statement.insert::<Item<'_>>().0);
    let (bookings, bookings_of) = statement.update::<Booking<'_>>();
    put("bookings", &bookings);
    put("keys", &statement.insert::<Key<'_>>().0);
    put("refunds", &statement.insert::<DueRefund<'_>>().0);
    put("journal batches", &statement.insert::<BatchRow>().0);
    put("journal", &statement.insert::<EntryRow>().0);
    put("lines numbers", &lines_of);
    put("bookings numbers", &bookings_of);
    text
}

/// The statement's parameters, at this time.
pub(super) fn parameters(now: i64, writes: Vec<Write<'_>>) -> Result<Vec<Parameter>, Error> {
    let (mut events, mut decided_on, mut commands) = (Vec::new(), Vec::new(), Vec::new());
    let (mut opened, mut swapped) = (Vec::new(), Vec::new());
    let (mut batches, mut entries) = (Vec::new(), Vec::new());
    let mut written = BatchRows::default();
    for write in writes {
        let no = bigint(write.number as u64);
        let (state, changes) = (write.state, write.changes);
        if changes.inventory.as_ref().is_some_and(|inventory| inventory.new) {
            opened.push(Some(state.event.clone()));
        } else {
            let by = bigint(write.commands as u64);
            events.push(Some(state.event.clone()));
            decided_on.push(Some(bigint(state.version) - by));
            commands.push(Some(by));
            let terms = changes.inventory.as_ref().map(|inventory| &inventory.terms);
            swapped.push((no, Inventory { version: state.version, terms }));
        }
        written.add(no, state, changes, write.keys)?;
        // Under an id of the event's own: events that are left out have no entries, and the entries of the others no gaps.
        let batch = BatchRow::of(write.journal_batch, &write.journal);
        entries.extend(write.journal.into_iter().enumerate().map(|(at, row)| (no, EntryRow::new(&batch.id, at, row))));
        batches.push((no, batch));
    }
    let mut all = vec![Parameter::Int64(now), events.into(), decided_on.into(), commands.into()];
    rows_of(swapped, &setting::<Inventory<'_>>(), &mut all);
    all.push(opened.into());
    inserted(written.opened, &mut all);
    updated(written.lines, &mut all);
    inserted(written.new_lines, &mut all);
    inserted(written.new_bookings, &mut all);
    inserted(written.items, &mut all);
    updated(written.bookings, &mut all);
    inserted(written.keys, &mut all);
    inserted(written.refunds, &mut all);
    inserted(batches, &mut all);
    inserted(entries, &mut all);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_bound() {
        let given = parameters(7, Vec::new()).unwrap().len();
        assert!(!STATEMENT.contains('{'), "{}", *STATEMENT);
        for number in 1..=given {
            assert!(STATEMENT.contains(&format!("${number}::")), "${number} of {given}: {}", *STATEMENT);
        }
        assert!(!STATEMENT.contains(&format!("${}:", given + 1)));
    }
}
