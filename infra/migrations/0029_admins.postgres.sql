CREATE VIEW readable_node_reports AS
  SELECT name, role, version, status,
    'epoch'::timestamptz + started_at * interval '1 microsecond' AS started_at,
    'epoch'::timestamptz + reported_at * interval '1 microsecond' AS reported_at
  FROM node_reports;
