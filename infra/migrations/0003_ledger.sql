-- What a batch of holds costs.

-- With the status in it, what a person has bought is found without reading what they hold, which a ledger may know already.
DROP INDEX bookings_by_event;
CREATE INDEX bookings_by_event ON bookings (event, person, status);
