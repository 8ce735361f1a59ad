-- Sources, plans, jobs and uploads of media. Files are in the object store; hashes are SHA-256.
-- Amounts are base units.

-- What a content has: its source, and the manifest of what was made from it.
CREATE TABLE media_sources (
    shard         INTEGER NOT NULL,
    content       INTEGER NOT NULL,
    source_hash   BYTEA NOT NULL,
    manifest_hash BYTEA,
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (shard, content),
    FOREIGN KEY (shard, content) REFERENCES contents
);

-- Contents with equal sources have equal plans.
CREATE TABLE media_plans (
    shard      INTEGER NOT NULL,
    content    INTEGER NOT NULL,
    hash       BYTEA NOT NULL,
    plan       JSONB NOT NULL,
    target     JSONB NOT NULL,
    price      BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (shard, content, hash),
    FOREIGN KEY (shard, content) REFERENCES contents
);

CREATE TABLE media_jobs (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard            INTEGER NOT NULL,
    content          INTEGER NOT NULL,
    plan             BYTEA NOT NULL,
    -- Address of the round that pays for it.
    round            TEXT,
    state            TEXT NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    -- Not to be started before.
    due_at           TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- Who is at it; the epoch is higher for every new owner.
    owner            TEXT,
    epoch            BIGINT NOT NULL DEFAULT 0,
    -- The work folder that has its parts.
    folder           TEXT,
    lease_expires_at TIMESTAMPTZ,
    heartbeat_at     TIMESTAMPTZ,
    attempts         INTEGER NOT NULL DEFAULT 0,
    stage            TEXT NOT NULL DEFAULT 'waiting',
    frames_done      BIGINT NOT NULL DEFAULT 0,
    frames_total     BIGINT NOT NULL,
    error            TEXT,
    manifest_hash    BYTEA,
    quality_bps      INTEGER,
    created_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    started_at       TIMESTAMPTZ,
    finished_at      TIMESTAMPTZ,
    FOREIGN KEY (shard, content, plan) REFERENCES media_plans
);
-- A plan is carried out once for each round, and by one job at a time without one.
CREATE UNIQUE INDEX media_jobs_once ON media_jobs (shard, content, plan, coalesce(round, ''))
    WHERE state IN ('queued', 'running') OR (state = 'done' AND round IS NOT NULL);
-- Upgrades of a content build on each other, so they run one after the other.
CREATE UNIQUE INDEX media_jobs_running ON media_jobs (shard, content) WHERE state = 'running';
CREATE INDEX media_jobs_live ON media_jobs (id) WHERE state IN ('queued', 'running');
CREATE INDEX media_jobs_rounds ON media_jobs (round) WHERE round IS NOT NULL;

-- Sources that are being sent. The bytes are with the keeper that took the first.
CREATE TABLE media_uploads (
    id          UUID PRIMARY KEY,
    -- Who sends it, and the keeper that has it.
    source      TEXT NOT NULL,
    keeper      TEXT NOT NULL,
    shard       INTEGER NOT NULL,
    content     INTEGER NOT NULL,
    hash        BYTEA NOT NULL,
    bytes       BIGINT NOT NULL,
    -- Whether it may take the place of another source.
    replace     BOOLEAN NOT NULL,
    state       TEXT NOT NULL DEFAULT 'receiving'
        CHECK (state IN ('receiving', 'received', 'imported', 'refused')),
    error       TEXT,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    FOREIGN KEY (shard, content) REFERENCES contents
);
CREATE INDEX media_uploads_live ON media_uploads (keeper) WHERE state IN ('receiving', 'received');
