//! One connection to the server, and what came of what was said on it.

use lettre::{
    Address,
    transport::smtp::{
        Error as SmtpError,
        authentication::Mechanism,
        client::AsyncSmtpConnection,
        commands::{Data, Mail, Noop, Rcpt},
        extension::{Extension, MailBodyParameter, MailParameter},
    },
};
use tokio::time::timeout;

use super::server::{Server, Tls};
use crate::{limits, mail::Error};

pub(super) struct Session(AsyncSmtpConnection);

/// Why a mail was not sent, as far as that is known.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Before the message was told; certainly not sent.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// It answers, but does not let us in. That is no fault of any message.
    #[error("the server does not let us in: {0}")]
    NotWelcome(String),
    #[error("not now: {0}")]
    Later(String),
    #[error("refused: {0}")]
    Refused(String),
    /// The message was told, and no answer came.
    #[error("its answer was lost: {0}")]
    Lost(String),
}

impl Failure {
    /// Whether this says something about the server rather than about the mail.
    pub(super) fn server_lost(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Lost(_))
    }

    /// Of a command before the message itself.
    fn before(error: &SmtpError) -> Self {
        match error.status() {
            // "Service not available, closing": RFC 5321, 3.8.
            Some(code) if code.to_string() == "421" => Self::Unreachable(said(error)),
            Some(_) if error.is_transient() => Self::Later(said(error)),
            Some(_) => Self::Refused(said(error)),
            None => Self::Unreachable(said(error)),
        }
    }

    /// Of the message itself.
    fn after(error: &SmtpError) -> Self {
        match error.status() {
            Some(_) if error.is_transient() => Self::Later(said(error)),
            Some(_) => Self::Refused(said(error)),
            None => Self::Lost(said(error)),
        }
    }

    fn entering(error: &SmtpError) -> Self {
        match error.status() {
            Some(_) if error.is_permanent() => Self::NotWelcome(said(error)),
            _ if error.is_client() => Self::NotWelcome(said(error)),
            _ => Self::Unreachable(said(error)),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable(_) => Self::Unavailable(limits::RETRY_AFTER_MS),
            Failure::NotWelcome(_) | Failure::Later(_) => Self::Unavailable(limits::MAIL_LATER_MS),
            Failure::Refused(reason) => Self::Rejected(reason),
            Failure::Lost(_) => Self::Unknown,
        }
    }
}

/// What the error says, with its cause: what a server has to say is only there.
fn said(error: &SmtpError) -> String {
    let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
    let mut text = format!("{error}{}", if error.to_string().contains(&cause) { "" } else { &cause });
    text.retain(|char| !char.is_control());
    text.truncate(text.floor_char_boundary(limits::SMTP_REASON_BYTES));
    text
}

impl Session {
    pub(super) async fn open(server: &Server) -> Result<Self, Failure> {
        let opening = async {
            let at_once = match &server.tls {
                Tls::Always(parameters) => Some(parameters.clone()),
                Tls::Required(_) | Tls::Offered(_) | Tls::Off => None,
            };
            let address = (server.host.as_str(), server.port);
            let connecting =
                AsyncSmtpConnection::connect_tokio1(address, Some(limits::SMTP_CONNECT), &server.hello, at_once, None);
            let mut connection = connecting.await.map_err(|error| Failure::entering(&error))?;
            let offered = connection.can_starttls();
            match &server.tls {
                Tls::Required(_) if !offered => {
                    return Err(Failure::NotWelcome(
                        "it is on another machine and offers no TLS: use smtps, or add ?tls=off where nobody else is on the network".to_owned(),
                    ));
                }
                Tls::Required(parameters) | Tls::Offered(parameters) if offered => {
                    let changing = connection.starttls(parameters.clone(), &server.hello);
                    changing.await.map_err(|error| Failure::entering(&error))?;
                }
                _ => {}
            }
            if let Some(credentials) = &server.credentials {
                if !connection.is_encrypted() && !server.trusted {
                    return Err(Failure::NotWelcome("it offers no TLS, without which it is told no password".to_owned()));
                }
                let entering = connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials);
                entering.await.map_err(|error| Failure::entering(&error))?;
            }
            Ok(Self(connection))
        };
        timeout(limits::SMTP_OPEN, opening).await.unwrap_or_else(|_| Err(Failure::Unreachable("it took too long".to_owned())))
    }

    /// Whether text need not be ASCII.
    pub(super) fn takes_eight_bits(&self) -> bool {
        self.0.server_info().supports_feature(Extension::EightBitMime)
    }

    /// Whether addresses need not be ASCII before their `@`.
    pub(super) fn takes_international_addresses(&self) -> bool {
        self.0.server_info().supports_feature(Extension::SmtpUtfEight)
    }

    pub(super) async fn is_alive(&mut self) -> bool {
        matches!(timeout(limits::SMTP_CONNECT, self.0.command(Noop)).await, Ok(Ok(_)))
    }

    /// Hands one message over. After an error the session is of no more use.
    pub(super) async fn send(&mut self, sender: &Address, receiver: Address, mail: &[u8]) -> Result<(), Failure> {
        let mut options = Vec::new();
        let end_of_headers = mail.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(mail.len());
        // Addresses are the only thing in headers that is not encoded.
        let beyond_ascii = [sender, &receiver].iter().any(|address| !AsRef::<str>::as_ref(address).is_ascii())
            || mail.iter().take(end_of_headers).any(|byte| !byte.is_ascii());
        if beyond_ascii {
            if !self.takes_international_addresses() {
                return Err(Failure::Refused("the server takes ASCII addresses only".to_owned()));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        if !mail.is_ascii() {
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let connection = &mut self.0;
        let announcing = async {
            connection.command(Mail::new(Some(sender.clone()), options)).await?;
            connection.command(Rcpt::new(receiver, Vec::new())).await?;
            connection.command(Data).await
        };
        match timeout(limits::SMTP_COMMANDS, announcing).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(Failure::before(&error)),
            Err(_) => return Err(Failure::Unreachable("it took too long".to_owned())),
        }
        // What ends the message brings a line end of its own.
        let telling = connection.message(mail.strip_suffix(b"\r\n").unwrap_or(mail));
        match timeout(limits::SMTP_MESSAGE, telling).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failure::after(&error)),
            Err(_) => Err(Failure::Lost("it took too long".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use lettre::transport::smtp::{client::TlsParameters, extension::ClientId};
    use tokio::{
        io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn a_server_on_another_machine_that_offers_no_tls_is_told_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            let mut stream = BufReader::new(listener.accept().await.unwrap().0);
            stream.write_all(b"220 here\r\n").await.unwrap();
            let mut hello = String::new();
            stream.read_line(&mut hello).await.unwrap();
            stream.write_all(b"250 8BITMIME\r\n").await.unwrap();
            let mut more = String::new();
            stream.read_to_string(&mut more).await.unwrap();
            more
        });
        let server = Server {
            host: "127.0.0.1".to_owned(),
            port,
            tls: Tls::Required(TlsParameters::new("mail.example".to_owned()).unwrap()),
            credentials: None,
            hello: ClientId::Domain("marquee.example".to_owned()),
            trusted: false,
        };
        let failure = Session::open(&server).await.err().unwrap();
        assert!(matches!(&failure, Failure::NotWelcome(why) if why.contains("smtps") && why.contains("?tls=off")), "{failure}");
        let told = serving.await.unwrap();
        assert!(!told.contains("MAIL"), "{told}");
    }
}
