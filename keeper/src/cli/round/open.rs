//! `pixr round open`.

use std::time::Duration;

use clap::ValueEnum;
use pixr::state::{RoundKind, RoundTerms};
use sha2::{Digest, Sha256};
use solana_signer::Signer;

use super::Hash;
use crate::{
    app::{App, Ledger},
    cli::{
        bad,
        context::Context,
        money,
        operate::{Done, SignerArgs, act_and_show, operate},
        output,
    },
    index,
    keys::Purpose,
    media::plans,
    rounds::Opening,
    store::contents::{self, Slot},
    views::ContentId,
};

#[derive(clap::Args)]
pub struct Args {
    /// The content: a UUID, 32 hexadecimal digits, or at most 16 bytes
    content: ContentId,
    /// What it is for
    #[arg(long = "for", value_name = "KIND", default_value = "quality")]
    kind: Kind,
    /// The plan of the upgrade, from `pixr media plan`
    #[arg(long, value_name = "HASH")]
    plan: Option<Hash>,
    /// What a promotion or a support round is about: its hash takes the place of a plan
    #[arg(long, value_name = "TEXT", conflicts_with = "plan")]
    about: Option<String>,
    /// Tokens to raise, like 12.5; the plan's price unless named
    #[arg(long, value_name = "TOKENS")]
    target: Option<String>,
    /// The investors' share of the uplift, in basis points
    #[arg(long, value_name = "BPS", default_value_t = 3_000)]
    share: u16,
    /// Tokens that are returned at most; twice the target unless named
    #[arg(long, value_name = "TOKENS")]
    cap: Option<String>,
    /// How long it earns once it is delivered
    #[arg(long, value_name = "TIME", default_value = "90days", value_parser = humantime::parse_duration)]
    term: Duration,
    /// How long it takes investments
    #[arg(long, value_name = "TIME", default_value = "14days", value_parser = humantime::parse_duration)]
    deadline: Duration,
    /// How long delivery may take once it is funded
    #[arg(long, value_name = "TIME", default_value = "14days", value_parser = humantime::parse_duration)]
    delivery: Duration,
    #[command(flatten)]
    signer: SignerArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A better rendition
    Quality,
    /// Subtitles, a translation, another track
    Feature,
    /// More visibility
    Promotion,
    /// The creator, without any return
    Support,
}

impl From<Kind> for RoundKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Quality => Self::Quality,
            Kind::Feature => Self::Feature,
            Kind::Promotion => Self::Promotion,
            Kind::Support => Self::Support,
        }
    }
}

pub async fn run(context: Context, args: Args) -> anyhow::Result<()> {
    act_and_show(&context, async |app: &App| open(app, &args).await).await
}

async fn open(app: &App, args: &Args) -> anyhow::Result<Done> {
    index::catch_up(app).await?;
    let id = args.content;
    let Some(slot) = contents::find(&app.store, id).await? else {
        return Err(bad(format!("no shard has the content {id}: see `pixr register content`")));
    };
    let terms = terms(app, args, slot).await?;
    let Slot { shard, content } = slot;
    let ledger = Ledger::finalized(app);
    let shard = ledger.shard(shard).await?;
    let slot = ledger.content(&shard, content).await?;
    let key = args.signer.or(app, Purpose::Keeper)?;
    let opening = Opening::new(app, key.pubkey(), &shard, (content, &slot), terms);
    let round = opening.round;
    let done = format!("Round {round} is open for {}.", output::duration(args.deadline));
    // The address is new for every round of the content, so this cannot open two.
    let operation = crate::rounds::key(&round, "open");
    Ok(operate(app, &operation, done, &[opening.instruction], &[&key]).await?)
}

async fn terms(app: &App, args: &Args, slot: Slot) -> anyhow::Result<RoundTerms> {
    let kind = RoundKind::from(args.kind);
    let planned = match (args.plan, &args.about) {
        (Some(hash), _) => planned(app, hash, slot).await?,
        (None, Some(about)) => (Sha256::digest(about.as_bytes()).into(), None),
        (None, None) if matches!(args.kind, Kind::Quality | Kind::Feature) => {
            return Err(bad("--plan: name the plan of the upgrade; `pixr media plan` makes one"));
        }
        (None, None) => ([0; 32], None),
    };
    let (plan_hash, price) = planned;
    let target = match (&args.target, price) {
        (Some(text), _) => money::amount(app, text).await?.base_units,
        (None, Some(price)) => price,
        (None, None) => return Err(bad("--target: how many tokens are to be raised?")),
    };
    let now = app.chain.time().await?.unix_seconds;
    let ahead = i64::try_from(args.deadline.as_secs()).ok();
    let deadline = ahead.and_then(|ahead| now.checked_add(ahead));
    let mut terms = RoundTerms {
        kind,
        target,
        deadline: deadline.ok_or_else(|| bad("--deadline is too far ahead"))?,
        delivery_seconds: seconds("delivery", args.delivery)?,
        share_bps: 0,
        cap: 0,
        term_seconds: 0,
        plan_hash,
    };
    if terms.has_returns() {
        terms.share_bps = args.share;
        terms.term_seconds = seconds("term", args.term)?;
        terms.cap = match &args.cap {
            Some(text) => money::amount(app, text).await?.base_units,
            None => target.saturating_mul(2),
        };
    }
    let settings = Ledger::finalized(app).platform().await?.settings;
    // As the program checks it, so that the words are its own.
    terms.validate(&settings, now).map_err(|error| bad(refusal(error)))?;
    Ok(terms)
}

/// The words of the program's error.
fn refusal(error: anchor_lang::error::Error) -> String {
    match error {
        anchor_lang::error::Error::AnchorError(error) => error.error_msg,
        other => other.to_string(),
    }
}

fn seconds(name: &str, time: Duration) -> anyhow::Result<u32> {
    u32::try_from(time.as_secs()).map_err(|_| bad(format!("--{name} is too long")))
}

/// Hash and price of a plan that was made for the content.
async fn planned(app: &App, hash: Hash, slot: Slot) -> anyhow::Result<([u8; 32], Option<u64>)> {
    let plan = plans::find(&app.store, slot, hash.0.into()).await?;
    Ok((hash.0, Some(plan.price())))
}
