use anchor_lang::prelude::*;

use crate::{
    errors::PixrError,
    events::RoundCancelled,
    state::{Platform, Round, RoundStatus, Shard, shard::ShardRef},
};

#[derive(Accounts)]
pub struct CancelRound<'info> {
    /// The creator's authority while the round is open, or the keeper.
    pub authority: Signer<'info>,
    pub platform: Box<Account<'info, Platform>>,
    #[account(has_one = platform @ PixrError::WrongPlatform)]
    pub shard: AccountLoader<'info, Shard>,
    #[account(mut, has_one = shard @ PixrError::WrongShard)]
    pub round: Box<Account<'info, Round>>,
}

/// Ends a round that is not delivered: every position can be refunded. Once it is funded only the
/// keeper may, who has to deliver it.
pub fn cancel_round(ctx: Context<CancelRound>) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let (round, by) = (&mut accounts.round, accounts.authority.key());
    let by_keeper = by == accounts.platform.keeper;
    match round.status {
        RoundStatus::Open => {
            let data = accounts.shard.as_ref().try_borrow_data()?;
            let shard = ShardRef::parse(&data)?;
            let creator = shard.creator(shard.content(round.content)?.creator)?;
            require!(by_keeper || by == creator.authority, PixrError::NotCreatorOrKeeper);
        }
        RoundStatus::Funded => require!(by_keeper, PixrError::NotKeeper),
        RoundStatus::Delivered | RoundStatus::Refunding => {
            return err!(PixrError::RoundNotCancellable);
        }
    }
    round.status = RoundStatus::Refunding;
    emit!(RoundCancelled { round: round.key(), by, raised: round.raised });
    Ok(())
}
