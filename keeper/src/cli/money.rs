//! `pixr fund`, `tip`, `collect-fees`, and what test chains have besides: `airdrop` and `advance`.

use std::fmt;

use anchor_lang::prelude::Pubkey;
use pixr::constants::MEMO_BYTES_MAX;
use serde::Serialize;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{
    amount::Amount,
    bad,
    context::Context,
    operate::{Done, Once, SignerArgs, operate_once},
    output,
};
use crate::{
    app::{Access, App, CreatorName, Foundation, Ledger, open_tokens_of},
    chain::{ChainError, ChainTime, Commitment},
    keys::Purpose,
};

#[derive(clap::Args)]
pub struct FundArgs {
    /// Tokens, like 12.5
    amount: String,
    /// The shard's number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    shard: u32,
    #[command(flatten)]
    signer: SignerArgs,
    #[command(flatten)]
    once: Once,
}

#[derive(clap::Args)]
pub struct TipArgs {
    /// SHARD/INDEX, a wallet's address, or @NUMBER of a custodial creator
    creator: CreatorName,
    /// Tokens, like 12.5
    amount: String,
    /// A few words to the creator, public on the chain
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    memo: String,
    #[command(flatten)]
    signer: SignerArgs,
    #[command(flatten)]
    once: Once,
}

#[derive(clap::Args)]
pub struct CollectArgs {
    /// The shard's number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    shard: u32,
}

#[derive(clap::Args)]
pub struct AirdropArgs {
    /// SOL, like 2.5
    amount: String,
    /// Who gets it; the keeper unless named
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Pubkey>,
}

#[derive(clap::Args)]
pub struct AdvanceArgs {
    /// How much, like 90min or 2days
    #[arg(value_parser = humantime::parse_duration)]
    by: std::time::Duration,
}

/// A token account that has to hold `amount`.
pub async fn source(app: &App, payer: &Keypair, amount: Amount) -> anyhow::Result<Pubkey> {
    let address = Ledger::finalized(app).tokens_of(&payer.pubkey());
    let account = Ledger::finalized(app).token_account(&address).await?;
    let held = Amount::new(account.map_or(0, |account| account.amount), amount.decimals);
    if held.base_units < amount.base_units {
        return Err(bad(format!(
            "{} holds {held} tokens in {address}, which is less than {amount}",
            payer.pubkey()
        )));
    }
    Ok(address)
}

pub async fn amount(app: &App, text: &str) -> anyhow::Result<Amount> {
    let decimals = Ledger::finalized(app).mint().await?.decimals;
    Amount::parse(text, decimals).map_err(bad)
}

pub async fn fund(context: Context, args: FundArgs) -> anyhow::Result<()> {
    let fund = async |app: &App| fund_shard(app, &args).await;
    context.show(&context.with_app(Access::ReadWrite, fund).await?)
}

async fn fund_shard(app: &App, args: &FundArgs) -> anyhow::Result<Done> {
    let amount = amount(app, &args.amount).await?;
    let shard = Ledger::finalized(app).shard(args.shard).await?;
    let payer = args.signer.or(app, Purpose::Treasury)?;
    let source = source(app, &payer, amount).await?;
    let fund = app.platform.fund_shard(payer.pubkey(), source, shard.address, amount.base_units);
    let done = format!("{amount} tokens are in the reward budget of shard {}.", shard.number);
    operate_once(app, &args.once, done, &[fund], &[&payer]).await
}

pub async fn tip(context: Context, args: TipArgs) -> anyhow::Result<()> {
    if args.memo.len() > usize::from(MEMO_BYTES_MAX) {
        return Err(bad(format!(
            "--memo has {} bytes, {MEMO_BYTES_MAX} are possible",
            args.memo.len()
        )));
    }
    let tip = async |app: &App| {
        let amount = amount(app, &args.amount).await?;
        let creator = args.creator.find(app).await?;
        let payer = args.signer.or(app, Purpose::Treasury)?;
        let source = source(app, &payer, amount).await?;
        let tip = app.platform.tip(
            payer.pubkey(),
            source,
            creator.shard.address,
            creator.index,
            amount.base_units,
            args.memo,
        );
        let done = format!("{amount} tokens were tipped to creator {}.", args.creator);
        operate_once(app, &args.once, done, &[tip], &[&payer]).await
    };
    context.show(&context.with_app(Access::ReadWrite, tip).await?)
}

pub async fn collect_fees(context: Context, args: CollectArgs) -> anyhow::Result<()> {
    let collect = async |app: &App| {
        let ledger = Ledger::finalized(app);
        let (platform, mint) = (ledger.platform().await?, ledger.mint().await?);
        let shard = ledger.shard(args.shard).await?;
        let treasury = Ledger::finalized(app).tokens_of(&platform.treasury);
        let processor = Ledger::finalized(app).tokens_of(&platform.processor);
        let instructions = [
            open_tokens_of(app, &platform.treasury),
            open_tokens_of(app, &platform.processor),
            app.platform.collect_fees(shard.address, treasury, processor),
        ];
        let amount = |base_units| Amount::new(base_units, mint.decimals);
        let done = format!(
            "{} tokens went to the treasury and {} to the processor.",
            amount(shard.header.platform_fees),
            amount(shard.header.processing_fees)
        );
        operate_once(app, &Once::default(), done, &instructions, &[]).await
    };
    context.show(&context.with_app(Access::ReadWrite, collect).await?)
}

#[derive(Serialize)]
struct Lamports {
    address: String,
    lamports: u64,
}

impl fmt::Display for Lamports {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} has {}.", self.address, output::sol(self.lamports))
    }
}

pub async fn airdrop(context: Context, args: AirdropArgs) -> anyhow::Result<()> {
    let lamports = Amount::parse(&args.amount, 9)
        .map_err(|problem| bad(problem.replace("tokens", "SOL").replace("the token", "SOL")))?;
    let drop = async |foundation: &Foundation| {
        let to = args.to.unwrap_or_else(|| foundation.keys.address(Purpose::Keeper));
        foundation.chain.airdrop(&to, lamports.base_units).await?;
        let account = foundation.chain.account(&to, Commitment::Confirmed).await?;
        let lamports = account.map_or(0, |account| account.lamports);
        Ok(Lamports { address: to.to_string(), lamports })
    };
    context.show(&context.with_foundation(Access::ReadWrite, drop).await?)
}

#[derive(Serialize)]
struct Time {
    unix_seconds: i64,
    slot: u64,
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let time = chrono::DateTime::from_timestamp(self.unix_seconds, 0).unwrap_or_default();
        write!(f, "On the chain it is {}, slot {}.", time.to_rfc3339(), self.slot)
    }
}

pub async fn advance(context: Context, args: AdvanceArgs) -> anyhow::Result<()> {
    let advance = async |foundation: &Foundation| {
        foundation.chain.advance(args.by).await.map_err(|error| match error {
            ChainError::NotEmbedded => bad(error.to_string()),
            error => error.into(),
        })?;
        let ChainTime { unix_seconds, slot } = foundation.chain.time().await?;
        Ok(Time { unix_seconds, slot })
    };
    context.show(&context.with_foundation(Access::ReadWrite, advance).await?)
}
