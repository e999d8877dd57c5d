CREATE VIEW readable_tickets AS
  SELECT booking, number, event, ticket_type, generation, holder, name, version,
    'epoch'::timestamptz + held_since * interval '1 microsecond' AS held_since,
    'epoch'::timestamptz + updated_at * interval '1 microsecond' AS updated_at
  FROM tickets;

CREATE VIEW readable_admissions AS
  SELECT booking, number, list, entry, event, gate, admitted_by, way,
    'epoch'::timestamptz + at * interval '1 microsecond' AS at,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at
  FROM admissions;
