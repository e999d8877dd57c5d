-- Everything that a batch asks for by key, in one statement: one snapshot. Each row that it reads is of that snapshot, and so are the
-- versions. Whoever changes one of these rows changes the event's version in the same transaction, so where the version here is the one in
-- memory, memory and rows are of one and the same moment: refusals and replays may be answered as of it. What stands in braces is made of
-- what a booking is read into (`read`).
SELECT
  (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT,
  (SELECT json_object_agg(event, version)::TEXT FROM inventory WHERE event = ANY ($1::TEXT[])),
  (SELECT json_agg(json_build_array(i.scope, i.person, i.key, i.request_hash, i.outcome))::TEXT
    FROM unnest($2::TEXT[], $3::TEXT[], $4::TEXT[]) AS k (scope, person, key) JOIN idempotency i USING (scope, person, key)),
  (SELECT json_agg(json_build_array({booking columns}) ORDER BY b.id, i.ordinal)::TEXT
    FROM bookings b JOIN booking_items i ON i.booking = b.id WHERE b.id = ANY ($5::TEXT[])),
  (SELECT json_agg(json_build_array(event, person, ticket_type, places, 0))::TEXT
    FROM (
      SELECT b.event, b.person, i.ticket_type, SUM(i.quantity)::BIGINT AS places
      FROM (
        SELECT * FROM unnest($6::TEXT[], $7::TEXT[])
        UNION SELECT event, person FROM bookings WHERE id = ANY ($9::TEXT[])
      ) AS p (event, person)
      JOIN bookings b ON b.event = p.event AND b.person = p.person AND b.status = 'confirmed'
      JOIN booking_items i ON i.booking = b.id
      GROUP BY b.event, b.person, i.ticket_type
    ) AS bought),
  (SELECT json_agg(json_build_array(payment, amount))::TEXT
    FROM (
      SELECT r.payment, SUM(r.amount)::BIGINT AS amount
      FROM (
        SELECT unnest($8::TEXT[]) AS payment
        UNION SELECT payment FROM bookings WHERE id = ANY ($5::TEXT[]) AND payment IS NOT NULL
      ) AS p
      JOIN refunds r ON r.payment = p.payment AND r.status <> 'failed'
      GROUP BY r.payment
    ) AS refunded)
