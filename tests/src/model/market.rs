//! Positions change hands.

use num_bigint::BigInt;
use pixr::errors::PixrError;

use super::{
    Model, Verdict,
    action::{Actor, PositionId},
    need,
    state::{Position, Stage},
};
use crate::transactions::Failure;

impl Model {
    fn require_tradable(&mut self, id: PositionId) -> Verdict {
        self.require_running()?;
        let stage = self.round(id.shard, id.round)?.stage;
        need(stage != Stage::Open, PixrError::PositionFixed)
    }

    fn own_position(&mut self, by: Actor, id: PositionId) -> Result<&mut Position, Failure> {
        let owner = self.position(id)?.owner;
        need(by == owner, PixrError::NotOwner)?;
        self.require_tradable(id)?;
        self.position(id)
    }

    pub(super) fn transfer_position(
        &mut self,
        by: Actor,
        id: PositionId,
        to: Option<Actor>,
    ) -> Verdict {
        let position = self.own_position(by, id)?;
        position.owner = to.ok_or(PixrError::RoleIsZero)?;
        position.price = 0;
        Ok(())
    }

    pub(super) fn list(&mut self, by: Actor, id: PositionId, price: u64) -> Verdict {
        let position = self.own_position(by, id)?;
        need(price > 0, PixrError::AmountIsZero)?;
        position.price = price;
        Ok(())
    }

    pub(super) fn unlist(&mut self, by: Actor, id: PositionId) -> Verdict {
        let position = self.own_position(by, id)?;
        need(position.price > 0, PixrError::NotListed)?;
        position.price = 0;
        Ok(())
    }

    pub(super) fn buy(
        &mut self,
        by: Actor,
        id: PositionId,
        price_max: u64,
        claimed_max: u64,
        destination: Actor,
    ) -> Verdict {
        let Position { owner, claimed, price, .. } = self.position(id)?.clone();
        self.require_tradable(id)?;
        need(price > 0, PixrError::NotListed)?;
        need(price <= price_max, PixrError::PriceTooHigh)?;
        need(claimed <= claimed_max.into(), PixrError::ClaimedTooHigh)?;
        need(destination == owner, PixrError::WrongDestination)?;
        let price = BigInt::from(price);
        need(self.state.actors[by].tokens >= price, PixrError::InsufficientTokens)?;
        self.state.actors[by].tokens -= &price;
        self.state.actors[owner].tokens += price;
        let position = self.position(id)?;
        position.owner = by;
        position.price = 0;
        Ok(())
    }
}
