//! `marquee:mail/mailer`: outgoing mail.

use futures::future::BoxFuture;
use wasmtime::component::Accessor;

use crate::{
    limits,
    state::{Host, InstanceState},
    wit::own::marquee::mail::mailer,
};

pub use crate::wit::own::marquee::mail::mailer::{Attachment, Error, Message};

/// Sends mail.
pub trait Mailer: Send + Sync + 'static {
    /// Sends one message. The same message sent again carries the same `Message-ID`.
    fn send(&self, message: Message) -> BoxFuture<'_, Result<(), Error>>;
}

impl mailer::Host for InstanceState {}

impl<T: Send> mailer::HostWithStore<T> for Host {
    async fn send(accessor: &Accessor<T, Self>, message: Message) -> Result<(), Error> {
        let binding = accessor.with(|mut access| access.get().bindings.mailer.clone());
        binding.ok_or(Error::Unavailable(limits::RETRY_AFTER_MS))?.send(message).await
    }
}
