//! `pixr init`: all that a first start on the embedded chain or a test cluster needs.

use std::fmt;

use anchor_client::Cluster;
use anchor_lang::{
    prelude::Pubkey,
    solana_program::{program_pack::Pack, system_instruction},
};
use anchor_spl::token::{self, spl_token};
use pixr_client::Platform;
use serde::Serialize;
use solana_signer::Signer;

use super::{
    amount::Amount,
    bad,
    context::Context,
    output,
    platform::{self, Holders},
    settings::SettingsArgs,
    shards::CapacityArgs,
};
use crate::{
    app::{Access, App, Foundation, Ledger, open_tokens_of},
    chain::Commitment,
    config::ChainKind,
    keys::Purpose,
    register,
    settle::operations,
};

/// What the keeper has on the embedded chain, in lamports.
const EMBEDDED_LAMPORTS: u64 = 100_000_000_000_000;
/// What it needs elsewhere besides the first shard's rent, in lamports.
const SPARE_LAMPORTS: u64 = 1_000_000_000;

#[derive(clap::Args)]
pub struct Args {
    /// Decimals of the token that is made
    #[arg(long, value_name = "N", default_value_t = 6)]
    decimals: u8,
    /// Tokens that the treasury gets
    #[arg(long, value_name = "TOKENS", default_value = "1000000000")]
    supply: String,
    /// Tokens in the first shard's reward budget
    #[arg(long, value_name = "TOKENS", default_value = "1000000")]
    budget: String,
    #[command(flatten)]
    capacities: CapacityArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// What was done; what was there before is left out.
#[derive(Default, Serialize)]
pub struct Steps {
    steps: Vec<String>,
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str("Everything is there already.");
        }
        f.write_str(&self.steps.join("\n"))
    }
}

pub async fn run(context: Context, args: Args) -> anyhow::Result<()> {
    if context.config.chain.rpc_url == ChainKind::Cluster(Cluster::Mainnet) {
        return Err(bad(
            "init makes a token out of nothing, for the embedded chain and test clusters: use \
             `pixr platform init` here",
        ));
    }
    let init = async |foundation: &Foundation| start(foundation, &args).await;
    context.show(&context.with_foundation(Access::ReadWrite, init).await?)
}

/// Does what is missing, step by step: after an interruption the next call goes on.
pub async fn start(foundation: &Foundation, args: &Args) -> anyhow::Result<Steps> {
    let mut steps = Steps::default();
    let capacities = args.capacities.capacities()?;
    let supply = Amount::parse(&args.supply, args.decimals).map_err(bad)?;
    let budget = Amount::parse(&args.budget, args.decimals).map_err(bad)?;
    if budget.base_units > supply.base_units {
        return Err(bad(format!("--budget {budget} is more than --supply {supply}")));
    }
    let app = match foundation.platform().await? {
        Some(_) => foundation.app().await?,
        None => {
            let bytes = capacities.account_bytes().and_then(|bytes| usize::try_from(bytes).ok());
            let rent = foundation.chain.rent_lamports(bytes.unwrap_or(usize::MAX)).await?;
            airdrop(foundation, rent, &mut steps).await?;
            let mint = make_mint(foundation, supply, &mut steps).await?;
            let holders = Holders::default();
            let done = platform::init(foundation, mint, &holders, &args.settings).await?;
            steps.steps.push(done.done);
            foundation.app().await?
        }
    };
    let ledger = Ledger::finalized(&app);
    if ledger.platform().await?.shard_count == 0 {
        let (shard, _) = register::open_shard(&app, capacities).await?;
        steps.steps.push(format!("Shard 0 is open at {}.", shard.address));
    }
    let shard = ledger.shard(0).await?;
    if shard.header.funded == 0 && budget.base_units > 0 {
        fund(&app, shard.address, budget.base_units).await?;
        steps.steps.push(format!("{budget} tokens are in its reward budget."));
    }
    Ok(steps)
}

async fn airdrop(foundation: &Foundation, rent: u64, steps: &mut Steps) -> anyhow::Result<()> {
    let keeper = foundation.keys.address(Purpose::Keeper);
    let account = foundation.chain.account(&keeper, Commitment::Finalized).await?;
    let has = account.map_or(0, |account| account.lamports);
    let wants = match foundation.config.chain.rpc_url {
        ChainKind::Embedded => EMBEDDED_LAMPORTS,
        ChainKind::Cluster(_) => rent.saturating_add(SPARE_LAMPORTS),
    };
    let lacks = wants.saturating_sub(has);
    if lacks > 0 {
        foundation.chain.airdrop(&keeper, lacks).await?;
        steps.steps.push(format!("The keeper {keeper} got {}.", output::sol(lacks)));
    }
    Ok(())
}

/// Makes the token, with all of `supply` in the treasury.
async fn make_mint(
    foundation: &Foundation,
    supply: Amount,
    steps: &mut Steps,
) -> anyhow::Result<Pubkey> {
    let keys = &foundation.keys;
    let mint = keys.key(Purpose::Mint);
    let address = mint.pubkey();
    if foundation.chain.account(&address, Commitment::Finalized).await?.is_some() {
        return Ok(address);
    }
    let (payer, treasury) = (keys.address(Purpose::Keeper), keys.key(Purpose::Treasury));
    let owner = treasury.pubkey();
    let base = keys.address(Purpose::PlatformBase);
    let app = foundation.app_of(Platform::new(&base, address, token::ID));
    let bytes = spl_token::state::Mint::LEN;
    let rent = foundation.chain.rent_lamports(bytes).await?;
    let space = u64::try_from(bytes)?;
    let (tokens, decimals) = (Ledger::finalized(&app).tokens_of(&owner), supply.decimals);
    let instructions = [
        system_instruction::create_account(&payer, &address, rent, space, &token::ID),
        spl_token::instruction::initialize_mint2(&token::ID, &address, &owner, None, decimals)?,
        open_tokens_of(&app, &owner),
        spl_token::instruction::mint_to(
            &token::ID,
            &address,
            &tokens,
            &owner,
            &[],
            supply.base_units,
        )?,
    ];
    operations::run(&app, &format!("mint {address}"), &instructions, &[&mint, &treasury]).await?;
    steps.steps.push(format!("Token {address} is made; the treasury {owner} has {supply}."));
    Ok(address)
}

/// The first budget: once, however often this is called.
async fn fund(app: &App, shard: Pubkey, amount: u64) -> anyhow::Result<()> {
    let treasury = app.keys.key(Purpose::Treasury);
    let source = Ledger::finalized(app).tokens_of(&treasury.pubkey());
    let fund = app.platform.fund_shard(treasury.pubkey(), source, shard, amount);
    operations::run(app, &format!("first budget {shard}"), &[fund], &[&treasury]).await?;
    Ok(())
}
