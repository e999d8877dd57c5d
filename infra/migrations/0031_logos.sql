-- The logos of events: pictures that stay as transparent as they are.

-- What all files of a picture are.
ALTER TABLE images ADD COLUMN format TEXT NOT NULL DEFAULT 'jpg' CHECK (format IN ('jpg', 'png'));
-- As events.image.
ALTER TABLE events ADD COLUMN logo TEXT NOT NULL DEFAULT 'null';
CREATE INDEX events_by_logo ON events (logo) WHERE logo <> 'null';
