-- What organisers ask those who buy, and what these answer.

-- A JSON list, in the organiser's order.
ALTER TABLE events ADD COLUMN questions TEXT NOT NULL DEFAULT '[]';

-- An answer says how it was asked: whatever becomes of its question, it means what it meant.
CREATE TABLE answers (
  booking TEXT NOT NULL REFERENCES bookings (id),
  number BIGINT NOT NULL CHECK (number >= 0),  -- of the ticket that it is about; 0: the order
  question TEXT NOT NULL,
  event TEXT NOT NULL,
  person TEXT NOT NULL,                -- whose it is: the booking's owner, or to whom the ticket was transferred
  label TEXT NOT NULL,                 -- the question, as it was asked
  kind TEXT NOT NULL CHECK (kind IN ('text', 'paragraph', 'choice', 'choices', 'consent')),
  value TEXT NOT NULL,                 -- JSON: a string, a list of strings, or of a consent true
  answered_by TEXT NOT NULL,           -- that person, or a member of the organiser's team
  answered_at BIGINT NOT NULL,
  kept BIGINT NOT NULL DEFAULT 0 CHECK (kept IN (0, 1)),  -- whether it is known that its booking was confirmed once
  PRIMARY KEY (booking, number, question)
);
CREATE INDEX answers_by_event ON answers (event, question);
CREATE INDEX answers_by_person ON answers (person);
CREATE INDEX answers_not_kept ON answers (answered_at) WHERE kept = 0;
