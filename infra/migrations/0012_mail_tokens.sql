-- What shows that somebody reads the mail of an address.

-- Since when it is known that the account's owner reads its address. NULL: not yet.
ALTER TABLE users ADD COLUMN email_verified_at BIGINT;

-- Secrets that mails carry, as hashes: one for each purpose at a time.
CREATE TABLE mail_tokens (
  user_id TEXT NOT NULL,
  purpose TEXT NOT NULL,               -- verify-email, reset-password
  email TEXT NOT NULL,                 -- the address that it was sent to
  hash TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, purpose)
);
CREATE INDEX mail_tokens_by_end ON mail_tokens (expires_at);
