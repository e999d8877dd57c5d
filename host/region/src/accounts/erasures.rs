//! Erasures of accounts that another region keeps: what is known of these people is erased here as well.

use std::sync::Arc;

use contracts::Traffic;
use tokio_util::sync::CancellationToken;
use vocabulary::accounts::Error;
use vocabulary::limits::ERASURES;

use super::Accounts;
use crate::coordinator::Runner;
use crate::limits;

/// Asks the region of the accounts, on the node that runs what a region runs once. How far it has come stands in this region's database: so a region
/// that was down, or was restored, hears of everything that it lacks.
pub struct Erasures<T> {
    region: String,
    accounts: Arc<dyn edge::Accounts>,
    traffic: Arc<T>,
    runner: Runner,
}

impl<T: Traffic> Erasures<T> {
    /// Asks `accounts` for this `region`, and has the component that has the traffic do what there is to do.
    pub fn new(region: &str, accounts: Arc<dyn edge::Accounts>, traffic: Arc<T>, runner: Runner) -> Self {
        Self { region: region.to_owned(), accounts, traffic, runner }
    }

    /// Asks every now and then until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(limits::ERASURES_LOOK) => {}
            }
            if self.runner.leads()
                && let Err(error) = self.look_up().await
            {
                tracing::debug!(%error, "erasures are asked for again");
            }
        }
    }

    async fn look_up(&self) -> Result<(), Error> {
        let here = Accounts::of(&*self.traffic);
        loop {
            let last = here.component()?.last_erasure().await?;
            let asked = self.accounts.erasures_after(self.region.clone(), last);
            let asked = tokio::time::timeout(limits::ACCOUNTS_ANSWER, asked).await;
            let erasures = asked.map_err(|_| Error::Failed("it took too long".to_owned()))??;
            let more = erasures.len() >= ERASURES;
            if !erasures.is_empty() {
                here.component()?.add_erasures(erasures).await?;
            }
            if !more {
                return Ok(());
            }
        }
    }
}
