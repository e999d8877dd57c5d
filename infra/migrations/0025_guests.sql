-- Buying with an address alone. A guest is a user without a password, whose `email` is their id: several guests may have one address, and it may be an
-- account's as well. So whatever finds an account by its address finds no guest.

ALTER TABLE users ADD COLUMN guest_email TEXT;            -- lower case; NULL: not a guest
ALTER TABLE users ADD COLUMN guest_until BIGINT;          -- from when on a guest who has bought nothing is deleted; NULL: never
CREATE INDEX users_by_guest_email ON users (guest_email) WHERE guest_email IS NOT NULL;
CREATE INDEX users_guest_until ON users (guest_until) WHERE guest_until IS NOT NULL;

-- How people are written to, accounts and guests alike. Of an account that another region keeps there is a row in users without an address, until
-- somebody asks for it.
CREATE VIEW contacts AS
  SELECT id, NULLIF(name, '') AS name, COALESCE(guest_email, email) AS email, email_verified_at, language, contact_at,
    CAST(CASE WHEN guest_email IS NULL THEN 0 ELSE 1 END AS BIGINT) AS guest
  FROM users WHERE guest_email IS NOT NULL OR email LIKE '%@%';

-- Secrets of mails that open a guest's order, as hashes. In a region that does not keep the accounts they wait here to be handed to the one that does.
CREATE TABLE guest_links (
  hash TEXT PRIMARY KEY,
  guest TEXT NOT NULL,
  booking TEXT NOT NULL,
  asked BIGINT NOT NULL,                                  -- 1: somebody asked for the mail; 0: the order was its reason
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX guest_links_by_guest ON guest_links (guest, booking);
CREATE INDEX guest_links_by_end ON guest_links (expires_at);

-- Guests whose orders are an account's by now: both have shown to read the same address.
CREATE TABLE guest_claims (
  guest TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  claimed_at BIGINT NOT NULL
);
CREATE INDEX guest_claims_by_account ON guest_claims (account, claimed_at);
CREATE INDEX guest_claims_by_time ON guest_claims (claimed_at, guest);
