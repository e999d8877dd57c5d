//! A message as RFC 5322 and MIME have it, by lettre.

use std::{borrow::Cow, time::SystemTime};

use lettre::message::{
    Attachment as LettreAttachment, Body, Mailbox, Message as LettreMessage, MultiPart, SinglePart,
    header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue, MessageId},
};

use super::{
    Attachment, Error, Message,
    address::{self, Sender},
};
use crate::limits;

/// The same message is the same text whenever it is sent. Neither base64 nor quoted-printable has a line with this in it, and a text with it is
/// sent as one of them.
const BOUNDARY: &str = "=_marquee_";

/// The whole message. Where the way to its receiver does not take `eight_bits`, all of it but addresses is ASCII.
///
/// # Errors
/// What [`check`](super::check) refuses as well.
pub(super) fn render(message: &Message, sender: &Sender, date: SystemTime, eight_bits: bool) -> Result<Vec<u8>, Error> {
    let rejected = |reason: &str| Error::Rejected(reason.to_owned());
    let mailbox = |text: &str| address::parse(text).map(Mailbox::from).map_err(rejected);
    let from = Mailbox::new(message.sender_name.clone().or_else(|| sender.name.clone()), sender.address.clone());
    let mut mail = LettreMessage::builder()
        .date(date)
        .from(from)
        .to(mailbox(&message.to)?)
        .header(MessageId::from(format!("<{}@{}>", message.id, sender.address.domain())))
        .subject(shortened(&message.subject));
    if let Some(address) = &message.reply_to {
        mail = mail.reply_to(mailbox(address)?);
    }
    if let Some(url) = &message.list_unsubscribe {
        let url = address::link(url).map_err(rejected)?;
        mail = mail.header(ListUnsubscribe(format!("<{url}>"))).header(OneClick);
    }
    let text = part(ContentType::TEXT_PLAIN, &message.text, eight_bits);
    let html = message.html.as_ref().map(|html| part(ContentType::TEXT_HTML, html, eight_bits));
    let alternatives =
        |html| MultiPart::alternative().boundary(format!("{BOUNDARY}alternative")).singlepart(text.clone()).singlepart(html);
    let mail = if message.attachments.is_empty() {
        match html {
            None => mail.singlepart(text),
            Some(html) => mail.multipart(alternatives(html)),
        }
    } else {
        let mixed = MultiPart::mixed().boundary(format!("{BOUNDARY}mixed"));
        let mut parts = match html {
            None => mixed.singlepart(text),
            Some(html) => mixed.multipart(alternatives(html)),
        };
        for file in &message.attachments {
            parts = parts.singlepart(attachment(file)?);
        }
        mail.multipart(parts)
    };
    mail.map(|mail| mail.formatted()).map_err(|error| rejected(&error.to_string()))
}

/// Text stays readable where eight bits pass and it has no line that RFC 5322 does not allow.
fn part(content_type: ContentType, text: &str, eight_bits: bool) -> SinglePart {
    // The part brings a line end of its own.
    let text = text.strip_suffix('\n').unwrap_or(text).replace("\r\n", "\n");
    // A line end is both of CR and LF: one of them alone is nobody's to send.
    let is_plain = !text.contains(['\r', '\0']) && !text.contains(BOUNDARY);
    let body = if !is_plain {
        encoded(text.into_bytes())
    } else if eight_bits && text.lines().all(|line| line.len() <= limits::MAIL_LINE_BYTES) {
        Body::dangerous_pre_encoded(text.replace('\n', "\r\n").into_bytes(), ContentTransferEncoding::EightBit)
    } else {
        Body::new(text)
    };
    SinglePart::builder().header(content_type).body(body)
}

fn attachment(attachment: &Attachment) -> Result<SinglePart, Error> {
    let content_type =
        ContentType::parse(&attachment.content_type).map_err(|error| Error::Rejected(format!("a content type: {error}")))?;
    Ok(LettreAttachment::new(attachment.filename.clone()).body(encoded(attachment.content.clone()), content_type))
}

/// Base64, to the byte.
fn encoded(bytes: Vec<u8>) -> Body {
    // It refuses what an encoding cannot hold, which this one can of everything.
    Body::new_with_encoding(bytes, ContentTransferEncoding::Base64).unwrap_or_else(Body::new)
}

