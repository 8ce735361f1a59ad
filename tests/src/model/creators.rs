//! Registrations, and who may withdraw for a creator.

use anchor_lang::error::ErrorCode;
use num_bigint::BigInt;
use pixr::errors::PixrError;

use super::{
    ACCOUNT_EXISTS, Model, Verdict,
    action::Actor,
    at, need,
    state::{Content, Creator, Proposal},
};

const CREATOR_BYTES: u64 = 64;
/// A slot and two places of the content index.
const CONTENT_BYTES: u64 = 56 + 2 * 4;
/// Tag, shard, authority, proposed, creator, bump.
const PROPOSAL_BYTES: u64 = 8 + 3 * 32 + 4 + 1;

impl Model {
    /// Who registers without being the keeper pays for the slot.
    fn pay_slot(&mut self, by: Actor, bytes: u64) {
        if by != self.state.platform.keeper {
            self.pay_lamports(by, BigInt::from(bytes) * self.byte_lamports);
        }
    }

    pub(super) fn register_creator(
        &mut self,
        shard: usize,
        by: Actor,
        authority: Option<Actor>,
    ) -> Verdict {
        self.require_running()?;
        let allowed = by == self.state.platform.keeper || authority == Some(by);
        need(allowed, PixrError::NotCreatorOrKeeper)?;
        let authority = authority.ok_or(PixrError::RoleIsZero)?;
        let slots = &mut self.state.shards[shard];
        let full = slots.creators.len() == at(slots.capacities.creators);
        need(!full, PixrError::ShardFullOfCreators)?;
        slots.creators.push(Creator {
            authority,
            balance: BigInt::ZERO,
            withdrawn: BigInt::ZERO,
            window_start: 0,
            window_spent: BigInt::ZERO,
            requests: 0,
        });
        self.pay_slot(by, CREATOR_BYTES);
        Ok(())
    }

    pub(super) fn register_content(
        &mut self,
        shard: usize,
        by: Actor,
        creator: u32,
        id: u128,
    ) -> Verdict {
        self.require_running()?;
        let authority = self.creator(shard, creator)?.authority;
        let allowed = by == self.state.platform.keeper || by == authority;
        need(allowed, PixrError::NotCreatorOrKeeper)?;
        let slots = &mut self.state.shards[shard];
        let full = slots.contents.len() == at(slots.capacities.contents);
        need(!full, PixrError::ShardFullOfContents)?;
        let taken = slots.contents.iter().any(|content| content.id == id);
        need(!taken, PixrError::ContentIdTaken)?;
        slots.contents.push(Content {
            id,
            creator,
            quality: self.state.platform.settings.initial_quality,
            views: BigInt::ZERO,
            points: BigInt::ZERO,
            earned: BigInt::ZERO,
            rounds: 0,
            lanes: Vec::new(),
        });
        self.pay_slot(by, CONTENT_BYTES);
        Ok(())
    }

    pub(super) fn propose_authority(
        &mut self,
        shard: usize,
        by: Actor,
        creator: u32,
        proposed: Option<Actor>,
    ) -> Verdict {
        let pending = self.state.shards[shard].proposals.contains_key(&creator);
        need(!pending, ACCOUNT_EXISTS)?;
        self.require_running()?;
        let proposed = proposed.ok_or(PixrError::RoleIsZero)?;
        self.own_creator(shard, creator, by)?;
        self.state.shards[shard].proposals.insert(creator, Proposal { by, proposed });
        self.pay_lamports(by, self.account_rent(PROPOSAL_BYTES));
        Ok(())
    }

    pub(super) fn accept_authority(&mut self, shard: usize, by: Actor, creator: u32) -> Verdict {
        let proposal = self.state.shards[shard].proposals.remove(&creator);
        let proposal = proposal.ok_or(ErrorCode::AccountNotInitialized)?;
        need(by == proposal.proposed, PixrError::NotProposed)?;
        self.require_running()?;
        self.own_creator(shard, creator, proposal.by)?.authority = by;
        self.receive_lamports(proposal.by, self.account_rent(PROPOSAL_BYTES));
        Ok(())
    }

    pub(super) fn cancel_authority(&mut self, shard: usize, by: Actor, creator: u32) -> Verdict {
        let proposal = self.state.shards[shard].proposals.remove(&creator);
        proposal.ok_or(ErrorCode::AccountNotInitialized)?;
        self.require_running()?;
        self.own_creator(shard, creator, by)?;
        self.receive_lamports(by, self.account_rent(PROPOSAL_BYTES));
        Ok(())
    }
}
