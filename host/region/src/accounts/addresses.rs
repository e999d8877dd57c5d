//! What a region asks the region of the accounts by itself, and what that one answers: addresses of people whose account it keeps, when there is mail
//! for them; and of guests, whose orders a link opens, and whose are an account's by now.

use std::sync::Arc;

use contracts::Traffic;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use vocabulary::accounts::{Address, Erasure, Error, GuestClaim, GuestExchange};
use vocabulary::limits::GUEST_CLAIMS;

use super::Accounts;
use crate::coordinator::Runner;
use crate::limits;

/// Asks the region of the accounts, on the node that runs what a region runs once.
pub struct AddressLookup<T> {
    accounts: Arc<dyn edge::Accounts>,
    traffic: Arc<T>,
    runner: Runner,
}

impl<T: Traffic> AddressLookup<T> {
    /// Asks `accounts` for whom the component that has the traffic wants to know.
    pub fn new(accounts: Arc<dyn edge::Accounts>, traffic: Arc<T>, runner: Runner) -> Self {
        Self { accounts, traffic, runner }
    }

    /// Asks every now and then until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(limits::ADDRESSES_LOOK) => {}
            }
            if !self.runner.leads() {
                continue;
            }
            if let Err(error) = self.look_up().await {
                tracing::debug!(%error, "addresses are asked for again");
            }
            if let Err(error) = self.exchange_guests().await {
                tracing::debug!(%error, "links to guests' orders are handed over again");
            }
        }
    }

    async fn look_up(&self) -> Result<(), Error> {
        let here = Accounts::of(&*self.traffic);
        let missing = here.component()?.missing_addresses().await?;
        if missing.is_empty() {
            return Ok(());
        }
        let asked = tokio::time::timeout(limits::ACCOUNTS_ANSWER, self.accounts.addresses_of(missing)).await;
        let addresses = asked.map_err(|_| Error::Failed("it took too long".to_owned()))??;
        here.component()?.put_addresses(addresses).await
    }

    async fn exchange_guests(&self) -> Result<(), Error> {
        let here = Accounts::of(&*self.traffic);
        let mut exchange = here.component()?.guests_due().await?;
        loop {
            let kept: Vec<String> = exchange.links.iter().map(|link| link.hash.clone()).collect();
            let asked = tokio::time::timeout(limits::ACCOUNTS_ANSWER, self.accounts.exchange_guests(exchange)).await;
            let claims = asked.map_err(|_| Error::Failed("it took too long".to_owned()))??;
            let next = claims.last().filter(|_| claims.len() >= GUEST_CLAIMS).cloned();
            if !kept.is_empty() || !claims.is_empty() {
                here.component()?.put_guests(kept, claims).await?;
            }
            // There may be more behind the last one of a full page.
            let Some(GuestClaim { guest, claimed_at, .. }) = next else { return Ok(()) };
            exchange = GuestExchange { links: Vec::new(), since: claimed_at, after: guest };
        }
    }
}

/// The accounts of this region, for others.
pub struct Directory<T> {
    traffic: Arc<T>,
}

impl<T: Traffic> Directory<T> {
    /// Asks the component that has the traffic, which refuses where another region keeps the accounts.
    pub fn new(traffic: Arc<T>) -> Self {
        Self { traffic }
    }
}

impl<T: Traffic> edge::Accounts for Directory<T> {
    fn addresses_of(&self, users: Vec<String>) -> BoxFuture<'_, Result<Vec<Address>, Error>> {
        Box::pin(async { Accounts::of(&*self.traffic).component()?.addresses_of(users).await })
    }

    fn erasures_after(&self, region: String, sequence: i64) -> BoxFuture<'_, Result<Vec<Erasure>, Error>> {
        Box::pin(async move { Accounts::of(&*self.traffic).component()?.erasures_after(region, sequence).await })
    }

    fn exchange_guests(&self, exchange: GuestExchange) -> BoxFuture<'_, Result<Vec<GuestClaim>, Error>> {
        Box::pin(async { Accounts::of(&*self.traffic).component()?.exchange_guests(exchange).await })
    }
}
