-- What the control plane knows. Times are milliseconds since the Unix epoch, by this database's clock.

-- The one row that every change locks first: who acts, and of when the desired state is.
CREATE TABLE control_lease (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- The instance that acts; empty: nobody.
    holder TEXT NOT NULL,
    -- Another with each change of holder, and never one that was there before.
    epoch BIGINT NOT NULL CHECK (epoch >= 0),
    -- Counts changes of what nodes are to do.
    revision BIGINT NOT NULL CHECK (revision >= 0),
    expires_at BIGINT NOT NULL
);
INSERT INTO control_lease (one, holder, epoch, revision, expires_at) VALUES (1, '', 0, 0, 0);

-- A sequence gives no number twice, also where what took it was rolled back.
CREATE SEQUENCE control_release_ids;

-- Versions with their configuration. Rows never change.
CREATE TABLE control_releases (
    id BIGINT PRIMARY KEY CHECK (id > 0),
    application TEXT NOT NULL,
    version TEXT NOT NULL,
    -- As nodes get it, JSON.
    release TEXT NOT NULL,
    -- What it is made of, JSON.
    contents TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
);

-- How each release reaches the fleet. The last one says what nodes are to do.
CREATE TABLE control_rollouts (
    release BIGINT PRIMARY KEY REFERENCES control_releases (id),
    -- JSON.
    state TEXT NOT NULL,
    -- Counts changes of the row.
    revision BIGINT NOT NULL CHECK (revision > 0),
    -- Whether nothing happens to it any more unless somebody wants it.
    ended BOOLEAN NOT NULL,
    began_at BIGINT NOT NULL,
    began_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX control_rollouts_one_at_a_time ON control_rollouts ((TRUE)) WHERE NOT ended;

-- The last report of each node.
CREATE TABLE control_nodes (
    node TEXT PRIMARY KEY,
    -- JSON.
    report TEXT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- Who did what, and when. Rows are added and never changed.
CREATE TABLE control_audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE FUNCTION control_audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of control_audit are added and never changed';
END
$$;
CREATE TRIGGER control_audit_rows BEFORE UPDATE OR DELETE ON control_audit
    FOR EACH ROW EXECUTE FUNCTION control_audit_only_grows();
CREATE TRIGGER control_audit_all BEFORE TRUNCATE ON control_audit
    FOR EACH STATEMENT EXECUTE FUNCTION control_audit_only_grows();
