//! `pixr demo`.

use super::{NotWell, context::Context};
use crate::demo::{self, DemoArgs};

/// Shows everything at work; ends well only when every balance agrees.
pub async fn run(context: Context, args: DemoArgs) -> anyhow::Result<()> {
    let summary = demo::run(&args).await?;
    context.show(&summary)?;
    if summary.is_good() { Ok(()) } else { Err(NotWell.into()) }
}
