//! `pixr quality`.

use solana_signer::Signer;

use super::{
    bad,
    context::Context,
    operate::{self, Once, operate_once},
};
use crate::{
    app::{Access, App, Ledger},
    index,
    store::contents::{self, Slot},
    views::ContentId,
};

/// 100%, in basis points.
const BPS_MAX: i64 = 10_000;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Set the quality of a content: it counts from the next batch
    Set {
        /// A UUID, 32 hexadecimal digits, or at most 16 bytes
        id: ContentId,
        /// Basis points, up to 10,000
        #[arg(value_parser = clap::value_parser!(u16).range(0..=BPS_MAX))]
        bps: u16,
        #[command(flatten)]
        once: Once,
    },
}

pub async fn run(context: Context, command: Command) -> anyhow::Result<()> {
    let Command::Set { id, bps, once } = command;
    let set = async |app: &App| {
        let keeper = operate::keeper(app).await?;
        index::catch_up(app).await?;
        let Some(Slot { shard, content }) = contents::find(&app.store, id).await? else {
            return Err(bad(format!("no shard has the content {id}: see `pixr register content`")));
        };
        let shard = Ledger::finalized(app).shard(shard).await?;
        let set = app.platform.set_quality(keeper.pubkey(), shard.address, content, bps);
        let done = format!("The quality of {id} is {bps} basis points from the next batch on.");
        operate_once(app, &once, done, &[set], &[&keeper]).await
    };
    context.show(&context.with_app(Access::ReadWrite, set).await?)
}
