//! `pixr creator` and `pixr authority`.

use std::fmt;

use anchor_lang::{prelude::Pubkey, solana_program::system_instruction};
use pixr::state::{AuthorityTransfer, ContentSlot, shard::ShardRef};
use serde::Serialize;
use solana_instruction::Instruction;
use solana_signer::Signer;

use super::{
    amount::Amount,
    context::Context,
    operate::{Done, Once, SignerArgs, operate_once},
    output,
    withdrawals::{self, PendingRow},
};
use crate::{
    app::{Access, App, Creator, CreatorName, Ledger},
    keys::Purpose,
    views::ContentId,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Show a creator: balance, contents, withdrawals
    Show {
        /// SHARD/INDEX, a wallet's address, or @NUMBER of a custodial creator
        creator: CreatorName,
        /// Contents to show, those that earned most
        #[arg(long, value_name = "N", default_value_t = 10)]
        contents: usize,
    },
    /// List the creators that were credited most
    List {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20)]
        top: usize,
        /// Only those of the shard with this number
        #[arg(long, value_name = "NUMBER")]
        shard: Option<u32>,
    },
}

#[derive(clap::Subcommand)]
pub enum AuthorityCommand {
    /// Propose another withdraw authority
    Propose {
        /// SHARD/INDEX, a wallet's address, or @NUMBER of a custodial creator
        creator: CreatorName,
        /// The address of the next withdraw authority, which has to accept
        proposed: Pubkey,
        #[command(flatten)]
        signer: SignerArgs,
    },
    /// Accept with the key of the proposed authority
    Accept {
        /// SHARD/INDEX, a wallet's address, or @NUMBER of a custodial creator
        creator: CreatorName,
        #[command(flatten)]
        signer: SignerArgs,
    },
    /// Take a proposal back
    Cancel {
        /// SHARD/INDEX, a wallet's address, or @NUMBER of a custodial creator
        creator: CreatorName,
        #[command(flatten)]
        signer: SignerArgs,
    },
}

#[derive(Serialize)]
struct ContentRow {
    content: u32,
    id: String,
    views: u64,
    earned: Amount,
    quality_bps: u16,
}

#[derive(Serialize)]
struct Statement {
    creator: String,
    authority: String,
    balance: Amount,
    credited: Amount,
    withdrawn: Amount,
    /// What can be withdrawn at once now.
    at_once: Amount,
    contents: usize,
    top_contents: Vec<ContentRow>,
    delayed_withdrawals: Vec<PendingRow>,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let tokens = |amount: Amount| format!("{amount} tokens");
        let table = output::pairs([
            ("creator", self.creator.clone()),
            ("authority", self.authority.clone()),
            ("balance", tokens(self.balance)),
            ("of it at once", tokens(self.at_once)),
            ("credited so far", tokens(self.credited)),
            ("withdrawn so far", tokens(self.withdrawn)),
            ("contents", self.contents.to_string()),
        ]);
        write!(f, "{}", table.trim_fmt())?;
        if !self.top_contents.is_empty() {
            let mut table = output::table(&["content", "id", "views", "earned", "quality"], 2);
            for row in &self.top_contents {
                table.add_row([
                    row.content.to_string(),
                    row.id.clone(),
                    row.views.to_string(),
                    row.earned.to_string(),
                    row.quality_bps.to_string(),
                ]);
            }
            write!(f, "\n\n{}", table.trim_fmt())?;
        }
        if !self.delayed_withdrawals.is_empty() {
            write!(f, "\n\n{}", withdrawals::table(&self.delayed_withdrawals).trim_fmt())?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Row {
    creator: String,
    authority: String,
    balance: Amount,
    credited: Amount,
    withdrawn: Amount,
}

#[derive(Serialize)]
struct Rows {
    creators: Vec<Row>,
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut table =
            output::table(&["creator", "authority", "balance", "credited", "withdrawn"], 2);
        for row in &self.creators {
            table.add_row([
                row.creator.clone(),
                row.authority.clone(),
                row.balance.to_string(),
                row.credited.to_string(),
                row.withdrawn.to_string(),
            ]);
        }
        write!(f, "{}", table.trim_fmt())
    }
}

pub async fn run(context: Context, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Show { creator, contents } => {
            let show = async |app: &App| statement(app, creator, contents).await;
            context.show(&context.with_app(Access::ReadOnly, show).await?)
        }
        Command::List { top, shard } => {
            let list = async |app: &App| list(app, top, shard).await;
            context.show(&context.with_app(Access::ReadOnly, list).await?)
        }
    }
}

