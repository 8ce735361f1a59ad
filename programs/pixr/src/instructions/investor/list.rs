use anchor_lang::prelude::*;

use super::transfer_position::OwnPosition;
use crate::{errors::PixrError, events::PriceChanged};

/// Offers a position for `price`, or for another price than before.
pub fn list(ctx: Context<OwnPosition>, price: u64) -> Result<()> {
    ctx.accounts.validate()?;
    require_gt!(price, 0, PixrError::AmountIsZero);
    set_price(ctx, price)
}

/// Takes an offer back.
pub fn unlist(ctx: Context<OwnPosition>) -> Result<()> {
    ctx.accounts.validate()?;
    require_gt!(ctx.accounts.position.price, 0, PixrError::NotListed);
    set_price(ctx, 0)
}

fn set_price(ctx: Context<OwnPosition>, price: u64) -> Result<()> {
    let position = &mut ctx.accounts.position;
    let before = core::mem::replace(&mut position.price, price);
    emit!(PriceChanged {
        round: position.round,
        position: position.key(),
        owner: position.owner,
        before,
        after: price,
    });
    Ok(())
}
