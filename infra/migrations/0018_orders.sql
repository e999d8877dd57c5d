-- What an organiser has written beside an order: whom its papers go to, and a note. Of what was sold at the counter it is all that is known of the buyer.
CREATE TABLE order_details (
  booking TEXT PRIMARY KEY REFERENCES bookings (id),
  channel TEXT NOT NULL CHECK (channel IN ('online', 'counter')),
  name TEXT,                           -- NULL: as the buyer's account says
  email TEXT,                          -- NULL: the address of the buyer's account
  note TEXT,                           -- for the organiser's team alone
  mail_asked_at BIGINT,                -- when its mail was last asked for again
  updated_at BIGINT NOT NULL
);
-- The orders of an event, newest first: ids sort by time.
CREATE INDEX bookings_by_event_and_id ON bookings (event, id);
