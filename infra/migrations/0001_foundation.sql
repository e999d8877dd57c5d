-- The tables of one region. Portable: TEXT ids, BIGINT instants (microseconds since the Unix epoch, UTC), BIGINT money in minor
-- units beside an ISO 4217 code, TEXT JSON. Every statement ends with a semicolon at the end of its line.

-- People -------------------------------------------------------------------------------------------------------------
CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL UNIQUE,          -- lower case
  name TEXT NOT NULL,
  password_hash TEXT NOT NULL,         -- argon2id, PHC string
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);

-- Roles beyond `user`, which everybody has.
CREATE TABLE user_roles (
  user_id TEXT NOT NULL REFERENCES users (id),
  role TEXT NOT NULL CHECK (role IN ('organiser', 'admin')),
  PRIMARY KEY (user_id, role)
);

-- One row per login: a family of refresh tokens, of which only the newest is good.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  refresh_hash TEXT NOT NULL,          -- SHA-256 of the newest refresh token
  previous_hash TEXT,                  -- of the one before, good for a short grace after rotated_at
  rotated_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- private_key stands only where no signing key was configured (development).
CREATE TABLE signing_keys (
  kid TEXT PRIMARY KEY,
  public_key TEXT NOT NULL,            -- base64url, 32 bytes, Ed25519
  private_key TEXT,                    -- base64url, PKCS#8 DER
  created_at BIGINT NOT NULL
);

