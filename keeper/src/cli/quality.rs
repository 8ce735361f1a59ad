//! `pixr quality`.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use solana_signer::Signer;

use super::{
    bad,
    context::Context,
    operate::{self, Once, operate_once},
};
use crate::{
    app::{Access, App, Ledger},
    index,
    store::{StoreError, schema::contents},
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
        let Some((shard, content)) = slot(app, id).await? else {
            return Err(bad(format!("no shard has the content {id}: see `pixr register content`")));
        };
        let shard = Ledger::finalized(app).shard(shard).await?;
        let set = app.platform.set_quality(keeper.pubkey(), shard.address, content, bps);
        let done = format!("The quality of {id} is {bps} basis points from the next batch on.");
        operate_once(app, &once, done, &[set], &[&keeper]).await
    };
    context.show(&context.with_app(Access::ReadWrite, set).await?)
}

/// The shard and index of a content: of the first shard that has it, where its views count.
async fn slot(app: &App, id: ContentId) -> Result<Option<(u32, u32)>, StoreError> {
    let row: Option<(i32, i32)> = contents::table
        .filter(contents::id.eq(id.0.as_slice()))
        .select((contents::shard, contents::content))
        .order(contents::shard)
        .first(&mut app.store.get().await?)
        .await
        .optional()?;
    row.map(|(shard, content)| match (u32::try_from(shard), u32::try_from(content)) {
        (Ok(shard), Ok(content)) => Ok((shard, content)),
        _ => Err(StoreError::Corrupt(format!("content {shard}/{content}"))),
    })
    .transpose()
}
