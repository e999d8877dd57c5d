-- The colour of what stands out on an event's pages, as #rrggbb in small letters; NULL: the platform's own.
ALTER TABLE events ADD COLUMN accent TEXT CHECK (LENGTH(accent) = 7 AND accent LIKE '#%' AND accent = LOWER(accent));
