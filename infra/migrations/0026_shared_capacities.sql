-- Places that several ticket types of an event share. What they are called and who shares them is the catalog's: a JSON list, in the organiser's order.
ALTER TABLE events ADD COLUMN shared_capacities TEXT NOT NULL DEFAULT '[]';

-- What is held and sold of them is a line beside those of the ticket types: a JSON list of the ticket types that share it; NULL: a ticket type's own. Such a
-- line has a per_person_limit of -1, which a ledger from before it cannot read, so that it refuses instead of selling too much.
ALTER TABLE inventory_lines ADD COLUMN shared_by TEXT CHECK ((shared_by IS NULL) = (per_person_limit >= 0));
