//! The export and the import, and the way between their types and this crate's.

use crate::Fate;
use crate::mail::Mailer;

mod exported {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-kafka",
        inline: "package marquee:worker-component; world worker { export marquee:kafka/consumer@0.1.0; }",
        world: "marquee:worker-component/worker",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

mod imported {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-mail",
        inline: "package marquee:worker-mail; world mail-user { import marquee:mail/mailer@0.1.0; }",
        world: "marquee:worker-mail/mail-user",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

/// `marquee:kafka`
pub mod kafka {
    pub use super::exported::marquee::kafka::types::ConsumerRecord;
    #[cfg(test)]
    pub use super::exported::marquee::kafka::types::Header;
}

/// `marquee:mail`
pub mod mail {
    pub use super::imported::marquee::mail::mailer::{Attachment, Error, Message};
}

use exported::exports::marquee::kafka::consumer::{Disposition, Guest};

struct Worker;

exported::export!(Worker with_types_in exported);

impl Guest for Worker {
    async fn handle(records: Vec<kafka::ConsumerRecord>) -> Vec<Disposition> {
        let base = match kit::config::optional("public_url").await {
            Ok(url) => url.unwrap_or_default(),
            Err(problem) => {
                // Mails then have no links.
                kit::router::log(&format!("worker: {}", problem.log.unwrap_or(problem.detail)));
                String::new()
            }
        };
        let fates = crate::handle(&records, &Host, base.trim_end_matches('/')).await;
        fates.into_iter().map(Into::into).collect()
    }
}

/// The mailer that the host gives.
struct Host;

impl Mailer for Host {
    async fn send(&self, message: mail::Message) -> Result<(), mail::Error> {
        imported::marquee::mail::mailer::send(message).await
    }
}

impl From<Fate> for Disposition {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Done => Self::Done,
            Fate::Retry(milliseconds) => Self::Retry(milliseconds),
            Fate::Reject(reason) => Self::Reject(reason),
        }
    }
}
