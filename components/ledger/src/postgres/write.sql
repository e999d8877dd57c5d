-- A batch, all of it or nothing, in one statement that commits by itself.
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
  SELECT i.event, s.no, s.decided_on, s.commands, s.status, s.revision, s.sales_from, s.sales_until, s.refund_until
  FROM unnest($2::TEXT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::TEXT[], $7::BIGINT[], $8::BIGINT[], $9::BIGINT[], $10::BIGINT[])
    AS s (event, no, decided_on, commands, status, revision, sales_from, sales_until, refund_until)
  JOIN inventory i ON i.event = s.event AND i.version = s.decided_on
  ORDER BY i.event FOR UPDATE OF i
), swapped AS (
  -- A status stands with terms that change; without one they stay.
  UPDATE inventory i SET version = i.version + l.commands,
    status = COALESCE(l.status, i.status),
    revision = CASE WHEN l.status IS NULL THEN i.revision ELSE l.revision END,
    sales_from = CASE WHEN l.status IS NULL THEN i.sales_from ELSE l.sales_from END,
    sales_until = CASE WHEN l.status IS NULL THEN i.sales_until ELSE l.sales_until END,
    refund_until = CASE WHEN l.status IS NULL THEN i.refund_until ELSE l.refund_until END
  FROM locked l WHERE i.event = l.event AND i.version = l.decided_on RETURNING l.no, i.event, i.currency
), opened AS (
  -- No ON CONFLICT: whoever is second must fail, and decide again on what the first one wrote.
  INSERT INTO inventory (event, version, status, revision, currency, sales_from, sales_until, refund_until)
  SELECT event, version, status, revision, currency, sales_from, sales_until, refund_until
  FROM unnest($11::TEXT[], $13::BIGINT[], $14::TEXT[], $15::BIGINT[], $16::TEXT[], $17::BIGINT[], $18::BIGINT[], $19::BIGINT[])
    AS o (event, version, status, revision, currency, sales_from, sales_until, refund_until)
  RETURNING event, currency
), fenced AS MATERIALIZED (
  SELECT no, event, currency FROM swapped
  UNION ALL SELECT o.no, o.event, opened.currency FROM unnest($11::TEXT[], $12::BIGINT[]) AS o (event, no) JOIN opened USING (event)
), lines AS (
  -- Places are added, never set: should the swap ever fail to keep two writers apart, the sum stays right and the CHECK refuses.
  UPDATE inventory_lines l SET ordinal = c.ordinal, price = c.price, per_person_limit = c.per_person_limit, capacity = c.capacity,
    held = l.held + c.held, sold = l.sold + c.sold
  FROM unnest($20::BIGINT[], $21::TEXT[], $22::BIGINT[], $23::BIGINT[], $24::BIGINT[], $25::BIGINT[], $26::BIGINT[], $27::BIGINT[])
    AS c (no, ticket_type, ordinal, price, per_person_limit, capacity, held, sold) JOIN fenced f USING (no)
  WHERE l.event = f.event AND l.ticket_type = c.ticket_type RETURNING 1
), new_lines AS (
  INSERT INTO inventory_lines (event, ticket_type, ordinal, price, per_person_limit, capacity, held, sold)
  SELECT f.event, n.ticket_type, n.ordinal, n.price, n.per_person_limit, n.capacity, n.held, n.sold
  FROM unnest($28::BIGINT[], $29::TEXT[], $30::BIGINT[], $31::BIGINT[], $32::BIGINT[], $33::BIGINT[], $34::BIGINT[], $35::BIGINT[])
    AS n (no, ticket_type, ordinal, price, per_person_limit, capacity, held, sold) JOIN fenced f USING (no)
), new_bookings AS (
  INSERT INTO bookings (id, event, person, status, expires_at, extended, total, currency, payment, ticket_seed, version, created_at, updated_at,
    client, refund_until)
  SELECT n.id, f.event, n.person, n.status, n.expires_at, n.extended, n.total, f.currency, n.payment, n.ticket_seed, n.version, $1, $1, n.client,
    n.refund_until
  FROM unnest($36::BIGINT[], $37::TEXT[], $38::TEXT[], $39::TEXT[], $40::BIGINT[], $41::BIGINT[], $42::BIGINT[], $43::TEXT[], $44::TEXT[], $45::BIGINT[],
      $46::TEXT[], $47::BIGINT[])
    AS n (no, id, person, status, expires_at, extended, total, payment, ticket_seed, version, client, refund_until) JOIN fenced f USING (no)
), items AS (
  INSERT INTO booking_items (booking, ticket_type, ordinal, quantity, unit_price)
  SELECT n.booking, n.ticket_type, n.ordinal, n.quantity, n.unit_price
  FROM unnest($48::BIGINT[], $49::TEXT[], $50::TEXT[], $51::BIGINT[], $52::BIGINT[], $53::BIGINT[])
    AS n (no, booking, ticket_type, ordinal, quantity, unit_price) JOIN fenced f USING (no)
), bookings_changed AS (
  UPDATE bookings b SET status = c.status, expires_at = c.expires_at, extended = c.extended, payment = c.payment, version = c.version, updated_at = $1,
    client = CASE WHEN c.status IN ('held', 'paying') THEN b.client END
  FROM unnest($54::BIGINT[], $55::TEXT[], $56::TEXT[], $57::BIGINT[], $58::BIGINT[], $59::TEXT[], $60::BIGINT[])
    AS c (no, id, status, expires_at, extended, payment, version) JOIN fenced f USING (no)
  WHERE b.id = c.id AND b.event = f.event AND b.version < c.version RETURNING 1
), keys AS (
  INSERT INTO idempotency (scope, person, key, request_hash, outcome, created_at)
  SELECT f.event, k.person, k.key, k.request_hash, k.outcome, $1
  FROM unnest($61::BIGINT[], $62::TEXT[], $63::TEXT[], $64::TEXT[], $65::TEXT[]) AS k (no, person, key, request_hash, outcome) JOIN fenced f USING (no)
), refunds_due AS (
  INSERT INTO refunds (id, payment, booking, amount, currency, reason, status, attempts, due_at, created_at, updated_at)
  SELECT r.id, r.payment, r.booking, r.amount, r.currency, r.reason, 'due', 0, $1, $1, $1
  FROM unnest($66::BIGINT[], $67::TEXT[], $68::TEXT[], $69::TEXT[], $70::BIGINT[], $71::TEXT[], $72::TEXT[])
    AS r (no, id, payment, booking, amount, currency, reason) JOIN fenced f USING (no)
), told AS (
  INSERT INTO journal_batches (id, at, entries, facts)
  SELECT j.id, $1, j.entries, j.facts
  FROM unnest($73::BIGINT[], $74::TEXT[], $75::BIGINT[], $76::TEXT[]) AS j (no, id, entries, facts) JOIN fenced f USING (no)
), told_in_full AS (
  INSERT INTO journal (batch, ordinal, topic, type, aggregate, version, payload, trace)
  SELECT j.batch, j.ordinal, j.topic, j.type, j.aggregate, j.version, j.payload, j.trace
  FROM unnest($77::BIGINT[], $78::TEXT[], $79::BIGINT[], $80::TEXT[], $81::TEXT[], $82::TEXT[], $83::BIGINT[], $84::TEXT[],
    $85::TEXT[]) AS j (no, batch, ordinal, topic, type, aggregate, version, payload, trace) JOIN fenced f USING (no)
), checked AS (
  -- Rows that were to be changed and are not there: then they are not what was decided on, and all is undone.
  SELECT (SELECT COUNT(*) FROM lines) + (SELECT COUNT(*) FROM bookings_changed)
    - (SELECT COUNT(*) FROM unnest($20::BIGINT[] || $54::BIGINT[]) AS wanted (no) JOIN fenced USING (no)) AS missing
)
SELECT f.no, CASE WHEN c.missing = 0 THEN 0 ELSE CAST('rows instead of those read: ' || c.missing AS BIGINT) END FROM fenced f, checked c
