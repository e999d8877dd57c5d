//! A partition's ledger: an instance of the component `ledger` of whatever version the region runs.

use std::sync::Arc;

use contracts::Failure;
use region::coordinator::{Answer, Decide};
use runtime::{Application, LedgerInstance, Switch};
use vocabulary::booking::Command;

/// The component `ledger`; after a switch of versions, the new one.
pub struct ComponentLedger {
    switch: Arc<Switch>,
    live: Option<(Arc<Application>, LedgerInstance)>,
}

impl ComponentLedger {
    /// The ledger of the version that has the traffic.
    #[must_use]
    pub fn new(switch: Arc<Switch>) -> Self {
        Self { switch, live: None }
    }

    fn current(&mut self) -> Option<&mut LedgerInstance> {
        let application = self.switch.current();
        if self.live.as_ref().is_none_or(|(live, _)| !Arc::ptr_eq(live, &application)) {
            self.live = application.ledger().map(|ledger| (application, ledger));
        }
        self.live.as_mut().map(|(_, ledger)| ledger)
    }
}

impl Decide for ComponentLedger {
    async fn decide(&mut self, commands: Vec<Command>) -> Result<Vec<Answer>, Failure> {
        match self.current() {
            Some(ledger) => ledger.apply(commands).await,
            None => Err(Failure::NoComponent("ledger".into())),
        }
    }

    fn forget(&mut self) {
        self.live = None;
    }
}
