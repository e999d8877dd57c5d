-- Members of organisers' teams, who is invited to one, and API keys of organisers' own programs.

-- Counts what is done to it and its team, which orders what the journal says of that.
ALTER TABLE organisers ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
-- Since when they are a member. 0: not known here, where another region keeps the accounts.
ALTER TABLE organiser_members ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
UPDATE organiser_members SET created_at = (SELECT o.created_at FROM organisers o WHERE o.id = organiser_members.organiser_id);
-- Since when an admin has taken the organiser's role away, which then nobody else gives back. NULL: none has. A member without it lost it so.
ALTER TABLE users ADD COLUMN organiser_role_taken_at BIGINT;
UPDATE users SET organiser_role_taken_at = created_at
  WHERE id IN (SELECT user_id FROM organiser_members) AND id NOT IN (SELECT user_id FROM user_roles WHERE role = 'organiser');

-- Who may join a team, by an address that they read: one for each organiser and address. Gone once it has been accepted or withdrawn.
CREATE TABLE invitations (
  id TEXT PRIMARY KEY,
  organiser_id TEXT NOT NULL REFERENCES organisers (id),
  email TEXT NOT NULL,                 -- lower case
  role TEXT NOT NULL CHECK (role IN ('owner', 'manager', 'finance', 'door')),
  invited_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  UNIQUE (organiser_id, email)
);
CREATE INDEX invitations_by_email ON invitations (email);
CREATE INDEX invitations_by_end ON invitations (expires_at);

-- Keys of organisers' own programs; their tokens' session is the key's id. Gone once deleted.
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  organiser_id TEXT NOT NULL REFERENCES organisers (id),
  name TEXT NOT NULL,
  hash TEXT NOT NULL,                  -- SHA-256 of the secret
  permissions TEXT NOT NULL,           -- JSON array of names
  created_by TEXT NOT NULL,            -- the user who made it
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  last_used_at BIGINT                  -- when a token was last given for it
);
CREATE INDEX api_keys_by_organiser ON api_keys (organiser_id, id);
