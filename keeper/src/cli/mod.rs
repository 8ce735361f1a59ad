//! The command line.

mod context;
mod creators;
mod demo;
mod doctor;
mod explain;
mod guard;
mod ingest;
pub(crate) mod init;
pub(crate) mod input;
mod keys;
mod market;
mod media;
mod migrate;
mod money;
pub(crate) mod operate;
pub(crate) mod output;
mod platform;
mod position;
mod progress;
mod quality;
mod register;
mod reverse;
mod round;
mod serve;
mod settings;
mod shards;
mod usage;
mod verify;
mod withdrawals;
mod worker;

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    amount,
    app::{FindError, IdentityError, OpenError},
    chain::ChainError,
    config::ConfigError,
    demo::DemoArgs,
    keys::KeyError,
    store::embedded,
};

use context::Context;

/// Exit codes: bad input, and everything else that did not work.
const BAD_INPUT: u8 = 2;
const FAILED: u8 = 1;

/// What a new user needs to know, below the list of commands.
const FIRST_STEPS: &str = "\
First steps, without any configuration (a database and a chain of its own, in the folder data):
  pixr demo                                             all of it at work, with a report
  pixr init                                             token, platform, first shard, budget
  pixr register content clip-1 clip-2 --creator @1      contents of a custodial creator
  pixr ingest events.jsonl --settle                     or `pixr serve`, and POST /v1/views
  pixr creator show @1
  pixr withdraw @1 all
  pixr verify

Exit codes: 0 all is well; 1 it did not work, or what was found is not well; 2 the command line, a
file or the configuration is wrong, or another process has the data.";

/// Pays creators for views: takes view events, settles them on-chain, and lets anybody check it.
#[derive(Parser)]
#[command(
    name = "pixr",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = FIRST_STEPS
)]
struct Cli {
    /// Configuration file; else PIXR_CONFIG names it, else pixr.toml is read where it is there
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write one JSON document to standard output instead of text
    #[arg(long, global = true)]
    json: bool,
    /// What to log to standard error: error, warn, info, debug, or directives
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show all of it at work, from nothing: events in, money out, a report
    Demo(DemoArgs),
    /// Run a keeper: take views, settle them, index the chain, publish batches
    #[command(
        long_about = "Run a keeper: take views at ingest.listen (127.0.0.1:8080 unless set), settle \
                      them, index the chain, publish batches. SIGTERM or SIGINT stores what is under \
                      way and stops, a second one stops at once. With the embedded chain, commands \
                      that change the chain have to wait until this has stopped; those that only \
                      look work beside it, and so do `pixr ingest` and `pixr reverse`."
    )]
    Serve,
    /// Make renditions: several workers share the jobs, and a video where they share the folder
    #[command(
        long_about = "Make renditions: take jobs that `pixr media upgrade` and rounds have asked for. \
                      Any number of workers on one database share the jobs, and one video where they \
                      share media.folder. SIGTERM or SIGINT leaves what is under way to the next \
                      worker, which goes on where this one was."
    )]
    Worker,
    /// Sources of videos, their upgrades, and what these cost
    #[command(subcommand)]
    Media(media::Command),
    /// Take view events from a file or standard input
    Ingest(ingest::Args),
    /// Count, settle, index and publish everything that waits, once
    Settle,
    /// Take counted views back that turned out to be fraud
    Reverse(reverse::Args),
    /// Bring the database's layout up to date, show it, or take migrations back
    Migrate(migrate::Args),
    /// Do all that a first start on the embedded chain or a test cluster needs
    Init(init::Args),
    /// Make a platform, look at it, change it
    #[command(subcommand)]
    Platform(platform::Command),
    /// Open and list ledger shards
    #[command(subcommand)]
    Shard(shards::Command),
    /// Give creators and contents their slots: one, or a file of a million
    #[command(subcommand)]
    Register(register::Command),
    /// Set the quality of contents
    #[command(subcommand)]
    Quality(quality::Command),
    /// Put tokens of the treasury's, or of whoever signs, into a shard's reward budget
    Fund(money::FundArgs),
    /// Tip a creator with tokens of the treasury's, or of whoever signs
    Tip(money::TipArgs),
    /// Send the fees of tips that a shard has kept to the treasury and the processor
    CollectFees(money::CollectArgs),
    /// Pay from a creator's balance, at once or, above the limit, after a delay
    Withdraw(withdrawals::WithdrawArgs),
    /// List, execute or cancel delayed withdrawals
    #[command(subcommand)]
    Withdrawal(withdrawals::Command),
    /// Fund upgrades of contents together, and share in what they earn
    #[command(subcommand)]
    Round(round::Command),
    /// Claim returns, and trade positions in rounds
    #[command(subcommand)]
    Position(position::Command),
    /// Show what contents are worth, and what rounds promise
    #[command(subcommand)]
    Market(market::Command),
    /// Show creators: balances, contents, withdrawals
    #[command(subcommand)]
    Creator(creators::Command),
    /// Hand a creator's slot to another withdraw authority, in two steps
    #[command(subcommand)]
    Authority(creators::AuthorityCommand),
    /// Stop everybody but the admin and the guardian
    Pause,
    /// Let everybody act again
    Unpause,
    /// Keep a delayed withdrawal from being executed or cancelled
    Freeze(guard::FreezeArgs),
    /// Release a frozen withdrawal
    Unfreeze(guard::FreezeArgs),
    /// Recompute every balance from the published batches and compare with the chain
    Verify(verify::Args),
    /// Tell the whole story of a creator, content, batch, withdrawal or view event
    #[command(subcommand)]
    Explain(explain::Command),
    /// Show the addresses of the keys in use
    #[command(subcommand)]
    Keys(keys::Command),
    /// Look at everything that a keeper stands on, and say what to do
    Doctor,
    /// Give somebody SOL out of nowhere, on the embedded chain and test clusters
    Airdrop(money::AirdropArgs),
    /// Let time pass on the embedded chain, at once: to see a round's term or a withdrawal's delay end
    Advance(money::AdvanceArgs),
    #[command(name = embedded::SUBCOMMAND, hide = true)]
    DatabaseServer,
}

