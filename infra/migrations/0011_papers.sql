-- What was agreed and why money goes back, as of then.

-- Until when a booking's owner may give it back for a refund: the event's terms when the hold was taken. NULL: never.
ALTER TABLE bookings ADD COLUMN refund_until BIGINT;
UPDATE bookings SET refund_until = (SELECT i.refund_until FROM inventory i WHERE i.event = bookings.event);

-- Refunds have more reasons.
DROP VIEW IF EXISTS readable_refunds;
ALTER TABLE refunds RENAME TO refunds_before;
CREATE TABLE refunds (
  id TEXT PRIMARY KEY,
  payment TEXT NOT NULL,
  booking TEXT NOT NULL,
  amount BIGINT NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL,
  -- late: the ledger did not take it, before it said why.
  reason TEXT NOT NULL CHECK (reason IN ('cancelled', 'event_cancelled', 'sold_out', 'over_limit', 'booking_cancelled', 'already_paid', 'late', 'requested')),
  status TEXT NOT NULL CHECK (status IN ('due', 'completed', 'failed')),
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
INSERT INTO refunds (id, payment, booking, amount, currency, reason, status, attempts, due_at, created_at, updated_at)
  SELECT id, payment, booking, amount, currency, reason, status, attempts, due_at, created_at, updated_at FROM refunds_before;
DROP TABLE refunds_before;
CREATE INDEX refunds_due ON refunds (due_at) WHERE status = 'due';
CREATE INDEX refunds_by_payment ON refunds (payment);

-- What was sold, as it was called then: a receipt is a record of the sale, and says the same whatever is renamed afterwards.
CREATE TABLE receipts (
  payment TEXT PRIMARY KEY,
  seller TEXT NOT NULL,                -- the organiser
  buyer_name TEXT,                     -- NULL: the account is another region's, and was not known here
  buyer_email TEXT,
  title TEXT NOT NULL,
  venue_name TEXT NOT NULL,
  city TEXT NOT NULL,
  country TEXT NOT NULL,
  starts_at BIGINT NOT NULL,
  timezone TEXT NOT NULL,
  booked_at BIGINT NOT NULL,
  refund_until BIGINT,
  created_at BIGINT NOT NULL
);
CREATE TABLE receipt_items (
  payment TEXT NOT NULL REFERENCES receipts (payment),
  ordinal BIGINT NOT NULL,
  ticket_type TEXT NOT NULL,
  name TEXT NOT NULL,
  quantity BIGINT NOT NULL,
  unit_price BIGINT NOT NULL,
  PRIMARY KEY (payment, ordinal)
);
INSERT INTO receipts (payment, seller, buyer_name, buyer_email, title, venue_name, city, country, starts_at, timezone, booked_at, refund_until, created_at)
  SELECT p.id, o.name, u.name, u.email, e.title, e.venue_name, e.city, e.country, e.starts_at, e.timezone, b.created_at, b.refund_until, p.updated_at
  FROM payments p JOIN bookings b ON b.id = p.booking JOIN events e ON e.id = p.event JOIN organisers o ON o.id = e.organiser_id
  LEFT JOIN users u ON u.id = p.person AND u.email LIKE '%@%' WHERE p.status = 'completed';
INSERT INTO receipt_items (payment, ordinal, ticket_type, name, quantity, unit_price)
  SELECT r.payment, i.ordinal, i.ticket_type, t.name, i.quantity, i.unit_price
  FROM receipts r JOIN payments p ON p.id = r.payment JOIN booking_items i ON i.booking = p.booking JOIN ticket_types t ON t.id = i.ticket_type;
