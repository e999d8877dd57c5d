-- What is known of a person goes: accounts that are erased, and how far that has come.

-- Since when the account is erased: its row stays, without anything of the person, so that bookings and books go on to have their owner. NULL: it is not.
ALTER TABLE users ADD COLUMN erased_at BIGINT;

-- People whose data is to go from this region, in the order in which the region of the accounts has erased their accounts. Rows stay: a database that
-- is restored learns of them anew.
CREATE TABLE erasures (
  user_id TEXT PRIMARY KEY,
  sequence BIGINT NOT NULL UNIQUE,     -- of the region of the accounts
  email TEXT,                          -- the address that was theirs and that they read, while what goes by it may be somewhere. NULL: nothing does
  passes BIGINT NOT NULL,              -- how often everything of theirs was looked for, and is gone
  due_at BIGINT,                       -- when it is looked for next. NULL: it was for the last time
  created_at BIGINT NOT NULL
);
CREATE INDEX erasures_due ON erasures (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX erasures_by_address ON erasures (sequence) WHERE email IS NOT NULL;

-- The last sequence of an erasure: one row, which whoever erases locks, so that they become visible in their order.
CREATE TABLE erasure_sequence (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  last BIGINT NOT NULL
);
INSERT INTO erasure_sequence (id, last) VALUES (1, 0);

-- Other regions that ask for erasures: up to which one they have them.
CREATE TABLE erasure_readers (
  region TEXT PRIMARY KEY,
  sequence BIGINT NOT NULL,
  heard_at BIGINT NOT NULL
);

-- Accounts that an operator has asked to have erased; gone once they are.
CREATE TABLE erasure_requests (
  user_id TEXT PRIMARY KEY,
  refused TEXT,                        -- why not. NULL: nobody has looked yet
  created_at BIGINT NOT NULL
);

-- Whose order a message tells of, until it says nothing of them. NULL: of nobody's.
ALTER TABLE webhook_deliveries ADD COLUMN person TEXT;
CREATE INDEX webhook_deliveries_by_person ON webhook_deliveries (person) WHERE person IS NOT NULL;

-- What is known of somebody is found by them.
CREATE INDEX mail_log_by_recipient ON mail_log (recipient);
CREATE INDEX audit_log_by_actor ON audit_log (actor, at) WHERE actor IS NOT NULL;
CREATE INDEX audit_log_by_subject ON audit_log (subject, at);
CREATE INDEX order_details_by_email ON order_details (email) WHERE email IS NOT NULL;
CREATE INDEX receipts_by_email ON receipts (buyer_email) WHERE buyer_email IS NOT NULL;
