-- What organisers write to those who come, reminders, and who wants no more news.

-- How long before it begins those who come to an event are reminded of it. 0: they are not.
ALTER TABLE events ADD COLUMN reminder_hours BIGINT NOT NULL DEFAULT 24 CHECK (reminder_hours >= 0);

CREATE TABLE messages (
  id TEXT PRIMARY KEY,
  event TEXT NOT NULL REFERENCES events (id),
  organiser_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('service', 'news')),
  subject TEXT NOT NULL,
  text TEXT NOT NULL,
  ticket_types TEXT,                   -- ids, a JSON list: to who has one of these; NULL: of any
  admitted BIGINT CHECK (admitted IN (0, 1)), -- to who was let in by a ticket, or was not by one; NULL: either
  holders BIGINT NOT NULL CHECK (holders IN (0, 1)), -- also to whom tickets were transferred
  cursor TEXT NOT NULL,                -- the booking up to which its mails are written down
  addressed_at BIGINT,                 -- when all of them were
  turn_at BIGINT NOT NULL,             -- when it last had its turn: who has waited for longest is next
  sent BIGINT NOT NULL CHECK (sent >= 0),
  failed BIGINT NOT NULL CHECK (failed >= 0),
  unsubscribed BIGINT NOT NULL CHECK (unsubscribed >= 0), -- not sent, for its reader wants no news
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX messages_by_event ON messages (event, created_at, id);
CREATE INDEX messages_by_organiser ON messages (organiser_id, created_at);
CREATE INDEX messages_to_address ON messages (turn_at, id) WHERE addressed_at IS NULL;

-- Of which message; NULL: of none.
ALTER TABLE mail_log ADD COLUMN message TEXT;
-- One of many alike, which come after what somebody is waiting for.
ALTER TABLE mail_log ADD COLUMN bulk BIGINT NOT NULL DEFAULT 0 CHECK (bulk IN (0, 1));
CREATE INDEX mail_log_due ON mail_log (bulk, due_at, id) WHERE state = 'due';
-- A message goes to an address once; one whose address is not known yet has none.
CREATE UNIQUE INDEX mail_log_by_message ON mail_log (message, address) WHERE message IS NOT NULL;

-- What somebody has had sent to themselves to see how it looks, which is counted.
CREATE INDEX mail_log_of_tests ON mail_log (recipient, created_at) WHERE template = 'message' AND message IS NULL;

-- How far the reminders of an event are written down. Its row stays: nobody is reminded twice, wherever the event is moved to.
CREATE TABLE reminders (
  event TEXT PRIMARY KEY REFERENCES events (id),
  cursor TEXT NOT NULL,                -- the booking up to which they are
  done_at BIGINT,
  created_at BIGINT NOT NULL
);

-- Who wants no more news of an organiser. Addresses stand here as hashes alone.
CREATE TABLE unsubscriptions (
  id TEXT PRIMARY KEY,
  organiser_id TEXT NOT NULL,
  address_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (organiser_id, address_hash)
);
CREATE INDEX unsubscriptions_by_address ON unsubscriptions (address_hash, created_at, id);

-- What the links of such mails are good for.
CREATE TABLE unsubscribe_links (
  hash TEXT PRIMARY KEY,               -- of the link's secret
  organiser_id TEXT NOT NULL,
  address_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX unsubscribe_links_by_age ON unsubscribe_links (created_at);
