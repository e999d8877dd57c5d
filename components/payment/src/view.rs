//! A payment as the API shows it.

use crate::{
    domain::{Payment, Status},
    drive,
    refunds::RefundEntry,
};
use ::receipt::Money;
use kit::{Problem, time};
use serde::Serialize;

/// What the buyer has to do.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct NextAction {
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
}

/// Money that goes back.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Refund {
    amount: Money,
    reason: String,
    status: String,
    created_at: String,
}

/// The JSON of a payment, its fields in the order they are shown in.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct View {
    id: String,
    booking_id: String,
    status: &'static str,
    amount: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded: Option<Money>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refunds: Vec<Refund>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_action: Option<NextAction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    created_at: String,
}

impl View {
    /// The payment as it stands; `base` comes before the paths of our own.
    pub fn new(payment: &Payment, refunds: Vec<RefundEntry>, base: &str) -> Result<Self, Problem> {
        let money = |amount| Money { amount, currency: payment.currency.clone() };
        let next_action = if payment.status == Status::RequiresAction {
            let url = drive::provider(payment)?.action_url(&payment.id, &payment.details.memo)?;
            let url = if url.starts_with('/') { format!("{base}{url}") } else { url };
            Some(NextAction { kind: "redirect", url })
        } else {
            None
        };
        Ok(Self {
            id: payment.id.clone(),
            booking_id: payment.booking.clone(),
            status: match payment.status {
                // That the provider was not asked yet is no concern of the buyer's.
                Status::Pending => Status::Processing.name(),
                other => other.name(),
            },
            amount: money(payment.amount),
            refunded: Some(payment.refunded).filter(|refunded| *refunded > 0).map(money),
            refunds: refunds
                .into_iter()
                .map(|refund| Refund {
                    amount: money(refund.amount),
                    reason: refund.reason,
                    status: refund.status,
                    created_at: time::format(refund.created_at),
                })
                .collect(),
            next_action,
            failure: payment.failure.clone(),
            created_at: time::format(payment.created_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Details, provider::Provider};

    fn json(change: impl FnOnce(&mut Payment)) -> serde_json::Value {
        let memo = serde_json::json!({ "secret": "abc", "verdict": null });
        let mut payment = Payment {
            id: "eu_p".into(),
            booking: "eu_b".into(),
            event: "eu_e".into(),
            person: "eu_u".into(),
            amount: 9000,
            currency: "EUR".into(),
            status: Status::Pending,
            provider: Provider::Sandbox.name().into(),
            details: Details { token: "tok_redirect".into(), deadline: None, completed_at: None, trace: None, memo },
            failure: None,
            refunded: 0,
            due_at: None,
            version: 1,
            created_at: 0,
        };
        change(&mut payment);
        serde_json::to_value(View::new(&payment, Vec::new(), "http://here").unwrap()).unwrap()
    }

    #[test]
    fn payments_show_their_current_state() {
        let amount = serde_json::json!({ "amount": 9000, "currency": "EUR" });
        let expected = serde_json::json!({
            "id": "eu_p", "booking_id": "eu_b", "status": "processing", "amount": amount, "created_at": "1970-01-01T00:00:00Z"
        });
        assert_eq!(json(|_| ()), expected);
        assert_eq!(json(|payment| payment.status = Status::Processing), expected);

        let action = json(|payment| payment.status = Status::RequiresAction);
        assert_eq!(action["status"], "requires_action");
        let url = "http://here/api/payments/sandbox/eu_p?secret=abc";
        assert_eq!(action["next_action"], serde_json::json!({ "type": "redirect", "url": url }));

        let failed = json(|payment| (payment.status, payment.failure) = (Status::Failed, Some("insufficient_funds".into())));
        assert_eq!((&failed["status"], &failed["failure"]), (&"failed".into(), &"insufficient_funds".into()));

        let refunded = json(|payment| (payment.status, payment.refunded) = (Status::Completed, 4500));
        assert_eq!(refunded["refunded"], serde_json::json!({ "amount": 4500, "currency": "EUR" }));
    }
}
