//! What is always true of the accounts, checked without the model.

use num_bigint::BigInt;
use pixr_tests::{model::SCALE, world::ShardState};
use solana_address::Address;

use super::{Checked, Harness, observe::same};

fn sum<T>(items: &[T], amount: impl Fn(&T) -> u64) -> BigInt {
    items.iter().map(|item| BigInt::from(amount(item))).sum()
}

impl Harness {
    /// Checks every shard by itself, and that no token came or went.
    pub(super) fn invariants(&self) -> Checked {
        let mut tokens = sum(&self.actors, |actor| self.world.amount(&actor.tokens));
        for (address, donated) in self.shards.iter().zip(&self.donated) {
            tokens += self.world.vault_amount(address);
            self.shard_invariants(address, donated)?;
        }
        same("all tokens", &tokens, &self.supply)
    }

    fn shard_invariants(&self, address: &Address, donated: &BigInt) -> Checked {
        let ShardState { header, creators, contents } = self.world.shard(address);
        let int = |amount: u64| BigInt::from(amount);
        let owed = int(header.reward_budget)
            + header.balances
            + header.delayed
            + header.owed
            + header.platform_fees
            + header.processing_fees;
        same(
            "vault = liabilities + donations",
            &int(self.world.vault_amount(address)),
            &(owed + donated),
        )?;
        let earned = sum(&contents, |content| content.earned);
        same("credited = Σ earned", &int(header.credited), &earned)?;
        let balances = sum(&creators, |creator| creator.balance);
        same("balances = Σ balance", &int(header.balances), &balances)?;
        let out = int(header.balances) + header.delayed + header.withdrawn;
        same(
            "credited + tipped = balances + delayed + withdrawn",
            &(int(header.credited) + header.tipped),
            &out,
        )?;
        let budgeted = int(header.reward_budget) + header.credited;
        same("funded = reward_budget + credited", &int(header.funded), &budgeted)?;
        let withdrawn = sum(&creators, |creator| creator.withdrawn);
        same(
            "Σ withdrawn = withdrawn + delayed",
            &withdrawn,
            &(int(header.withdrawn) + header.delayed),
        )?;
        let whole = contents.iter().all(|content| content.remainder < i64::from(SCALE));
        same("a remainder is a fraction or a debt", &whole, &true)
    }
}
