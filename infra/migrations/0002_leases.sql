-- Who leads what in a region with several nodes. Leases only keep nodes from wasted work: what may be written, the version of each event
-- decides. All instants are by the database's clock.

-- partition-0 … partition-N and runner. The rows are made once; how many partitions there are is how many rows there are.
CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  owner TEXT NOT NULL,                 -- nodes.name; empty: nobody's
  address TEXT NOT NULL,               -- where its owner can be reached by other nodes
  epoch BIGINT NOT NULL,               -- grows whenever it is claimed
  expires_at BIGINT NOT NULL
);

-- Nodes that would lead. A node's name is of one life of its process only.
CREATE TABLE nodes (
  name TEXT PRIMARY KEY,
  address TEXT NOT NULL,
  expires_at BIGINT NOT NULL           -- not heard of since: does not count
);
