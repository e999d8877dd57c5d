CREATE VIEW readable_messages AS
  SELECT id, event, organiser_id, kind, subject, ticket_types, admitted, holders, sent, failed, unsubscribed, created_by,
    'epoch'::timestamptz + addressed_at * interval '1 microsecond' AS addressed_at,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at
  FROM messages;

CREATE VIEW readable_reminders AS
  SELECT event, cursor,
    'epoch'::timestamptz + done_at * interval '1 microsecond' AS done_at,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at
  FROM reminders;

CREATE VIEW readable_unsubscriptions AS
  SELECT id, organiser_id,
    'epoch'::timestamptz + created_at * interval '1 microsecond' AS created_at
  FROM unsubscriptions;
