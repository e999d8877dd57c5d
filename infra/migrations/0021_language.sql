-- In which language people are written to, and where answers to an organiser's mails go.

-- A BCP 47 tag, as 'de-AT'. What nobody has written mails in is English.
ALTER TABLE users ADD COLUMN language TEXT NOT NULL DEFAULT 'en';
-- Lower case. NULL: none.
ALTER TABLE organisers ADD COLUMN contact_email TEXT;
