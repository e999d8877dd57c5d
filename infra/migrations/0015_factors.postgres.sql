CREATE VIEW readable_second_factors AS
  SELECT user_id, key_id,
    'epoch'::timestamptz + confirmed_at * interval '1 microsecond' AS confirmed_at,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    (SELECT COUNT(*) FROM recovery_codes WHERE recovery_codes.user_id = totp.user_id) AS recovery_codes
  FROM totp;

CREATE VIEW readable_passkeys AS
  SELECT id, user_id, name, transports, sign_count, backup_eligible, backed_up,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + last_used_at * interval '1 microsecond' AS last_used_at
  FROM passkeys;
