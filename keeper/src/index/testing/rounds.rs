//! Rounds in a world: everything that can happen to them.

use std::time::Duration;

use anchor_lang::{AccountDeserialize, prelude::Pubkey};
use pixr::state::{
    Position, Round, RoundKind, RoundTerms,
    shard::{Lane, ShardRef},
};
use pixr_client::{HeldPosition, NewRound, position_address, round_address, vault_address};
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::World;
use crate::chain::{Chain, Commitment};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// Terms of a round that raises 400,000 base units for a fifth of the uplift of a day. The deadline
/// counts from the opening.
pub const TERMS: RoundTerms = RoundTerms {
    kind: RoundKind::Quality,
    target: 400_000,
    deadline: 2 * 86_400,
    delivery_seconds: 3 * 86_400,
    share_bps: 2_000,
    cap: 10_000_000,
    term_seconds: 86_400,
    plan_hash: [1; 32],
};
/// Terms of a round that has no return.
pub const SUPPORT: RoundTerms = RoundTerms {
    kind: RoundKind::Support,
    target: 5_000,
    share_bps: 0,
    cap: 0,
    term_seconds: 0,
    ..TERMS
};
/// SHA-256 of what was delivered.
pub const MANIFEST: [u8; 32] = [2; 32];

/// Somebody with tokens.
pub struct Investor {
    pub key: Keypair,
    pub tokens: Pubkey,
}

impl Investor {
    pub fn address(&self) -> Pubkey {
        self.key.pubkey()
    }
}

/// What [`World::invest_and_return`] leaves behind.
pub struct Rounds {
    pub investors: [Investor; 3],
    /// By content and number: a closed round's lane was retired at its cap; of the one before it the
    /// term is over, and it has a position that was sold; support; cancelled and closed.
    pub sold: Pubkey,
    pub capped: Pubkey,
    pub support: Pubkey,
    pub cancelled: Pubkey,
    /// Missed its deadline, one position refunded by somebody else, another not.
    pub missed: Pubkey,
    /// Earns.
    pub earning: Pubkey,
    /// Takes investments.
    pub open: Pubkey,
}

impl World {
    pub async fn investor(&self, amount: u64) -> Investor {
        let key = Keypair::new();
        let tokens = self.token_account_of(&key.pubkey(), amount).await;
        Investor { key, tokens }
    }

    pub async fn wait(&self, seconds: u64) {
        self.chain.advance(Duration::from_secs(seconds)).await.expect("time");
    }

    async fn data(&self, address: &Pubkey) -> Option<Vec<u8>> {
        let account = self.chain.account(address, Commitment::Finalized).await.expect("an answer");
        account.filter(|account| !account.data.is_empty()).map(|account| account.data)
    }

    /// A round or position as its account has it, while it is there.
    pub async fn state<T: AccountDeserialize>(&self, address: &Pubkey) -> Option<T> {
        let data = self.data(address).await?;
        Some(T::try_deserialize(&mut data.as_slice()).expect("an account of this kind"))
    }

    pub async fn lanes(&self, shard: u32) -> Vec<Lane> {
        let data = self.data(&self.shard(shard)).await.expect("a shard");
        ShardRef::parse(&data).expect("a shard").lanes.to_vec()
    }

    pub async fn open_round(&self, shard: u32, content: u32, terms: RoundTerms) -> Pubkey {
        let (me, shard) = (self.key(), self.shard(shard));
        let data = self.data(&shard).await.expect("a shard");
        let view = ShardRef::parse(&data).expect("a shard");
        let number = view.content(content).expect("a slot").next_round;
        let now = self.chain.time().await.expect("a time").unix_seconds;
        let terms = RoundTerms { deadline: now + terms.deadline, ..terms };
        let new = NewRound { shard, content, number, terms };
        self.run(&[self.platform().open_round(me, me, new)], &[]).await;
        round_address(&shard, content, number)
    }

    /// Returns the position.
    pub async fn invest(&self, round: Pubkey, investor: &Investor, amount: u64) -> Pubkey {
        let (key, me) = (investor.address(), self.key());
        let invest = self.platform().invest(key, me, investor.tokens, round, amount);
        self.run(&[invest], &[&investor.key]).await;
        position_address(&round, &key)
    }

    pub async fn deliver(&self, round: Pubkey, quality: u16) {
        let state: Round = self.state(&round).await.expect("a round");
        let vault = vault_address(&state.shard);
        let to = if state.terms.has_returns() { self.tokens } else { vault };
        let (me, platform) = (self.key(), self.platform());
        let deliver = platform.deliver(me, state.shard, round, to, MANIFEST, quality);
        self.run(&[deliver], &[]).await;
    }

    async fn held(&self, address: Pubkey) -> HeldPosition {
        let Position { round, payer, .. } = self.state(&address).await.expect("a position");
        HeldPosition { round, address, payer }
    }

    pub async fn claim(&self, position: Pubkey, owner: &Investor) {
        let held = self.held(position).await;
        let Round { shard, .. } = self.state(&held.round).await.expect("a round");
        let claim = self.platform().claim(owner.address(), shard, held, owner.tokens);
        self.run(&[claim], &[&owner.key]).await;
    }

    /// Asked for by the scene's key, once the deadline has passed.
    pub async fn refund(&self, position: Pubkey, owner: &Investor) {
        let held = self.held(position).await;
        self.run(&[self.platform().refund(self.key(), held, owner.tokens)], &[]).await;
    }

