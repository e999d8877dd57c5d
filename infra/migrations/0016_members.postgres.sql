CREATE VIEW readable_invitations AS
  SELECT id, organiser_id, email, role, invited_by,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + expires_at * interval '1 microsecond' AS expires_at
  FROM invitations;

CREATE VIEW readable_api_keys AS
  SELECT id, organiser_id, name, permissions, created_by,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + expires_at * interval '1 microsecond' AS expires_at,
    'epoch'::timestamptz + last_used_at * interval '1 microsecond' AS last_used_at
  FROM api_keys;
