-- The audit log says from which network something was done, and its state is signed with a key that is not in the database.

ALTER TABLE audit_log ADD COLUMN network TEXT;

-- Signed states of each chain: a row's hash stands for all rows up to it. The same stand in a file of who signed them.
CREATE TABLE audit_seals (
  region TEXT NOT NULL,
  sequence BIGINT NOT NULL,
  key TEXT NOT NULL,                   -- id of the public key
  hash TEXT NOT NULL,
  at BIGINT NOT NULL,
  signature TEXT NOT NULL,             -- Ed25519, base64
  PRIMARY KEY (region, sequence, key)
);
