//! Mail over SMTP.
//!
//! The server is a URL: `smtps://[user:password@]host[:465]` is TLS from the first byte, `smtp://[user:password@]host[:25]` begins
//! without and changes to TLS (STARTTLS) before anything is said; a server that offers none is used on this machine only. Certificates are always checked.
//! `?tls=off` at the end of an `smtp` URL does without TLS, whatever is offered, and tells a password all the same.
//!
//! # What a sender hears
//! What the server answers decides: 4xx is `unavailable`, 5xx about the message or its receiver is `rejected`. A server that cannot be reached, does
//! not let us in or breaks off before it was told the message is `unavailable`. One that breaks off, or says nothing, after that is `unknown`: the mail
//! may be on its way. Sent again it has the same `Message-ID`.
//!
//! # When the server is not there
//! A circuit breaker stands before it. While that is open, `send` answers `unavailable` at once, with when to try again.

mod server;
mod session;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};

use futures::future::BoxFuture;
use telemetry::{Breaker, BreakerOptions};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    Error, Mailer, Message,
    address::{self, Sender},
    check, mime,
};
use crate::limits;
use server::Server;
use session::{Failure, Session};

/// Why a mailer cannot be made of this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServer {
    /// The URL.
    #[error("the mail server's URL is no smtp:// or smtps:// URL: {0}")]
    Url(&'static str),
    /// The sender's address.
    #[error("the sender of mail is no address: {0}")]
    Sender(&'static str),
    /// The certificate of the authority.
    #[error("the mail server's authority: {0}")]
    Authority(String),
}

/// Sends each message over SMTP, on one of a few connections that are kept. Cheap to clone.
#[derive(Clone)]
pub struct SmtpMailer(Arc<Inner>);

struct Inner {
    server: Server,
    sender: Sender,
    /// Last in, first out.
    idle: Mutex<Vec<(Session, Instant)>>,
    places: Arc<Semaphore>,
    breaker: Breaker,
}

impl SmtpMailer {
    /// Mail goes to the server that `url` names and comes from `from`, an address or `Name <address>`. `root` is the authority (PEM)
    /// whose certificates are believed; none: those that the system believes. Nothing is connected yet.
    ///
    /// # Errors
    /// See [`InvalidServer`].
    pub fn new(url: &str, from: &str, root: Option<&[u8]>, breaker: BreakerOptions) -> Result<Self, InvalidServer> {
        let sender = Sender::parse(from).map_err(InvalidServer::Sender)?;
        let server = Server::parse(url, sender.address.domain(), root)?;
        let breaker = Breaker::new(format!("mail/{}", server.name()), breaker);
        let places = Arc::new(Semaphore::new(limits::SMTP_CONNECTIONS));
        Ok(Self(Arc::new(Inner { server, sender, idle: Mutex::default(), places, breaker })))
    }

    /// Its circuit breaker, for operators.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.0.breaker
    }
}

impl std::fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpMailer").field("server", &self.0.server.name()).finish_non_exhaustive()
    }
}

impl Mailer for SmtpMailer {
    fn send(&self, message: Message) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.0.send(message))
    }
}

impl Inner {
    async fn send(&self, message: Message) -> Result<(), Error> {
        check(&message)?;
        let receiver = address::parse(&message.to).map_err(|reason| Error::Rejected(reason.to_owned()))?;
        let place = self.place().await?;
        let permit = self.breaker.permit().map_err(|rejected| {
            Error::Unavailable(u32::try_from(rejected.retry_after.as_millis()).unwrap_or(limits::RETRY_AFTER_MS))
        })?;
        let id = message.id.clone();
        let outcome = self.hand_over(message, receiver).await;
        match &outcome {
            Err(failure) if failure.server_lost() => permit.failed(),
            _ => permit.succeeded(),
        }
        drop(place);
        outcome.map_err(|failure| {
            // Whose mail it is stands in no log.
            tracing::warn!(server = self.server.name(), id, %failure, "a mail was not sent");
            failure.into()
        })
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        match timeout(limits::SMTP_ACQUIRE, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Error::Unavailable(limits::RETRY_AFTER_MS)),
        }
    }

    async fn hand_over(&self, mut message: Message, receiver: lettre::Address) -> Result<(), Failure> {
        let mut session = match self.take_idle().await {
            Some(session) => session,
            None => Session::open(&self.server).await?,
        };
        // A server that takes no such address would refuse the mail for where answers go.
        if !session.takes_international_addresses() {
            message.reply_to.take_if(|address| !address::is_ascii_before_the_at(address));
        }
        let mail = mime::render(&message, &self.sender, SystemTime::now(), session.takes_eight_bits());
        let mail = mail.map_err(|error| Failure::Refused(format!("{error:?}")))?;
        // A session that failed is closed: it may be in the middle of anything.
        session.send(&self.sender.address, receiver, &mail).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((session, Instant::now()));
        Ok(())
    }

    async fn take_idle(&self) -> Option<Session> {
        loop {
            let (mut session, since) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            // Servers close what is idle: what is older than this would only cost the time to find out.
            if since.elapsed() < limits::SMTP_IDLE && session.is_alive().await {
                return Some(session);
            }
        }
    }
}
