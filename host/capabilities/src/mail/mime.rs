//! A message as RFC 5322 and MIME have it.

use std::{borrow::Cow, fmt::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use jiff::{Timestamp, fmt::rfc2822, tz::TimeZone};

use super::{Attachment, Message};
use crate::limits;

/// Text stays readable where its lines are no longer than this; RFC 5322 allows 998 bytes.
const LINE_BYTES: usize = 900;
/// Neither base64 nor a text that is sent as it is has a line with this in it.
const MIXED: &str = "=_marquee_mixed";
const ALTERNATIVE: &str = "=_marquee_alternative";

/// A date as RFC 5322 has it.
pub(super) fn date(at: Timestamp) -> String {
    // What cannot be written so lies thousands of years away.
    rfc2822::to_string(&at.to_zoned(TimeZone::UTC)).unwrap_or_default()
}

/// The whole message. `date` is as RFC 5322 has it, `domain` is what comes after the `@` of its `Message-ID`. Where the way to its receiver
/// does not take `eight_bits`, all of it but addresses is ASCII.
pub(super) fn render(message: &Message, from: &str, domain: &str, date: &str, eight_bits: bool) -> String {
    let mut mail = String::new();
    let _ = write!(mail, "Date: {date}\r\nFrom: {from}\r\nTo: {}\r\nMessage-ID: <{}@{domain}>\r\n", message.to, message.id);
    let _ = write!(mail, "Subject: {}\r\nMIME-Version: 1.0\r\n", header_text(&shortened(&message.subject)));
    let text = part("text/plain; charset=utf-8", &message.text, eight_bits);
    let body = match &message.html {
        Some(html) => multipart("alternative", ALTERNATIVE, &[text, part("text/html; charset=utf-8", html, eight_bits)]),
        None => text,
    };
    if message.attachments.is_empty() {
        mail.push_str(&body);
    } else {
        let parts: Vec<String> = std::iter::once(body).chain(message.attachments.iter().map(attachment)).collect();
        mail.push_str(&multipart("mixed", MIXED, &parts));
    }
    mail
}

fn multipart(kind: &str, boundary: &str, parts: &[String]) -> String {
    let mut text = format!("Content-Type: multipart/{kind}; boundary=\"{boundary}\"\r\n\r\n");
    for part in parts {
        let _ = write!(text, "--{boundary}\r\n{part}\r\n");
    }
    let _ = write!(text, "--{boundary}--\r\n");
    text
}

fn part(content_type: &str, text: &str, eight_bits: bool) -> String {
    let as_it_is = (eight_bits || text.is_ascii())
        // A line end is both of CR and LF: one of them alone is nobody's to send.
        && text.lines().all(|line| line.len() <= LINE_BYTES && !line.contains("=_marquee_") && !line.contains('\r'));
    if as_it_is {
        let lines: String = text.lines().flat_map(|line| [line, "\r\n"]).collect();
        format!("Content-Type: {content_type}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{lines}")
    } else {
        format!("Content-Type: {content_type}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}", base64_lines(text.as_bytes()))
    }
}

fn attachment(attachment: &Attachment) -> String {
    let name = if attachment.filename.is_ascii() {
        format!("filename=\"{}\"", attachment.filename)
    } else {
        // RFC 2231.
        let encode = |byte: u8| {
            if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        };
        format!("filename*=UTF-8''{}", attachment.filename.bytes().map(encode).collect::<String>())
    };
    format!(
        "Content-Type: {}\r\nContent-Disposition: attachment; {name}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        attachment.content_type,
        base64_lines(&attachment.content)
    )
}

fn base64_lines(bytes: &[u8]) -> String {
    // 57 bytes make a line of 76.
    bytes.chunks(57).flat_map(|line| [STANDARD.encode(line), "\r\n".to_owned()]).collect()
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

/// RFC 2047: words of at most 75 bytes, none of which cuts a character.
fn header_text(text: &str) -> String {
    if text.is_ascii() && text.len() <= LINE_BYTES {
        return text.to_owned();
    }
    let mut words: Vec<String> = Vec::new();
    for char in text.chars() {
        match words.last_mut() {
            Some(word) if word.len() + char.len_utf8() <= 45 => word.push(char),
            _ => words.push(char.to_string()),
        }
    }
    let encoded: Vec<String> = words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word))).collect();
    encoded.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        super::super::tests::message()
    }

    #[test]
    fn plain_text_stays_readable() {
        let mail = render(&Message { text: "Grüße,\nMarquee\n".into(), ..message() }, "m@localhost", "localhost", "today", true);
        assert_eq!(
            mail,
            "Date: today\r\nFrom: m@localhost\r\nTo: ada@example.com\r\nMessage-ID: <booking.local_abc-1@localhost>\r\n\
             Subject: Your tickets\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\nGrüße,\r\nMarquee\r\n"
        );
    }

    #[test]
    fn attachments_and_html_come_in_parts() {
        let file = Attachment {
            filename: "Karte für Jörg.pdf".into(),
            content_type: "application/pdf".into(),
            content: vec![0xAB; 100],
        };
        let mail = render(
            &Message { html: Some("<p>Hello</p>".into()), attachments: vec![file], ..message() },
            "m@localhost",
            "localhost",
            "today",
            true,
        );
        assert_eq!(mail.matches("--=_marquee_mixed\r\n").count(), 2);
        assert_eq!(mail.matches("--=_marquee_alternative\r\n").count(), 2);
        assert!(mail.ends_with("--=_marquee_mixed--\r\n"));
        assert!(mail.contains("filename*=UTF-8''Karte%20f%C3%BCr%20J%C3%B6rg.pdf"));
        assert!(mail.contains(&"q6ur".repeat(19)));
        assert!(mail.lines().all(|line| line.len() <= 998));
    }

    #[test]
    fn text_that_would_break_the_form_is_encoded() {
        for text in ["--=_marquee_mixed--".to_owned(), "x".repeat(2_000)] {
            let mail = render(&Message { text, ..message() }, "m@localhost", "localhost", "today", true);
            assert!(mail.contains("Content-Transfer-Encoding: base64"));
            assert!(mail.lines().all(|line| line.len() <= 998));
        }
    }

    #[test]
    fn where_only_ascii_passes_nothing_else_is_sent() {
        let message = Message { text: "Grüße".into(), subject: "Grüße".into(), ..message() };
        assert!(render(&message, "m@localhost", "localhost", "today", false).is_ascii());
    }

    #[test]
    fn a_subject_of_any_length_arrives() {
        // 165 Thai letters, and more than any title has.
        for letters in [165, 2_000] {
            let subject = format!("Your tickets for {}", "ก".repeat(letters));
            assert_eq!(super::super::check(&Message { subject: subject.clone(), ..message() }), Ok(()));
            let shown = shortened(&subject);
            assert!(shown.len() <= limits::MAIL_SUBJECT_BYTES, "{}", shown.len());
            assert_eq!(shown == subject, letters == 165);
            assert!(shown == subject || shown.ends_with("ก…"), "{shown}");
            let mail = render(&Message { subject, ..message() }, "m@localhost", "localhost", "today", false);
            assert!(mail.is_ascii() && mail.lines().all(|line| line.len() <= 998));
        }
    }

    #[test]
    fn subjects_in_any_language() {
        let subject = "Ваши билеты на концерт ждут вас — до встречи! 🎟️";
        let encoded = header_text(subject);
        assert!(encoded.is_ascii() && encoded.split("\r\n ").all(|word| word.len() <= 75));
        let words = encoded.split("\r\n ").map(|word| STANDARD.decode(&word[10..word.len() - 2]).unwrap());
        assert_eq!(words.map(|word| String::from_utf8(word).unwrap()).collect::<String>(), subject);
    }
}
