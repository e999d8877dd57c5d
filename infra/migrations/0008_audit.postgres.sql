DROP VIEW readable_audit_log;
CREATE VIEW readable_audit_log AS
  SELECT region, sequence, ce_id, type, subject, actor, network, digest, previous, hash,
    'epoch'::timestamptz + at * interval '1 microsecond' AS at
  FROM audit_log;

CREATE VIEW readable_audit_seals AS
  SELECT region, sequence, key, hash, signature,
    'epoch'::timestamptz + at * interval '1 microsecond' AS at
  FROM audit_seals;
