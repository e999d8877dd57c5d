-- What follows from what has happened: mail, figures and the audit log, written by the worker; and the journal published again.

ALTER TABLE journal ADD COLUMN trace TEXT;
DROP VIEW IF EXISTS readable_journal;
DROP VIEW positioned_journal;
-- The journal in full, for readers that go by position. `trace` is the W3C traceparent of what wrote the entry; NULL where unknown.
CREATE VIEW positioned_journal AS
  SELECT b.position + j.ordinal AS position, b.at, j.batch, j.ordinal, j.topic, j.type, j.aggregate, j.version, j.payload, j.trace
  FROM journal_batches b JOIN journal j ON j.batch = b.id;

-- Ranges of positions that are to be published to Kafka once more.
CREATE TABLE replays (
  id TEXT PRIMARY KEY,
  first BIGINT NOT NULL,
  last BIGINT NOT NULL,
  next BIGINT NOT NULL,                -- published next; beyond `last` once it is done
  requested_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  done_at BIGINT,
  CHECK (first >= 1 AND first <= last AND next >= first)
);
CREATE INDEX replays_open ON replays (created_at, id) WHERE done_at IS NULL;
CREATE INDEX replays_by_age ON replays (created_at, id);

-- Mail to be sent, and what became of it. A row is written in the transaction that handles the record which asks for it.
CREATE TABLE mail_log (
  id TEXT PRIMARY KEY,                 -- local part of the Message-ID, the same whenever it is sent again
  recipient TEXT NOT NULL,             -- a user
  address TEXT,                        -- where it was sent to; NULL: not tried yet
  template TEXT NOT NULL,
  needs TEXT NOT NULL,                 -- JSON: the ids of what it tells of
  state TEXT NOT NULL CHECK (state IN ('due', 'sent', 'failed')),
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  claimed_until BIGINT NOT NULL,       -- until then somebody is at it; 0: nobody
  error TEXT,                          -- why the last attempt was none
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX mail_log_by_state ON mail_log (state, due_at);

-- An event's figures, a row for each day (UTC, as 2027-03-01) on which something happened. Money is in the event's currency.
CREATE TABLE analytics (
  event TEXT NOT NULL,
  day TEXT NOT NULL,
  views BIGINT,                        -- NULL: not known
  holds BIGINT NOT NULL,
  bookings BIGINT NOT NULL,            -- confirmed
  tickets BIGINT NOT NULL,             -- of those
  cancelled BIGINT NOT NULL,           -- confirmed, and then given back
  revenue BIGINT NOT NULL,             -- paid
  refunded BIGINT NOT NULL,
  currency TEXT NOT NULL,
  PRIMARY KEY (event, day)
);

-- What happened, for good: rows are only ever added. Each hash covers the row and the hash before it, one chain a region.
CREATE TABLE audit_log (
  region TEXT NOT NULL,
  sequence BIGINT NOT NULL,            -- from 1, gapless
  ce_id TEXT NOT NULL,                 -- the record's
  type TEXT NOT NULL,                  -- for example booking.created
  subject TEXT NOT NULL,               -- the id of what it happened to
  actor TEXT,                          -- who did it; NULL: not known
  at BIGINT NOT NULL,
  digest TEXT NOT NULL,                -- SHA-256 of the payload
  previous TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (region, sequence)
);

-- The last link of each chain. Whoever adds to one swaps this.
CREATE TABLE audit_heads (
  region TEXT PRIMARY KEY,
  sequence BIGINT NOT NULL,
  hash TEXT NOT NULL
);
