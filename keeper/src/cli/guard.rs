//! `pixr pause`, `unpause`, `freeze` and `unfreeze`.

use solana_signer::Signer;

use super::{
    bad,
    context::Context,
    operate::{self, Once, operate_once, role_key},
};
use crate::{
    app::{Access, App, CreatorName, Ledger},
    keys::Purpose,
};

#[derive(clap::Args)]
pub struct FreezeArgs {
    /// SHARD/INDEX, a wallet's address, or @NUMBER of a custodial creator
    creator: CreatorName,
    /// The withdrawal's number: see `pixr withdrawal list`
    number: u32,
}

/// The guardian's key, else the admin's, whichever is at hand: both may pause.
pub async fn pause(context: Context) -> anyhow::Result<()> {
    let pause = async |app: &App| {
        let platform = Ledger::finalized(app).platform().await?;
        let guardian =
            role_key(app, Purpose::Guardian, "guardian", &platform.guardian).or_else(|error| {
                role_key(app, Purpose::Admin, "admin", &platform.admin).map_err(|_| error)
            })?;
        let pause = app.platform.pause(guardian.pubkey());
        let done = "The platform is paused: only its admin and guardian can act.".to_owned();
        operate_once(app, &Once::default(), done, &[pause], &[&guardian]).await
    };
    context.show(&context.with_app(Access::ReadWrite, pause).await?)
}

pub async fn unpause(context: Context) -> anyhow::Result<()> {
    let unpause = async |app: &App| {
        let admin = operate::admin(app).await?;
        let unpause = app.platform.unpause(admin.pubkey());
        let done = "The platform is running again.".to_owned();
        operate_once(app, &Once::default(), done, &[unpause], &[&admin]).await
    };
    context.show(&context.with_app(Access::ReadWrite, unpause).await?)
}

/// Freezes or releases a delayed withdrawal.
pub async fn set_frozen(context: Context, args: FreezeArgs, frozen: bool) -> anyhow::Result<()> {
    let set = async |app: &App| {
        let ledger = Ledger::finalized(app);
        let platform = ledger.platform().await?;
        let guardian = role_key(app, Purpose::Guardian, "guardian", &platform.guardian)?;
        let creator = args.creator.find(app).await?;
        let number = args.number;
        let (address, _) = ledger.withdrawal(&creator, number).await?.ok_or_else(|| {
            bad(format!("creator {} has no delayed withdrawal {number}", args.creator))
        })?;
        let shard = creator.shard.address;
        let set = app.platform.set_frozen(guardian.pubkey(), shard, address, frozen);
        let state = if frozen { "frozen" } else { "released" };
        let done = format!("Withdrawal {number} of creator {} is {state}.", args.creator);
        operate_once(app, &Once::default(), done, &[set], &[&guardian]).await
    };
    context.show(&context.with_app(Access::ReadWrite, set).await?)
}
