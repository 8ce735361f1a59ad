//! What is always true of the accounts, checked without the model.

use num_bigint::BigInt;
use pixr::state::{Position, Round, RoundStatus};
use pixr_client::{position_address, round_address};
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
        tokens += self.escrows()?;
        same("all tokens", &tokens, &self.supply)
    }

    fn shard_invariants(&self, address: &Address, donated: &BigInt) -> Checked {
        let ShardState { header, creators, contents, .. } = self.world.shard(address);
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
            "credited - shared + tipped + supported = balances + delayed + withdrawn",
            &(int(header.credited) - header.shared + header.tipped + header.supported),
            &out,
        )?;
        let paid_or_owed = int(header.owed) + header.claimed;
        same("owed + claimed ≤ shared", &(paid_or_owed <= int(header.shared)), &true)?;
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

    /// Checks every round by itself. Returns what all escrows hold.
    fn escrows(&self) -> Result<BigInt, String> {
        let mut all = BigInt::ZERO;
        for (address, shard) in self.shards.iter().zip(&self.model.state.shards) {
            for (id, known) in &shard.rounds {
                let key = round_address(address, id.content, id.number);
                let round: Round = self.world.read(&key);
                let escrow = BigInt::from(self.world.amount(&round.escrow));
                let positions: Vec<Position> = known
                    .positions
                    .keys()
                    .map(|investor| position_address(&key, &self.actors[*investor].address()))
                    .map(|position| self.world.read(&position))
                    .collect();
                let invested = sum(&positions, |position| position.amount);
                if round.status == RoundStatus::Delivered {
                    let parts = sum(&positions, |position| position.claimed);
                    same("Σ claimed ≤ claimed", &(parts <= round.claimed.into()), &true)?;
                } else {
                    same("raised = Σ positions", &BigInt::from(round.raised), &invested)?;
                    same("escrow ≥ Σ positions", &(escrow >= invested), &true)?;
                }
                all += escrow;
            }
        }
        Ok(all)
    }
}
