//! open, adjust, close: what the catalog decides about an event's sale.

use crate::changes::{Changes, InventoryWrite, LineWrite};
use crate::draft::{CapacityShortage, Draft};
use crate::limits;
use crate::state::{LineTerms, SaleStatus, Terms};
use crate::types::{Outcome, Rejection, Sale, SalePhase, Shortage};
use std::collections::BTreeMap;

/// Opens an event that was never open.
pub(crate) fn first(sale: &Sale) -> (Outcome, Changes) {
    let inventory = InventoryWrite { new: true, terms: terms(sale) };
    let lines = offers(sale).map(|(ticket_type, terms)| {
        let line = LineWrite { new: true, terms, held: 0, sold: 0 };
        (ticket_type, line)
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
    let offers: BTreeMap<String, LineTerms> = offers(sale).collect();
    let mut missing = BTreeMap::new();
    for (ticket_type, line) in &draft.state.lines {
        let Some(offer) = offers.get(ticket_type) else {
            return Err(Rejection::Invalid(format!("offers: {ticket_type} is left out")));
        };
        missing.insert(ticket_type.clone(), line.held + line.sold - i64::from(offer.capacity));
    }
    draft.make_room(missing).map_err(|no_room| match no_room {
        CapacityShortage::Untidy => Rejection::Unavailable(limits::RETRY_MILLISECONDS),
        CapacityShortage::Missing(missing) => too_low(missing, &offers),
    })?;
    let after = terms(sale);
    if after != *before {
        draft.changes.inventory = Some(InventoryWrite { new: false, terms: after });
    }
    for (ticket_type, terms) in offers {
        let line = draft.state.lines.get(&ticket_type);
        if line.is_some_and(|line| line.terms == terms) {
            continue;
        }
        let write = draft.changes.lines.entry(ticket_type).or_insert_with(|| LineWrite {
            new: line.is_none(),
            terms: terms.clone(),
            held: 0,
            sold: 0,
        });
        write.terms = terms;
    }
    Ok(Outcome::Sale(sale.revision))
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

fn too_low(missing: BTreeMap<String, i64>, offers: &BTreeMap<String, LineTerms>) -> Rejection {
    let shortage = missing.into_iter().next().map(|(ticket_type, places)| {
        let capacity = offers.get(&ticket_type).map_or(0, |offer| i64::from(offer.capacity));
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

fn offers(sale: &Sale) -> impl Iterator<Item = (String, LineTerms)> + '_ {
    (0u32..).zip(&sale.offers).map(|(ordinal, offer)| {
        let terms = LineTerms {
            ordinal,
            price: offer.price,
            per_person_limit: offer.per_person_limit,
            capacity: offer.capacity,
            sales_from: offer.sales_from,
            sales_until: offer.sales_until,
            paused: offer.paused,
        };
        (offer.ticket_type.clone(), terms)
    })
}
