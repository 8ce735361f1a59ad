//! `pixr withdraw` and `pixr withdrawal`.

use std::fmt;

use anchor_lang::prelude::Pubkey;
use chrono::DateTime;
use comfy_table::Table;
use pixr::state::Withdrawal;
use serde::Serialize;
use solana_instruction::Instruction;
use solana_signer::Signer;

use super::{
    amount::Amount,
    bad,
    context::Context,
    operate::{Done, Once, SignerArgs, operate_once},
    output,
};
use crate::{
    app::{Access, App, Creator, CreatorName, Ledger, open_tokens_of},
    keys::Purpose,
};

#[derive(clap::Args)]
pub struct WithdrawArgs {
    /// SHARD/INDEX, a wallet's address, or @NUMBER of a custodial creator
    creator: CreatorName,
    /// Tokens, like 12.5, or all
    amount: String,
    /// Who is paid: a wallet, or a token account; the withdraw authority unless named
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Pubkey>,
    #[command(flatten)]
    signer: SignerArgs,
    #[command(flatten)]
    once: Once,
}

#[derive(clap::Subcommand)]
pub enum Command {
    /// List a creator's delayed withdrawals
    List {
        /// SHARD/INDEX, a wallet's address, or @NUMBER of a custodial creator
        creator: CreatorName,
    },
    /// Pay a delayed withdrawal whose delay is over
    Execute(NumberArgs),
    /// Put a delayed withdrawal back into the balance
    Cancel(NumberArgs),
}

#[derive(clap::Args)]
pub struct NumberArgs {
    /// SHARD/INDEX, a wallet's address, or @NUMBER of a custodial creator
    creator: CreatorName,
    /// The withdrawal's number: see `pixr withdrawal list`
    number: u32,
    #[command(flatten)]
    signer: SignerArgs,
}

/// A delayed withdrawal that waits.
#[derive(Serialize)]
pub struct PendingRow {
    number: u32,
    amount: Amount,
    destination: String,
    executable_at: String,
    frozen: bool,
}

#[derive(Serialize)]
struct Pending {
    delayed_withdrawals: Vec<PendingRow>,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.delayed_withdrawals.is_empty() {
            return f.write_str("There are no delayed withdrawals.");
        }
        write!(f, "{}", table(&self.delayed_withdrawals).trim_fmt())
    }
}

/// Delayed withdrawals as a table.
pub fn table(rows: &[PendingRow]) -> Table {
    let header = ["withdrawal", "executable at", "destination", "state", "amount"];
    let mut table = output::table(&header, 4);
    for row in rows {
        table.add_row([
            row.number.to_string(),
            row.executable_at.clone(),
            row.destination.clone(),
            if row.frozen { "frozen" } else { "waits" }.to_owned(),
            row.amount.to_string(),
        ]);
    }
    table
}

fn at(unix_seconds: i64) -> String {
    DateTime::from_timestamp(unix_seconds, 0)
        .map_or_else(|| unix_seconds.to_string(), |time| time.to_rfc3339())
}

/// A creator's delayed withdrawals that are neither paid nor cancelled.
pub async fn pending(
    app: &App,
    creator: &Creator,
    decimals: u8,
) -> anyhow::Result<Vec<PendingRow>> {
    let ledger = Ledger::finalized(app);
    let mut rows = Vec::new();
    for number in 0..creator.slot.next_withdrawal {
        if let Some((_, withdrawal)) = ledger.withdrawal(creator, number).await? {
            rows.push(PendingRow {
                number,
                amount: Amount::new(withdrawal.amount, decimals),
                destination: withdrawal.destination.to_string(),
                executable_at: at(withdrawal.executable_at),
                frozen: withdrawal.frozen,
            });
        }
    }
    Ok(rows)
}

/// What the limit lets a creator withdraw at once now, in base units, whatever the balance.
pub async fn at_once(app: &App, creator: &Creator) -> anyhow::Result<u64> {
    let settings = Ledger::finalized(app).platform().await?.settings;
    let now = app.chain.time().await?.unix_seconds;
    let since = now.saturating_sub(creator.slot.window_start.into());
    let over = since >= settings.withdraw_window_seconds.into();
    let spent = if over { 0 } else { creator.slot.window_spent };
    Ok(settings.withdraw_limit.saturating_sub(spent))
}

pub async fn withdraw(context: Context, args: WithdrawArgs) -> anyhow::Result<()> {
    let withdraw = async |app: &App| pay(app, &args).await;
    context.show(&context.with_app(Access::ReadWrite, withdraw).await?)
}

