-- The network that a hold was taken from, as the node that took the request saw it; forgotten when the hold ends. What is held from one is counted.
ALTER TABLE bookings ADD COLUMN client TEXT;
CREATE INDEX bookings_by_client ON bookings (event, client) WHERE client IS NOT NULL;

-- What an account has made is counted.
CREATE INDEX events_by_creator ON events (created_by);
