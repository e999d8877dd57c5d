CREATE VIEW readable_journal AS
  SELECT position, batch, ordinal, topic, type, aggregate, version, payload, trace,
    'epoch'::timestamptz + at * interval '1 microsecond' AS at
  FROM positioned_journal;

CREATE VIEW readable_replays AS
  SELECT id, first, last, next, requested_by,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + done_at * interval '1 microsecond' AS done_at
  FROM replays;

CREATE VIEW readable_mail_log AS
  SELECT id, recipient, address, template, needs, state, attempts, error,
    'epoch'::timestamptz + due_at * interval '1 microsecond' AS due_at,
    'epoch'::timestamptz + NULLIF(claimed_until, 0) * interval '1 microsecond' AS claimed_until,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + updated_at * interval '1 microsecond' AS updated_at
  FROM mail_log;

CREATE VIEW readable_audit_log AS
  SELECT region, sequence, ce_id, type, subject, actor, digest, previous, hash,
    'epoch'::timestamptz + at * interval '1 microsecond' AS at
  FROM audit_log;
