-- What the program said, in the order in which the chain executed it.
CREATE TABLE chain_events (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    signature  TEXT NOT NULL,
    -- Which event of its transaction, from 0.
    ordinal    SMALLINT NOT NULL,
    slot       BIGINT NOT NULL,
    block_time TIMESTAMPTZ,
    name       TEXT NOT NULL,
    -- Where the event has them.
    shard      INTEGER,
    creator    INTEGER,
    content    INTEGER,
    sequence   BIGINT,
    data       JSONB NOT NULL,
    UNIQUE (signature, ordinal)
);
CREATE INDEX chain_events_shard ON chain_events (shard, id);
CREATE INDEX chain_events_creator ON chain_events (shard, creator, id) WHERE creator IS NOT NULL;
CREATE INDEX chain_events_content ON chain_events (shard, content, id) WHERE content IS NOT NULL;
CREATE INDEX chain_events_sequence ON chain_events (shard, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX chain_events_name ON chain_events (name, id);

-- How far an address's history is indexed. Moves in the transaction that stores the events.
CREATE TABLE index_cursors (
    address   TEXT PRIMARY KEY,
    signature TEXT NOT NULL,
    slot      BIGINT NOT NULL
);

-- How far each shard's batches are published.
CREATE TABLE publications (
    shard    INTEGER PRIMARY KEY REFERENCES shards,
    sequence BIGINT NOT NULL,
    -- The last chain event that the published files tell of.
    event    BIGINT NOT NULL
);
