use pixr::state::shard::Capacities;
use solana_signer::Signer;

use crate::{
    app::{App, Ledger, ShardHead},
    index::registry,
    keys::Purpose,
    settle::operations::{self, Landed},
};

/// Opens the platform's next shard; the keeper pays its rent, the admin signs.
///
/// Its address comes from the master seed and its number, so that a repeated call opens no second
/// one.
pub async fn open_shard(app: &App, capacities: Capacities) -> anyhow::Result<(ShardHead, Landed)> {
    let ledger = Ledger::finalized(app);
    let platform = ledger.platform().await?;
    let admin = app.keys.key(Purpose::Admin);
    if platform.admin != admin.pubkey() {
        anyhow::bail!(
            "a new shard needs the platform's admin {}: run `pixr shard open` where its key is",
            platform.admin
        );
    }
    let number = platform.shard_count;
    let key = app.keys.key(Purpose::Shard(number));
    let bytes = capacities
        .account_bytes()
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or_else(|| anyhow::anyhow!("no shard can have these capacities"))?;
    let rent = app.chain.rent_lamports(bytes).await?;
    let payer = app.keys.address(Purpose::Keeper);
    let open = app
        .platform
        .open_shard(payer, admin.pubkey(), key.pubkey(), capacities, rent)
        .ok_or_else(|| anyhow::anyhow!("no shard can have these capacities"))?;
    let operation = format!("shard {} {number}", app.platform.address);
    let landed = operations::run(app, &operation, &open, &[&admin, &key]).await?;
    let address = key.pubkey();
    registry::sync_shard(&app.store, &*app.chain, &app.platform.address, &address).await?;
    Ok((ledger.shard(number).await?, landed))
}
