//! `pixr position`: what an investor does with a position.

use anchor_lang::prelude::Pubkey;
use pixr::{math::returns::part_floor, state::Position};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{
    amount::Amount,
    bad,
    context::Context,
    money,
    operate::{Done, Once, SignerArgs, act_and_show, operate_once},
};
use crate::{
    app::{App, Ledger},
    keys::Purpose,
    rounds::Acts,
};

mod list;

#[derive(clap::Subcommand)]
pub enum Command {
    /// List positions: of an investor, of a round, or all that are for sale
    List(list::Args),
    /// Pay a position what it has earned. Its owner's to ask for; after the term anybody's
    Claim(PositionArgs),
    /// Pay a position of a round that failed back. Its owner's to ask for; after the deadline anybody's
    Refund(PositionArgs),
    /// Offer a position for a price
    Sell {
        #[command(flatten)]
        args: PositionArgs,
        /// Tokens, like 12.5
        price: String,
    },
    /// Take an offer back
    Unlist(PositionArgs),
    /// Buy a position that is for sale
    Buy {
        #[command(flatten)]
        args: PositionArgs,
        /// Tokens that it may cost at most; what it costs now unless named
        #[arg(long, value_name = "TOKENS")]
        price_max: Option<String>,
    },
    /// Hand a position to another wallet
    Transfer {
        #[command(flatten)]
        args: PositionArgs,
        /// The wallet
        to: Pubkey,
    },
}

#[derive(clap::Args)]
pub struct PositionArgs {
    /// The position's address: see `pixr position list`
    position: Pubkey,
    #[command(flatten)]
    signer: SignerArgs,
    #[command(flatten)]
    once: Once,
}

/// A position with its round, and what its token has of decimals.
struct Held<'a> {
    app: &'a App,
    acts: Acts<'a>,
    at: Pubkey,
    position: Position,
    decimals: u8,
}

impl<'a> Held<'a> {
    async fn read(app: &'a App, at: Pubkey) -> anyhow::Result<Self> {
        let ledger = Ledger::finalized(app);
        let position = ledger.position(&at).await?;
        let acts = Acts::of(app, position.round).await?;
        Ok(Self { app, acts, at, position, decimals: ledger.mint().await?.decimals })
    }

    fn amount(&self, base_units: u64) -> Amount {
        Amount::new(base_units, self.decimals)
    }

    /// What a claim pays now, in base units.
    async fn due(&self) -> anyhow::Result<u64> {
        let owed = Ledger::finalized(self.app).owed(&self.acts.round).await?;
        let part = part_floor(owed, self.position.amount, self.acts.round.raised);
        Ok(part.unwrap_or(0).saturating_sub(self.position.claimed))
    }

    /// Who asks for what the owner is paid: the treasury for itself, else the keeper, unless named.
    fn caller(&self, signer: &SignerArgs) -> anyhow::Result<Keypair> {
        let treasury = self.app.keys.address(Purpose::Treasury);
        let own = self.position.owner == treasury;
        signer.or(self.app, if own { Purpose::Treasury } else { Purpose::Keeper })
    }

    /// The owner's key.
    fn owner(&self, signer: &SignerArgs) -> anyhow::Result<Keypair> {
        let key = signer.or(self.app, Purpose::Treasury)?;
        let owner = self.position.owner;
        match key.pubkey() == owner {
            true => Ok(key),
            false => {
                Err(bad(format!("the owner {owner} has to sign, not {}: see --key", key.pubkey())))
            }
        }
    }
}

pub async fn run(context: Context, command: Command) -> anyhow::Result<()> {
    if let Command::List(args) = command {
        return list::run(context, args).await;
    }
    act_and_show(&context, async |app: &App| act(app, command).await).await
}

async fn act(app: &App, command: Command) -> anyhow::Result<Done> {
    match command {
        Command::Claim(args) => {
            let held = Held::read(app, args.position).await?;
            let due = held.amount(held.due().await?);
            let key = held.caller(&args.signer)?;
            let claim = held.acts.claim(key.pubkey(), held.at, &held.position);
            let done = format!("{due} tokens were paid to {}.", held.position.owner);
            operate_once(app, &args.once, done, &claim, &[&key]).await
        }
        Command::Refund(args) => {
            let held = Held::read(app, args.position).await?;
            let key = held.caller(&args.signer)?;
            let refund = held.acts.refund(key.pubkey(), held.at, &held.position);
            let (back, owner) = (held.amount(held.position.amount), held.position.owner);
            let done = format!("{back} tokens were paid back to {owner}.");
            operate_once(app, &args.once, done, &refund, &[&key]).await
        }
        Command::Sell { args, price } => {
            let price = money::amount(app, &price).await?;
            let done = format!("The position is for sale for {price} tokens.");
            own(app, &args, done, |held, owner| {
                app.platform.list(owner, held.position.round, held.at, price.base_units)
            })
            .await
        }
        Command::Unlist(args) => {
            let done = "The position is not for sale any more.".to_owned();
            own(app, &args, done, |held, owner| {
                app.platform.unlist(owner, held.position.round, held.at)
            })
            .await
        }
        Command::Transfer { args, to } => {
            let done = format!("The position belongs to {to} now.");
            own(app, &args, done, |held, owner| {
                app.platform.transfer_position(owner, held.position.round, held.at, to)
            })
            .await
        }
        Command::Buy { args, price_max } => buy(app, &args, price_max.as_deref()).await,
        Command::List(_) => unreachable!("see `run`"),
    }
}

/// What the owner alone may do.
async fn own(
    app: &App,
    args: &PositionArgs,
    done: String,
    instruction: impl FnOnce(&Held, Pubkey) -> Instruction,
) -> anyhow::Result<Done> {
    let held = Held::read(app, args.position).await?;
    let key = held.owner(&args.signer)?;
    let instruction = instruction(&held, key.pubkey());
    operate_once(app, &args.once, done, &[instruction], &[&key]).await
}

async fn buy(app: &App, args: &PositionArgs, price_max: Option<&str>) -> anyhow::Result<Done> {
    let held = Held::read(app, args.position).await?;
    let price = held.amount(held.position.price);
    if price.base_units == 0 {
        return Err(bad(format!("position {} is not for sale", args.position)));
    }
    let most = match price_max {
        Some(text) => money::amount(app, text).await?,
        None => price,
    };
    let key = args.signer.or(app, Purpose::Treasury)?;
    money::source(app, &key, price).await?;
    let buy = held.acts.buy(key.pubkey(), held.at, &held.position, most.base_units);
    let done = format!("The position is {}'s now, for {price} tokens.", key.pubkey());
    operate_once(app, &args.once, done, &buy, &[&key]).await
}
