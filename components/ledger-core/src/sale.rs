//! open, adjust, close: what the catalog decides about an event's sale.

use crate::changes::{Changes, InventoryWrite, LineWrite};
use crate::draft::{CapacityShortage, Draft};
use crate::limits;
use crate::state::{LineTerms, SaleStatus, Terms};
use crate::types::{Outcome, Rejection, Sale, SalePhase, Shortage};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Opens an event that was never open.
pub(crate) fn first(sale: &Sale) -> (Outcome, Changes) {
    let inventory = InventoryWrite { new: true, terms: terms(sale) };
    let lines = lines(sale).map(|(id, terms)| {
        let line = LineWrite { new: true, terms, held: 0, sold: 0 };
        (id, line)
    });
    let changes = Changes { inventory: Some(inventory), lines: lines.collect(), ..Changes::default() };
    (Outcome::Sale(sale.revision), changes)
}

/// Opens an event that is open already: nothing to do at the revision in force, an adjustment at a newer one.
pub(crate) fn open(draft: &mut Draft<'_>, sale: &Sale) -> Result<Outcome, Rejection> {
    let terms = &draft.state.terms;
    if terms.status == SaleStatus::Open && terms.revision == sale.revision {
        return Ok(Outcome::Sale(sale.revision));
    }
    adjust(draft, sale)
}

/// Changes the terms of an open sale. Overdue holds do not stand in the way of a lower capacity: those it takes are tidied.
pub(crate) fn adjust(draft: &mut Draft<'_>, sale: &Sale) -> Result<Outcome, Rejection> {
    let before = &draft.state.terms;
    not_stale(draft, sale.revision)?;
    if before.status == SaleStatus::Closed {
        return Err(Rejection::NotOnSale(SalePhase::Closed));
    }
    if before.currency != sale.currency {
        return Err(Rejection::Invalid(format!("currency: is {}", before.currency)));
    }
    let wanted: BTreeMap<String, LineTerms> = lines(sale).collect();
    fits(draft, &wanted)?;
    let state = draft.state;
    let taken = |ticket_type: &String| state.lines.get(ticket_type).map_or(0, |line| line.held + line.sold);
    let missing = wanted.iter().map(|(id, terms)| {
        let taken = match &terms.shared_by {
            None => taken(id),
            Some(types) => types.iter().map(taken).sum(),
        };
        (id.clone(), taken - i64::from(terms.capacity))
    });
    // By who shares what from now on.
    let takes =
        |ticket_type: &str, id: &str| ticket_type == id || wanted.get(id).is_some_and(|terms| terms.is_shared_by(ticket_type));
    draft.make_room(missing.collect(), takes).map_err(|no_room| match no_room {
        CapacityShortage::Untidy => Rejection::Unavailable(limits::RETRY_MILLISECONDS),
        CapacityShortage::Missing(missing) => too_low(missing, &wanted),
    })?;
    let after = terms(sale);
    if after != *before {
        draft.changes.inventory = Some(InventoryWrite { new: false, terms: after });
    }
    for (id, terms) in wanted {
        if draft.state.lines.get(&id).is_some_and(|line| line.terms == terms) {
            continue;
        }
        let write = line(draft, &id, &terms);
        write.terms = terms;
    }
    share(draft, sale);
    Ok(Outcome::Sale(sale.revision))
}

/// Refuses what an event that is open already cannot become.
fn fits(draft: &Draft<'_>, wanted: &BTreeMap<String, LineTerms>) -> Result<(), Rejection> {
    let known = &draft.state.lines;
    for (id, line) in known {
        match wanted.get(id) {
            None if line.terms.shared_by.is_none() => {
                return Err(Rejection::Invalid(format!("offers: {id} is left out")));
            }
            Some(terms) if terms.shared_by.is_none() != line.terms.shared_by.is_none() => {
                return Err(Rejection::Invalid(format!("shared: {id} was something else before")));
            }
            _ => {}
        }
    }
    let new = wanted.iter().filter(|(id, terms)| terms.shared_by.is_some() && !known.contains_key(*id)).count();
    let ever = known.values().filter(|line| line.terms.shared_by.is_some()).count() + new;
    if new > 0 && ever > limits::SHARED_EVER {
        return Err(Rejection::Invalid(format!("shared: {ever} in the life of an event are more than {}", limits::SHARED_EVER)));
    }
    Ok(())
}

