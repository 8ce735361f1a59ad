-- A copy of the slots of every shard. Slots never move, so new ones are only ever added.
CREATE TABLE shards (
    number           INTEGER PRIMARY KEY,
    address          TEXT NOT NULL UNIQUE,
    vault            TEXT NOT NULL,
    rent_receiver    TEXT NOT NULL,
    creator_capacity INTEGER NOT NULL,
    content_capacity INTEGER NOT NULL,
    lane_capacity    INTEGER NOT NULL
);

CREATE TABLE creators (
    shard     INTEGER NOT NULL REFERENCES shards,
    creator   INTEGER NOT NULL,
    -- The withdraw authority when the slot was read first; the chain has the present one.
    authority TEXT NOT NULL,
    PRIMARY KEY (shard, creator)
);
CREATE INDEX creators_authority ON creators (authority);

CREATE TABLE contents (
    shard   INTEGER NOT NULL REFERENCES shards,
    content INTEGER NOT NULL,
    creator INTEGER NOT NULL,
    id      BYTEA NOT NULL CHECK (octet_length(id) = 16),
    PRIMARY KEY (shard, content)
);
-- The chain keeps ids unique within a shard; the first shard that has an id counts its views.
CREATE INDEX contents_id ON contents (id);