impl Command {
    fn is_daemon(&self) -> bool {
        matches!(self, Self::Serve | Self::Worker)
    }
}

/// What was asked makes no sense: another try needs another command line, file or configuration.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct BadInput(String);

/// Bad input, in words.
fn bad(problem: impl Into<String>) -> anyhow::Error {
    BadInput(problem.into()).into()
}

/// The work was done, and what it found is not well: the report says what.
#[derive(Debug, thiserror::Error)]
#[error("not everything is well")]
struct NotWell;

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    crate::fault::arm();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::answer(&error),
    };
    if matches!(cli.command, Command::DatabaseServer) {
        return if embedded::keep() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<NotWell>() => FAILED.into(),
        Err(error) => {
            complain(&one_line(&error));
            if is_input(&error) { BAD_INPUT.into() } else { FAILED.into() }
        }
    }
}

/// Says on standard error what is wrong. Where nobody reads, the exit code still tells.
fn complain(problem: &str) {
    let _unheard = writeln!(std::io::stderr(), "pixr: {problem}");
}

/// Whether another command line, file or configuration is what it takes.
fn is_input(error: &anyhow::Error) -> bool {
    let find = error.downcast_ref::<FindError>();
    error.is::<BadInput>()
        || error.is::<ConfigError>()
        || error.is::<KeyError>()
        || matches!(error.downcast_ref(), Some(OpenError::Key(_)))
        // What has the data has to be stopped first, or the command is to be another one.
        || matches!(error.downcast_ref(), Some(OpenError::Chain(ChainError::InUse { .. })))
        || matches!(error.downcast_ref(), Some(IdentityError::Taken { .. }))
        || matches!(find, Some(FindError::Unknown(_) | FindError::Several { .. }))
}

/// An error with its causes, on one line.
fn one_line(error: &anyhow::Error) -> String {
    let lines: Vec<_> = format!("{error:#}").lines().map(|line| line.trim().to_owned()).collect();
    lines.join(" ")
}

fn run(cli: Cli) -> anyhow::Result<()> {
    // A daemon says what it does; a command answers, and says what goes wrong.
    let log = cli.log.or_else(|| (!cli.command.is_daemon()).then(|| "warn".to_owned()));
    let context = Context::new(cli.config, cli.json, log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(dispatch(context, cli.command))
}

async fn dispatch(context: Context, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve => serve::run(context).await,
        Command::Worker => worker::run(context).await,
        Command::Media(command) => media::run(context, command).await,
        Command::Ingest(args) => ingest::run(context, args).await,
        Command::Reverse(args) => reverse::run(context, args).await,
        Command::Settle => serve::settle(context).await,
        Command::Demo(args) => demo::run(context, args).await,
        Command::Migrate(args) => migrate::run(context, args).await,
        Command::Init(args) => init::run(context, args).await,
        Command::Platform(command) => platform::run(context, command).await,
        Command::Shard(command) => shards::run(context, command).await,
        Command::Register(command) => register::run(context, command).await,
        Command::Quality(command) => quality::run(context, command).await,
        Command::Fund(args) => money::fund(context, args).await,
        Command::Tip(args) => money::tip(context, args).await,
        Command::CollectFees(args) => money::collect_fees(context, args).await,
        Command::Withdraw(args) => withdrawals::withdraw(context, args).await,
        Command::Withdrawal(command) => withdrawals::run(context, command).await,
        Command::Round(command) => round::run(context, command).await,
        Command::Position(command) => position::run(context, command).await,
        Command::Market(command) => market::run(context, command).await,
        Command::Creator(command) => creators::run(context, command).await,
        Command::Authority(command) => creators::authority(context, command).await,
        Command::Pause => guard::pause(context).await,
        Command::Unpause => guard::unpause(context).await,
        Command::Freeze(args) => guard::set_frozen(context, args, true).await,
        Command::Unfreeze(args) => guard::set_frozen(context, args, false).await,
        Command::Verify(args) => verify::run(context, args).await,
        Command::Explain(command) => explain::run(context, command).await,
        Command::Keys(command) => keys::run(&context, command),
        Command::Doctor => doctor::run(context).await,
        Command::Airdrop(args) => money::airdrop(context, args).await,
        Command::Advance(args) => money::advance(context, args).await,
        Command::DatabaseServer => Ok(()),
    }
}
