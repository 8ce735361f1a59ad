//! Signing a batch: simulated first, stored before it is sent.

use chrono::Utc;
use diesel_async::AsyncConnection;
use pixr::{errors::PixrError, state::Shard};
use solana_instruction::Instruction;
use solana_signer::Signer;
use solana_transaction_error::TransactionError;

use super::Outbox;
use crate::{
    chain::{
        Simulation,
        transactions::{COMPUTE_UNITS_MAX, Limits, SignError, sign},
    },
    crash_point,
    settle::{
        Kind, metrics,
        records::{self, Owner},
        refusal::Refusal,
        tail::{Attempt, Batch},
        timing::Timing,
        trouble::Trouble,
    },
    store::{StoreError, leases},
};

/// What is added to the compute units of the simulation, in percent: what happens to the shard
/// between the two changes little of what a batch costs.
const UNITS_MARGIN_PERCENT: u64 = 10;
/// The least that is added: enough for the program to say why it refuses, if it comes to that.
const UNITS_MARGIN_MIN: u64 = 10_000;

/// The limit for a transaction that used `units` when it was simulated. `nonce` makes transactions
/// different that are equal otherwise.
pub(in crate::settle) fn unit_limit(units: u64, nonce: u64) -> u32 {
    let margin = units.saturating_mul(UNITS_MARGIN_PERCENT).div_ceil(100).max(UNITS_MARGIN_MIN);
    let limit = units.saturating_add(margin).saturating_add(nonce);
    u32::try_from(limit).unwrap_or(COMPUTE_UNITS_MAX).min(COMPUTE_UNITS_MAX)
}

impl Outbox {
    /// Signs, stores and sends the batch that the chain waits for, which has no pending transaction.
    /// Returns false when the list of batches changed instead.
    pub(super) async fn submit(
        &mut self,
        sequence: u64,
        header: &Shard,
        timing: Timing,
    ) -> Result<bool, Trouble> {
        let (version, room) = self.cluster.version().await?;
        let Some(batch) = self.tail.batch(sequence) else { return Ok(false) };
        if batch.entries.len() > room {
            return self.recut(sequence, header).await;
        }
        let instruction = self.instruction(batch);
        let nonce = u64::try_from(batch.attempts.len()).unwrap_or(u64::MAX);
        let priority_fee = self.cluster.own_priority_fee().await?;
        let blockhash = self.app.chain.blockhash().await?;
        let signed = |limits: Limits| -> Result<_, SignError> {
            sign(version, blockhash.hash, limits, &[instruction.clone()], &self.keeper, &[])
        };
        let simulation = self.app.chain.simulate(&signed(Limits::MOST)?.bytes).await?;
        if let Simulation { error: Some(error), logs, .. } = simulation {
            return self.would_fail(sequence, header, timing, &error, &logs).await;
        }
        let compute_units = unit_limit(simulation.compute_units, nonce);
        let limits = Limits { compute_units, priority_fee };
        let signed = signed(limits)?;
        crash_point!("signed");
        let attempt = Attempt {
            signature: signed.signature,
            bytes: signed.bytes,
            version,
            limits,
            last_valid_block_height: blockhash.last_valid_block_height,
            signed_at: Utc::now(),
            pending: true,
        };
        self.store(sequence, &attempt).await?;
        crash_point!("stored");
        let bytes = attempt.bytes.clone();
        if let Some(batch) = self.tail.batch_mut(sequence) {
            batch.attempts.push(attempt);
        }
        self.send(sequence, &bytes).await?;
        crash_point!("sent");
        Ok(true)
    }

    fn instruction(&self, batch: &Batch) -> Instruction {
        batch.instruction(&self.app.platform, self.keeper.pubkey(), self.shard.address)
    }

    /// Stores a transaction as pending, and with the same commit what is known of those before.
    async fn store(&mut self, sequence: u64, attempt: &Attempt) -> Result<(), Trouble> {
        let shard = self.shard.number;
        let mut connection = self.app.store.get().await.map_err(StoreError::from)?;
        let (lease, writes) = (&self.lease, &self.writes);
        connection
            .transaction(async |connection| {
                leases::check(connection, lease).await?;
                records::write(connection, writes).await?;
                records::insert_attempt(connection, Owner::Batch { shard, sequence }, attempt).await
            })
            .await?;
        self.writes.clear();
        self.steps = self.steps.saturating_add(1);
        metrics::signed(shard);
        Ok(())
    }

    /// The simulation failed. Sometimes a batch can be cut or ordered otherwise; else it is kept as
    /// it is until somebody mends what is wrong.
    async fn would_fail(
        &mut self,
        sequence: u64,
        header: &Shard,
        timing: Timing,
        error: &TransactionError,
        logs: &[String],
    ) -> Result<bool, Trouble> {
        if *error == TransactionError::BlockhashNotFound {
            return Err(Trouble::Disagreement);
        }
        let refusal = Refusal::new(error, logs);
        if refusal.is(PixrError::SequenceReplayed) || refusal.is(PixrError::SequenceGap) {
            return Err(Trouble::Disagreement);
        }
        self.cluster.forget();
        let Some(batch) = self.tail.batch(sequence) else { return Ok(false) };
        let (unsigned, kind) = (batch.attempts.is_empty(), batch.kind);
        if unsigned && refusal.is(PixrError::BatchCapExceeded) && self.exceeds_cap(sequence).await?
        {
            return self.recut(sequence, header).await;
        }
        if unsigned && kind == Kind::Reversal && self.postpone(sequence, header, timing).await? {
            return Ok(false);
        }
        let mut blocked = self.refused(sequence, &refusal).await?;
        if kind == Kind::Reversal {
            // New views need not wait for it.
            let interval = self.app.config.settlement.batch_interval_ms.duration();
            blocked.retry_in = blocked.retry_in.min(interval);
        }
        Err(blocked.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_a_margin_and_a_bound() {
        assert_eq!(unit_limit(200_000, 0), 220_000);
        assert_eq!(unit_limit(3_000, 0), 13_000);
        assert_eq!(unit_limit(200_000, 3), 220_003);
        assert_eq!(unit_limit(1_399_999, 0), COMPUTE_UNITS_MAX);
        assert_eq!(unit_limit(u64::MAX, u64::MAX), COMPUTE_UNITS_MAX);
    }
}
