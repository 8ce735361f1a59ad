//! The tables, as `migrations` makes them.

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    event_batches (position) {
        position -> Int8,
        source -> Text,
        received_at -> Timestamptz,
        events -> Int4,
        payload -> Bytea,
    }
}

table! {
    log_positions (partition) {
        partition -> Int2,
        position -> Int8,
        counted_at -> Timestamptz,
    }
}

table! {
    counted_batches (partition, position) {
        partition -> Int2,
        position -> Int8,
        source -> Text,
        received_at -> Timestamptz,
        counted_at -> Timestamptz,
        events -> Int4,
        counted -> Int4,
        duplicate_id -> Int4,
        duplicate_view -> Int4,
        unknown_content -> Int4,
        future -> Int4,
        stale -> Int4,
        too_short -> Int4,
        impossible_rate -> Int4,
        verdicts -> Bytea,
    }
}

table! {
    leases (name) {
        name -> Text,
        owner -> Text,
        epoch -> Int8,
        expires_at -> Timestamptz,
    }
}

table! {
    shards (number) {
        number -> Int4,
        address -> Text,
        vault -> Text,
        rent_receiver -> Text,
        creator_capacity -> Int4,
        content_capacity -> Int4,
        lane_capacity -> Int4,
    }
}

table! {
    creators (shard, creator) {
        shard -> Int4,
        creator -> Int4,
        authority -> Text,
    }
}

table! {
    contents (shard, content) {
        shard -> Int4,
        content -> Int4,
        creator -> Int4,
        id -> Bytea,
    }
}

table! {
    plans (id) {
        id -> Int8,
        shard -> Int4,
        kind -> Text,
        planned_at -> Timestamptz,
    }
}

table! {
    windows (id) {
        id -> Int8,
        shard -> Int4,
        kind -> Text,
        partition -> Int2,
        through -> Int8,
        views -> Int8,
        entries -> Bytea,
        oldest_at -> Timestamptz,
        plan -> Nullable<Int8>,
    }
}

table! {
    batches (shard, sequence) {
        shard -> Int4,
        sequence -> Int8,
        kind -> Text,
        plan -> Int8,
        entries -> Bytea,
        hash -> Bytea,
        credits -> Int4,
        views -> Int8,
        oldest_at -> Timestamptz,
        finalized_at -> Nullable<Timestamptz>,
        signature -> Nullable<Text>,
    }
}

table! {
    transactions (signature) {
        signature -> Text,
        shard -> Nullable<Int4>,
        sequence -> Nullable<Int8>,
        operation -> Nullable<Text>,
        bytes -> Bytea,
        version -> Int2,
        last_valid_block_height -> Int8,
        compute_unit_limit -> Int4,
        priority_fee -> Int8,
        signed_at -> Timestamptz,
        outcome -> Text,
        error -> Nullable<Text>,
        slot -> Nullable<Int8>,
        fee_lamports -> Nullable<Int8>,
        compute_units -> Nullable<Int8>,
        confirmed_at -> Nullable<Timestamptz>,
    }
}

table! {
    findings (id) {
        id -> Int8,
        source -> Text,
        reason -> Text,
        received_at -> Timestamptz,
    }
}

table! {
    reversed_events (event) {
        event -> Bytea,
        finding -> Int8,
    }
}

table! {
    chain_events (id) {
        id -> Int8,
        signature -> Text,
        ordinal -> Int2,
        slot -> Int8,
        block_time -> Nullable<Timestamptz>,
        name -> Text,
        shard -> Nullable<Int4>,
        creator -> Nullable<Int4>,
        content -> Nullable<Int4>,
        sequence -> Nullable<Int8>,
        data -> Jsonb,
    }
}

table! {
    index_cursors (address) {
        address -> Text,
        signature -> Text,
        slot -> Int8,
    }
}

table! {
    publications (shard) {
        shard -> Int4,
        sequence -> Int8,
        event -> Int8,
    }
}

table! {
    rounds (address) {
        address -> Text,
        shard -> Int4,
        content -> Int4,
        number -> Int4,
        kind -> Text,
        target -> Int8,
        deadline -> Timestamptz,
        delivery_seconds -> Int8,
        share_bps -> Int4,
        cap -> Int8,
        term_seconds -> Int8,
        plan_hash -> Bytea,
        status -> Text,
        raised -> Int8,
        claimed -> Int8,
        opened_at -> Timestamptz,
        earned_at_opening -> Int8,
        deliver_until -> Nullable<Timestamptz>,
        delivered_at -> Nullable<Timestamptz>,
        manifest_hash -> Nullable<Bytea>,
        lane -> Nullable<Int4>,
        baseline_earned -> Nullable<Int8>,
        baseline_seconds -> Nullable<Int8>,
        earned_at_delivery -> Nullable<Int8>,
        owed -> Nullable<Int8>,
    }
}

table! {
    positions (address) {
        address -> Text,
        round -> Text,
        owner -> Text,
        amount -> Int8,
        claimed -> Int8,
        price -> Nullable<Int8>,
        closed -> Bool,
    }
}

table! {
    media_sources (shard, content) {
        shard -> Int4,
        content -> Int4,
        source_hash -> Bytea,
        manifest_hash -> Nullable<Bytea>,
        updated_at -> Timestamptz,
    }
}

table! {
    media_plans (shard, content, hash) {
        shard -> Int4,
        content -> Int4,
        hash -> Bytea,
        plan -> Jsonb,
        target -> Jsonb,
        price -> Int8,
        created_at -> Timestamptz,
        quality_bps -> Nullable<Int4>,
    }
}

table! {
    media_jobs (id) {
        id -> Int8,
        shard -> Int4,
        content -> Int4,
        plan -> Bytea,
        round -> Nullable<Text>,
        state -> Text,
        due_at -> Timestamptz,
        owner -> Nullable<Text>,
        epoch -> Int8,
        folder -> Nullable<Text>,
        lease_expires_at -> Nullable<Timestamptz>,
        heartbeat_at -> Nullable<Timestamptz>,
        attempts -> Int4,
        stage -> Text,
        frames_done -> Int8,
        frames_total -> Int8,
        error -> Nullable<Text>,
        manifest_hash -> Nullable<Bytea>,
        quality_bps -> Nullable<Int4>,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
    }
}

table! {
    media_uploads (id) {
        id -> Uuid,
        source -> Text,
        keeper -> Text,
        shard -> Int4,
        content -> Int4,
        hash -> Bytea,
        bytes -> Int8,
        replace -> Bool,
        state -> Text,
        error -> Nullable<Text>,
        updated_at -> Timestamptz,
    }
}

joinable!(windows -> plans (plan));
joinable!(batches -> plans (plan));
joinable!(positions -> rounds (round));

allow_tables_to_appear_in_same_query!(
    batches,
    chain_events,
    contents,
    counted_batches,
    creators,
    event_batches,
    findings,
    index_cursors,
    leases,
    log_positions,
    media_jobs,
    media_plans,
    media_sources,
    media_uploads,
    plans,
    positions,
    publications,
    reversed_events,
    rounds,
    shards,
    transactions,
    windows,
);
