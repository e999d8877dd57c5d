-- The pictures of events.

-- JSON: the picture's id and the sizes of its files, or null.
ALTER TABLE events ADD COLUMN image TEXT NOT NULL DEFAULT 'null';
CREATE INDEX events_by_image ON events (image) WHERE image <> 'null';

-- A picture, once, however many events have it; gone with the last one that has.
CREATE TABLE images (
  id TEXT PRIMARY KEY,                 -- the region, and a digest of its files
  created_at BIGINT NOT NULL
);

-- Its files: JPEG.
CREATE TABLE image_files (
  image TEXT NOT NULL REFERENCES images (id),
  width BIGINT NOT NULL CHECK (width BETWEEN 1 AND 1280),
  height BIGINT NOT NULL CHECK (height BETWEEN 1 AND 1280),
  content TEXT NOT NULL CHECK (LENGTH(content) BETWEEN 4 AND 700000),  -- in base64
  PRIMARY KEY (image, width)
);
