-- A ticket type may have a time of sale of its own within its event's, and may be taken off sale for a while.
ALTER TABLE ticket_types ADD COLUMN sales_from BIGINT;
ALTER TABLE ticket_types ADD COLUMN sales_until BIGINT;
ALTER TABLE ticket_types ADD COLUMN paused BIGINT NOT NULL DEFAULT 0;
ALTER TABLE inventory_lines ADD COLUMN sales_from BIGINT;
ALTER TABLE inventory_lines ADD COLUMN sales_until BIGINT;
ALTER TABLE inventory_lines ADD COLUMN paused BIGINT NOT NULL DEFAULT 0;
