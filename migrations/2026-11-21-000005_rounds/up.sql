-- Rounds and positions, as their events tell it. Written in the transaction that stores the events.
-- Amounts are base units.
CREATE TABLE rounds (
    address            TEXT PRIMARY KEY,
    shard              INTEGER NOT NULL REFERENCES shards,
    content            INTEGER NOT NULL,
    -- Among the rounds of its content.
    number             INTEGER NOT NULL,
    kind               TEXT NOT NULL CHECK (kind IN ('quality', 'feature', 'promotion', 'support')),
    target             BIGINT NOT NULL,
    deadline           TIMESTAMPTZ NOT NULL,
    delivery_seconds   BIGINT NOT NULL,
    share_bps          INTEGER NOT NULL,
    cap                BIGINT NOT NULL,
    term_seconds       BIGINT NOT NULL,
    plan_hash          BYTEA NOT NULL,
    -- `retired`: its lane is given back, so what it is owed is final.
    status             TEXT NOT NULL
        CHECK (status IN ('open', 'funded', 'delivered', 'refunding', 'retired', 'closed')),
    raised             BIGINT NOT NULL DEFAULT 0,
    claimed            BIGINT NOT NULL DEFAULT 0,
    opened_at          TIMESTAMPTZ NOT NULL,
    earned_at_opening  BIGINT NOT NULL,
    -- From funding on.
    deliver_until      TIMESTAMPTZ,
    -- From delivery on; a support round has the time alone.
    delivered_at       TIMESTAMPTZ,
    manifest_hash      BYTEA,
    lane               INTEGER,
    baseline_earned    BIGINT,
    baseline_seconds   BIGINT,
    earned_at_delivery BIGINT,
    -- What it is owed, once its lane is given back.
    owed               BIGINT,
    UNIQUE (shard, content, number)
);
CREATE INDEX rounds_status ON rounds (status);

CREATE TABLE positions (
    address TEXT PRIMARY KEY,
    round   TEXT NOT NULL REFERENCES rounds,
    owner   TEXT NOT NULL,
    amount  BIGINT NOT NULL,
    claimed BIGINT NOT NULL DEFAULT 0,
    -- What it is offered for; prices that no BIGINT holds are stored as the greatest that it does.
    price   BIGINT,
    -- Refunded, or paid for the last time.
    closed  BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX positions_round ON positions (round);
CREATE INDEX positions_owner ON positions (owner);
