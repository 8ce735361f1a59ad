//! The story of a position: what it gets of what its round is owed.

use std::fmt;

use anchor_lang::prelude::Pubkey;
use pixr::math::returns::part_floor;
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};

use super::{ExplainError, RoundStory, round, text};
use crate::{
    amount::Amount,
    app::App,
    index::rounds::{self, Position},
};

/// A position's part of its round.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PositionPart {
    #[serde_as(as = "DisplayFromStr")]
    pub address: Pubkey,
    #[serde_as(as = "DisplayFromStr")]
    pub owner: Pubkey,
    pub amount: Amount,
    /// Of what the round is owed: paid ones included.
    pub part: Amount,
    pub claimed: Amount,
    /// What it is for sale for.
    pub price: Option<Amount>,
    /// Refunded, or paid for the last time.
    pub closed: bool,
}

/// A position and its round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PositionStory {
    pub position: PositionPart,
    /// With this position alone.
    pub round: RoundStory,
}

impl PositionPart {
    pub(super) fn new(position: &Position, round: &RoundStory, decimals: u8) -> Self {
        let amount = |base_units| Amount::new(base_units, decimals);
        let (owed, raised) = (round.owed.base_units, round.raised.base_units);
        // What was refunded is no part of what was raised any more.
        let part = part_floor(owed, position.amount, raised).unwrap_or(0);
        Self {
            address: position.address,
            owner: position.owner,
            amount: amount(position.amount),
            part: amount(part),
            claimed: amount(position.claimed),
            price: position.price.map(amount),
            closed: position.closed,
        }
    }
}

/// Tells the story of the position at this address.
pub async fn story(app: &App, address: Pubkey) -> Result<PositionStory, ExplainError> {
    let unknown = || ExplainError::Unknown(format!("no position at {address} is indexed"));
    let position = rounds::position(&app.store, &address).await?.ok_or_else(unknown)?;
    let mut round = round::story(app, position.round).await?;
    round.positions.retain(|part| part.address == address);
    let position = round.positions.first().cloned().ok_or_else(unknown)?;
    Ok(PositionStory { position, round })
}

impl fmt::Display for PositionPart {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { address, owner, .. } = self;
        let (amount, claimed) = (text::money(&self.amount), text::money(&self.claimed));
        write!(f, "  position {address} of {owner}: {amount}, paid {claimed}")?;
        match &self.price {
            Some(price) => write!(f, ", for sale at {}", text::money(price))?,
            None if self.closed => write!(f, ", closed")?,
            None => {}
        }
        Ok(())
    }
}

impl fmt::Display for PositionStory {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { position, round } = self;
        writeln!(f, "{round}")?;
        let (owed, raised) = (round.owed.base_units, round.raised.base_units);
        let (amount, part) = (position.amount.base_units, position.part.base_units);
        let claimed = position.claimed.base_units;
        if position.closed {
            return write!(f, "  It is closed: it gets nothing more.");
        }
        write!(
            f,
            "  its part = floor({owed} x {amount} / {raised}) = {part}; part - paid = {part} - \
             {claimed} = {} base units can be claimed",
            part.saturating_sub(claimed)
        )
    }
}
