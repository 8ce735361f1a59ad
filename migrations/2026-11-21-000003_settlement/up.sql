-- Which windows became which batches. One plan takes whole windows of one shard and one kind.
CREATE TABLE plans (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard      INTEGER NOT NULL REFERENCES shards,
    -- 'views' or 'reversal'
    kind       TEXT NOT NULL CHECK (kind IN ('views', 'reversal')),
    planned_at TIMESTAMPTZ NOT NULL
);

-- Counted views of one shard, up to a position in the log; or findings that take views back.
CREATE TABLE windows (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard     INTEGER NOT NULL REFERENCES shards,
    kind      TEXT NOT NULL CHECK (kind IN ('views', 'reversal')),
    partition SMALLINT NOT NULL,
    -- Counts every event of the partition up to here that no earlier window counts. A reversal has
    -- the number of its finding here, and -1 as its partition.
    through   BIGINT NOT NULL,
    views     BIGINT NOT NULL CHECK (views > 0),
    -- Packed entries, of any length, in ascending order of relevance and content.
    entries   BYTEA NOT NULL,
    -- When the first of these events came in.
    oldest_at TIMESTAMPTZ NOT NULL,
    plan      BIGINT REFERENCES plans,
    UNIQUE (shard, kind, partition, through)
);
CREATE INDEX windows_unplanned ON windows (shard, id) WHERE plan IS NULL;
CREATE INDEX windows_plan ON windows (plan);

-- Settlement batches: immutable once planned, but for their outcome.
CREATE TABLE batches (
    shard        INTEGER NOT NULL REFERENCES shards,
    sequence     BIGINT NOT NULL CHECK (sequence > 0),
    kind         TEXT NOT NULL CHECK (kind IN ('views', 'reversal')),
    plan         BIGINT NOT NULL REFERENCES plans,
    entries      BYTEA NOT NULL,
    -- The shard's running hash after this batch.
    hash         BYTEA NOT NULL CHECK (octet_length(hash) = 32),
    credits      INTEGER NOT NULL CHECK (credits > 0),
    views        BIGINT NOT NULL,
    oldest_at    TIMESTAMPTZ NOT NULL,
    finalized_at TIMESTAMPTZ,
    -- The transaction that landed, where it is known.
    signature    TEXT,
    PRIMARY KEY (shard, sequence)
);
CREATE INDEX batches_open ON batches (shard, sequence) WHERE finalized_at IS NULL;
CREATE INDEX batches_plan ON batches (plan);

-- The outbox: every signed transaction, stored before it is sent.
CREATE TABLE transactions (
    signature               TEXT PRIMARY KEY,
    -- A batch, or the key of a single operation that is done at most once.
    shard                   INTEGER,
    sequence                BIGINT,
    operation               TEXT,
    bytes                   BYTEA NOT NULL,
    version                 SMALLINT NOT NULL,
    last_valid_block_height BIGINT NOT NULL,
    compute_unit_limit      INTEGER NOT NULL,
    -- Micro-lamports a compute unit.
    priority_fee            BIGINT NOT NULL,
    signed_at               TIMESTAMPTZ NOT NULL,
    outcome                 TEXT NOT NULL CHECK (outcome IN ('pending', 'finalized', 'failed', 'expired')),
    error                   TEXT,
    slot                    BIGINT,
    fee_lamports            BIGINT,
    compute_units           BIGINT,
    confirmed_at            TIMESTAMPTZ,
    FOREIGN KEY (shard, sequence) REFERENCES batches,
    CHECK ((shard IS NULL) = (sequence IS NULL)),
    CHECK ((operation IS NULL) <> (shard IS NULL))
);
CREATE INDEX transactions_batch ON transactions (shard, sequence);
CREATE INDEX transactions_operation ON transactions (operation);
-- At most one transaction of a batch can still land; the chain takes each batch once.
CREATE UNIQUE INDEX transactions_pending_batch ON transactions (shard, sequence) WHERE outcome = 'pending';
-- At most one transaction of an operation has landed or can still land.
CREATE UNIQUE INDEX transactions_operation_once ON transactions (operation)
    WHERE outcome IN ('pending', 'finalized');

-- Findings of fraud that came late. An event is reversed at most once.
CREATE TABLE findings (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE reversed_events (
    event   BYTEA PRIMARY KEY CHECK (octet_length(event) = 16),
    finding BIGINT NOT NULL REFERENCES findings
);
