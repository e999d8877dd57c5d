CREATE VIEW readable_refunds AS
  SELECT id, payment, booking, amount, currency, reason, status, attempts,
    'epoch'::timestamptz + due_at * interval '1 microsecond' AS due_at,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + updated_at * interval '1 microsecond' AS updated_at
  FROM refunds;
