-- What one write puts into the journal gets its positions together: then giving them costs one small row, however much was written.

CREATE TABLE journal_batches (
  id TEXT PRIMARY KEY,                 -- sorts by time
  at BIGINT NOT NULL,
  entries BIGINT NOT NULL CHECK (entries > 0),  -- rows of journal
  facts TEXT,                          -- JSON array: the public facts that edges get; NULL: nothing public
  position BIGINT                      -- of its first entry; given by the sequencer after commit; gapless
);
INSERT INTO journal_batches (id, at, entries, facts, position)
  SELECT id, at, 1, '[' || feed || ']', position FROM journal;
CREATE INDEX journal_batches_unsequenced ON journal_batches (id) WHERE position IS NULL;
CREATE UNIQUE INDEX journal_batches_position ON journal_batches (position) WHERE position IS NOT NULL;

DROP VIEW IF EXISTS readable_journal;
CREATE TABLE journal_entries (
  batch TEXT NOT NULL,
  ordinal BIGINT NOT NULL,             -- its position is the batch's and this
  topic TEXT,                          -- Kafka topic; NULL: nobody outside is told
  type TEXT NOT NULL,                  -- for example booking.created
  aggregate TEXT NOT NULL,
  version BIGINT NOT NULL,             -- of the aggregate
  payload TEXT NOT NULL,               -- JSON, for consumers inside
  PRIMARY KEY (batch, ordinal)
);
INSERT INTO journal_entries (batch, ordinal, topic, type, aggregate, version, payload)
  SELECT id, 0, topic, type, aggregate, version, payload FROM journal;
DROP TABLE journal;
ALTER TABLE journal_entries RENAME TO journal;

-- The journal in full, for readers that go by position.
CREATE VIEW positioned_journal AS
  SELECT b.position + j.ordinal AS position, b.at, j.batch, j.ordinal, j.topic, j.type, j.aggregate, j.version, j.payload
  FROM journal_batches b JOIN journal j ON j.batch = b.id;
