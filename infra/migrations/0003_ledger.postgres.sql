-- A journal row is written without a position: it need not stand in an index by position before it has one.
ALTER TABLE journal DROP CONSTRAINT journal_position_key;
CREATE UNIQUE INDEX journal_position ON journal (position) WHERE position IS NOT NULL;

-- These rows are changed by every batch. With room on their page the new version needs no new entry in an index.
ALTER TABLE inventory SET (fillfactor = 50);
ALTER TABLE inventory_lines SET (fillfactor = 50);
