//! Mail for a developer's machine: each message a file that mail programs open.

use std::{io, os::unix::fs::PermissionsExt as _, path::PathBuf, time::SystemTime};

use futures::future::BoxFuture;
use tokio::io::AsyncWriteExt as _;

use super::{Error, InvalidServer, Mailer, Message, address::Sender, check, mime};
use crate::limits;

/// Writes each message to a folder, as `<id>.eml`. The same message sent again takes the place of the first.
#[derive(Clone, Debug)]
pub struct FileMailer {
    folder: PathBuf,
    from: Sender,
}

impl FileMailer {
    /// Messages go to `folder`, which is made with the first one, and come from `from`, an address or `Name <address>`.
    ///
    /// # Errors
    /// [`InvalidServer::Sender`].
    pub fn new(folder: PathBuf, from: &str) -> Result<Self, InvalidServer> {
        Ok(Self { folder, from: Sender::parse(from).map_err(InvalidServer::Sender)? })
    }

    async fn write(&self, message: &Message, mail: &[u8]) -> io::Result<()> {
        // Mail has the codes of tickets in it.
        tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).await?;
        // Whoever looks finds whole messages only.
        let unfinished = self.folder.join(format!(".{}.tmp", message.id));
        let mut file =
            tokio::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished).await?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).await?;
        file.write_all(mail).await?;
        file.flush().await?;
        drop(file);
        tokio::fs::rename(&unfinished, self.folder.join(format!("{}.eml", message.id))).await
    }
}

impl Mailer for FileMailer {
    fn send(&self, message: Message) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            check(&message)?;
            let mail = mime::render(&message, &self.from, SystemTime::now(), true)?;
            self.write(&message, &mail).await.map_err(|error| {
                tracing::warn!(folder = %self.folder.display(), %error, "a mail could not be written");
                Error::Unavailable(limits::RETRY_AFTER_MS)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::message, *};

    #[tokio::test]
    async fn a_message_is_a_file_named_by_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = FileMailer::new(folder.path().join("mail"), "Marquee <marquee@localhost>").unwrap();
        mailer.send(message()).await.unwrap();
        mailer.send(Message { subject: "Again".into(), ..message() }).await.unwrap();
        let files: Vec<_> =
            std::fs::read_dir(folder.path().join("mail")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, ["booking.local_abc-1.eml"]);
        let mail = std::fs::read_to_string(folder.path().join("mail/booking.local_abc-1.eml")).unwrap();
        let mode = |path: &str| std::fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode("mail"), mode("mail/booking.local_abc-1.eml")),
            (0o700, 0o600),
            "nobody else reads the codes of tickets"
        );
        assert!(mail.contains("Message-ID: <booking.local_abc-1@localhost>\r\n") && mail.contains("Subject: Again\r\n"));
        assert!(mail.contains("From: Marquee <marquee@localhost>\r\n"));
    }

    #[tokio::test]
    async fn what_cannot_be_sent_or_written_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "in the way").unwrap();
        let mailer = FileMailer::new(file, "marquee@localhost").unwrap();
        assert!(matches!(mailer.send(Message { to: "nobody".into(), ..message() }).await, Err(Error::Rejected(_))));
        assert!(matches!(mailer.send(message()).await, Err(Error::Unavailable(_))));
    }
}
