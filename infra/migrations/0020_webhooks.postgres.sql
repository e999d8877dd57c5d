CREATE VIEW readable_webhooks AS
  SELECT id, organiser_id, url, types, description, state, reason, key_id, failures, version, created_by,
    'epoch'::timestamptz + previous_until * interval '1 microsecond' AS previous_until,
    'epoch'::timestamptz + failing_since * interval '1 microsecond' AS failing_since,
    'epoch'::timestamptz + NULLIF(not_before, 0) * interval '1 microsecond' AS not_before,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + updated_at * interval '1 microsecond' AS updated_at
  FROM webhooks;

CREATE VIEW readable_webhook_deliveries AS
  SELECT id, webhook, type, state, attempts, duration, status, error,
    'epoch'::timestamptz + due_at * interval '1 microsecond' AS due_at,
    'epoch'::timestamptz + give_up_at * interval '1 microsecond' AS give_up_at,
    'epoch'::timestamptz + NULLIF(claimed_until, 0) * interval '1 microsecond' AS claimed_until,
    'epoch'::timestamptz + attempted_at * interval '1 microsecond' AS attempted_at,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + updated_at * interval '1 microsecond' AS updated_at
  FROM webhook_deliveries;
