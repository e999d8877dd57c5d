-- A batch, all of it or nothing, in one statement that commits by itself. What stands in braces is made of the tables' columns (`rows`).
--
-- One statement has one snapshot, taken when it begins. What follows rests on these rules of READ COMMITTED:
-- - `locked` waits for whoever has an event's row. Then its WHERE is looked at again on the row as it is by then: where its version was
--   swapped meanwhile, the row drops out, and nothing of that event is written, for everything else joins `fenced`. Rows are locked in the
--   order of their events, as everywhere, so that two batches cannot wait for each other;
-- - where the version is still the one that was decided on, no ledger has committed anything about the event since: whoever does swaps it. So the
--   snapshot, which is younger than that version, shows lines and bookings as they are, though they are not looked at again;
-- - the parts of one statement do not see what the others write. None needs to: rows of one event are changed once each;
-- - foreign keys are checked at the end, when all rows are there. Keys, CHECKs and foreign keys refuse the whole statement.
WITH locked AS (
  SELECT s.* FROM unnest({swap arrays}) AS s (event, decided_on, commands, no, {swap columns})
  JOIN inventory i ON i.event = s.event AND i.version = s.decided_on
  ORDER BY i.event FOR UPDATE OF i
), swapped AS (
  -- A status stands with terms that change; without one they stay.
  UPDATE inventory i SET version = i.version + l.commands, {swap terms}
  FROM locked l WHERE i.event = l.event AND i.version = l.decided_on RETURNING l.no, i.event
), opened AS (
  -- No ON CONFLICT: whoever is second must fail, and decide again on what the first one wrote.
  INSERT INTO inventory ({opened columns}) SELECT {opened columns} FROM unnest({opened arrays}) AS o (event, no, {opened sent})
  RETURNING event
), fenced AS MATERIALIZED (
  SELECT no, event FROM swapped
  UNION ALL SELECT o.no, o.event FROM unnest({opened events}, {opened numbers}) AS o (event, no) JOIN opened USING (event)
), lines AS (
  {lines}
), new_lines AS (
  {new lines}
), new_bookings AS (
  {new bookings}
), items AS (
  {items}
), bookings_changed AS (
  {bookings}
), keys AS (
  {keys}
), refunds_due AS (
  {refunds}
), told AS (
  {journal batches}
), told_in_full AS (
  {journal}
), checked AS (
  -- Rows that were to be changed and are not there: then they are not what was decided on, and all is undone.
  SELECT (SELECT COUNT(*) FROM lines) + (SELECT COUNT(*) FROM bookings_changed)
    - (SELECT COUNT(*) FROM unnest({lines numbers} || {bookings numbers}) AS wanted (no) JOIN fenced USING (no)) AS missing
)
SELECT f.no, CASE WHEN c.missing = 0 THEN 0 ELSE CAST('rows instead of those read: ' || c.missing AS BIGINT) END FROM fenced f, checked c
