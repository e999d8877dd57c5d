-- Second factors and passkeys, and the challenges that are answered with them.

-- Secrets of codes that an app shows (TOTP, RFC 6238), one for each account.
CREATE TABLE totp (
  user_id TEXT PRIMARY KEY REFERENCES users (id),
  secret TEXT NOT NULL,                -- encrypted: base64url of nonce and ciphertext
  key_id TEXT NOT NULL,                -- of the key that it is encrypted with
  confirmed_at BIGINT,                 -- since when logins need a code. NULL: its owner has yet to send the first one
  last_step BIGINT NOT NULL,           -- of the newest code that was taken: none is good twice
  created_at BIGINT NOT NULL
);
CREATE INDEX totp_by_key ON totp (key_id);

-- The key that those are encrypted with where none was configured (development).
CREATE TABLE totp_keys (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL                    -- base64, 32 bytes
);

-- What is good once in the place of such a code.
CREATE TABLE recovery_codes (
  user_id TEXT NOT NULL REFERENCES users (id),
  hash TEXT NOT NULL,
  PRIMARY KEY (user_id, hash)
);

-- Credentials of Web Authentication.
CREATE TABLE passkeys (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  credential_id TEXT NOT NULL UNIQUE,  -- base64url
  public_key TEXT NOT NULL,            -- base64url, COSE
  sign_count BIGINT NOT NULL CHECK (sign_count >= 0),
  backup_eligible BIGINT NOT NULL CHECK (backup_eligible IN (0, 1)),
  backed_up BIGINT NOT NULL CHECK (backed_up IN (0, 1) AND backed_up <= backup_eligible),
  transports TEXT NOT NULL,            -- words with commas between them
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT
);
CREATE INDEX passkeys_by_user ON passkeys (user_id, id);

-- What was asked and not answered yet, as hashes.
CREATE TABLE challenges (
  hash TEXT PRIMARY KEY,
  purpose TEXT NOT NULL CHECK (purpose IN ('second-factor', 'passkey-registration', 'passkey-login')),
  user_id TEXT REFERENCES users (id),  -- NULL: whoever answers says who they are
  session_id TEXT,                     -- where only the session that asked may answer
  transport TEXT,                      -- of the session that begins with the answer, where that is known
  tries_left BIGINT NOT NULL CHECK (tries_left >= 0),
  expires_at BIGINT NOT NULL,
  CHECK ((purpose = 'passkey-login') = (user_id IS NULL))
);
CREATE INDEX challenges_by_end ON challenges (expires_at);
CREATE INDEX challenges_by_user ON challenges (user_id) WHERE user_id IS NOT NULL;
