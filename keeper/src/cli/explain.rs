//! `pixr explain`.

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};

use super::context::Context;
use crate::{
    app::{Access, CreatorName},
    explain::{Subject, WithdrawalName, explain},
    views::ContentId,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// What a creator earned, was tipped and withdrew
    Creator {
        /// SHARD/INDEX, a wallet's address, or @NUMBER of a custodial creator
        creator: CreatorName,
    },
    /// What a content earned, entry by entry
    Content {
        /// A UUID, 32 hexadecimal digits, or at most 16 bytes
        id: ContentId,
    },
    /// What a batch is made of, and how it landed
    Batch {
        /// SHARD/SEQUENCE: the shard's number, and the batch's in it from 1, like 0/1
        #[arg(value_parser = batch)]
        batch: (u32, u64),
    },
    /// What became of a withdrawal
    Withdrawal {
        /// The address of a delayed one, or a transaction's signature
        name: WithdrawalName,
    },
    /// What a round raised and measures, and what it is owed
    Round {
        /// The round's address
        address: Pubkey,
    },
    /// What a position is paid, and by which formula
    Position {
        /// The position's address
        address: Pubkey,
    },
    /// What became of a view event, and what it paid
    Event {
        /// The source's id of the event
        id: String,
        /// Came in at this time or later, like 2026-01-31T12:00:00Z: shortens the search
        #[arg(long, value_name = "TIME")]
        since: Option<DateTime<Utc>>,
    },
}

fn batch(text: &str) -> Result<(u32, u64), String> {
    let parts = text.split_once('/');
    parts
        .and_then(|(shard, sequence)| Some((shard.parse().ok()?, sequence.parse().ok()?)))
        .ok_or_else(|| "expected SHARD/SEQUENCE, like 0/17".into())
}

/// Tells the whole story of an amount.
pub async fn run(context: Context, command: Command) -> anyhow::Result<()> {
    let subject = match command {
        Command::Creator { creator } => Subject::Creator(creator),
        Command::Content { id } => Subject::Content(id),
        Command::Batch { batch: (shard, sequence) } => Subject::Batch { shard, sequence },
        Command::Withdrawal { name } => Subject::Withdrawal(name),
        Command::Round { address } => Subject::Round(address),
        Command::Position { address } => Subject::Position(address),
        Command::Event { id, since } => Subject::Event { id, since },
    };
    let told =
        context.with_app(Access::ReadOnly, async |app| Ok(explain(app, &subject).await?)).await?;
    context.show(&told)
}
