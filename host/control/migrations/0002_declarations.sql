-- What objects outside of the control plane (Kubernetes' custom resources) have had deployed: the key by which nothing is begun twice.
CREATE TABLE control_declarations (
    -- The object's uid: another of the same name is another object.
    object TEXT NOT NULL,
    -- The object's generation, with which it was begun.
    generation BIGINT NOT NULL CHECK (generation >= 0),
    -- A digest of what was to be deployed.
    want TEXT NOT NULL,
    release BIGINT NOT NULL REFERENCES control_releases (id),
    -- What the object has last had said of the rollout.
    paused BOOLEAN NOT NULL,
    PRIMARY KEY (object, generation)
);
