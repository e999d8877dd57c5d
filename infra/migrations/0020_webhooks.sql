-- Webhooks: what organisers have told to servers of their own, and every message of it.

CREATE TABLE webhooks (
  id TEXT PRIMARY KEY,
  organiser_id TEXT NOT NULL REFERENCES organisers (id),
  url TEXT NOT NULL,
  types TEXT NOT NULL,                 -- JSON array of names
  description TEXT,
  state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'disabled')),
  reason TEXT CHECK (reason IN ('gone', 'failing')),
  secret TEXT NOT NULL,                -- encrypted: base64url of nonce and ciphertext
  key_id TEXT NOT NULL,                -- of the key that it is encrypted with
  previous_secret TEXT,                -- signs as well until then
  previous_key_id TEXT,
  previous_until BIGINT,
  failures BIGINT NOT NULL CHECK (failures >= 0), -- in a row
  failing_since BIGINT,                -- since the first of those
  not_before BIGINT NOT NULL,          -- until then nothing is sent: it fails
  turn_at BIGINT NOT NULL,             -- when it last had its turn: who has waited for longest is next
  version BIGINT NOT NULL,             -- counts what its team does to it
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CHECK ((state = 'disabled') = (reason IS NOT NULL)),
  CHECK ((previous_secret IS NULL) = (previous_until IS NULL) AND (previous_secret IS NULL) = (previous_key_id IS NULL))
);
CREATE INDEX webhooks_by_organiser ON webhooks (organiser_id, created_at, id);
CREATE INDEX webhooks_by_turn ON webhooks (turn_at, id) WHERE state = 'active';

-- Messages, each of one webhook: to be sent, and what became of it. Written in the transaction that handles the record which it tells of. Without a
-- foreign key: what is told of a webhook that is just being deleted must not hold up its record.
CREATE TABLE webhook_deliveries (
  id TEXT PRIMARY KEY,                 -- the header webhook-id, the same whenever it is sent again
  webhook TEXT NOT NULL,
  type TEXT NOT NULL,
  body TEXT NOT NULL,                  -- JSON, a CloudEvent
  state TEXT NOT NULL CHECK (state IN ('due', 'delivered', 'failed')),
  attempts BIGINT NOT NULL,            -- since it was written or asked for again
  due_at BIGINT NOT NULL,
  give_up_at BIGINT NOT NULL,          -- what fails after that is not tried again
  claimed_until BIGINT NOT NULL,       -- until then somebody is at it; 0: nobody
  attempted_at BIGINT,                 -- of the last attempt: when,
  duration BIGINT,                     -- how many milliseconds it took,
  status BIGINT,                       -- the status of the answer; NULL: there was none
  answer TEXT,                         -- the beginning of its body,
  error TEXT,                          -- and why it was no success
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook, created_at, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, due_at, id) WHERE state = 'due';
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (updated_at);

-- The key that secrets are encrypted with where none was configured (development).
CREATE TABLE webhook_keys (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL                    -- base64, 32 bytes
);
