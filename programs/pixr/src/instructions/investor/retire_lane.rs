use anchor_lang::prelude::*;

use crate::{
    errors::PixrError,
    events::LaneRetired,
    state::{Platform, Round, RoundStatus, Shard, shard::ShardMut},
};

#[derive(Accounts)]
pub struct RetireLane<'info> {
    pub platform: Box<Account<'info, Platform>>,
    #[account(mut, has_one = platform @ PixrError::WrongPlatform)]
    pub shard: AccountLoader<'info, Shard>,
    #[account(mut, has_one = shard @ PixrError::WrongShard)]
    pub round: Box<Account<'info, Round>>,
}

/// Gives the lane of a round back, when its term is over or its cap is reached. Anybody may send it:
/// what the round is owed is final, and settlement of the content costs less from now on.
pub fn retire_lane(ctx: Context<RetireLane>) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let now = Clock::get()?.unix_timestamp;
    let round = &mut accounts.round;
    require!(round.status == RoundStatus::Delivered, PixrError::RoundNotDelivered);
    require!(!round.is_final(), PixrError::LaneRetired);
    let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
    let mut shard = ShardMut::parse(&mut data)?;
    let lane = shard.lane_of(round.lane, round.content, round.number)?;
    require!(lane.is_over(now), PixrError::TermNotOver);
    let lane = shard.free_lane(round.lane)?;
    round.owed = lane.owed;
    emit!(LaneRetired {
        shard: accounts.shard.key(),
        round: round.key(),
        content: round.content,
        lane: round.lane,
        uplift_high: lane.uplift_high,
        owed: lane.owed,
    });
    round.lane = 0;
    Ok(())
}
