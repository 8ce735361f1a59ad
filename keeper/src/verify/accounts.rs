//! What contents, creators and shards have come to.

use pixr::{
    entries::Entry,
    math::earnings::{accrue_floor, rate_floor, reverse_ceil},
};
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};

use crate::settle::Kind;

/// What a content has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentBooks {
    pub views: u64,
    pub earned: u64,
    pub remainder: i64,
    /// Basis points.
    pub quality: u16,
    /// Number of the next round.
    pub next_round: u32,
}

impl ContentBooks {
    /// Counts an entry of a batch, as the program does. Returns what it credits, or what the views
    /// are worth that it takes back; `None` when the program would have refused it.
    pub fn count(&mut self, kind: Kind, entry: &Entry, base_rate: u64) -> Option<u64> {
        let weight = entry.views.checked_mul(entry.relevance)?;
        let rate = rate_floor(base_rate, self.quality);
        let (amount, remainder) = match kind {
            Kind::Views => {
                let (earned, remainder) = accrue_floor(weight, rate, self.remainder);
                self.views = self.views.checked_add(entry.views)?;
                self.earned = self.earned.checked_add(earned)?;
                (earned, remainder)
            }
            Kind::Reversal => {
                self.views = self.views.checked_sub(entry.views)?;
                reverse_ceil(weight, rate, self.remainder)?
            }
        };
        self.remainder = remainder;
        Some(amount)
    }
}

/// What a creator has come to, in base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CreatorBooks {
    pub balance: u64,
    pub withdrawn: u64,
}

impl CreatorBooks {
    /// Takes out what is withdrawn; `None` when there is less.
    pub fn debit(&mut self, amount: u64) -> Option<()> {
        take(&mut self.balance, amount)?;
        add(&mut self.withdrawn, amount)
    }
}

/// What a shard has come to, in base units. Lifetime but for what waits.
#[serde_as]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub views: u64,
    #[serde_as(as = "DisplayFromStr")]
    pub credited: u64,
    #[serde_as(as = "DisplayFromStr")]
    pub funded: u64,
    #[serde_as(as = "DisplayFromStr")]
    pub tipped: u64,
    #[serde_as(as = "DisplayFromStr")]
    pub withdrawn: u64,
    /// Waits in delayed withdrawals.
    #[serde_as(as = "DisplayFromStr")]
    pub delayed: u64,
    /// Wait to be collected.
    #[serde_as(as = "DisplayFromStr")]
    pub platform_fees: u64,
    #[serde_as(as = "DisplayFromStr")]
    pub processing_fees: u64,
    /// Of what was credited, what rounds took.
    #[serde_as(as = "DisplayFromStr")]
    pub shared: u64,
    /// Owed to rounds and not paid yet.
    #[serde_as(as = "DisplayFromStr")]
    pub owed: u64,
    /// Paid to investors.
    #[serde_as(as = "DisplayFromStr")]
    pub claimed: u64,
    /// What support rounds brought creators.
    #[serde_as(as = "DisplayFromStr")]
    pub supported: u64,
}

impl Totals {
    /// The sum of all creators' balances.
    pub fn balances(&self) -> u64 {
        let [credited, tipped, supported] =
            [self.credited, self.tipped, self.supported].map(u128::from);
        let gone = [self.shared, self.withdrawn, self.delayed].map(u128::from);
        let balances = (credited + tipped + supported).saturating_sub(gone.iter().sum());
        u64::try_from(balances).unwrap_or(u64::MAX)
    }
}

/// Adds `amount`, unless the sum has more than 64 bits.
pub fn add(sum: &mut u64, amount: u64) -> Option<()> {
    *sum = sum.checked_add(amount)?;
    Some(())
}

/// Takes `amount` away, unless there is less.
pub fn take(sum: &mut u64, amount: u64) -> Option<()> {
    *sum = sum.checked_sub(amount)?;
    Some(())
}