/// A subject within its limit; where it ends early, it says so.
fn shortened(subject: &str) -> Cow<'_, str> {
    if subject.len() <= limits::MAIL_SUBJECT_BYTES {
        return subject.into();
    }
    let ending = '…';
    let end = subject.floor_char_boundary(limits::MAIL_SUBJECT_BYTES - ending.len_utf8());
    let kept = subject.get(..end).unwrap_or_default();
    format!("{}{ending}", kept.trim_end()).into()
}

/// RFC 2369: where its receiver says that they want no more of these.
#[derive(Clone)]
struct ListUnsubscribe(String);

impl Header for ListUnsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

/// RFC 8058: a program may say so for them, by one request.
#[derive(Clone)]
struct OneClick;

impl Header for OneClick {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe-Post")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "List-Unsubscribe=One-Click".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    /// 2027-01-15T08:00:00Z
    const DATE: Duration = Duration::from_secs(1_800_000_000);

    fn message() -> Message {
        super::super::tests::message()
    }

    fn rendered_from(message: &Message, from: &str, eight_bits: bool) -> String {
        let sender = Sender::parse(from).unwrap();
        let mail = render(message, &sender, SystemTime::UNIX_EPOCH + DATE, eight_bits).unwrap();
        let mail = String::from_utf8(mail).unwrap();
        // Whatever it is made of.
        assert!(mail.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])), "{mail}");
        mail
    }

    fn rendered(message: &Message, eight_bits: bool) -> String {
        rendered_from(message, "m@localhost", eight_bits)
    }

    /// The value of a header, unfolded.
    fn header(mail: &str, name: &str) -> Option<String> {
        let head = mail.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
    }

    /// What encoded words say.
    fn decoded(value: &str) -> String {
        let mut text = String::new();
        for word in value.split(' ') {
            let word = word.strip_prefix("=?utf-8?b?").unwrap().strip_suffix("?=").unwrap();
            text.push_str(&String::from_utf8(STANDARD.decode(word).unwrap()).unwrap());
        }
        text
    }

    #[test]
    fn plain_text_stays_readable() {
        let mail = rendered(&Message { text: "Grüße,\nMarquee\n".into(), ..message() }, true);
        assert_eq!(
            mail,
            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nFrom: m@localhost\r\nTo: ada@example.com\r\n\
             Message-ID: <booking.local_abc-1@localhost>\r\nSubject: Your tickets\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße,\r\nMarquee\r\n"
        );
    }

    #[test]
    fn the_same_message_is_the_same_text_again() {
        let message = Message { html: Some("<p>Hello</p>".into()), attachments: vec![file("a.pdf")], ..message() };
        assert_eq!(rendered(&message, false), rendered(&message, false));
    }

    fn file(filename: &str) -> Attachment {
        Attachment { filename: filename.into(), content_type: "application/pdf".into(), content: vec![0xAB; 100] }
    }

    #[test]
    fn attachments_and_html_come_in_parts() {
        let attachments = vec![file("Karte für Jörg.pdf")];
        let mail = rendered(&Message { html: Some("<p>Hello</p>".into()), attachments, ..message() }, true);
        assert_eq!(mail.matches("--=_marquee_mixed\r\n").count(), 2);
        assert_eq!(mail.matches("--=_marquee_alternative\r\n").count(), 2);
        assert!(mail.ends_with("--=_marquee_mixed--\r\n"));
        let unfolded = mail.replace("\r\n ", "");
        assert!(unfolded.contains("filename*0*=utf-8''Karte%20f%C3%BCr%20J%C3%B6rg.pdf"), "{mail}");
        assert!(mail.contains(&"q6ur".repeat(19)));
    }

    #[test]
    fn an_attachment_arrives_to_the_byte() {
        let content = b"BEGIN:VCALENDAR\nEND:VCALENDAR\n".to_vec();
        let expected = STANDARD.encode(&content);
        let file = Attachment { filename: "event.ics".into(), content_type: "text/calendar; charset=utf-8".into(), content };
        let mail = rendered(&Message { attachments: vec![file], ..message() }, true);
        assert!(mail.contains(&expected) && mail.contains("Content-Type: text/calendar; charset=utf-8\r\n"), "{mail}");
    }

    #[test]
    fn text_that_would_break_the_form_is_encoded() {
        for text in ["--=_marquee_mixed--".to_owned(), "x".repeat(2_000), "one\rtwo".to_owned()] {
            for eight_bits in [true, false] {
                let mail = rendered(&Message { text: text.clone(), ..message() }, eight_bits);
                let encoding = header(&mail, "Content-Transfer-Encoding").unwrap();
                assert!(["base64", "quoted-printable"].contains(&encoding.as_str()), "{mail}");
            }
        }
    }

    #[test]
    fn where_only_ascii_passes_nothing_else_is_sent() {
        let message = Message {
            text: "Grüße".into(),
            html: Some("<p>ආයුබෝවන්</p>".into()),
            subject: "Grüße".into(),
            sender_name: Some("Bühne".into()),
            ..message()
        };
        assert!(rendered(&message, false).is_ascii());
    }

    #[test]
    fn a_subject_of_any_length_arrives() {
        // 165 Thai letters, more than any title has, and a word without an end.
        for (letter, letters) in [("ก", 165), ("ก", 2_000), ("x", 2_000)] {
            let subject = format!("Your tickets for {}", letter.repeat(letters));
            assert_eq!(super::super::check(&Message { subject: subject.clone(), ..message() }), Ok(()));
            let shown = shortened(&subject);
            assert!(shown.len() <= limits::MAIL_SUBJECT_BYTES, "{}", shown.len());
            assert_eq!(shown == subject, letters == 165);
            assert!(shown == subject || shown.ends_with(&format!("{letter}…")), "{shown}");
            assert!(rendered(&Message { subject, ..message() }, false).is_ascii());
        }
    }

    #[test]
    fn subjects_in_any_language() {
        for subject in ["Вашибилетынаконцертждутвас—довстречи!🎟️", "ඔබේප්‍රවේශපත්‍ර"]
        {
            let mail = rendered(&Message { subject: subject.into(), ..message() }, false);
            let value = header(&mail, "Subject").unwrap();
            assert!(value.split(' ').all(|word| word.len() <= 75), "{value}");
            assert_eq!(decoded(&value), subject);
        }
    }

    #[test]
    fn a_sender_may_have_a_name_for_this_message() {
        let from = |name: Option<&str>, from: &str| {
            header(&rendered_from(&Message { sender_name: name.map(str::to_owned), ..message() }, from, false), "From").unwrap()
        };
        assert_eq!(from(None, "Marquee <m@localhost>"), "Marquee <m@localhost>");
        assert_eq!(from(Some("Blue Hall via Marquee"), "Marquee <m@localhost>"), "\"Blue Hall via Marquee\" <m@localhost>");
        assert_eq!(from(Some("Blue Hall via Marquee"), "m@localhost"), "\"Blue Hall via Marquee\" <m@localhost>");
        // What looks like an address, or ends a name, stays a name.
        for name in ["eve@example.com", "\"x\" <eve@example.com>,", "Bühne", "a, b"] {
            let value = from(Some(name), "m@localhost");
            let phrase = value.strip_suffix(" <m@localhost>").unwrap();
            if phrase.starts_with("=?") {
                assert_eq!(decoded(phrase), name);
            } else {
                assert_eq!(phrase, format!("\"{}\"", name.replace('"', "\\\"")));
            }
        }
    }

    #[test]
    fn an_answer_goes_where_the_message_says() {
        let mail = rendered(&Message { reply_to: Some("box@bücher.example".into()), ..message() }, false);
        assert_eq!(header(&mail, "Reply-To").as_deref(), Some("box@xn--bcher-kva.example"));
        assert_eq!(header(&rendered(&message(), false), "Reply-To"), None);
    }

    #[test]
    fn a_program_can_say_that_no_more_is_wanted() {
        let url = "https://tickets.example/unsubscribe?token=a%20b";
        let mail = rendered(&Message { list_unsubscribe: Some(url.into()), ..message() }, false);
        assert_eq!(header(&mail, "List-Unsubscribe"), Some(format!("<{url}>")));
        assert_eq!(header(&mail, "List-Unsubscribe-Post").as_deref(), Some("List-Unsubscribe=One-Click"));
        let mail = rendered(&message(), false);
        assert!(!mail.contains("List-Unsubscribe"));
    }

    #[test]
    fn an_international_address_stays_as_it_is() {
        let mail = rendered(&Message { to: "jörg@bücher.example".into(), ..message() }, false);
        assert_eq!(header(&mail, "To").as_deref(), Some("jörg@xn--bcher-kva.example"));
    }
}
