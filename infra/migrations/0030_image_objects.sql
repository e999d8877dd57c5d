-- Files of pictures in a store of objects, where one is set: those that image_files has not.
CREATE TABLE image_objects (
  key TEXT PRIMARY KEY,                -- what it is called there, behind the prefix; used for one file and never again
  image TEXT NOT NULL,                 -- the picture that it is a file of
  width BIGINT NOT NULL CHECK (width BETWEEN 1 AND 1280),
  height BIGINT NOT NULL CHECK (height BETWEEN 1 AND 1280),
  state TEXT NOT NULL CHECK (state IN ('writing', 'kept', 'unused')),
  due_at BIGINT NOT NULL               -- unless it is kept: from when on it is deleted there
);
CREATE UNIQUE INDEX image_objects_kept ON image_objects (image, width) WHERE state = 'kept';
CREATE INDEX image_objects_due ON image_objects (due_at) WHERE state <> 'kept';
