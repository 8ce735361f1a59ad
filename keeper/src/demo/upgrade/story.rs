//! The round of the demo, and what happens to it.

use std::time::Instant;

use anchor_lang::prelude::Pubkey;
use anyhow::{Context, ensure};
use pixr::state::{Round as RoundState, RoundKind, RoundStatus, RoundTerms};
use pixr_media::Hash;
use solana_instruction::Instruction;
use solana_signer::Signer;

use super::{Investor, wait};
use crate::{
    app::{App, Ledger},
    demo::{
        figures::amount,
        summary::{Payment, Returns},
    },
    index::rounds,
    keys::Purpose,
    rounds::{Acts, Opening, key},
    settle::operations::{self, Landed},
    store::contents::Slot,
};

const DAY_SECONDS: u32 = 86_400;
const SHARE_BPS: u16 = 3_000;
const TERM_SECONDS: u32 = 90 * DAY_SECONDS;

/// The round that pays for the upgrade.
pub struct Round {
    pub address: Pubkey,
    decimals: u8,
}

impl Round {
    /// Opens it, with the plan's hash in its terms, and waits until it is indexed.
    pub async fn open(app: &App, slot: Slot, plan: Hash, target: u64) -> anyhow::Result<Self> {
        let ledger = Ledger::finalized(app);
        let decimals = ledger.mint().await?.decimals;
        let keeper = app.keys.key(Purpose::Keeper);
        let shard = ledger.shard(slot.shard).await?;
        let content = ledger.content(&shard, slot.content).await?;
        let now = app.chain.time().await?.unix_seconds;
        let terms = RoundTerms {
            kind: RoundKind::Quality,
            target,
            deadline: now + i64::from(DAY_SECONDS),
            delivery_seconds: DAY_SECONDS,
            share_bps: SHARE_BPS,
            cap: 2 * target,
            term_seconds: TERM_SECONDS,
            plan_hash: plan.to_bytes(),
        };
        let at = (slot.content, &content);
        let opening = Opening::new(app, keeper.pubkey(), &shard, at, terms);
        let address = opening.round;
        operations::run(app, &key(&address, "open"), &[opening.instruction], &[&keeper]).await?;
        let started = Instant::now();
        while rounds::round(&app.store, &address).await?.is_none() {
            wait(started, "the index of the round").await?;
        }
        Ok(Self { address, decimals })
    }

    fn show(&self, base_units: u64) -> String {
        amount(base_units, self.decimals)
    }

    async fn acts<'a>(&self, app: &'a App) -> anyhow::Result<Acts<'a>> {
        Ok(Acts::of(app, self.address).await?)
    }

    /// Where the first investor's position is, whoever owns it now.
    async fn position(&self, app: &App) -> anyhow::Result<Pubkey> {
        let positions = rounds::positions_of_round(&app.store, &self.address).await?;
        Ok(positions.first().context("the position")?.address)
    }

    pub async fn invest(
        &self,
        app: &App,
        investor: &Investor,
        offer: u64,
    ) -> anyhow::Result<Payment> {
        let acts = self.acts(app).await?;
        let invest = acts.invest(investor.key.pubkey(), offer);
        let landed = self.run(app, "demo investment", &[invest], investor).await?;
        let taken = self.acts(app).await?.round.raised;
        Ok(Payment {
            title: "An investment",
            text: format!(
                "An investor offered {} tokens; the round needed {}, so {} were taken. They lie in \
                 an escrow of the program's until the upgrade is delivered, and go back if it is not.",
                self.show(offer),
                self.show(acts.round.terms.target),
                self.show(taken)
            ),
            signature: Some(landed.signature.to_string()),
        })
    }

    pub async fn is_delivered(&self, app: &App) -> anyhow::Result<bool> {
        Ok(self.acts(app).await?.round.status == RoundStatus::Delivered)
    }

    /// Pays the owner of the position what it has earned.
    pub async fn claim(&self, app: &App, owner: &Investor) -> anyhow::Result<Payment> {
        let ledger = Ledger::finalized(app);
        let at = self.position(app).await?;
        let (acts, before) = (self.acts(app).await?, ledger.position(&at).await?);
        let tokens = ledger.tokens_of(&owner.key.pubkey());
        let held = async || {
            let account = Ledger::finalized(app).token_account(&tokens).await?;
            anyhow::Ok(account.context("no token account")?.amount)
        };
        let had = held().await?;
        let claim = acts.claim(owner.key.pubkey(), at, &before);
        let landed = self.run(app, &format!("demo claim {}", owner.number), &claim, owner).await?;
        let paid = ledger.position(&at).await?.claimed - before.claimed;
        ensure!(held().await? == had + paid, "{paid} base units were claimed and did not arrive");
        Ok(Payment {
            title: "A return",
            text: format!(
                "The owner of the position claimed {} tokens: the investors' {}% of what the video \
                 earned above its baseline. The rest of it is the creator's.",
                self.show(paid),
                SHARE_BPS / 100
            ),
            signature: Some(landed.signature.to_string()),
        })
    }

    /// The first investor offers the position, and the second one buys it.
    pub async fn sell(
        &self,
        app: &App,
        seller: &Investor,
        buyer: &Investor,
        price: u64,
    ) -> anyhow::Result<Payment> {
        let at = self.position(app).await?;
        let list = app.platform.list(seller.key.pubkey(), self.address, at, price);
        self.run(app, "demo listing", &[list], seller).await?;
        let position = Ledger::finalized(app).position(&at).await?;
        let buy = self.acts(app).await?.buy(buyer.key.pubkey(), at, &position, price);
        let landed = self.run(app, "demo sale", &buy, buyer).await?;
        let owner = Ledger::finalized(app).position(&at).await?.owner;
        ensure!(owner == buyer.key.pubkey(), "the position is {owner}'s");
        Ok(Payment {
            title: "A sale",
            text: format!(
                "The first investor put the position up for {} tokens and a second one bought it: \
                 what it earns from now on is the buyer's.",
                self.show(price)
            ),
            signature: Some(landed.signature.to_string()),
        })
    }

    async fn run(
        &self,
        app: &App,
        key: &str,
        instructions: &[Instruction],
        signer: &Investor,
    ) -> anyhow::Result<Landed> {
        Ok(operations::run(app, key, instructions, &[&signer.key]).await?)
    }

    /// Paid to its positions, in base units.
    pub async fn claimed(&self, app: &App) -> anyhow::Result<u64> {
        Ok(self.acts(app).await?.round.claimed)
    }

    /// How its return comes about.
    pub async fn returns(&self, app: &App) -> anyhow::Result<Returns> {
        let state: RoundState = self.acts(app).await?.round;
        let ledger = Ledger::finalized(app);
        let lane = ledger.lane(&state).await?.context("the lane")?;
        let shard = ledger.shard_of(&state).await?;
        let earned = ledger.content(&shard, state.content).await?.earned;
        Ok(Returns {
            baseline_earned: lane.earned_at_delivery - state.earned_at_opening,
            baseline_seconds: lane.baseline_seconds,
            earned_since: earned - lane.earned_at_delivery,
            uplift: lane.uplift_high,
            share_bps: lane.share_bps,
            owed: lane.owed,
        })
    }
}
