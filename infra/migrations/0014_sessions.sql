-- Sessions that their owner sees, sessions in a browser, addresses that change, and codes that are typed.

-- What the client said that it is, cleaned. NULL: nothing, or from before.
ALTER TABLE sessions ADD COLUMN user_agent TEXT;
-- bearer: its client has the tokens; cookie: a browser has them, in cookies that no script reads. A session keeps to its own.
ALTER TABLE sessions ADD COLUMN transport TEXT NOT NULL DEFAULT 'bearer' CHECK (transport IN ('bearer', 'cookie'));
-- When a token of it was last asked for, and when it last proved who it is, with a password, a second factor or a passkey.
ALTER TABLE sessions ADD COLUMN last_used_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN authenticated_at BIGINT NOT NULL DEFAULT 0;
UPDATE sessions SET last_used_at = rotated_at, authenticated_at = created_at;

-- A code that is typed instead of the token of the same mail: so few digits are good for a short while and few tries.
ALTER TABLE mail_tokens ADD COLUMN code_hash TEXT;
ALTER TABLE mail_tokens ADD COLUMN code_expires_at BIGINT;
ALTER TABLE mail_tokens ADD COLUMN code_tries BIGINT NOT NULL DEFAULT 0;

-- Addresses that accounts are about to change to, one for each: both the old and the new one have to confirm it.
CREATE TABLE email_changes (
  user_id TEXT PRIMARY KEY REFERENCES users (id),
  session_id TEXT NOT NULL,            -- that asked for it, and goes on when the others end
  old_email TEXT NOT NULL,
  new_email TEXT NOT NULL,
  old_confirmed_at BIGINT,
  new_confirmed_at BIGINT,
  expires_at BIGINT NOT NULL
);
CREATE INDEX email_changes_by_end ON email_changes (expires_at);

-- When the region of the accounts was last asked how its owner is written to. NULL: the account is kept here.
ALTER TABLE users ADD COLUMN contact_at BIGINT;
UPDATE users SET contact_at = 0 WHERE version = 0;
