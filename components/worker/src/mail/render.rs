//! Mails from the files in `templates`: each has a text, whose first line is its subject, and HTML, in which every value is escaped.

use super::{Template, gather::Facts};
use crate::limits;
use crate::wit::mail::{Attachment, Message};
use kit::Problem;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use std::sync::LazyLock;

const PDF: &str = "application/pdf";

macro_rules! files {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../../templates/", $name)))),*] };
}

const FILES: [(&str, &str); 30] = files![
    "booking-cancelled.html",
    "booking-cancelled.txt",
    "booking-confirmed.html",
    "booking-confirmed.txt",
    "event-moved.html",
    "event-moved.txt",
    "footer.txt",
    "invitation.html",
    "invitation.txt",
    "layout.html",
    "leave-email.html",
    "leave-email.txt",
    "password-changed.html",
    "password-changed.txt",
    "password-forgotten.html",
    "password-forgotten.txt",
    "payment-failed.html",
    "payment-failed.txt",
    "refund-made.html",
    "refund-made.txt",
    "second-factor-changed.html",
    "second-factor-changed.txt",
    "take-email.html",
    "take-email.txt",
    "ticket-offered.html",
    "ticket-offered.txt",
    "verify-email.html",
    "verify-email.txt",
    "welcome.html",
    "welcome.txt",
];

static TEMPLATES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    // Escaping goes by the name: on in `.html`, off in `.txt`.
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A tag that has a line to itself leaves none.
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?);
    for (name, text) in FILES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
});

/// The mail of this id.
///
/// # Errors
/// Where a template or a receipt is broken: a fault of ours, which trying again does not mend.
pub fn message(id: &str, template: Template, facts: &Facts, base: &str) -> Result<Message, String> {
    let context = context! { base, receipt => facts.receipt.is_some(), ..Value::from(Serde(facts)) };
    let text = rendered(&format!("{}.txt", template.name()), &context)?;
    let (subject, text) = text.split_once("\n\n").ok_or("the template has no subject")?;
    let html = rendered(&format!("{}.html", template.name()), &context)?;
    let attachments = attachments(facts).map_err(|problem| problem.log.unwrap_or(problem.detail))?;
    Ok(Message {
        id: id.to_owned(),
        to: facts.person.address.clone(),
        subject: shortened(subject.trim()),
        text: text.to_owned(),
        html: Some(html),
        attachments,
    })
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

/// A subject that programs show: the whole title stands in the mail.
fn shortened(subject: &str) -> String {
    if subject.chars().count() <= limits::SUBJECT {
        return subject.to_owned();
    }
    let kept: String = subject.chars().take(limits::SUBJECT - 1).collect();
    format!("{}…", kept.trim_end())
}

fn rendered(name: &str, context: &Value) -> Result<String, String> {
    let environment = TEMPLATES.as_ref().map_err(|error| format!("{error:#}"))?;
    environment.get_template(name).and_then(|template| template.render(context)).map_err(|error| format!("{name}: {error:#}"))
}
