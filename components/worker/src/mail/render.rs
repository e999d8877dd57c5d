//! Mails from the files in `templates`: a folder a language, in which each mail has a text, whose first paragraph is its subject.
//!
//! The HTML is made from the same text, in which then every value is escaped: a blank line ends a paragraph, and `layout.html` goes around them.
//! Values are one line each (`gather::line`), so none of them begins a paragraph.
//!
//! Beside the mails a folder has `sender.txt` (what programs show for the sender of a mail in an organiser's name), `footer.txt` (why somebody gets
//! it), `order-link.txt` (what opens a guest's order, after what a mail says of it), `instant.txt` (how a date and a time stand together) and `money.txt` (a sum and its currency).

use super::{Template, formats, gather::Facts};
use crate::limits;
use crate::wit::mail::{Attachment, Message};
use kit::Problem;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, HtmlEscape, State, UndefinedBehavior, Value, context};
use std::sync::LazyLock;

const PDF: &str = "application/pdf";

/// A file's name as text, as HTML, and what stands in it.
type File = (&'static str, &'static str, &'static str);

/// A language that mails are written in.
pub struct Language {
    /// Its folder: a language of BCP 47.
    pub tag: &'static str,
    environment: &'static LazyLock<Result<Environment<'static>, Error>>,
}

macro_rules! files {
    ($folder:literal: $($name:literal),* $(,)?) => {
        [$((concat!($name, ".txt"), concat!($name, ".html"), include_str!(concat!("../../templates/", $folder, "/", $name, ".txt")))),*]
    };
}

/// The language of a folder: one that lacks a file does not compile. Numbers and dates are those of a locale that `formats` has.
macro_rules! language {
    ($folder:literal, $locale:literal) => {{
        const FILES: [File; 23] = files![
            $folder:
            "booking-cancelled",
            "booking-confirmed",
            "event-moved",
            "footer",
            "guest-orders",
            "instant",
            "invitation",
            "leave-email",
            "message",
            "money",
            "order-link",
            "password-changed",
            "password-forgotten",
            "payment-failed",
            "refund-made",
            "reminder",
            "second-factor-changed",
            "sender",
            "take-email",
            "ticket-offered",
            "verify-email",
            "webhook-disabled",
            "welcome",
        ];
        static ENVIRONMENT: LazyLock<Result<Environment<'static>, Error>> = LazyLock::new(|| environment(&FILES, $locale));
        Language { tag: $folder, environment: &ENVIRONMENT }
    }};
}

/// Every language, the one first that stands in for all others.
pub static LANGUAGES: [Language; 3] = [language!("en", "en-GB"), language!("de", "de"), language!("si", "si")];

const LAYOUT: &str = include_str!("../../templates/layout.html");

/// The language of a tag, as RFC 4647 (3.4) looks it up: `de` for `de-AT`.
pub fn language(tag: &str) -> &'static Language {
    let [fallback, ..] = &LANGUAGES;
    let primary = tag.split('-').next().unwrap_or_default();
    LANGUAGES.iter().find(|language| language.tag.eq_ignore_ascii_case(primary)).unwrap_or(fallback)
}

fn environment(files: &[File], locale: &'static str) -> Result<Environment<'static>, Error> {
    // Escaping goes by the name: on in `.html`, off in `.txt`.
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A tag that has a line to itself leaves none.
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (text, html, source) in files {
        environment.add_template(text, source)?;
        environment.add_template(html, source)?;
    }
    environment.add_template("layout.html", LAYOUT)?;
    environment.add_filter("code", code);
    environment.add_filter("link", link);
    environment.add_filter("prose", prose);
    environment.add_filter("instant", move |state: &State<'_, '_>, value: &Value| instant(state, value, locale));
    environment.add_filter("money", move |state: &State<'_, '_>, value: &Value| money(state, value, locale));
    Ok(environment)
}

/// What is to be copied, or shown at a door.
fn code(state: &State<'_, '_>, value: &Value) -> Value {
    match state.auto_escape() {
        AutoEscape::Html => Value::from_safe_string(format!(
            "<span style=\"font:18px/1.4 ui-monospace,monospace;overflow-wrap:anywhere\">{}</span>",
            HtmlEscape(&value.to_string())
        )),
        _ => value.clone(),
    }
}

/// An address of ours.
fn link(state: &State<'_, '_>, value: &Value) -> Value {
    match state.auto_escape() {
        AutoEscape::Html => {
            let url = value.to_string();
            let url = HtmlEscape(&url);
            Value::from_safe_string(format!("<a style=\"color:inherit\" href=\"{url}\">{url}</a>"))
        }
        _ => value.clone(),
    }
}

/// A text of several paragraphs that somebody has typed: nothing in it is markup, and an address of the web can be followed.
fn prose(state: &State<'_, '_>, value: &Value) -> Value {
    if !matches!(state.auto_escape(), AutoEscape::Html) {
        return value.clone();
    }
    let text = value.to_string();
    let mut html = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let (word, blank) = piece.split_at(piece.trim_end().len());
        // What ends a sentence, or stands in brackets, is no part of it.
        let url = word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '>', '"', '\'']);
        let rest = word.get(url.len()..).unwrap_or_default();
        let escaped = HtmlEscape(url);
        if ["https://", "http://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme)) {
            html.push_str(&format!("<a href=\"{escaped}\">{escaped}</a>"));
        } else {
            html.push_str(&escaped.to_string());
        }
        html.push_str(&HtmlEscape(rest).to_string());
        html.push_str(blank);
    }
    Value::from_safe_string(html)
}

