use anchor_lang::prelude::*;
use anchor_spl::token_interface::TokenInterface;

use crate::{
    errors::PixrError,
    events::PositionSold,
    instructions::transfer::{Transfer, require_owner},
    state::{Platform, Position, Round},
};

#[derive(Accounts)]
pub struct Buy<'info> {
    /// Owner of `source`, and of the position from now on.
    pub buyer: Signer<'info>,
    #[account(
        has_one = mint @ PixrError::WrongMint,
        has_one = token_program @ PixrError::WrongTokenProgram,
    )]
    pub platform: Box<Account<'info, Platform>>,
    #[account(has_one = platform @ PixrError::WrongPlatform)]
    pub round: Box<Account<'info, Round>>,
    #[account(mut, has_one = round @ PixrError::WrongRound)]
    pub position: Account<'info, Position>,
    /// CHECK: the token program takes from it what the buyer may give.
    #[account(mut)]
    pub source: UncheckedAccount<'info>,
    /// CHECK: a token account of the position's owner: the handler checks it, and the token program.
    #[account(mut)]
    pub destination: UncheckedAccount<'info>,
    /// CHECK: the platform names it.
    pub mint: UncheckedAccount<'info>,
    pub token_program: Interface<'info, TokenInterface>,
}

/// Buys a position that is for sale, straight from its owner.
///
/// The buyer names the most that it may cost and the most that may have been paid to it: whoever
/// raises the price or claims in between sells nothing.
pub fn buy(ctx: Context<Buy>, price_max: u64, claimed_max: u64) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    accounts.round.require_tradable()?;
    let position = &mut accounts.position;
    let (price, seller, buyer) = (position.price, position.owner, accounts.buyer.key());
    require_gt!(price, 0, PixrError::NotListed);
    require_gte!(price_max, price, PixrError::PriceTooHigh);
    require_gte!(claimed_max, position.claimed, PixrError::ClaimedTooHigh);
    require_owner(&accounts.destination, &seller)?;
    Transfer {
        token_program: accounts.token_program.key(),
        mint: &accounts.mint,
        from: &accounts.source,
        to: &accounts.destination,
    }
    .signed_by(&accounts.buyer, price)?;
    position.owner = buyer;
    position.price = 0;
    emit!(PositionSold {
        round: position.round,
        position: position.key(),
        seller,
        buyer,
        price,
        amount: position.amount,
        claimed: position.claimed,
    });
    Ok(())
}
