//! `marquee:mail/mailer`: outgoing mail.

mod address;
mod files;
mod mime;
mod smtp;

use bindings::mail::mailer;
pub use bindings::mail::mailer::{Attachment, Error, Message};
use futures::future::BoxFuture;
use lettre::message::header::ContentType;
use wasmtime::component::Accessor;

pub use files::FileMailer;
pub use smtp::{InvalidServer, SmtpMailer};

use crate::{
    limits,
    state::{Host, InstanceState},
};

/// Sends mail.
pub trait Mailer: Send + Sync + 'static {
    /// Sends one message, which has been checked. The same message sent again carries the same `Message-ID`.
    fn send(&self, message: Message) -> BoxFuture<'_, Result<(), Error>>;
}

impl mailer::Host for InstanceState {}

impl<T: Send> mailer::HostWithStore<T> for Host {
    async fn send(accessor: &Accessor<T, Self>, message: Message) -> Result<(), Error> {
        check(&message)?;
        let binding = accessor.with(|mut access| access.get().bindings.mailer.clone());
        binding.ok_or(Error::Unavailable(limits::RETRY_AFTER_MS))?.send(message).await
    }
}

/// Refuses what no mailer could send: the same here and where mail really goes out.
fn check(message: &Message) -> Result<(), Error> {
    let rejected = |reason: &str| Err(Error::Rejected(reason.to_owned()));
    if let Err(reason) = address::check(&message.to) {
        return rejected(reason);
    }
    let id_is_plain = message.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+=".contains(&byte));
    if message.id.is_empty() || message.id.len() > limits::MAIL_ID_BYTES || !id_is_plain || message.id.starts_with('.') {
        return rejected("the id must be letters, digits and -_.+= only, and not begin with a dot");
    }
    if message.subject.is_empty() || message.subject.chars().any(char::is_control) {
        return rejected("the subject is empty or has control characters");
    }
    let bad_name =
        |name: &String| name.trim().is_empty() || name.len() > limits::MAIL_NAME_BYTES || name.chars().any(char::is_control);
    if message.sender_name.as_ref().is_some_and(bad_name) {
        return rejected("the sender's name is empty, too long, or has control characters");
    }
    if let Some(Err(reason)) = message.reply_to.as_deref().map(address::parse) {
        return rejected(reason);
    }
    if let Some(Err(reason)) = message.list_unsubscribe.as_deref().map(address::link) {
        return rejected(reason);
    }
    let attachments: usize = message.attachments.iter().map(|attachment| attachment.content.len()).sum();
    if message.text.len() + message.html.as_ref().map_or(0, String::len) + attachments > limits::MAIL_BYTES {
        return rejected("the message is too large");
    }
    for attachment in &message.attachments {
        let unsafe_name = |char: char| char.is_control() || ['"', '\\', '/'].contains(&char);
        if attachment.filename.is_empty()
            || attachment.filename.len() > limits::MAIL_FILENAME_BYTES
            || attachment.filename.contains(unsafe_name)
        {
            return rejected("an attachment has no proper file name");
        }
        let is_type = |char: char| char.is_ascii_alphanumeric() || "-+./;= ".contains(char);
        let content_type = ContentType::parse(&attachment.content_type);
        if content_type.is_err() || !attachment.content_type.chars().all(is_type) {
            return rejected("an attachment has no proper content type");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn message() -> Message {
        Message {
            id: "booking.local_abc-1".into(),
            to: "ada@example.com".into(),
            sender_name: None,
            reply_to: None,
            list_unsubscribe: None,
            subject: "Your tickets".into(),
            text: "See you there.\n".into(),
            html: None,
            attachments: vec![],
        }
    }

    fn with(change: impl FnOnce(&mut Message)) -> Message {
        let mut message = message();
        change(&mut message);
        message
    }

    #[test]
    fn what_can_never_be_sent_is_rejected() {
        assert_eq!(check(&message()), Ok(()));
        let file = |filename: &str, content_type: &str| Attachment {
            filename: filename.into(),
            content_type: content_type.into(),
            content: vec![],
        };
        assert_eq!(check(&with(|message| message.attachments = vec![file("tickets.pdf", "application/pdf")])), Ok(()));
        for (what, message) in [
            ("address", with(|message| message.to = "nobody".into())),
            ("empty id", with(|message| message.id = String::new())),
            ("id as a path", with(|message| message.id = "../escape".into())),
            ("hidden id", with(|message| message.id = ".hidden".into())),
            ("long id", with(|message| message.id = "x".repeat(limits::MAIL_ID_BYTES + 1))),
            ("second header", with(|message| message.subject = "Hello\r\nBcc: eve@example.com".into())),
            ("second header by a name", with(|message| message.sender_name = Some("Hall\r\nBcc: eve@example.com".into()))),
            ("no name", with(|message| message.sender_name = Some(" ".into()))),
            ("long name", with(|message| message.sender_name = Some("x".repeat(limits::MAIL_NAME_BYTES + 1)))),
            (
                "second header by an answer",
                with(|message| message.reply_to = Some("a@example.com\r\nBcc: eve@example.com".into())),
            ),
            ("two answers", with(|message| message.reply_to = Some("a@example.com, eve@example.com".into()))),
            ("link", with(|message| message.list_unsubscribe = Some("http://example.com".into()))),
            ("no subject", with(|message| message.subject = String::new())),
            ("size", with(|message| message.text = "x".repeat(limits::MAIL_BYTES + 1))),
            ("file name as a path", with(|message| message.attachments = vec![file("../x", "application/pdf")])),
            ("no content type", with(|message| message.attachments = vec![file("x", "/")])),
            ("content type", with(|message| message.attachments = vec![file("x", "application/pdf\r\nX: y")])),
        ] {
            assert!(matches!(check(&message), Err(Error::Rejected(_))), "{what}");
        }
    }
}
