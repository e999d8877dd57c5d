CREATE VIEW readable_guest_links AS
  SELECT guest, booking, asked,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at,
    'epoch'::timestamptz + expires_at * interval '1 microsecond' AS expires_at
  FROM guest_links;

CREATE VIEW readable_guest_claims AS
  SELECT guest, account,
    'epoch'::timestamptz + claimed_at * interval '1 microsecond' AS claimed_at
  FROM guest_claims;
