use anchor_lang::{error::ErrorCode, prelude::*};
use anchor_spl::token_interface::TokenInterface;

use crate::{
    errors::PixrError,
    events::{Invested, RoundFunded},
    instructions::{
        create::create_account,
        transfer::{Transfer, token_amount},
    },
    seeds,
    state::{Platform, Position, Round, RoundStatus},
};

#[derive(Accounts)]
pub struct Invest<'info> {
    /// Owner of `source`, and of the position.
    pub investor: Signer<'info>,
    /// Pays the position's rent and gets it back at its end.
    #[account(mut)]
    pub payer: Signer<'info>,
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
    /// CHECK: the investor's position, made by its first investment.
    #[account(mut)]
    pub position: UncheckedAccount<'info>,
    /// CHECK: the round names it.
    #[account(mut)]
    pub escrow: UncheckedAccount<'info>,
    /// CHECK: the token program takes from it what the investor may give.
    #[account(mut)]
    pub source: UncheckedAccount<'info>,
    /// CHECK: the platform names it.
    pub mint: UncheckedAccount<'info>,
    pub token_program: Interface<'info, TokenInterface>,
    pub system_program: Program<'info, System>,
}

/// Puts `amount` into the round's escrow, or what is missing to the target if that is less.
///
/// 1. The round is open and its deadline is ahead.
/// 2. The position is made, or grows.
/// 3. With the target reached the round is funded.
pub fn invest(ctx: Context<Invest>, amount: u64) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let now = Clock::get()?.unix_timestamp;
    let round = &mut accounts.round;
    require!(round.status == RoundStatus::Open, PixrError::RoundNotOpen);
    require_gt!(round.terms.deadline, now, PixrError::DeadlinePassed);
    require_gt!(amount, 0, PixrError::AmountIsZero);
    let raised_before = round.raised;
    let missing = round.terms.target.checked_sub(raised_before).ok_or(PixrError::Overflow)?;
    let amount = amount.min(missing);
    Transfer {
        token_program: accounts.token_program.key(),
        mint: &accounts.mint,
        from: &accounts.source,
        to: &accounts.escrow,
    }
    .signed_by(&accounts.investor, amount)?;
    round.raised = raised_before.checked_add(amount).ok_or(PixrError::Overflow)?;

    let Investment { invested, is_new } = add_to_position(
        &accounts.position,
        round.key(),
        &accounts.investor,
        &accounts.payer,
        amount,
    )?;
    if is_new {
        round.positions = round.positions.checked_add(1).ok_or(PixrError::Overflow)?;
    }
    emit!(Invested {
        round: round.key(),
        position: accounts.position.key(),
        investor: accounts.investor.key(),
        amount,
        invested,
        raised_before,
        raised_after: round.raised,
    });
    if round.raised == round.terms.target {
        round.status = RoundStatus::Funded;
        round.funded_at = now;
        emit!(RoundFunded {
            round: round.key(),
            raised: round.raised,
            deliver_until: round.deliver_until(),
        });
    }
    round.invariant(token_amount(&accounts.escrow)?)
}

/// What came of an investment.
struct Investment {
    /// All that the position holds now.
    invested: u64,
    /// Whether it was made.
    is_new: bool,
}

/// Adds `amount` to the investor's position, which is made when it is not there.
fn add_to_position<'info>(
    account: &AccountInfo<'info>,
    round: Pubkey,
    investor: &AccountInfo<'info>,
    payer: &AccountInfo<'info>,
    amount: u64,
) -> Result<Investment> {
    let is_new = account.data_is_empty();
    let position = if is_new {
        let seeds: &[&[u8]] = &[seeds::POSITION, round.as_ref(), investor.key.as_ref()];
        let (address, bump) = Pubkey::find_program_address(seeds, &crate::ID);
        require_keys_eq!(*account.key, address, ErrorCode::ConstraintSeeds);
        let signer: &[&[u8]] = &[seeds::POSITION, round.as_ref(), investor.key.as_ref(), &[bump]];
        create_account(payer, account, Position::SPACE, signer)?;
        let (owner, payer) = (*investor.key, *payer.key);
        Position { round, owner, payer, amount, claimed: 0, price: 0, bump }
    } else {
        // Only the program makes positions, at the address of their round and investor; while the
        // round is open they belong to their investor.
        require_keys_eq!(*account.owner, crate::ID, ErrorCode::AccountOwnedByWrongProgram);
        let mut position = Position::try_deserialize(&mut &**account.try_borrow_data()?)?;
        require_keys_eq!(position.round, round, PixrError::WrongRound);
        require_keys_eq!(position.owner, *investor.key, PixrError::NotOwner);
        position.amount = position.amount.checked_add(amount).ok_or(PixrError::Overflow)?;
        position
    };
    position.try_serialize(&mut &mut **account.try_borrow_mut_data()?)?;
    Ok(Investment { invested: position.amount, is_new })
}
