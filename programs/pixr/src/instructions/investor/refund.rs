use anchor_lang::prelude::*;
use anchor_spl::token_interface::TokenInterface;

use crate::{
    errors::PixrError,
    events::Refunded,
    instructions::transfer::{Transfer, require_owner, token_amount},
    state::{Platform, Position, Round, RoundStatus},
};

#[derive(Accounts)]
pub struct Refund<'info> {
    /// The position's owner; anybody once the deadline has passed.
    pub caller: Signer<'info>,
    #[account(
        has_one = mint @ PixrError::WrongMint,
        has_one = token_program @ PixrError::WrongTokenProgram,
    )]
    pub platform: Box<Account<'info, Platform>>,
    #[account(
        mut,
        has_one = platform @ PixrError::WrongPlatform,
        has_one = escrow @ PixrError::WrongEscrow,
    )]
    pub round: Box<Account<'info, Round>>,
    #[account(
        mut,
        close = payer,
        has_one = round @ PixrError::WrongRound,
        has_one = payer @ PixrError::WrongRentReceiver,
    )]
    pub position: Account<'info, Position>,
    /// CHECK: gets the rent back; the position names it.
    #[account(mut)]
    pub payer: UncheckedAccount<'info>,
    /// CHECK: the round names it.
    #[account(mut)]
    pub escrow: UncheckedAccount<'info>,
    /// CHECK: a token account of the position's owner: the handler checks it, and the token program.
    #[account(mut)]
    pub destination: UncheckedAccount<'info>,
    /// CHECK: the platform names it.
    pub mint: UncheckedAccount<'info>,
    pub token_program: Interface<'info, TokenInterface>,
}

/// Pays a position back and closes it.
///
/// A round refunds when it was cancelled, when its deadline passed before it was funded, and when it
/// was funded and its delivery is overdue. The owner may ask for it then; after the deadline anybody
/// may send it, and it still goes to the owner.
pub fn refund(ctx: Context<Refund>) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let now = Clock::get()?.unix_timestamp;
    let (round, position) = (&mut accounts.round, &accounts.position);
    require!(round.refunds(now), PixrError::RoundNotRefunding);
    let owns = accounts.caller.key() == position.owner;
    require!(owns || now >= round.terms.deadline, PixrError::NotOwner);
    require_owner(&accounts.destination, &position.owner)?;
    round.status = RoundStatus::Refunding;
    let (amount, raised_before) = (position.amount, round.raised);
    round.raised = raised_before.checked_sub(amount).ok_or(PixrError::Overflow)?;
    round.positions = round.positions.checked_sub(1).ok_or(PixrError::Overflow)?;
    Transfer {
        token_program: accounts.token_program.key(),
        mint: &accounts.mint,
        from: &accounts.escrow,
        to: &accounts.destination,
    }
    .out_of_escrow(round, amount)?;
    emit!(Refunded {
        round: round.key(),
        position: position.key(),
        owner: position.owner,
        by: accounts.caller.key(),
        destination: accounts.destination.key(),
        amount,
        raised_before,
        raised_after: round.raised,
    });
    round.invariant(token_amount(&accounts.escrow)?)
}
