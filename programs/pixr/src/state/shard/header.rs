use anchor_lang::prelude::*;

use crate::{constants::SECONDS_PER_DAY, errors::PixrError, state::Settings};

/// Most that a shard credits in its life, in base units: lanes subtract its counters with a sign.
const CREDITED_MAX: u64 = i64::MAX.cast_unsigned();

/// What a batch adds up to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Views.
    pub views: u64,
    /// Base units that contents earned.
    pub earned: u64,
    /// Of them, base units that lanes took for rounds.
    pub owed: u64,
}

/// Header of a ledger shard. Amounts are base units of the platform's mint.
///
/// **Always true**: the vault holds at least [`Shard::liabilities`]; `credited` is the sum of
/// `earned` over all contents, of which rounds took `shared` and creators the rest; `balances` is the
/// sum of `balance` over all creators; `owed` is the sum of what is owed to rounds and not yet paid.
#[account(zero_copy)]
#[derive(Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Shard {
    /// The platform that this shard belongs to.
    pub platform: Pubkey,
    /// The token account that backs this shard.
    pub vault: Pubkey,
    /// Who paid this account's rent: registrations pay for their slot here. It has to stay
    /// rent-exempt itself, or the runtime refuses these payments.
    pub rent_receiver: Pubkey,
    /// Running hash of all batches; zero before the first.
    pub hash: [u8; 32],
    /// Number of the next batch, from 1.
    pub next_sequence: u64,

    /// Funded and not yet credited.
    pub reward_budget: u64,
    /// Sum of all creators' balances.
    pub balances: u64,
    /// Sum of all delayed withdrawals.
    pub delayed: u64,
    /// Owed to rounds: the investors' part of what was credited, as far as it is not paid.
    pub owed: u64,
    /// The platform's part of tips, not yet collected.
    pub platform_fees: u64,
    /// The processing's part of tips, not yet collected.
    pub processing_fees: u64,

    /// Lifetime: into the reward budget.
    pub funded: u64,
    /// Lifetime: credited by settlement.
    pub credited: u64,
    /// Lifetime: credited by tips, after fees.
    pub tipped: u64,
    /// Lifetime: paid out to creators.
    pub withdrawn: u64,
    /// Lifetime: views settled, reversals not taken off.
    pub views: u64,

    /// The UTC day of the two counters below, in days since 1970.
    pub day: u64,
    /// Credited by settlement on that day.
    pub day_credited: u64,
    /// Value of the reversals of that day.
    pub day_reversed: u64,

    /// Number of this shard on its platform, from 0.
    pub number: u32,
    /// Creator slots in use.
    pub creator_count: u32,
    /// Creator slots.
    pub creator_capacity: u32,
    /// Content slots in use.
    pub content_count: u32,
    /// Content slots.
    pub content_capacity: u32,
    /// Lanes that are or were in use.
    pub lane_count: u32,
    /// Lanes.
    pub lane_capacity: u32,
    /// Layout of this account: [`Shard::VERSION`].
    pub version: u8,
    /// Bump of the vault's address.
    pub vault_bump: u8,
    /// Zero.
    pub padding: [u8; 2],
    /// Number of the first free lane among those that were in use, from 1; zero when there is none.
    pub free_lane: u32,
    /// How many of them there are.
    pub free_lanes: u32,

    /// Lifetime: of `credited`, what lanes took for rounds.
    pub shared: u64,
    /// Lifetime: paid to investors.
    pub claimed: u64,
    /// Lifetime: credited to creators by support rounds.
    pub supported: u64,
    /// Room for later versions; zero.
    pub reserved: [u8; 192],
}

const _: () = assert!(size_of::<Shard>() == super::layout::HEADER_BYTES - 8);

impl Shard {
    /// The layout that this program writes.
    pub const VERSION: u8 = 1;

    /// Everything that the vault has to cover; `None` on overflow.
    pub fn liabilities(&self) -> Option<u64> {
        self.reward_budget
            .checked_add(self.balances)?
            .checked_add(self.delayed)?
            .checked_add(self.owed)?
            .checked_add(self.platform_fees)?
            .checked_add(self.processing_fees)
    }

    /// Refuses when the vault holds less than the shard owes. Called last by all that moves tokens.
    pub fn invariant(&self, vault_amount: u64) -> Result<()> {
        let liabilities = self.liabilities().ok_or(PixrError::Overflow)?;
        require_gte!(vault_amount, liabilities, PixrError::Insolvent);
        Ok(())
    }

    /// Starts the daily counters anew when `unix_seconds` is in another UTC day.
    fn roll_day(&mut self, unix_seconds: i64) {
        let day = u64::try_from(unix_seconds).unwrap_or(0) / SECONDS_PER_DAY;
        if day != self.day {
            self.day = day;
            self.day_credited = 0;
            self.day_reversed = 0;
        }
    }

