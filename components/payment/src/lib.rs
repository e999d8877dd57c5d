//! Payments, receipts and refunds.
