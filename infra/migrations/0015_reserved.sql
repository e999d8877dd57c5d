-- Nothing: this number is another change's, which replaces this file.
UPDATE schema_version SET number = number;
