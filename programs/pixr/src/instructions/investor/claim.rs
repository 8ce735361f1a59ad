use anchor_lang::{AccountsClose, prelude::*};
use anchor_spl::token_interface::TokenInterface;

use crate::{
    errors::PixrError,
    events::Claimed,
    instructions::transfer::{Transfer, require_owner, token_amount},
    math::returns::part_floor,
    seeds,
    state::{Platform, Position, Round, RoundStatus, Shard, shard::ShardMut},
};

#[derive(Accounts)]
pub struct Claim<'info> {
    /// The position's owner; anybody once the term is over.
    pub caller: Signer<'info>,
    #[account(
        has_one = mint @ PixrError::WrongMint,
        has_one = token_program @ PixrError::WrongTokenProgram,
    )]
    pub platform: Box<Account<'info, Platform>>,
    #[account(
        mut,
        has_one = platform @ PixrError::WrongPlatform,
        has_one = vault @ PixrError::WrongVault,
    )]
    pub shard: AccountLoader<'info, Shard>,
    #[account(mut, has_one = shard @ PixrError::WrongShard)]
    pub round: Box<Account<'info, Round>>,
    #[account(
        mut,
        has_one = round @ PixrError::WrongRound,
        has_one = payer @ PixrError::WrongRentReceiver,
    )]
    pub position: Account<'info, Position>,
    /// CHECK: gets the rent back; the position names it.
    #[account(mut)]
    pub payer: UncheckedAccount<'info>,
    /// CHECK: the shard names it.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    /// CHECK: a token account of the position's owner: the handler checks it, and the token program.
    #[account(mut)]
    pub destination: UncheckedAccount<'info>,
    /// CHECK: the platform names it.
    pub mint: UncheckedAccount<'info>,
    pub token_program: Interface<'info, TokenInterface>,
}

/// Pays what a position has earned and was not paid: `floor(owed × amount / raised) - claimed`.
///
/// The same work for one investor or a million: nobody is looped over, and the floors never add up to
/// more than is owed. Once the round's lane is given back nothing can be added, and the last claim of
/// a position closes it.
pub fn claim(ctx: Context<Claim>) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let now = Clock::get()?.unix_timestamp;
    let (round, position) = (&mut accounts.round, &mut accounts.position);
    require!(round.status == RoundStatus::Delivered, PixrError::RoundNotDelivered);
    let closes = round.is_final();
    let owns = accounts.caller.key() == position.owner;
    require!(owns || round.term_is_over(now), PixrError::NotOwner);
    require_owner(&accounts.destination, &position.owner)?;
    let shard_key = accounts.shard.key();
    let (amount, claimed_before, bump) = {
        let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
        let mut shard = ShardMut::parse(&mut data)?;
        let owed = if closes {
            round.owed
        } else {
            shard.lane_of(round.lane, round.content, round.number)?.owed
        };
        let part = part_floor(owed, position.amount, round.raised);
        let before = position.claimed;
        let amount = part.and_then(|part| part.checked_sub(before));
        let amount = amount.ok_or(PixrError::ShardCorrupt)?;
        require!(amount > 0 || closes, PixrError::NothingToClaim);
        shard.header.book_claim(amount)?;
        (amount, before, shard.header.vault_bump)
    };
    position.claimed = claimed_before.checked_add(amount).ok_or(PixrError::Overflow)?;
    round.claimed = round.claimed.checked_add(amount).ok_or(PixrError::Overflow)?;
    if amount > 0 {
        Transfer {
            token_program: accounts.token_program.key(),
            mint: &accounts.mint,
            from: &accounts.vault,
            to: &accounts.destination,
        }
        .signed_by_seeds(&[seeds::VAULT, shard_key.as_ref(), &[bump]], amount)?;
    }
    emit!(Claimed {
        round: round.key(),
        position: position.key(),
        owner: position.owner,
        by: accounts.caller.key(),
        destination: accounts.destination.key(),
        amount,
        claimed_before,
        claimed_after: position.claimed,
        closed: closes,
    });
    if closes {
        round.positions = round.positions.checked_sub(1).ok_or(PixrError::Overflow)?;
        position.close(accounts.payer.to_account_info())?;
    }
    accounts.shard.load()?.invariant(token_amount(&accounts.vault)?)
}
