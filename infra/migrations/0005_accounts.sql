-- What a region knows of accounts that another keeps.

-- Sessions that were ended there; their access tokens are refused here until the last of them has ended.
CREATE TABLE revocations (
  session_id TEXT PRIMARY KEY,
  ends_at BIGINT NOT NULL              -- says nothing any more from then on
);
CREATE INDEX revocations_by_end ON revocations (ends_at);