/// Has what is shared count what those who share it from now on have, whatever it counted before.
fn share(draft: &mut Draft<'_>, sale: &Sale) {
    let state = draft.state;
    let gone = state.lines.iter().filter(|(id, line)| {
        line.terms.shared_by.as_ref().is_some_and(|types| !types.is_empty()) && sale.shared.iter().all(|shared| shared.id != **id)
    });
    let gone = gone.map(|(id, line)| (id.clone(), LineTerms { shared_by: Some(Arc::default()), ..line.terms.clone() }));
    for (id, terms) in gone.chain(shared(sale)) {
        let (mut held, mut sold) = (0, 0);
        for ticket_type in terms.shared_by.iter().flat_map(|types| types.iter()) {
            let known = state.lines.get(ticket_type).map_or((0, 0), |line| (line.held, line.sold));
            let change = draft.changes.lines.get(ticket_type).map_or((0, 0), |write| (write.held, write.sold));
            (held, sold) = (held + known.0 + change.0, sold + known.1 + change.1);
        }
        let known = state.lines.get(&id);
        let (before_held, before_sold) = known.map_or((0, 0), |line| (line.held, line.sold));
        let unchanged = known.is_some_and(|line| line.terms == terms) && !draft.changes.lines.contains_key(&id);
        if unchanged && (held, sold) == (before_held, before_sold) {
            continue;
        }
        let write = line(draft, &id, &terms);
        (write.held, write.sold) = (held - before_held, sold - before_sold);
        write.terms = terms;
    }
}

/// What is written of a line.
fn line<'a>(draft: &'a mut Draft<'_>, id: &str, terms: &LineTerms) -> &'a mut LineWrite {
    let new = !draft.state.lines.contains_key(id);
    draft.changes.lines.entry(id.to_owned()).or_insert_with(|| LineWrite { new, terms: terms.clone(), held: 0, sold: 0 })
}

/// Ends the sale for good. Holds may still be cancelled, and payments refunded; nothing is confirmed any more.
pub(crate) fn close(draft: &mut Draft<'_>, revision: u64) -> Result<Outcome, Rejection> {
    not_stale(draft, revision)?;
    let terms = Terms { status: SaleStatus::Closed, revision, ..draft.state.terms.clone() };
    if terms != draft.state.terms {
        draft.changes.inventory = Some(InventoryWrite { new: false, terms });
    }
    Ok(Outcome::Sale(revision))
}

/// Refuses a step that is older than what has been applied.
fn not_stale(draft: &Draft<'_>, revision: u64) -> Result<(), Rejection> {
    let applied = draft.state.terms.revision;
    if revision < applied {
        return Err(Rejection::StaleRevision(applied));
    }
    Ok(())
}

fn too_low(missing: BTreeMap<String, i64>, wanted: &BTreeMap<String, LineTerms>) -> Rejection {
    let shortage = missing.into_iter().next().map(|(ticket_type, places)| {
        let capacity = wanted.get(&ticket_type).map_or(0, |terms| i64::from(terms.capacity));
        Shortage { ticket_type, available: u32::try_from(capacity + places).unwrap_or(u32::MAX) }
    });
    // There is one: room is refused only where places are missing.
    shortage.map_or(Rejection::Unavailable(limits::RETRY_MILLISECONDS), Rejection::CapacityTooLow)
}

fn terms(sale: &Sale) -> Terms {
    Terms {
        status: SaleStatus::Open,
        revision: sale.revision,
        currency: sale.currency.clone(),
        sales_from: sale.sales_from,
        sales_until: sale.sales_until,
        refund_until: sale.refund_until,
    }
}

/// What a sale offers, and what of it is shared.
fn lines(sale: &Sale) -> impl Iterator<Item = (String, LineTerms)> + '_ {
    offers(sale).chain(shared(sale))
}

fn shared(sale: &Sale) -> impl Iterator<Item = (String, LineTerms)> + '_ {
    (0u32..).skip(sale.offers.len()).zip(&sale.shared).map(|(ordinal, shared)| {
        let mut types = shared.ticket_types.clone();
        types.sort_unstable();
        let terms = LineTerms {
            ordinal,
            price: 0,
            per_person_limit: 0,
            capacity: shared.capacity,
            shared_by: Some(types.into()),
            sales_from: None,
            sales_until: None,
            paused: false,
        };
        (shared.id.clone(), terms)
    })
}

fn offers(sale: &Sale) -> impl Iterator<Item = (String, LineTerms)> + '_ {
    (0u32..).zip(&sale.offers).map(|(ordinal, offer)| {
        let terms = LineTerms {
            ordinal,
            price: offer.price,
            per_person_limit: offer.per_person_limit,
            capacity: offer.capacity,
            shared_by: None,
            sales_from: offer.sales_from,
            sales_until: offer.sales_until,
            paused: offer.paused,
        };
        (offer.ticket_type.clone(), terms)
    })
}
