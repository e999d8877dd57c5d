CREATE VIEW readable_erasures AS
  SELECT user_id, sequence, email IS NOT NULL AS has_address, passes,
    'epoch'::timestamptz + due_at * interval '1 microsecond' AS due_at,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at
  FROM erasures;
