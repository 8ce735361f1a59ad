//! What the keeper measures.

use num_bigint::BigInt;
use pixr::{entries::Entry, errors::PixrError, state::Settings};
use sha2::{Digest, Sha256};

use super::{
    Model, Verdict,
    action::{Actor, Batch, Flaw},
    ceil_div, grow, need,
    state::{Content, Day, SCALE, Shard},
};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// What a content can owe at most, in points.
fn debt_max() -> BigInt {
    BigInt::from(1) << 62
}

/// What an entry's views count for at a content's quality.
fn points(entry: &Entry, settings: &Settings, content: &Content) -> BigInt {
    let rate = BigInt::from(settings.base_rate) * content.quality / 10_000;
    BigInt::from(entry.views) * entry.relevance * rate
}

fn chain(hash: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(hash);
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

impl Model {
    fn today(&self) -> u64 {
        u64::try_from(self.now / SECONDS_PER_DAY).expect("a time after 1970")
    }

    fn require_keeper(&self, by: Actor) -> Verdict {
        need(by == self.state.platform.keeper, PixrError::NotKeeper)?;
        self.require_running()
    }

    /// Checks all of a batch that does not depend on its entries, and takes its sequence.
    fn begin_batch(&mut self, batch: &Batch) -> Verdict {
        self.require_keeper(batch.by)?;
        need(!batch.bytes().is_empty(), PixrError::EntriesEmpty)?;
        need(batch.flaw != Some(Flaw::Odd), PixrError::EntriesTruncated)?;
        let shard = &mut self.state.shards[batch.shard];
        need(batch.sequence >= shard.sequence, PixrError::SequenceReplayed)?;
        need(batch.sequence == shard.sequence, PixrError::SequenceGap)?;
        shard.sequence += 1;
        Ok(())
    }

    fn day_of(&mut self, shard: usize) -> &mut Day {
        let number = self.today();
        let day = &mut self.state.shards[shard].day;
        if day.number != number {
            *day = Day { number, ..Day::default() };
        }
        day
    }

    pub(super) fn settle(&mut self, batch: &Batch) -> Verdict {
        self.begin_batch(batch)?;
        let settings = self.state.platform.settings;
        let credited_before = self.state.shards[batch.shard].credited();
        for entry in &batch.entries {
            let content = self.content(batch.shard, entry.content)?;
            content.views += entry.views;
            content.points += points(entry, &settings, content);
            let worth = &content.points / SCALE;
            let earned = (&worth - &content.earned).max(BigInt::ZERO);
            content.earned += &earned;
            let creator = content.creator;
            let kept = self.share_out(batch.shard, entry.content, earned);
            self.creator(batch.shard, creator)?.balance += kept;
        }
        check_end(batch)?;
        let credited = self.state.shards[batch.shard].credited() - credited_before;
        need(credited <= settings.batch_cap.into(), PixrError::BatchCapExceeded)?;
        let day = self.day_of(batch.shard);
        day.credited += credited;
        need(day.credited <= settings.day_cap.into(), PixrError::DayCapExceeded)?;
        let shard = &mut self.state.shards[batch.shard];
        need(shard.credited() <= shard.funded, PixrError::BudgetExhausted)?;
        let views: u64 = batch.entries.iter().map(|entry| entry.views).sum();
        grow(&mut shard.views, &views.into())?;
        shard.hash = chain(&shard.hash, &[&batch.bytes()]);
        Ok(())
    }

    pub(super) fn reverse(&mut self, batch: &Batch) -> Verdict {
        self.begin_batch(batch)?;
        let settings = self.state.platform.settings;
        let mut value = BigInt::ZERO;
        for entry in &batch.entries {
            let content = self.content(batch.shard, entry.content)?;
            need(content.views >= entry.views.into(), PixrError::ReversalExceedsViews)?;
            content.views -= entry.views;
            let taken = points(entry, &settings, content);
            content.points -= &taken;
            let debt = &content.earned * SCALE - &content.points;
            need(debt <= debt_max(), PixrError::ReversalTooLarge)?;
            value += ceil_div(&taken, SCALE);
        }
        check_end(batch)?;
        let day = self.day_of(batch.shard);
        day.reversed += value;
        need(day.reversed <= settings.day_cap.into(), PixrError::DayCapExceeded)?;
        let shard: &mut Shard = &mut self.state.shards[batch.shard];
        shard.hash = chain(&shard.hash, &[&[0xff, 0xff], &batch.bytes()]);
        Ok(())
    }

    pub(super) fn set_quality(
        &mut self,
        shard: usize,
        by: Actor,
        content: u32,
        quality: u16,
    ) -> Verdict {
        self.require_keeper(by)?;
        need(quality <= 10_000, PixrError::BpsTooHigh)?;
        self.content(shard, content.into())?.quality = quality;
        Ok(())
    }
}

/// Refuses a batch whose end is spoiled; its whole entries were read before.
fn check_end(batch: &Batch) -> Verdict {
    need(batch.flaw != Some(Flaw::HalfEntry), PixrError::EntriesTruncated)?;
    need(batch.flaw != Some(Flaw::Relevance), PixrError::RelevanceTooHigh)
}
