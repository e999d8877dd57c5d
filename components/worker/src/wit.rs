//! The export and the import, and the way between their types and this crate's.

use crate::mail::Mailer;
use crate::webhooks::{Answer, Outgoing, Sender};
use crate::{Fate, limits};
use bytes::Bytes;
use http_body_util::BodyExt;
use spin_sdk::http::{FullBody, Method, Request};
use spin_sdk::wasip3::http::types::{ErrorCode, RequestOptions};
use spin_sdk::wasip3::http_compat::RequestOptionsExtension;
use std::time::{Duration, Instant};

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
        if records.is_empty()
            && let Err(problem) = crate::webhooks::send_due(&Host, || kit::webhooks::KEYS.keys()).await
        {
            kit::router::log(&format!("webhooks stay due: {}", problem.log.unwrap_or(problem.detail)));
        }
        fates.into_iter().map(Into::into).collect()
    }
}

/// What the host gives: a mailer, and a way out.
struct Host;

impl Mailer for Host {
    async fn send(&self, message: mail::Message) -> Result<(), mail::Error> {
        imported::marquee::mail::mailer::send(message).await
    }
}

impl Sender for Host {
    async fn post(&self, outgoing: Outgoing) -> Result<Answer, String> {
        let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).ok();
        let options = RequestOptions::new();
        // What a host does not know of it has its own bounds for.
        _ = options.set_connect_timeout(nanoseconds(limits::HOOK_CONNECT));
        _ = options.set_first_byte_timeout(nanoseconds(limits::HOOK_FIRST_BYTE));
        _ = options.set_between_bytes_timeout(nanoseconds(limits::HOOK_BETWEEN_BYTES));
        let mut request =
            Request::<()>::builder().method(Method::POST).uri(outgoing.url).extension(RequestOptionsExtension(options));
        for (name, value) in outgoing.headers {
            request = request.header(name, value);
        }
        let request = request.body(FullBody::new(Bytes::from(outgoing.body))).map_err(|error| error.to_string())?;
        let response = spin_sdk::http::send(request).await.map_err(|error| failure(&error).to_owned())?;
        let (head, mut body) = response.into_parts();
        let retry_after = head.headers.get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse::<i64>().ok());
        let retry_after = retry_after.map(|seconds| seconds.clamp(0, i64::from(u32::MAX)) * kit::time::SECOND);
        let until = Instant::now() + limits::HOOK_BODY;
        let mut text = Vec::new();
        // The status has said it all: what cannot be read of the rest is left out.
        while text.len() < limits::HOOK_ANSWER
            && Instant::now() < until
            && let Some(Ok(frame)) = body.frame().await
        {
            text.extend_from_slice(frame.data_ref().map(|data| data.as_ref()).unwrap_or_default());
        }
        text.truncate(limits::HOOK_ANSWER);
        // Postgres cannot store this character in TEXT.
        let text = String::from_utf8_lossy(&text).replace('\0', "");
        Ok(Answer { status: head.status.as_u16(), text, retry_after })
    }

    async fn pause(&self) {
        spin_sdk::time::sleep(limits::HOOK_PAUSE).await;
    }
}

/// Why there was no answer, for who runs the server. Nothing is said of what else is where a name leads to.
fn failure(error: &ErrorCode) -> &'static str {
    match error {
        ErrorCode::DestinationIpProhibited => "its name leads to an address that is not public",
        ErrorCode::HttpRequestDenied => "messages may not be sent there",
        ErrorCode::DnsError(_) | ErrorCode::DnsTimeout | ErrorCode::DestinationNotFound => "its name leads nowhere",
        ErrorCode::ConnectionRefused | ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            "no connection could be made"
        }
        ErrorCode::ConnectionTimeout => "no connection could be made in time",
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => "there was no answer in time",
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
            "the connection could not be secured: its certificate may not be good"
        }
        _ => "there was no answer",
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
