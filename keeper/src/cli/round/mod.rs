//! `pixr round`: opening rounds, investing, and what becomes of them.

mod list;
mod open;

use anchor_lang::prelude::Pubkey;
use pixr::state::RoundStatus;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

pub use list::owed_by_round;

use super::{
    amount::Amount,
    bad,
    context::Context,
    money,
    operate::{self, Done, Once, SignerArgs, act_and_show, operate, operate_once},
};
use crate::{
    app::{App, Ledger},
    keys::Purpose,
    rounds::{Acts, Delivery},
    views::ContentId,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Open a round on a content: people fund an upgrade together and share in what it earns
    Open(Box<open::Args>),
    /// List rounds, the latest first
    List {
        /// Only those of this content: a UUID, 32 hexadecimal digits, or at most 16 bytes
        #[arg(long, value_name = "ID")]
        content: Option<ContentId>,
        /// Closed ones too
        #[arg(long)]
        all: bool,
    },
    /// Show a round: terms, state, what it is owed
    Show {
        /// The round's address
        round: Pubkey,
    },
    /// Invest tokens of the treasury's, or of whoever signs, in a round
    Invest {
        /// The round's address
        round: Pubkey,
        /// Tokens, like 12.5; of the last investment, what the target still needs is taken
        amount: String,
        #[command(flatten)]
        signer: SignerArgs,
        #[command(flatten)]
        once: Once,
    },
    /// Cancel a round: what was invested can be refunded. The keeper's, or with --key the creator's
    Cancel {
        /// The round's address
        round: Pubkey,
        #[command(flatten)]
        signer: SignerArgs,
    },
    /// Deliver a funded round. `pixr serve` does it by itself once the upgrade is made
    Deliver {
        /// The round's address
        round: Pubkey,
        /// SHA-256 of the manifest; for support and promotion the plan's unless named
        #[arg(long, value_name = "HASH")]
        manifest: Option<Hash>,
        /// The content's quality from the next batch on, in basis points; unless named, as it is
        #[arg(long, value_name = "BPS", value_parser = clap::value_parser!(u16).range(0..=10_000))]
        quality: Option<u16>,
    },
    /// Give the lane of a round back whose term is over: what it is owed is final
    Retire {
        /// The round's address
        round: Pubkey,
    },
    /// Close a round that has no positions left
    Close {
        /// The round's address
        round: Pubkey,
    },
}

/// 32 bytes in hexadecimal.
#[derive(Clone, Copy, Debug)]
pub struct Hash(pub [u8; 32]);

impl std::str::FromStr for Hash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(|_| "expected 64 hexadecimal digits")?;
        Ok(Self(hash))
    }
}

pub async fn run(context: Context, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Open(args) => open::run(context, *args).await,
        Command::List { content, all } => list::list(context, content, all).await,
        Command::Show { round } => list::show(context, round).await,
        command => act_and_show(&context, async |app: &App| act(app, command).await).await,
    }
}

/// What changes a round that exists.
async fn act(app: &App, command: Command) -> anyhow::Result<Done> {
    match command {
        Command::Invest { round, amount, signer, once } => {
            invest(app, round, &amount, &signer, &once).await
        }
        Command::Cancel { round, signer } => {
            let acts = Acts::of(app, round).await?;
            let key = signer.or(app, Purpose::Keeper)?;
            let done = format!("Round {round} is cancelled: what was invested can be refunded.");
            finish(app, &acts, "cancel", done, &[acts.cancel(key.pubkey())], &[&key]).await
        }
        Command::Deliver { round, manifest, quality } => {
            let keeper = operate::keeper(app).await?;
            let acts = Acts::of(app, round).await?;
            let terms = &acts.round.terms;
            let made = manifest.map(|hash| hash.0);
            let made =
                made.or_else(|| Delivery::needs_no_work(terms.kind).then_some(terms.plan_hash));
            let manifest_hash = made.ok_or_else(|| {
                bad("--manifest: name the manifest of the upgrade; `pixr media show` knows it")
            })?;
            let delivery = Delivery { manifest_hash, quality: quality.unwrap_or(0) };
            let instructions = delivery.instructions(app, &acts).await?;
            let done = format!("Round {round} is delivered.");
            finish(app, &acts, "deliver", done, &instructions, &[&keeper]).await
        }
        Command::Retire { round } => {
            let acts = Acts::of(app, round).await?;
            let done =
                format!("The lane of round {round} is given back: what it is owed is final.");
            finish(app, &acts, "retire", done, &[acts.retire()], &[]).await
        }
        Command::Close { round } => {
            let acts = Acts::of(app, round).await?;
            let treasury = Ledger::finalized(app).platform().await?.treasury;
            let done = format!("Round {round} is closed.");
            finish(app, &acts, "close", done, &acts.close(&treasury), &[]).await
        }
        Command::Open(_) | Command::List { .. } | Command::Show { .. } => unreachable!("see `run`"),
    }
}

/// Does what can happen to a round once.
async fn finish(
    app: &App,
    acts: &Acts<'_>,
    act: &str,
    done: String,
    instructions: &[Instruction],
    signers: &[&Keypair],
) -> anyhow::Result<Done> {
    let key = crate::rounds::key(&acts.address, act);
    Ok(operate(app, &key, done, instructions, signers).await?)
}

async fn invest(
    app: &App,
    round: Pubkey,
    amount: &str,
    signer: &SignerArgs,
    once: &Once,
) -> anyhow::Result<Done> {
    let amount = money::amount(app, amount).await?;
    let acts = Acts::of(app, round).await?;
    if acts.round.status != RoundStatus::Open {
        return Err(bad(format!("round {round} takes no more investments")));
    }
    let investor = signer.or(app, Purpose::Treasury)?;
    money::source(app, &investor, amount).await?;
    let wanted = acts.round.terms.target.saturating_sub(acts.round.raised);
    let taken = Amount::new(amount.base_units.min(wanted), amount.decimals);
    let position = acts.position_of(&investor.pubkey());
    let done = format!("{taken} tokens are invested in round {round}, in position {position}.");
    let invest = acts.invest(investor.pubkey(), amount.base_units);
    operate_once(app, once, done, &[invest], &[&investor]).await
}
