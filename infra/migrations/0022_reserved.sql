-- Stands in for the migration of this number, which another branch brings.
UPDATE schema_version SET number = number WHERE number < 0;
