-- What contents are worth, from the events of the chain and from reported searches. Amounts are base
-- units.
CREATE TABLE market_contents (
    shard          INTEGER NOT NULL REFERENCES shards,
    content        INTEGER NOT NULL,
    -- Views by relevance and searches, millionths of one, both faded to `updated_at`.
    views_micro    BIGINT NOT NULL,
    searches_micro BIGINT NOT NULL,
    -- Of the first view or search.
    since          TIMESTAMPTZ NOT NULL,
    updated_at     TIMESTAMPTZ NOT NULL,
    quality        INTEGER NOT NULL,
    base_rate      BIGINT NOT NULL,
    invested       BIGINT NOT NULL,
    record_bps     SMALLINT NOT NULL,
    -- Views a day that are expected, millionths of one.
    interest       BIGINT NOT NULL,
    value          BIGINT NOT NULL,
    PRIMARY KEY (shard, content)
);
CREATE INDEX market_contents_interest ON market_contents (interest DESC);
CREATE INDEX market_contents_updated ON market_contents (updated_at);

-- One row a content and minute in which it changed; the last of the minute counts.
CREATE TABLE market_history (
    shard    INTEGER NOT NULL,
    content  INTEGER NOT NULL,
    at       TIMESTAMPTZ NOT NULL,
    interest BIGINT NOT NULL,
    quality  INTEGER NOT NULL,
    invested BIGINT NOT NULL,
    value    BIGINT NOT NULL,
    PRIMARY KEY (shard, content, at)
);

-- The platform's totals in the same form.
CREATE TABLE market_totals (
    at       TIMESTAMPTZ PRIMARY KEY,
    contents BIGINT NOT NULL,
    interest BIGINT NOT NULL,
    invested BIGINT NOT NULL,
    value    BIGINT NOT NULL
);

-- Up to which event of a shard the market has taken in.
CREATE TABLE market_cursors (
    shard INTEGER PRIMARY KEY REFERENCES shards,
    event BIGINT NOT NULL
);

-- Searches that a source reported for an hour: a later report takes the place of an earlier one.
CREATE TABLE search_counts (
    source   TEXT NOT NULL,
    hour     TIMESTAMPTZ NOT NULL,
    shard    INTEGER NOT NULL,
    content  INTEGER NOT NULL,
    searches BIGINT NOT NULL,
    PRIMARY KEY (source, hour, shard, content)
);
CREATE INDEX search_counts_hour ON search_counts (hour);