CREATE TABLE organisers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE organiser_members (
  organiser_id TEXT NOT NULL REFERENCES organisers (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  PRIMARY KEY (organiser_id, user_id)
);
CREATE INDEX organiser_members_by_user ON organiser_members (user_id);

-- The catalog --------------------------------------------------------------------------------------------------------
CREATE TABLE events (
  id TEXT PRIMARY KEY,
  organiser_id TEXT NOT NULL REFERENCES organisers (id),
  status TEXT NOT NULL CHECK (status IN ('draft', 'published', 'cancelled')),
  revision BIGINT NOT NULL,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  category TEXT NOT NULL,
  venue_name TEXT NOT NULL,
  city TEXT NOT NULL,
  country TEXT NOT NULL,
  starts_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  timezone TEXT NOT NULL,
  currency TEXT NOT NULL,
  region TEXT NOT NULL,
  refund_until BIGINT,
  pending TEXT,                        -- a step the ledger has or may have taken and the catalog has not finished, as JSON
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX events_by_organiser ON events (organiser_id);
CREATE INDEX events_public ON events (starts_at, id) WHERE status <> 'draft';
CREATE INDEX events_pending ON events (id) WHERE pending IS NOT NULL;

CREATE TABLE ticket_types (
  id TEXT PRIMARY KEY,
  event_id TEXT NOT NULL REFERENCES events (id),
  ordinal BIGINT NOT NULL,
  name TEXT NOT NULL,
  price BIGINT NOT NULL CHECK (price >= 0),
  capacity BIGINT NOT NULL CHECK (capacity >= 0),
  per_person_limit BIGINT NOT NULL CHECK (per_person_limit >= 1)
);
CREATE INDEX ticket_types_by_event ON ticket_types (event_id, ordinal);

-- The ledger: written by the component `ledger` alone ----------------------------------------------------------------
CREATE TABLE inventory (
  event TEXT PRIMARY KEY,
  version BIGINT NOT NULL,             -- swapped by every transaction that decides for this event
  status TEXT NOT NULL CHECK (status IN ('open', 'closed')),
  revision BIGINT NOT NULL,            -- of the catalog, last applied
  currency TEXT NOT NULL,
  sales_from BIGINT,
  sales_until BIGINT,
  refund_until BIGINT
);

CREATE TABLE inventory_lines (
  event TEXT NOT NULL REFERENCES inventory (event),
  ticket_type TEXT NOT NULL,
  ordinal BIGINT NOT NULL,
  price BIGINT NOT NULL CHECK (price >= 0),
  per_person_limit BIGINT NOT NULL,
  capacity BIGINT NOT NULL,
  held BIGINT NOT NULL,
  sold BIGINT NOT NULL,
  PRIMARY KEY (event, ticket_type),
  CHECK (held >= 0 AND sold >= 0 AND held + sold <= capacity)
);

CREATE TABLE bookings (
  id TEXT PRIMARY KEY,
  event TEXT NOT NULL REFERENCES inventory (event),
  person TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('held', 'paying', 'confirmed', 'cancelled', 'expired')),
  expires_at BIGINT,
  extended BIGINT NOT NULL,            -- 1 once the deadline was extended by a payment
  total BIGINT NOT NULL,
  currency TEXT NOT NULL,
  payment TEXT,                        -- the payment that confirmed it
  ticket_seed TEXT NOT NULL,           -- secret from which ticket codes are derived
  version BIGINT NOT NULL,             -- the inventory version that last changed it
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX bookings_by_person ON bookings (person, created_at, id);
CREATE INDEX bookings_by_event ON bookings (event, person);
CREATE INDEX bookings_due ON bookings (expires_at, event) WHERE status IN ('held', 'paying');

CREATE TABLE booking_items (
  booking TEXT NOT NULL REFERENCES bookings (id),
  ticket_type TEXT NOT NULL,
  ordinal BIGINT NOT NULL,
  quantity BIGINT NOT NULL CHECK (quantity > 0),
  unit_price BIGINT NOT NULL CHECK (unit_price >= 0),
  PRIMARY KEY (booking, ticket_type)
);

-- Accepted writes by key. `scope` is an event id for the ledger, and a route's own scope elsewhere.
CREATE TABLE idempotency (
  scope TEXT NOT NULL,
  person TEXT NOT NULL,
  key TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  outcome TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (scope, person, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Money --------------------------------------------------------------------------------------------------------------
CREATE TABLE payments (
  id TEXT PRIMARY KEY,
  booking TEXT NOT NULL REFERENCES bookings (id),
  event TEXT NOT NULL,
  person TEXT NOT NULL,
  amount BIGINT NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'requires_action', 'processing', 'completed', 'failed')),
  provider TEXT NOT NULL,
  provider_state TEXT NOT NULL,        -- what the provider's adapter keeps, as JSON; never card data
  failure TEXT,
  refunded BIGINT NOT NULL CHECK (refunded >= 0 AND refunded <= amount),
  due_at BIGINT,                       -- when to look at it again by itself
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
-- One open payment per booking.
CREATE UNIQUE INDEX payments_open ON payments (booking) WHERE status IN ('pending', 'requires_action', 'processing');
CREATE INDEX payments_by_booking ON payments (booking);
CREATE INDEX payments_due ON payments (due_at) WHERE due_at IS NOT NULL;

-- The ledger writes rows with status 'due'; the runner moves them on. The id is the provider's idempotency key.
CREATE TABLE refunds (
  id TEXT PRIMARY KEY,
  payment TEXT NOT NULL,
  booking TEXT NOT NULL,
  amount BIGINT NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('cancelled', 'late', 'requested')),
  status TEXT NOT NULL CHECK (status IN ('due', 'completed', 'failed')),
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX refunds_due ON refunds (due_at) WHERE status = 'due';
CREATE INDEX refunds_by_payment ON refunds (payment);

-- Messages handled already (webhooks, records), by consumer.
CREATE TABLE inbox (
  consumer TEXT NOT NULL,
  message_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (consumer, message_id)
);

-- The journal: every state change, in the transaction that makes it ---------------------------------------------------
CREATE TABLE journal (
  id TEXT PRIMARY KEY,
  position BIGINT UNIQUE,              -- given by the sequencer after commit; gapless
  topic TEXT,                          -- Kafka topic; NULL: for the feed only
  type TEXT NOT NULL,                  -- for example booking.created
  aggregate TEXT NOT NULL,
  version BIGINT NOT NULL,             -- of the aggregate
  at BIGINT NOT NULL,
  payload TEXT NOT NULL,               -- JSON, for consumers inside
  feed TEXT                            -- JSON, the public fact that edges get; NULL: nothing public
);
CREATE INDEX journal_unsequenced ON journal (id) WHERE position IS NULL;

CREATE TABLE sequencer (
  name TEXT PRIMARY KEY,
  position BIGINT NOT NULL,            -- the last one given
  epoch TEXT NOT NULL                  -- changed when the database is restored
);
