CREATE VIEW readable_journal AS
  SELECT position, batch, ordinal, topic, type, aggregate, version, payload,
    'epoch'::timestamptz + at * interval '1 microsecond' AS at
  FROM positioned_journal;
