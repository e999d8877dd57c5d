-- What admins see: why somebody is suspended, and how the region's nodes are.

-- Why an admin has suspended them, in that admin's words. NULL: they are not, or nothing was said.
ALTER TABLE users ADD COLUMN suspension_reason TEXT;

-- What each node with the region's database said of itself last. One that is silent is forgotten after an hour.
CREATE TABLE node_reports (
  name TEXT PRIMARY KEY,
  role TEXT NOT NULL CHECK (role IN ('up', 'region', 'worker')),
  version TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('up', 'degraded', 'down', 'draining')),
  checks TEXT NOT NULL,                -- JSON array, as /health/detailed has it
  breakers TEXT NOT NULL,              -- JSON array, as /metrics/circuit-breakers has it
  started_at BIGINT NOT NULL,
  reported_at BIGINT NOT NULL
);
