//! `pixr register`.

use std::{fmt, path::PathBuf};

use serde::Serialize;

use super::{bad, context::Context, input::Input, output, progress};
use crate::{
    app::{Access, App, CreatorName},
    register::{
        self, Progress, RegisterError, Registered,
        rows::{self, RowsError, Wanted},
    },
    views::ContentId,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Give creators slots: wallets, or custodial ones whose keys come from the master seed
    Creator {
        /// A wallet's address, or @NUMBER of a custodial creator
        #[arg(required = true)]
        creators: Vec<CreatorName>,
    },
    /// Give contents slots, in a shard where their creator has one
    Content {
        /// UUIDs, 32 hexadecimal digits, or words of at most 16 bytes
        #[arg(required = true)]
        ids: Vec<ContentId>,
        /// SHARD/INDEX, a wallet's address, or @NUMBER of a custodial creator
        #[arg(long)]
        creator: CreatorName,
    },
    /// Register what a file lists: run it again to go on after an interruption
    #[command(
        long_about = "Register what a file lists. It is CSV with a header or JSON lines, plain or \
                      compressed with gzip or zstd. A creator's row has `authority`, a wallet's \
                      address or @NUMBER; without one the creator is custodial and has the row's \
                      number, from 0. A content's row has `id` and `creator`; a creator that has no \
                      slot gets one. What is registered already is left as it is, so the same \
                      command goes on after an interruption."
    )]
    File {
        /// The file, or - for standard input
        file: PathBuf,
    },
}

#[derive(Serialize)]
struct Answer(Registered);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Registered { creators, contents, known_creators, known_contents, .. } = self.0;
        write!(
            f,
            "Registered {} and {}; {} and {} were there already.",
            output::counted(creators, "creator"),
            output::counted(contents, "content"),
            output::counted(known_creators, "creator"),
            output::counted(known_contents, "content"),
        )?;
        if self.0.shards_opened > 0 {
            write!(f, "\nOpened {}.", output::counted(self.0.shards_opened, "shard"))?;
        }
        if self.0.transactions > 0 {
            let transactions = output::counted(self.0.transactions, "transaction");
            write!(f, "\n{transactions}, fees {}.", output::sol(self.0.fee_lamports))?;
        }
        Ok(())
    }
}

pub async fn run(context: Context, command: Command) -> anyhow::Result<()> {
    let wanted = match command {
        Command::Creator { creators } => {
            if let Some(slot) =
                creators.iter().find(|name| matches!(name, CreatorName::Slot { .. }))
            {
                return Err(bad(format!("{slot} is a slot: name a wallet's address, or @NUMBER")));
            }
            creators.into_iter().map(Wanted::Creator).collect()
        }
        Command::Content { ids, creator } => {
            ids.into_iter().map(|id| Wanted::Content { id, creator }).collect()
        }
        Command::File { file } => {
            let shown = file.display().to_string();
            let input = Input::open(&file)?;
            tokio::task::spawn_blocking(|| rows::read(input)).await?.map_err(
                |error| match error {
                    RowsError::Malformed { .. } => bad(format!("{shown}: {error}")),
                    RowsError::Io(error) => anyhow::Error::from(error).context(shown),
                },
            )?
        }
    };
    let bar = progress::bar(&context, u64::try_from(wanted.len())?, "slots");
    let register = async |app: &App| {
        let progress = |Progress { done, .. }: Progress| bar.set_position(done);
        register::register(app, &wanted, progress).await
    };
    let registered = context.with_app(Access::ReadWrite, register).await;
    bar.finish_and_clear();
    let input = |error: &RegisterError| {
        matches!(error, RegisterError::NoCreator(_) | RegisterError::NotKeeper { .. })
    };
    let registered = registered.map_err(|error| match error.downcast_ref() {
        Some(problem) if input(problem) => bad(problem.to_string()),
        _ => error,
    })?;
    context.show(&Answer(registered))
}
