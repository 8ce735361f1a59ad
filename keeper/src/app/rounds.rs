//! Rounds and positions, read from the chain.

use anchor_lang::{AccountDeserialize, prelude::Pubkey};
use pixr::state::{
    ContentSlot, Position, Round,
    shard::{Lane, ShardRef},
};

use super::{Ledger, LedgerError, ShardHead};

impl Ledger<'_> {
    /// A round that is not closed.
    pub async fn round(&self, address: &Pubkey) -> Result<Round, LedgerError> {
        let round: Round = self.program_account("round", address).await?;
        match round.platform == self.platform_address() {
            true => Ok(round),
            false => {
                Err(LedgerError::Unreadable { what: "round of this platform", address: *address })
            }
        }
    }

    /// A position that is neither refunded nor paid for the last time.
    pub async fn position(&self, address: &Pubkey) -> Result<Position, LedgerError> {
        self.program_account("position", address).await
    }

    /// The shard of a round.
    pub async fn shard_of(&self, round: &Round) -> Result<ShardHead, LedgerError> {
        let missing = LedgerError::Missing { what: "shard of this platform", address: round.shard };
        let shards = self.shards().await?;
        shards.into_iter().find(|shard| shard.address == round.shard).ok_or(missing)
    }

    /// The slot of a content.
    pub async fn content(
        &self,
        shard: &ShardHead,
        content: u32,
    ) -> Result<ContentSlot, LedgerError> {
        let account = self.shard_account(shard).await?;
        let unreadable = LedgerError::Unreadable { what: "shard", address: shard.address };
        let slots = ShardRef::parse(&account.data).map_err(|_| unreadable)?;
        let count = shard.header.content_count;
        let slot = slots.content(content).copied();
        slot.map_err(|_| LedgerError::NoContent { shard: shard.number, content, count })
    }

    /// What a round is owed in all, in base units: as its lane says, and at the end the round itself.
    pub async fn owed(&self, round: &Round) -> Result<u64, LedgerError> {
        // A lane that was given back since the round was read has no more to say.
        Ok(self.lane(round).await?.map_or(round.owed, |lane| lane.owed))
    }

    /// The lane that a round earns with; none before delivery and at the end.
    pub async fn lane(&self, round: &Round) -> Result<Option<Lane>, LedgerError> {
        let Some(number) = round.lane.checked_sub(1) else { return Ok(None) };
        let shard = self.shard_of(round).await?;
        let account = self.shard_account(&shard).await?;
        let unreadable = LedgerError::Unreadable { what: "shard", address: shard.address };
        let slots = ShardRef::parse(&account.data).map_err(|_| unreadable)?;
        let lane = usize::try_from(number).ok().and_then(|number| slots.lanes.get(number));
        let own = |lane: &&Lane| (lane.content, lane.round) == (round.content, round.number);
        Ok(lane.filter(own).copied())
    }

    async fn program_account<T: AccountDeserialize>(
        &self,
        what: &'static str,
        address: &Pubkey,
    ) -> Result<T, LedgerError> {
        let account = self.account(what, *address).await?;
        let unreadable = LedgerError::Unreadable { what, address: *address };
        if account.owner != pixr::ID {
            return Err(unreadable);
        }
        T::try_deserialize(&mut account.data.as_slice()).map_err(|_| unreadable)
    }
}
