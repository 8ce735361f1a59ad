//! `pixr shard`.

use std::fmt;

use pixr::state::shard::Capacities;
use serde::Serialize;

use super::{amount::Amount, bad, context::Context, operate::Done, output};
use crate::{
    app::{Access, App, Ledger, ShardHead},
    register,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Open the next shard; the keeper pays its rent
    Open(CapacityArgs),
    /// List shards: slots, budgets, what they owe
    List,
}

/// How many slots a new shard has: together they fill the largest account there is.
#[derive(clap::Args, Clone, Copy)]
pub struct CapacityArgs {
    /// Creator slots, 64 bytes each; the largest shard has 10 MiB
    #[arg(long, value_name = "N", default_value_t = 32_768)]
    creators: u32,
    /// Content slots, 64 bytes each
    #[arg(long, value_name = "N", default_value_t = 122_880)]
    contents: u32,
    /// Lanes for funded upgrades, 96 bytes each
    #[arg(long, value_name = "N", default_value_t = 4_096)]
    lanes: u32,
}

impl CapacityArgs {
    /// Capacities that a shard can have.
    pub fn capacities(self) -> anyhow::Result<Capacities> {
        let Self { creators, contents, lanes } = self;
        let capacities = Capacities { creators, contents, lanes };
        capacities.account_bytes().map(|_| capacities).ok_or_else(|| {
            bad(format!(
                "no shard can have {creators} creators, {contents} contents and {lanes} lanes: at \
                 least one creator and one content, and 10 MiB in all"
            ))
        })
    }
}

#[derive(Serialize)]
struct Row {
    number: u32,
    address: String,
    vault: String,
    creators: u32,
    creator_capacity: u32,
    contents: u32,
    content_capacity: u32,
    next_sequence: u64,
    reward_budget: Amount,
    balances: Amount,
    delayed: Amount,
    fees: Amount,
    credited: Amount,
    withdrawn: Amount,
    views: u64,
}

impl Row {
    fn new(shard: &ShardHead, decimals: u8) -> anyhow::Result<Self> {
        let header = &shard.header;
        let amount = |base_units| Amount::new(base_units, decimals);
        let fees = header.platform_fees.checked_add(header.processing_fees);
        Ok(Self {
            number: shard.number,
            address: shard.address.to_string(),
            vault: header.vault.to_string(),
            creators: header.creator_count,
            creator_capacity: header.creator_capacity,
            contents: header.content_count,
            content_capacity: header.content_capacity,
            next_sequence: header.next_sequence,
            reward_budget: amount(header.reward_budget),
            balances: amount(header.balances),
            delayed: amount(header.delayed),
            fees: amount(fees.ok_or_else(|| anyhow::anyhow!("fees overflow"))?),
            credited: amount(header.credited),
            withdrawn: amount(header.withdrawn),
            views: header.views,
        })
    }
}

#[derive(Serialize)]
struct Rows {
    shards: Vec<Row>,
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.shards.is_empty() {
            return f.write_str("There are no shards yet: `pixr shard open` makes one.");
        }
        let header =
            ["shard", "address", "creators", "contents", "batches", "budget", "owed", "credited"];
        let mut table = output::table(&header, 2);
        for row in &self.shards {
            table.add_row([
                row.number.to_string(),
                row.address.clone(),
                format!("{}/{}", row.creators, row.creator_capacity),
                format!("{}/{}", row.contents, row.content_capacity),
                row.next_sequence.saturating_sub(1).to_string(),
                row.reward_budget.to_string(),
                row.balances.to_string(),
                row.credited.to_string(),
            ]);
        }
        write!(f, "{}", table.trim_fmt())
    }
}

pub async fn run(context: Context, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Open(args) => {
            let capacities = args.capacities()?;
            let open = async |app: &App| open(app, capacities).await;
            context.show(&context.with_app(Access::ReadWrite, open).await?)
        }
        Command::List => {
            let list = async |app: &App| {
                let ledger = Ledger::finalized(app);
                let decimals = ledger.mint().await?.decimals;
                let shards = ledger.shards().await?;
                let rows = shards.iter().map(|shard| Row::new(shard, decimals));
                Ok(Rows { shards: rows.collect::<anyhow::Result<_>>()? })
            };
            context.show(&context.with_app(Access::ReadOnly, list).await?)
        }
    }
}

/// Opens the platform's next shard.
pub async fn open(app: &App, capacities: Capacities) -> anyhow::Result<Done> {
    let (shard, landed) = register::open_shard(app, capacities).await?;
    Ok(Done::new(&landed, format!("Shard {} is open at {}.", shard.number, shard.address)))
}
