//! The sandbox's own page, where a buyer approves or declines a `tok_redirect`. The link's secret opens it; there is nothing to log in to.

use super::{Provider, SandboxMemo};
use crate::{
    domain::{Driver, Payment, Status},
    drive::{self, DriveOutcome},
    limits,
    provider::Verdict,
    refunds::{self, RefundEntry},
    store::{self, Change},
};
use ::receipt::{money, reasons};
use kit::{Answer, Problem, Request, Response, query, sql};

/// `GET /api/payments/sandbox/{id}?secret=…`
pub async fn show(request: Request) -> Answer {
    Provider::Sandbox.or_not_found().await?;
    let secret = query::read(&request, |query| query.text("secret", limits::TOKEN))?.unwrap_or_default();
    let (payment, returned) = current(request.id("id")?, &secret).await?;
    Ok(page(&payment, &returned, &secret))
}

/// `POST /api/payments/sandbox/{id}`: the page's form. What was decided once stays decided.
pub async fn decide(request: Request) -> Answer {
    Provider::Sandbox.or_not_found().await?;
    let (secret, verdict) = form(&request)?;
    let id = request.id("id")?;
    for _ in 0..limits::ATTEMPTS {
        let (payment, returned) = current(id, &secret).await?;
        if payment.status != Status::RequiresAction {
            return Ok(page(&payment, &returned, &secret));
        }
        let mut tx = sql::write().await?;
        let mut details = payment.details.clone();
        details.memo = super::told(&details.memo, &verdict)?;
        let told = Change { status: payment.status, details: &details, failure: None, due_at: Some(tx.now()), told: None };
        if store::swap(&mut tx, &payment, told).await? {
            tx.commit().await?;
            let (payment, returned) = current(id, &secret).await?;
            return Ok(page(&payment, &returned, &secret));
        }
        tx.rollback().await?;
    }
    Err(Problem::unavailable("The payment is being changed by others.", 1000))
}

/// The payment behind a link, after what has come due for it was done, and what goes back of it.
async fn current(id: &str, secret: &str) -> Result<(Payment, Vec<RefundEntry>), Problem> {
    let mut tx = sql::read().await?;
    let payment = store::find(&mut tx, id).await?.filter(|payment| payment.provider == Provider::Sandbox.name());
    tx.rollback().await?;
    let payment = payment.ok_or_else(Problem::not_found)?;
    if !SandboxMemo::read(&payment.details.memo)?.is_opened_by(secret) {
        return Err(Problem::not_found());
    }
    match drive::drive(id, Driver::Passer).await? {
        DriveOutcome::Payment(payment) => {
            let mut tx = sql::read().await?;
            let returned = refunds::of(&mut tx, id).await?;
            tx.rollback().await?;
            Ok((*payment, returned))
        }
        DriveOutcome::Withdrawn(_) | DriveOutcome::Gone => Err(Problem::not_found()),
    }
}

/// The form's fields. Its values are plain words, so there is nothing to decode.
fn form(request: &Request) -> Result<(String, Verdict), Problem> {
    let text = std::str::from_utf8(&request.body).ok().filter(|text| text.len() <= limits::FORM_BYTES);
    let text = text.ok_or_else(|| Problem::fault("", "not a form of this page"))?;
    let field = |name: &str| {
        text.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let verdict = match field("decision") {
        Some("approve") => Verdict::Paid,
        Some("decline") => Verdict::Declined("declined_by_buyer".into()),
        _ => return Err(Problem::fault("/decision", "must be one of: approve, decline")),
    };
    Ok((field("secret").unwrap_or_default().to_owned(), verdict))
}

/// Everything that goes into the page is ours: numbers, currency codes, and a secret in base32.
fn page(payment: &Payment, returned: &[RefundEntry], secret: &str) -> Response {
    let amount = money::format(payment.amount, &payment.currency);
    let content = match payment.status {
        Status::RequiresAction => format!(
            "<h1>Pay {amount}?</h1><p>This is the sandbox: no money moves.</p><form method=\"post\" action=\"/api/payments/sandbox/{id}\">\
             <input type=\"hidden\" name=\"secret\" value=\"{secret}\">\
             <button name=\"decision\" value=\"approve\">Approve</button> <button name=\"decision\" value=\"decline\">Decline</button></form>",
            id = payment.id,
        ),
        Status::Completed => done(payment, "Paid", &paid(payment, &amount, returned)),
        Status::Failed => {
            let why = reasons::failure(payment.failure.as_deref().unwrap_or_default());
            done(payment, "Not paid", &format!("{why} Nothing was paid, and nothing is to be paid here any more."))
        }
        Status::Pending | Status::Processing => done(payment, "One moment", "The payment is being processed."),
    };
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Sandbox payment</title><style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem}}\
         button{{font:inherit;padding:.5rem 1.5rem;margin-right:.5rem}}</style></head><body>{content}</body></html>"
    );
    Response::new(200, "text/html; charset=utf-8", html)
        .header("cache-control", "no-store")
        .header(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        )
        .header("referrer-policy", "no-referrer")
}

/// What was paid, and what of it goes back, each with its reason.
fn paid(payment: &Payment, amount: &str, returned: &[RefundEntry]) -> String {
    let mut text = format!("{amount} were paid.");
    for refund in returned.iter().filter(|refund| refund.status != "failed") {
        let goes = if refund.status == "completed" { "went back" } else { "go back" };
        let amount = money::format(refund.amount, &payment.currency);
        text.push_str(&format!(" {amount} {goes}, because {}.", reasons::refund(&refund.reason)));
    }
    text
}

/// The way back leads to the app's page that knows what has become of the payment.
fn done(payment: &Payment, title: &str, text: &str) -> String {
    format!("<h1>{title}</h1><p>{text}</p><p>Done. <a href=\"/pay/{}\">Go back to your booking</a>.</p>", payment.id)
}