/// An instant as the clock at its place shows it.
fn instant(state: &State<'_, '_>, value: &Value, locale: &str) -> Result<String, Error> {
    let (at, timezone) = (i64::try_from(value.get_attr("at")?)?, value.get_attr("timezone")?);
    let formats::Instant { date, time, zone } =
        formats::instant(at, timezone.as_str().unwrap_or_default(), locale).map_err(broken)?;
    part(state, "instant.txt", context! { date, time, zone })
}

fn money(state: &State<'_, '_>, value: &Value, locale: &str) -> Result<String, Error> {
    let (amount, currency) = (i64::try_from(value.get_attr("amount")?)?, value.get_attr("currency")?);
    let (amount, currency) = formats::money(amount, currency.as_str().unwrap_or_default(), locale).map_err(broken)?;
    part(state, "money.txt", context! { amount, currency })
}

fn part(state: &State<'_, '_>, name: &str, context: Value) -> Result<String, Error> {
    Ok(state.env().get_template(name)?.render(context)?.trim().to_owned())
}

fn broken(reason: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}

impl Language {
    /// A file of it, without the blank lines around it; as HTML where its name ends so.
    pub fn rendered(&self, name: &str, context: &Value) -> Result<String, String> {
        let environment = self.environment.as_ref().map_err(|error| format!("{}: {error:#}", self.tag))?;
        let rendered = environment.get_template(name).and_then(|template| template.render(context));
        rendered.map(|text| text.trim().to_owned()).map_err(|error| format!("{}/{name}: {error:#}", self.tag))
    }
}

/// The mail of this id, in its reader's language.
///
/// # Errors
/// Where a template or a receipt is broken: a fault of ours, which trying again does not mend.
pub fn message(id: &str, template: Template, facts: &Facts, base: &str) -> Result<Message, String> {
    let language = language(&facts.person.language);
    let (receipt, printed) = (facts.receipt.is_some(), facts.tickets.is_some());
    let unsubscribe = unsubscribe(facts, base)?;
    let context = context! { base, receipt, printed, unsubscribe => unsubscribe.clone(), ..Value::from(Serde(facts)) };
    let rendered = |name: &str| language.rendered(name, &context);
    let text = rendered(&format!("{}.txt", template.name()))?;
    let (subject, text) = text.split_once("\n\n").ok_or("the template has no subject")?;
    let mut text = text.trim().to_owned();
    if facts.link.is_some() {
        text = format!("{text}\n\n{}", rendered("order-link.txt")?);
    }
    let attachments = attachments(facts).map_err(|problem| problem.log.unwrap_or(problem.detail))?;
    Ok(Message {
        id: id.to_owned(),
        to: facts.person.address.clone(),
        sender_name: facts.organiser.as_ref().map(|_| rendered("sender.txt")).transpose()?,
        reply_to: facts.organiser.as_ref().and_then(|organiser| organiser.contact_email.clone()),
        // All others tell of what their reader did or has: there is nothing to end.
        list_unsubscribe: unsubscribe,
        subject: shortened(subject.trim()),
        text: format!("{text}\n\n-- \n{}\n", rendered("footer.txt")?),
        html: Some(html(language, template, facts.link.is_some(), &context)?),
        attachments,
    })
}

/// Where a reader ends an organiser's news. No news goes out without: programs ask there over https.
fn unsubscribe(facts: &Facts, base: &str) -> Result<Option<String>, String> {
    let Some(link) = facts.message.as_ref().and_then(|message| message.link.as_deref()) else { return Ok(None) };
    if !base.starts_with("https://") {
        return Err("there is no address (public_url) where its reader could end news".to_owned());
    }
    Ok(Some(format!("{base}/api/unsubscribe/{link}")))
}

/// Tickets, to print and for a calendar, and the receipt, as far as there are any.
fn attachments(facts: &Facts) -> Result<Vec<Attachment>, Problem> {
    let mut all = Vec::new();
    let mut attach = |filename, content_type: &str, content| {
        all.push(Attachment { filename, content_type: content_type.to_owned(), content });
    };
    if let Some(order) = &facts.tickets {
        attach(order.file_name("pdf"), PDF, receipt::tickets::render(order)?);
        attach(order.file_name("ics"), receipt::tickets::CALENDAR, order.calendar()?.into_bytes());
    }
    if let Some(receipt) = &facts.receipt {
        attach(format!("receipt-{}.pdf", receipt.number), PDF, receipt::render(receipt)?);
    }
    Ok(all)
}

/// The same text as HTML.
fn html(language: &Language, template: Template, link: bool, context: &Value) -> Result<String, String> {
    // Escaped by now, or made by a filter.
    let safe = |text: &str| Value::from_safe_string(text.trim().to_owned());
    let text = language.rendered(&format!("{}.html", template.name()), context)?;
    let (title, text) = text.split_once("\n\n").ok_or("the template has no subject")?;
    let link = if link { language.rendered("order-link.html", context)? } else { String::new() };
    let text = format!("{text}\n\n{link}");
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    let paragraphs: Vec<Value> = paragraphs.map(|paragraph| safe(&paragraph.replace('\n', "<br>\n"))).collect();
    let reason = language.rendered("footer.html", context)?;
    let context = context! { language => language.tag, title => safe(title), paragraphs, reason => safe(&reason) };
    language.rendered("layout.html", &context).map(|html| html + "\n")
}

/// A subject that programs show: the whole title stands in the mail.
fn shortened(subject: &str) -> String {
    if subject.chars().count() <= limits::SUBJECT {
        return subject.to_owned();
    }
    let kept: String = subject.chars().take(limits::SUBJECT - 1).collect();
    format!("{}…", kept.trim_end())
}
