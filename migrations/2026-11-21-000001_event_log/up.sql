-- Batches of view events, as they came in. `payload` is compressed already.
CREATE TABLE event_batches (
    position    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      TEXT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    events      INTEGER NOT NULL CHECK (events > 0),
    payload     BYTEA NOT NULL
);
ALTER TABLE event_batches ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX event_batches_received_at ON event_batches (received_at);

-- How far each partition is counted. Moves in the transaction that stores the counts.
CREATE TABLE log_positions (
    partition  SMALLINT PRIMARY KEY,
    position   BIGINT NOT NULL,
    counted_at TIMESTAMPTZ NOT NULL
);

-- What became of each batch: a receipt for its source.
CREATE TABLE counted_batches (
    partition       SMALLINT NOT NULL,
    position        BIGINT NOT NULL,
    source          TEXT NOT NULL,
    received_at     TIMESTAMPTZ NOT NULL,
    counted_at      TIMESTAMPTZ NOT NULL,
    events          INTEGER NOT NULL,
    counted         INTEGER NOT NULL,
    duplicate_id    INTEGER NOT NULL,
    duplicate_view  INTEGER NOT NULL,
    unknown_content INTEGER NOT NULL,
    future          INTEGER NOT NULL,
    stale           INTEGER NOT NULL,
    too_short       INTEGER NOT NULL,
    impossible_rate INTEGER NOT NULL,
    -- One byte an event, compressed with zstd: the number of its verdict.
    verdicts        BYTEA NOT NULL,
    PRIMARY KEY (partition, position),
    CHECK (events = counted + duplicate_id + duplicate_view + unknown_content + future + stale
                    + too_short + impossible_rate)
);
CREATE INDEX counted_batches_received_at ON counted_batches (received_at);

-- Work that one keeper does at a time. A new owner has a higher epoch; whoever commits under a lease
-- checks its epoch in the same transaction.
CREATE TABLE leases (
    name       TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    epoch      BIGINT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