    /// Books a batch's credits: out of the budget, into the balances and what rounds are owed, within
    /// both caps.
    pub fn book_credits(
        &mut self,
        settings: &Settings,
        unix_seconds: i64,
        totals: &Totals,
    ) -> Result<()> {
        let Totals { views, earned: amount, owed } = *totals;
        require_gte!(settings.batch_cap, amount, PixrError::BatchCapExceeded);
        self.roll_day(unix_seconds);
        let day_credited = add(self.day_credited, amount)?;
        require_gte!(settings.day_cap, day_credited, PixrError::DayCapExceeded);
        self.day_credited = day_credited;
        self.reward_budget =
            self.reward_budget.checked_sub(amount).ok_or(PixrError::BudgetExhausted)?;
        // These bound every counter of a slot too: none of them grows faster than its shard's.
        self.balances = add(self.balances, take(amount, owed)?)?;
        self.owed = add(self.owed, owed)?;
        self.credited = add(self.credited, amount)?;
        require_gte!(CREDITED_MAX, self.credited, PixrError::Overflow);
        self.shared = add(self.shared, owed)?;
        self.views = add(self.views, views)?;
        Ok(())
    }

    /// Books the value of a reversal within the daily cap.
    pub fn book_reversal(
        &mut self,
        settings: &Settings,
        unix_seconds: i64,
        value: u64,
    ) -> Result<()> {
        self.roll_day(unix_seconds);
        let day_reversed = add(self.day_reversed, value)?;
        require_gte!(settings.day_cap, day_reversed, PixrError::DayCapExceeded);
        self.day_reversed = day_reversed;
        Ok(())
    }

    /// Books `amount` into the reward budget.
    pub fn fund(&mut self, amount: u64) -> Result<()> {
        self.reward_budget = add(self.reward_budget, amount)?;
        self.funded = add(self.funded, amount)?;
        Ok(())
    }

    /// Books a tip of `net` plus fees.
    pub fn book_tip(&mut self, net: u64, platform_fee: u64, processing_fee: u64) -> Result<()> {
        self.balances = add(self.balances, net)?;
        self.tipped = add(self.tipped, net)?;
        self.platform_fees = add(self.platform_fees, platform_fee)?;
        self.processing_fees = add(self.processing_fees, processing_fee)?;
        Ok(())
    }

    /// Books what a support round raised for a creator.
    pub fn book_support(&mut self, amount: u64) -> Result<()> {
        self.balances = add(self.balances, amount)?;
        self.supported = add(self.supported, amount)?;
        Ok(())
    }

    /// Books what is paid to an investor.
    pub fn book_claim(&mut self, amount: u64) -> Result<()> {
        self.owed = take(self.owed, amount)?;
        self.claimed = add(self.claimed, amount)?;
        Ok(())
    }

    /// Books what rounding left of a round whose investors are paid: back into the reward budget.
    pub fn book_dust(&mut self, amount: u64) -> Result<()> {
        self.owed = take(self.owed, amount)?;
        self.fund(amount)
    }

    /// Books an immediate withdrawal.
    pub fn book_withdrawal(&mut self, amount: u64) -> Result<()> {
        self.balances = take(self.balances, amount)?;
        self.withdrawn = add(self.withdrawn, amount)?;
        Ok(())
    }

    /// Books the request of a delayed withdrawal.
    pub fn book_request(&mut self, amount: u64) -> Result<()> {
        self.balances = take(self.balances, amount)?;
        self.delayed = add(self.delayed, amount)?;
        Ok(())
    }

    /// Books the payment of a delayed withdrawal.
    pub fn book_execution(&mut self, amount: u64) -> Result<()> {
        self.delayed = take(self.delayed, amount)?;
        self.withdrawn = add(self.withdrawn, amount)?;
        Ok(())
    }

    /// Books the end of a delayed withdrawal without payment.
    pub fn book_cancellation(&mut self, amount: u64) -> Result<()> {
        self.delayed = take(self.delayed, amount)?;
        self.balances = add(self.balances, amount)?;
        Ok(())
    }

    /// Empties both fee counters: the platform's part, the processing's part.
    pub fn take_fees(&mut self) -> Result<(u64, u64)> {
        let fees =
            (core::mem::take(&mut self.platform_fees), core::mem::take(&mut self.processing_fees));
        require!(fees != (0, 0), PixrError::NoFees);
        Ok(fees)
    }

    /// Accepts only the next batch number and moves on to the one after.
    pub fn take_sequence(&mut self, sequence: u64) -> Result<()> {
        require_gte!(sequence, self.next_sequence, PixrError::SequenceReplayed);
        require_gte!(self.next_sequence, sequence, PixrError::SequenceGap);
        self.next_sequence = sequence.checked_add(1).ok_or(PixrError::Overflow)?;
        Ok(())
    }
}

fn add(counter: u64, amount: u64) -> Result<u64> {
    counter.checked_add(amount).ok_or_else(|| PixrError::Overflow.into())
}

/// A total can only be short of an amount that is part of it when the account is corrupt.
fn take(total: u64, amount: u64) -> Result<u64> {
    total.checked_sub(amount).ok_or_else(|| PixrError::ShardCorrupt.into())
}
