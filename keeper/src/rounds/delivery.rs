//! Delivering a round on the chain.

use pixr::state::RoundKind;
use solana_instruction::Instruction;

use super::Acts;
use crate::app::{App, Ledger, LedgerError};

/// What a round is delivered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// SHA-256 of the manifest of what was made.
    pub manifest_hash: [u8; 32],
    /// What was made is worth this, in basis points: the content's quality does not fall below what
    /// it is.
    pub quality: u16,
}

impl Delivery {
    /// Whether rounds of this kind are delivered by being paid: there is nothing to be made.
    pub fn needs_no_work(kind: RoundKind) -> bool {
        matches!(kind, RoundKind::Promotion | RoundKind::Support)
    }

    /// The instructions that deliver the round. Signer: the keeper.
    pub async fn instructions(
        self,
        app: &App,
        acts: &Acts<'_>,
    ) -> Result<Vec<Instruction>, LedgerError> {
        let ledger = Ledger::finalized(app);
        let shard = ledger.shard_of(&acts.round).await?;
        let before = ledger.content(&shard, acts.round.content).await?.quality();
        let treasury = ledger.platform().await?.treasury;
        Ok(acts.deliver(&shard, &treasury, self.manifest_hash, self.quality.max(before)))
    }
}
