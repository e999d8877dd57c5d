-- What a member of an organiser's team is. Whoever was a member before could do everything, and still can.
ALTER TABLE organiser_members ADD COLUMN role TEXT NOT NULL DEFAULT 'owner' CHECK (role IN ('owner', 'manager', 'finance', 'door'));
