//! What a keeper needs before the first event: a platform, shards with budgets, creators, contents.

use clap::Parser;
use pixr::state::shard::Capacities;
use solana_signer::Signer;

use super::catalogue::Catalogue;
use crate::{
    app::{App, CreatorName, Foundation, Ledger},
    cli::init,
    keys::Purpose,
    register::{self, Registered, rows::Wanted},
    settle::operations,
};

/// Shards at the start: they settle in parallel.
const SHARDS: u32 = 2;
/// Content slots that a shard has room for: what fits the largest account there is.
const CONTENT_SLOTS_MAX: u32 = 122_880;
const CREATOR_SLOTS_MAX: u32 = 32_768;
/// Tokens in each shard's reward budget.
const BUDGET_TOKENS: u64 = 1_000_000;

/// How long a round's baseline is measured: the least that there is.
pub const BASELINE_SECONDS: u64 = 3_600;

/// The options of `pixr init`, as if they had been given.
#[derive(Parser)]
struct Init {
    #[command(flatten)]
    args: init::Args,
}

/// Slots for everybody in each shard: nobody is turned away wherever the others go.
fn capacities(catalogue: &Catalogue) -> Capacities {
    let slots = |count: usize, most| u32::try_from(count).unwrap_or(u32::MAX).clamp(1, most);
    Capacities {
        creators: slots(catalogue.creators.len(), CREATOR_SLOTS_MAX),
        contents: slots(catalogue.contents.len(), CONTENT_SLOTS_MAX),
        lanes: 64,
    }
}

/// Makes token, platform and shards.
pub async fn platform(foundation: &Foundation, catalogue: &Catalogue) -> anyhow::Result<App> {
    let capacities = capacities(catalogue);
    let Capacities { creators, contents, lanes } = capacities;
    let Init { args } = Init::try_parse_from([
        "init".to_owned(),
        format!("--budget={BUDGET_TOKENS}"),
        format!("--creators={creators}"),
        format!("--contents={contents}"),
        format!("--lanes={lanes}"),
        format!("--baseline={BASELINE_SECONDS}"),
    ])?;
    init::start(foundation, &args).await?;
    let app = foundation.app().await?;
    for _ in 1..SHARDS {
        register::open_shard(&app, capacities).await?;
    }
    Ok(app)
}

/// Gives everybody in the catalogue a slot, and every shard a budget. Creators are custodial, by
/// their place in the catalogue.
pub async fn register(app: &App, catalogue: &Catalogue) -> anyhow::Result<Registered> {
    let wanted: Vec<Wanted> = catalogue
        .contents
        .iter()
        .map(|content| Wanted::Content {
            id: content.id,
            creator: CreatorName::Custodial(content.creator.into()),
        })
        .collect();
    let done = register::register(app, &wanted, |_| {}).await?;
    fund(app).await?;
    Ok(done)
}

/// Puts tokens into the budgets that have none.
async fn fund(app: &App) -> anyhow::Result<()> {
    let ledger = Ledger::finalized(app);
    let unit = 10_u64.pow(ledger.mint().await?.decimals.into());
    let treasury = app.keys.key(Purpose::Treasury);
    let source = ledger.tokens_of(&treasury.pubkey());
    for shard in ledger.shards().await?.into_iter().filter(|shard| shard.header.funded == 0) {
        let amount = BUDGET_TOKENS * unit;
        let fund = app.platform.fund_shard(treasury.pubkey(), source, shard.address, amount);
        let key = format!("first budget {}", shard.address);
        operations::run(app, &key, &[fund], &[&treasury]).await?;
    }
    Ok(())
}
