-- Tickets and the door.

-- Keys that sign ticket codes. private_key stands only where none was configured (development).
CREATE TABLE ticket_keys (
  kid TEXT PRIMARY KEY,                -- of the public key's hash, as codes carry it
  public_key TEXT NOT NULL,            -- base64url, 32 bytes, Ed25519
  private_key TEXT,                    -- base64url, PKCS#8 DER
  slot TEXT UNIQUE,                    -- 'kept' of the one with a private key, NULL of all others
  created_at BIGINT NOT NULL,
  retired_at BIGINT,                   -- signs no more; its codes stay good
  revoked_at BIGINT                    -- its codes are worth nothing
);

-- What has happened to a ticket. One without a row is its booking's owner's, in its first generation.
CREATE TABLE tickets (
  booking TEXT NOT NULL REFERENCES bookings (id),
  number BIGINT NOT NULL CHECK (number >= 1),
  event TEXT NOT NULL,
  ticket_type TEXT NOT NULL,
  generation BIGINT NOT NULL CHECK (generation >= 1),
  holder TEXT,                         -- to whom it was transferred; NULL: it is the booking's owner's
  held_since BIGINT,
  name TEXT,                           -- of who comes
  version BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (booking, number),
  CHECK ((holder IS NULL) = (held_since IS NULL))
);
CREATE INDEX tickets_by_holder ON tickets (holder, held_since) WHERE holder IS NOT NULL;

CREATE TABLE ticket_offers (
  id TEXT PRIMARY KEY,
  booking TEXT NOT NULL,
  number BIGINT NOT NULL,
  generation BIGINT NOT NULL,          -- that is offered
  offered_by TEXT NOT NULL,
  email TEXT NOT NULL,                 -- of who may accept it, lower case
  status TEXT NOT NULL CHECK (status IN ('open', 'accepted', 'withdrawn')),
  accepted_by TEXT,
  expires_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  FOREIGN KEY (booking, number) REFERENCES tickets (booking, number)
);
-- One open offer of a ticket.
CREATE UNIQUE INDEX ticket_offers_open ON ticket_offers (booking, number) WHERE status = 'open';
CREATE INDEX ticket_offers_by_email ON ticket_offers (email, created_at) WHERE status = 'open';
CREATE INDEX ticket_offers_by_person ON ticket_offers (offered_by, created_at);
CREATE INDEX ticket_offers_by_end ON ticket_offers (expires_at);

-- Until then nobody is let in by this booking's tickets: its owner is giving it back, and the ledger is being asked.
CREATE TABLE ticket_stops (
  id TEXT PRIMARY KEY,
  booking TEXT NOT NULL,
  until BIGINT NOT NULL
);
CREATE INDEX ticket_stops_by_booking ON ticket_stops (booking);

-- Lists that people are let in by. Every event also has the list 'default' without a row: all ticket types, at any time, once.
CREATE TABLE checkin_lists (
  id TEXT PRIMARY KEY,
  event TEXT NOT NULL,
  name TEXT NOT NULL,
  ticket_types TEXT,                   -- ids, a JSON list; NULL: all
  opens_at BIGINT,
  closes_at BIGINT,
  entries TEXT NOT NULL CHECK (entries IN ('once', 'many')),
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX checkin_lists_by_event ON checkin_lists (event, created_at, id);

-- Who was let in. A list that lets in once has entry 1 alone, so the key lets in once.
CREATE TABLE admissions (
  booking TEXT NOT NULL,
  number BIGINT NOT NULL,
  list TEXT NOT NULL,
  entry BIGINT NOT NULL CHECK (entry >= 1),
  event TEXT NOT NULL,
  at BIGINT NOT NULL,
  gate TEXT,
  admitted_by TEXT NOT NULL,
  way TEXT NOT NULL CHECK (way IN ('scan', 'offline', 'manual')),
  created_at BIGINT NOT NULL,
  PRIMARY KEY (booking, number, list, entry),
  FOREIGN KEY (booking, number) REFERENCES tickets (booking, number)
);
CREATE INDEX admissions_by_list ON admissions (list, event);

-- Scans without a network, as they were merged: the same scan is counted once.
CREATE TABLE offline_scans (
  id TEXT PRIMARY KEY,                 -- a hash of what was scanned, where and when
  event TEXT NOT NULL,
  list TEXT NOT NULL,
  gate TEXT,
  at BIGINT NOT NULL,
  answer TEXT NOT NULL,                -- JSON, as it was given
  merged_by TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX offline_scans_by_age ON offline_scans (created_at);

-- Codes from before they were signed, by which they are found: of an event's bookings, once such a code was scanned there. Its 16 letters are derived
-- from the booking's ticket_seed.
CREATE TABLE short_codes (
  code TEXT PRIMARY KEY,
  event TEXT NOT NULL,
  booking TEXT NOT NULL,
  number BIGINT NOT NULL
);
CREATE INDEX short_codes_by_booking ON short_codes (booking);