async fn statement(app: &App, name: CreatorName, contents_max: usize) -> anyhow::Result<Statement> {
    let ledger = Ledger::finalized(app);
    let creator = name.find(app).await?;
    let decimals = ledger.mint().await?.decimals;
    let amount = |base_units| Amount::new(base_units, decimals);
    let account = ledger.shard_account(&creator.shard).await?;
    let shard = ShardRef::parse(&account.data)?;
    let mut own: Vec<(u32, &ContentSlot)> =
        (0..).zip(shard.contents).filter(|(_, slot)| slot.creator == creator.index).collect();
    own.sort_by_key(|(index, slot)| (std::cmp::Reverse(slot.earned), *index));
    let top_contents = own.iter().take(contents_max).map(|(index, slot)| ContentRow {
        content: *index,
        id: ContentId(slot.id).to_string(),
        views: slot.views,
        earned: amount(slot.earned),
        quality_bps: slot.quality(),
    });
    let credited = creator.slot.credited().ok_or_else(|| anyhow::anyhow!("the slot overflows"))?;
    Ok(Statement {
        creator: creator.slot_name(),
        authority: creator.slot.authority.to_string(),
        balance: amount(creator.slot.balance),
        credited: amount(credited),
        withdrawn: amount(creator.slot.withdrawn),
        at_once: amount(withdrawals::at_once(app, &creator).await?.min(creator.slot.balance)),
        contents: own.len(),
        top_contents: top_contents.collect(),
        delayed_withdrawals: withdrawals::pending(app, &creator, decimals).await?,
    })
}

async fn list(app: &App, top: usize, only: Option<u32>) -> anyhow::Result<Rows> {
    let ledger = Ledger::finalized(app);
    let decimals = ledger.mint().await?.decimals;
    let shards = match only {
        Some(number) => vec![ledger.shard(number).await?],
        None => ledger.shards().await?,
    };
    let mut all = Vec::new();
    for head in shards {
        let account = ledger.shard_account(&head).await?;
        let shard = ShardRef::parse(&account.data)?;
        for (index, slot) in (0..).zip(shard.creators) {
            let credited =
                slot.credited().ok_or_else(|| anyhow::anyhow!("a creator's slot overflows"))?;
            all.push((credited, Creator { shard: head, index, slot: *slot }));
        }
        // Memory for the longest list that is asked for, not for all creators.
        all.sort_by_key(|(credited, creator)| {
            (std::cmp::Reverse(*credited), creator.shard.number, creator.index)
        });
        all.truncate(top);
    }
    let amount = |base_units| Amount::new(base_units, decimals);
    let row = |(credited, creator): (u64, Creator)| Row {
        creator: creator.slot_name(),
        authority: creator.slot.authority.to_string(),
        balance: amount(creator.slot.balance),
        credited: amount(credited),
        withdrawn: amount(creator.slot.withdrawn),
    };
    Ok(Rows { creators: all.into_iter().map(row).collect() })
}

pub async fn authority(context: Context, command: AuthorityCommand) -> anyhow::Result<()> {
    let change = async |app: &App| change_authority(app, command).await;
    context.show(&context.with_app(Access::ReadWrite, change).await?)
}

async fn change_authority(app: &App, command: AuthorityCommand) -> anyhow::Result<Done> {
    let platform = &app.platform;
    let (instructions, key, done) = match command {
        AuthorityCommand::Propose { creator: name, proposed, signer } => {
            let creator = name.find(app).await?;
            let key = signer.authority(app, &creator, name)?;
            let (shard, index) = (creator.shard.address, creator.index);
            let mut instructions = advance_rent(app, &key.pubkey()).await?;
            instructions.push(platform.propose_authority(key.pubkey(), shard, index, proposed));
            (instructions, key, format!("{proposed} can accept creator {}.", creator.slot_name()))
        }
        AuthorityCommand::Accept { creator: name, signer } => {
            let creator = name.find(app).await?;
            let key = signer.required(app)?;
            let (shard, index) = (creator.shard.address, creator.index);
            let authority = creator.slot.authority;
            let accept = platform.accept_authority(key.pubkey(), shard, index, authority);
            let done = format!("{} holds creator {} now.", key.pubkey(), creator.slot_name());
            (vec![accept], key, done)
        }
        AuthorityCommand::Cancel { creator: name, signer } => {
            let creator = name.find(app).await?;
            let key = signer.authority(app, &creator, name)?;
            let (shard, index) = (creator.shard.address, creator.index);
            let cancel = platform.cancel_authority(key.pubkey(), shard, index);
            (vec![cancel], key, format!("The proposal for {} is void.", creator.slot_name()))
        }
    };
    operate_once(app, &Once::default(), done, &instructions, &[&key]).await
}

/// The rent of a proposal, for an authority that cannot pay it itself: the keeper advances it, and
/// the authority gets it back when the proposal ends.
async fn advance_rent(app: &App, authority: &Pubkey) -> anyhow::Result<Vec<Instruction>> {
    let rent = app.chain.rent_lamports(AuthorityTransfer::SPACE).await?;
    let own = app.chain.rent_lamports(0).await?;
    if Ledger::finalized(app).lamports(authority).await? >= rent.saturating_add(own) {
        return Ok(Vec::new());
    }
    let keeper = app.keys.address(Purpose::Keeper);
    Ok(vec![system_instruction::transfer(&keeper, authority, rent)])
}