    pub async fn list(&self, position: Pubkey, owner: &Investor, price: u64) {
        let HeldPosition { round, .. } = self.held(position).await;
        let list = self.platform().list(owner.address(), round, position, price);
        self.run(&[list], &[&owner.key]).await;
    }

    pub async fn buy(&self, position: Pubkey, from: &Investor, buyer: &Investor, price: u64) {
        let HeldPosition { round, .. } = self.held(position).await;
        let (to, source) = (from.tokens, buyer.tokens);
        let platform = self.platform();
        let buy = platform.buy(buyer.address(), source, round, position, to, price, u64::MAX);
        self.run(&[buy], &[&buyer.key]).await;
    }

    pub async fn transfer(&self, position: Pubkey, from: &Investor, to: &Investor) {
        let HeldPosition { round, .. } = self.held(position).await;
        let platform = self.platform();
        let hand = platform.transfer_position(from.address(), round, position, to.address());
        self.run(&[hand], &[&from.key]).await;
    }

    pub async fn cancel_round(&self, round: Pubkey) {
        let Round { shard, .. } = self.state(&round).await.expect("a round");
        self.run(&[self.platform().cancel_round(self.key(), shard, round)], &[]).await;
    }

    pub async fn retire(&self, round: Pubkey) {
        let Round { shard, .. } = self.state(&round).await.expect("a round");
        self.run(&[self.platform().retire_lane(shard, round)], &[]).await;
    }

    pub async fn close_round(&self, round: Pubkey) {
        let Round { shard, opener, .. } = self.state(&round).await.expect("a round");
        self.run(&[self.platform().close_round(shard, round, opener, self.tokens)], &[]).await;
    }

    /// All that can happen to rounds, in the first shard, with batches up to number 8, and after them
    /// a claim and an investment.
    pub async fn invest_and_return(&mut self) -> Rounds {
        let investors = [
            self.investor(1 << 40).await,
            self.investor(1 << 40).await,
            self.investor(1 << 40).await,
        ];
        let [anna, bert, carl] = &investors;
        self.settle(0, &[(0, 1_000, 10_000), (1, 3, 5_000)]).await;

        // Two investors, of whom one comes twice and one is cut to the target.
        let sold = self.open_round(0, 0, TERMS).await;
        let first = self.invest(sold, anna, 100_000).await;
        let missed = self.open_round(0, 1, TERMS).await;
        let late = self.invest(missed, carl, 1_234).await;
        self.invest(missed, bert, 4_321).await;
        self.invest(sold, anna, 200_001).await;
        let second = self.invest(sold, bert, 1 << 39).await;
        self.settle(0, &[(0, 36, 10_000)]).await;
        self.wait(HOUR).await;
        self.set_quality(0, 0, 5_000).await;
        self.deliver(sold, 9_000).await;
        self.wait(HOUR / 6).await;
        self.settle(0, &[(0, 999, 9_000), (1, 10, 10_000)]).await;
        self.claim(first, anna).await;
        self.list(second, bert, u64::MAX).await;
        self.list(second, bert, 70_000).await;
        self.buy(second, bert, carl, 70_000).await;

        let support = self.open_round(0, 1, SUPPORT).await;
        self.invest(support, anna, 5_000).await;
        self.deliver(support, 10_000).await;
        let cancelled = self.open_round(0, 1, TERMS).await;
        let gone = self.invest(cancelled, bert, 777).await;
        self.cancel_round(cancelled).await;

        // A second lane on the same content, which reaches its cap at once.
        let small = RoundTerms { target: 3_001, share_bps: 3_000, cap: 50_000, ..TERMS };
        let capped = self.open_round(0, 0, small).await;
        let thirds = [
            self.invest(capped, anna, 1_000).await,
            self.invest(capped, bert, 1_000).await,
            self.invest(capped, carl, 2_000).await,
        ];
        self.wait(HOUR).await;
        self.deliver(capped, 9_000).await;
        self.settle(0, &[(0, 50, 10_000)]).await;
        self.reverse(0, &[(0, 20, 10_000)]).await;
        self.settle(0, &[(0, 5_000, 9_999), (1, 7, 10_000)]).await;
        self.claim(thirds[0], anna).await;
        self.retire(capped).await;
        // The same claim again, on another blockhash.
        self.wait(1).await;
        for (position, owner) in thirds.iter().zip(&investors) {
            self.claim(*position, owner).await;
        }
        self.close_round(capped).await;

        // Past every deadline and term.
        self.wait(2 * DAY).await;
        self.refund(late, carl).await;
        self.refund(gone, bert).await;
        self.close_round(cancelled).await;
        self.settle(0, &[(0, 77, 10_000)]).await;
        self.retire(sold).await;
        self.claim(first, anna).await;

        // The free lanes are taken again.
        let earning = self.open_round(0, 1, TERMS).await;
        let whole = self.invest(earning, carl, 400_000).await;
        self.wait(HOUR + 1).await;
        self.deliver(earning, 10_000).await;
        self.settle(0, &[(0, 1, 1), (1, 1_000, 10_000)]).await;
        self.transfer(whole, carl, bert).await;
        self.list(whole, bert, u64::MAX).await;
        self.claim(whole, bert).await;
        let open = self.open_round(0, 0, TERMS).await;
        self.invest(open, anna, 9).await;
        Rounds { sold, capped, support, cancelled, missed, earning, open, investors }
    }
}
