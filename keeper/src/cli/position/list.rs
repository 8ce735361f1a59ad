//! `pixr position list`.

use std::fmt;

use anchor_lang::prelude::Pubkey;
use pixr::math::returns::part_floor;
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};

use crate::{
    app::{Access, App, CreatorName, Ledger},
    cli::{amount::Amount, bad, context::Context, output, round::owed_by_round},
    index::rounds::{self, Position},
};

#[derive(clap::Args)]
#[group(multiple = false)]
pub struct Args {
    /// Those of this investor: a wallet's address, or @NUMBER of a custodial one
    #[arg(long, value_name = "WALLET")]
    owner: Option<CreatorName>,
    /// Those of this round
    #[arg(long, value_name = "ADDRESS")]
    round: Option<Pubkey>,
}

#[serde_as]
#[derive(Serialize)]
struct Row {
    #[serde_as(as = "DisplayFromStr")]
    position: Pubkey,
    #[serde_as(as = "DisplayFromStr")]
    round: Pubkey,
    #[serde_as(as = "DisplayFromStr")]
    owner: Pubkey,
    status: &'static str,
    invested: Amount,
    /// Earned so far, paid or not.
    earned: Amount,
    claimed: Amount,
    price: Option<Amount>,
}

#[derive(Serialize)]
struct Rows {
    positions: Vec<Row>,
    #[serde(skip)]
    of_all: bool,
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.positions.is_empty() {
            return f.write_str(match self.of_all {
                true => "No position is for sale; --owner and --round list others.",
                false => "There are no such positions.",
            });
        }
        let header = ["position", "owner", "round is", "invested", "earned", "claimed", "price"];
        let mut table = output::table(&header, 3);
        for row in &self.positions {
            table.add_row([
                row.position.to_string(),
                row.owner.to_string(),
                row.status.to_owned(),
                row.invested.to_string(),
                row.earned.to_string(),
                row.claimed.to_string(),
                row.price.map_or("-".to_owned(), |price| price.to_string()),
            ]);
        }
        write!(f, "{}", table.trim_fmt())
    }
}

pub async fn run(context: Context, args: Args) -> anyhow::Result<()> {
    let list = async |app: &App| rows(app, &args).await;
    context.show(&context.with_app(Access::ReadOnly, list).await?)
}

async fn rows(app: &App, args: &Args) -> anyhow::Result<Rows> {
    let decimals = Ledger::finalized(app).mint().await?.decimals;
    let amount = |base_units| Amount::new(base_units, decimals);
    let positions = positions(app, args).await?;
    let owed = owed_by_round(app, positions.iter().map(|position| position.round)).await?;
    let row = |position: Position| {
        let (round, owed) = owed.get(&position.round)?;
        let earned = part_floor(*owed, position.amount, round.raised);
        Some(Row {
            position: position.address,
            round: position.round,
            owner: position.owner,
            status: round.status.name(),
            invested: amount(position.amount),
            earned: amount(earned.unwrap_or(0)),
            claimed: amount(position.claimed),
            price: position.price.map(amount),
        })
    };
    let of_all = args.owner.is_none() && args.round.is_none();
    Ok(Rows { positions: positions.into_iter().filter_map(row).collect(), of_all })
}

async fn positions(app: &App, args: &Args) -> anyhow::Result<Vec<Position>> {
    let store = &app.store;
    if let Some(round) = &args.round {
        let mut positions = rounds::positions_of_round(store, round).await?;
        positions.retain(|position| !position.closed);
        return Ok(positions);
    }
    if let Some(owner) = args.owner {
        let wallet = owner
            .authority(&app.keys)
            .ok_or_else(|| bad("--owner: expected a wallet's address or @NUMBER"))?;
        return Ok(rounds::positions_of_owner(store, &wallet).await?);
    }
    Ok(rounds::positions_for_sale(store).await?)
}