/// Pays at once what the limit allows, and requests a delayed withdrawal for more.
async fn pay(app: &App, args: &WithdrawArgs) -> anyhow::Result<Done> {
    let ledger = Ledger::finalized(app);
    let decimals = ledger.mint().await?.decimals;
    let creator = args.creator.find(app).await?;
    let key = args.signer.authority(app, &creator, args.creator)?;
    let balance = Amount::new(creator.slot.balance, decimals);
    let amount = match args.amount.as_str() {
        "all" => balance,
        text => Amount::parse(text, decimals).map_err(bad)?,
    };
    if amount.base_units == 0 || amount.base_units > balance.base_units {
        return Err(bad(format!("{amount} is not possible: the balance is {balance}")));
    }
    let (destination, mut instructions) = destination(app, args.to.unwrap_or(key.pubkey())).await?;
    let (shard, index) = (creator.shard.address, creator.index);
    let limit = Amount::new(at_once(app, &creator).await?, decimals);
    if amount.base_units <= limit.base_units {
        let authority = key.pubkey();
        let pay = app.platform.withdraw(authority, shard, index, destination, amount.base_units);
        instructions.push(pay);
        let done = format!("{amount} tokens were paid to {destination}.");
        return operate_once(app, &args.once, done, &instructions, &[&key]).await;
    }
    let number = creator.slot.next_withdrawal;
    instructions.push(app.platform.request_withdrawal(
        key.pubkey(),
        app.keys.address(Purpose::Keeper),
        shard,
        index,
        number,
        destination,
        amount.base_units,
    ));
    let delay = ledger.platform().await?.settings.withdraw_delay_seconds;
    let done = format!(
        "{amount} tokens are above the limit of {limit} that can be paid at once now: withdrawal \
         {number} is requested. In {delay} seconds `pixr withdrawal execute {} {number}` pays it \
         to {destination}.",
        args.creator
    );
    operate_once(app, &args.once, done, &instructions, &[&key]).await
}

/// The token account to pay, and what opens it where `to` is a wallet.
async fn destination(app: &App, to: Pubkey) -> anyhow::Result<(Pubkey, Vec<Instruction>)> {
    match Ledger::finalized(app).token_account(&to).await? {
        Some(_) => Ok((to, Vec::new())),
        None => Ok((Ledger::finalized(app).tokens_of(&to), vec![open_tokens_of(app, &to)])),
    }
}

pub async fn run(context: Context, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { creator } => {
            let list = async |app: &App| {
                let decimals = Ledger::finalized(app).mint().await?.decimals;
                let creator = creator.find(app).await?;
                Ok(Pending { delayed_withdrawals: pending(app, &creator, decimals).await? })
            };
            context.show(&context.with_app(Access::ReadOnly, list).await?)
        }
        Command::Execute(args) => finish(context, args, End::Execute).await,
        Command::Cancel(args) => finish(context, args, End::Cancel).await,
    }
}

/// How a delayed withdrawal ends.
#[derive(Clone, Copy)]
enum End {
    Execute,
    Cancel,
}

async fn finish(context: Context, args: NumberArgs, end: End) -> anyhow::Result<()> {
    let finish = async |app: &App| {
        let ledger = Ledger::finalized(app);
        let decimals = ledger.mint().await?.decimals;
        let (name, number) = (args.creator, args.number);
        let creator = name.find(app).await?;
        let (_, request) = ledger
            .withdrawal(&creator, number)
            .await?
            .ok_or_else(|| bad(format!("creator {name} has no delayed withdrawal {number}")))?;
        refuse_early(app, &request, end).await?;
        let key = args.signer.authority(app, &creator, name)?;
        let amount = Amount::new(request.amount, decimals);
        let (authority, payer) = (key.pubkey(), request.payer);
        let (shard, index) = (creator.shard.address, creator.index);
        let to = request.destination;
        let platform = &app.platform;
        let (instruction, done) = match end {
            End::Execute => (
                platform.execute_withdrawal(authority, payer, shard, index, number, to),
                format!("{amount} tokens were paid to {to}."),
            ),
            End::Cancel => (
                platform.cancel_withdrawal(authority, payer, shard, index, number),
                format!("{amount} tokens are back in the balance."),
            ),
        };
        operate_once(app, &Once::default(), done, &[instruction], &[&key]).await
    };
    context.show(&context.with_app(Access::ReadWrite, finish).await?)
}

/// Refuses what the program would, with the time that it would need.
async fn refuse_early(app: &App, request: &Withdrawal, end: End) -> anyhow::Result<()> {
    if request.frozen {
        return Err(bad("the guardian has frozen the withdrawal"));
    }
    let now = app.chain.time().await?.unix_seconds;
    match end {
        End::Execute if now < request.executable_at => Err(bad(format!(
            "the withdrawal can be executed from {} on; on the chain it is {}",
            at(request.executable_at),
            at(now)
        ))),
        End::Execute | End::Cancel => Ok(()),
    }
}
