//! What is watched in these tests, what is sent, and what it has to earn.

use std::{collections::BTreeMap, fmt::Write, net::SocketAddr};

use anchor_lang::{AccountDeserialize, prelude::Pubkey};
use num_bigint::BigUint;
use pixr::state::{Platform, shard::ShardRef};
use pixr_keeper::{
    chain::{self, Chain, Commitment},
    keys::{Keys, Purpose},
    views::ContentId,
};

use crate::daemon::{Place, try_request};

/// Creators, and contents of each.
pub const CREATORS: u64 = 5;
pub const CONTENTS_EACH: u64 = 4;
const EVENTS_A_BATCH: u64 = 40;
/// Divisor of weight times rate: 1,000 views at 10,000 basis points of relevance.
const SCALE: u32 = 10_000_000;

/// The contents and their custodial creators, as `pixr register file` reads them.
pub fn lines() -> String {
    let mut lines = String::new();
    for creator in 0..CREATORS {
        for content in 0..CONTENTS_EACH {
            let id = content_id(creator * CONTENTS_EACH + content);
            writeln!(lines, r#"{{"creator":"@{creator}","id":"{id}"}}"#)
                .expect("a string takes all");
        }
    }
    lines
}

/// The id of a content.
pub fn content_id(number: u64) -> String {
    format!("clip-{number:03}")
}

/// What a keeper answers to a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has the batch.
    Taken,
    /// The batch is to be sent again later.
    Later,
    /// None came: the batch may have been taken.
    Lost,
}

/// What was sent: views by content and relevance, each event with a viewer of its own.
#[derive(Default)]
pub struct Sent {
    events: u64,
    /// The batch that has no answer yet.
    waiting: Option<String>,
    weights: BTreeMap<ContentId, (u64, u64)>,
}

impl Sent {
    /// Sends the batch that is still without an answer, else a new one. A batch without an answer
    /// may have been taken: it is sent again until there is one.
    pub async fn send(&mut self, to: SocketAddr) -> Answer {
        if self.waiting.is_none() {
            self.waiting = Some(self.batch(EVENTS_A_BATCH, chrono::Utc::now().timestamp_millis()));
        }
        let batch = self.waiting.clone().unwrap_or_default();
        let reply = try_request(to, "POST", "/v1/views", batch.as_bytes()).await;
        let Some(reply) = reply else { return Answer::Lost };
        match reply.status {
            202 => {
                let body = reply.json();
                assert_eq!(body["accepted"], EVENTS_A_BATCH, "{body}");
                self.waiting = None;
                Answer::Taken
            }
            429 | 503 => {
                assert!(reply.header("retry-after").is_some(), "{reply:?}");
                Answer::Later
            }
            status => panic!("{status}: {}", String::from_utf8_lossy(&reply.body)),
        }
    }

    /// Whether a batch has no answer yet.
    pub fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    /// `count` new events as JSON lines, spread over all contents.
    fn batch(&mut self, count: u64, now_ms: i64) -> String {
        let mut lines = String::new();
        for _ in 0..count {
            let number = self.events;
            self.events += 1;
            let content = content_id(number * 7 % (CREATORS * CONTENTS_EACH));
            let relevance = 10_000 - number % 4 * 500;
            writeln!(
                lines,
                r#"{{"id":"e{number}","content":"{content}","viewer":"v{number}","at":{now_ms},"watched_ms":30000,"relevance":{relevance}}}"#
            )
            .expect("a string takes all");
            let (views, weight) = self.weights.entry(content.parse().expect("an id")).or_default();
            *views += 1;
            *weight += relevance;
        }
        lines
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Compares the accounts on the chain with what was sent: every content's views and
    /// earnings, and every creator's balance. Nothing was withdrawn or tipped in these tests.
    pub async fn check(&self, place: &Place) {
        let config = place.config();
        let chain = chain::open_read_only(&config.chain, &place.data()).expect("a chain to read");
        let keys = Keys::load(&config.keys, &place.data()).expect("keys");
        let platform = pixr_client::platform_address(&keys.address(Purpose::PlatformBase));
        let base_rate = self.base_rate(&*chain, &platform).await;
        let shard = keys.address(Purpose::Shard(0));
        let account = chain
            .account(&shard, Commitment::Finalized)
            .await
            .expect("a chain that answers")
            .expect("shard 0");
        let shard = ShardRef::parse(&account.data).expect("a shard");
        let mut balances = BTreeMap::<u32, BigUint>::new();
        let mut seen = 0;
        for slot in shard.contents {
            let (views, weight) =
                self.weights.get(&ContentId(slot.id)).copied().unwrap_or_default();
            let product =
                BigUint::from(weight) * base_rate * u32::from(slot.quality()) / 10_000_u32;
            let earned = product / SCALE;
            let id = ContentId(slot.id);
            assert_eq!(slot.views, views, "views of {id}");
            assert_eq!(BigUint::from(slot.earned), earned, "earnings of {id}");
            *balances.entry(slot.creator).or_default() += earned;
            seen += views;
        }
        assert_eq!(seen, self.events, "every view is some content's");
        for (creator, balance) in balances {
            let index = usize::try_from(creator).expect("an index");
            let slot = shard.creators.get(index).expect("a creator");
            assert_eq!(BigUint::from(slot.balance), balance, "balance of creator {creator}");
        }
    }

    async fn base_rate(&self, chain: &dyn Chain, platform: &Pubkey) -> u64 {
        let account = chain
            .account(platform, Commitment::Finalized)
            .await
            .expect("a chain that answers")
            .expect("a platform");
        Platform::try_deserialize(&mut account.data.as_slice())
            .expect("a platform")
            .settings
            .base_rate
    }
}
