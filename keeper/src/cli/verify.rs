//! `pixr verify`.

use std::{path::PathBuf, sync::Arc};

use anchor_lang::prelude::Pubkey;
use object_store::{ObjectStore, local::LocalFileSystem};
use pixr_client::platform_address;

use super::{NotWell, bad, context::Context, progress};
use crate::{
    chain,
    keys::{Keys, Purpose},
    objects,
    verify::{Options, Progress, verify},
};

#[derive(clap::Args)]
pub struct Args {
    /// The platform's address; that of the configuration unless named
    #[arg(long, value_name = "ADDRESS")]
    platform: Option<Pubkey>,
    /// Folder with the published files; the configured object store unless named
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
    /// Most transactions of the chain's history to read for what is not published yet
    #[arg(long, value_name = "N", default_value_t = Options::default().history_max)]
    history: usize,
}

/// Recomputes every balance and says whether it is the chain's.
pub async fn run(context: Context, args: Args) -> anyhow::Result<()> {
    let (config, data) = (&context.config, &context.config.data.folder);
    let platform = match (args.platform, config.chain.platform_base) {
        (Some(platform), _) => platform,
        (None, Some(base)) => platform_address(&base),
        (None, None) => {
            let keys = Keys::load(&config.keys, data)?;
            platform_address(&keys.address(Purpose::PlatformBase))
        }
    };
    let objects: Arc<dyn ObjectStore> = match &args.files {
        Some(folder) if !folder.is_dir() => {
            return Err(bad(format!("--files: {} is not a folder", folder.display())));
        }
        Some(folder) => Arc::new(LocalFileSystem::new_with_prefix(folder)?),
        None => objects::open(&config.objects, data)?,
    };
    let chain = chain::open_read_only(&config.chain, data)?;
    let options = Options { history_max: args.history, ..Options::default() };

    let bar = progress::bar(&context, 0, "batches");
    let booked = |Progress { sequence, through, .. }| {
        if sequence == 1 {
            bar.inc_length(through);
        }
        bar.inc(1);
    };
    let report = verify(&chain, &objects, &platform, &options, &booked).await?;
    bar.finish_and_clear();
    context.show(&report)?;
    if report.agrees() { Ok(()) } else { Err(NotWell.into()) }
}
