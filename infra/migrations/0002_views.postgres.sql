-- For people who query the database: instants as timestamptz. What is secret is left out.

CREATE VIEW readable_events AS
  SELECT id, organiser_id, status, revision, title, description, category, venue_name, city, country, timezone, currency, region, pending,
    created_by,
    'epoch'::timestamptz + starts_at * interval '1 microsecond' AS starts_at,
    'epoch'::timestamptz + ends_at * interval '1 microsecond' AS ends_at,
    'epoch'::timestamptz + refund_until * interval '1 microsecond' AS refund_until,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + updated_at * interval '1 microsecond' AS updated_at
  FROM events;

CREATE VIEW readable_bookings AS
  SELECT id, event, person, status, extended <> 0 AS extended, total, currency, payment, version,
    'epoch'::timestamptz + expires_at * interval '1 microsecond' AS expires_at,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + updated_at * interval '1 microsecond' AS updated_at
  FROM bookings;

CREATE VIEW readable_payments AS
  SELECT id, booking, event, person, amount, currency, status, provider, failure, refunded, version,
    'epoch'::timestamptz + due_at * interval '1 microsecond' AS due_at,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + updated_at * interval '1 microsecond' AS updated_at
  FROM payments;

CREATE VIEW readable_refunds AS
  SELECT id, payment, booking, amount, currency, reason, status, attempts,
    'epoch'::timestamptz + due_at * interval '1 microsecond' AS due_at,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + updated_at * interval '1 microsecond' AS updated_at
  FROM refunds;

CREATE VIEW readable_journal AS
  SELECT id, position, topic, type, aggregate, version, payload, feed,
    'epoch'::timestamptz + at * interval '1 microsecond' AS at
  FROM journal;

-- expires_at is 1970 where a lease was handed back.
CREATE VIEW readable_leases AS
  SELECT name, owner, address, epoch,
    'epoch'::timestamptz + expires_at * interval '1 microsecond' AS expires_at,
    'epoch'::timestamptz + expires_at * interval '1 microsecond' > clock_timestamp() AS held
  FROM leases;
