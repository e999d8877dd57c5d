//! One instance of the control plane, as an agent reaches it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use rustls::pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;

use crate::client::call::{self, Failure, Sender};
use crate::client::connect::{Connected, connect};
use crate::client::revocations;
use crate::identity::control_dns_name;
use crate::limits;
use crate::tls::{self, Servers, Tls};

/// Its connection: made when something is posted and there is none, and shared by what is posted at once.
pub struct Client {
    tls: Tls,
    address: String,
    link: Mutex<Option<Link>>,
    /// Held while one is made.
    connecting: tokio::sync::Mutex<()>,
}

struct Link {
    sender: Sender,
    /// What this node has shown for it.
    own: Arc<[CertificateDer<'static>]>,
}

/// What an instance has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body, whole.
    pub body: Bytes,
}

/// Why there is no answer. Whether the instance has taken what was posted is open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No connection to an instance of the control plane.
    #[error("{0}")]
    Unreachable(String),
    /// The connection broke off, or it took too long.
    #[error("no answer: {0}")]
    Broken(String),
    /// The answer is longer than it may be, or broke off.
    #[error("its answer has more than {0} bytes, or broke off")]
    Body(usize),
}

impl Client {
    /// A client of the instance at `address` (`host:port`; a name is looked up for every connection). Nothing is connected yet.
    ///
    /// # Errors
    /// The certificate does not serve.
    pub fn new(tls: Tls, address: String) -> Result<Self, tls::Error> {
        // Better known now than by every connection that fails.
        tls.connector(&Servers::Control)?;
        Ok(Self { tls, address, link: Mutex::default(), connecting: tokio::sync::Mutex::default() })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Posts JSON. The answer's head has to be here `within` that time, and the rest soon after; its body has at most `most` bytes.
    ///
    /// # Errors
    /// No answer.
    pub async fn post(&self, path: &str, json: Bytes, within: Duration, most: usize) -> Result<Answer, Error> {
        let sender = self.sender().await?;
        let request = Request::post(format!("https://{}{path}", control_dns_name()))
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(call::known(json))
            .map_err(|error| Error::Unreachable(error.to_string()))?;
        let response = call::send(&sender, request, within).await.map_err(|failure| match failure {
            Failure::Lost(reason) => Error::Broken(reason),
            failure => Error::Broken(failure.as_str().to_owned()),
        })?;
        let (head, body) = response.into_parts();
        let collected = tokio::time::timeout(limits::ANSWER, Limited::new(body, most).collect()).await;
        let slow = |_| Error::Broken(format!("only its beginning in {} ms", limits::ANSWER.as_millis()));
        let body = collected.map_err(slow)?.map_err(|_| Error::Body(most))?.to_bytes();
        Ok(Answer { status: head.status, body })
    }

    /// Keeps what is known of revocations the same at both ends while there is a connection, until `stop`.
    pub async fn exchange_revocations(&self, stop: &CancellationToken) {
        revocations::exchange(&control_dns_name(), &self.tls, || self.open(), stop).await;
    }

    /// The connection, while it can be used, and is one that this node would make now.
    fn open(&self) -> Option<Sender> {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        drop(link.take_if(|link| link.sender.is_closed() || link.own != self.tls.current().chain));
        link.as_ref().map(|link| link.sender.clone())
    }

    async fn sender(&self) -> Result<Sender, Error> {
        if let Some(sender) = self.open() {
            return Ok(sender);
        }
        let _one = self.connecting.lock().await;
        if let Some(sender) = self.open() {
            return Ok(sender);
        }
        let own = Arc::clone(&self.tls.current().chain);
        let connected = connect(&self.tls, &Servers::Control, &self.address).await;
        let Connected { sender, connection, shown } = connected.map_err(|error| Error::Unreachable(error.to_string()))?;
        let (address, tls) = (self.address.clone(), self.tls.clone());
        // Ends with the connection, or when nobody can send on it any more and all is answered.
        tokio::spawn(async move {
            tokio::select! {
                biased;
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(address, %error, "a connection to the control plane ended");
                },
                () = tls.until_distrusted(&shown) => {
                    tracing::warn!(address, "the control plane's certificate was revoked or has ended: the connection to it is closed");
                }
            }
        });
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Some(Link { sender: sender.clone(), own });
        Ok(sender)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}
