//! Why payments fail and why money goes back, for people. The codes are those of `payments.failure` and `refunds.reason`.

/// Why a payment failed, as a sentence.
#[must_use]
pub fn failure(code: &str) -> &'static str {
    match code {
        "insufficient_funds" => "There is not enough money on the card.",
        "not_completed" => "The payment was not completed on the provider's page in time.",
        "declined_by_buyer" => "The payment was declined on the provider's page.",
        "hold_expired" => "The hold expired before the payment was completed.",
        "booking_cancelled" => "The booking was cancelled before it was paid.",
        "event_cancelled" => "The event was cancelled.",
        "already_paid" => "The booking was paid by another payment.",
        _ => "The card was declined.",
    }
}

/// Why money goes back, after "because".
#[must_use]
pub fn refund(code: &str) -> &'static str {
    match code {
        "cancelled" => "the booking was cancelled",
        "event_cancelled" => "the event was cancelled",
        "sold_out" => "the payment came after the hold had expired, and the places had gone to others by then",
        "over_limit" => {
            "the payment came after the hold had expired, and with its tickets you would have more than one person may have"
        }
        "booking_cancelled" => "the booking had been cancelled before the payment came",
        "already_paid" => "the booking had been paid by another payment",
        "requested" => "the organiser gives it back",
        _ => "the payment came too late",
    }
}
