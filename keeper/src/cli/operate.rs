//! Single operations on the chain, and the keys that may do them.

use std::{fmt, path::Path};

use anchor_lang::prelude::Pubkey;
use serde::Serialize;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{bad, context::Context, output};
use crate::{
    app::{Access, App, Creator, CreatorName, Ledger},
    index,
    keys::{self, Purpose},
    market,
    settle::operations::{self, Landed, OperationError},
};

/// What was done.
#[derive(Serialize)]
pub struct Done {
    pub done: String,
    pub signature: String,
    pub slot: u64,
    pub fee_lamports: u64,
}

impl Done {
    /// `done` says in words what the transaction that landed did.
    pub fn new(landed: &Landed, done: String) -> Self {
        Self {
            done,
            signature: landed.signature.to_string(),
            slot: landed.slot,
            fee_lamports: landed.fee_lamports,
        }
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{}", self.done)?;
        let fee = output::sol(self.fee_lamports);
        write!(f, "Transaction {}, slot {}, fee {fee}.", self.signature, self.slot)
    }
}

/// Lets an operation be repeated safely.
#[derive(clap::Args, Default)]
pub struct Once {
    /// A name for this operation: repeated under the same name, it is not done again
    #[arg(long = "once", value_name = "NAME")]
    name: Option<String>,
}

/// Does `instructions`, signed by `signers` and paid by the keeper; says `done` when it landed.
pub async fn operate(
    app: &App,
    key: &str,
    done: String,
    instructions: &[Instruction],
    signers: &[&Keypair],
) -> Result<Done, OperationError> {
    Ok(Done::new(&operations::run(app, key, instructions, signers).await?, done))
}

/// As [`operate`], for what can sensibly be done twice: under the name of `once`, else a new one.
pub async fn operate_once(
    app: &App,
    once: &Once,
    done: String,
    instructions: &[Instruction],
    signers: &[&Keypair],
) -> anyhow::Result<Done> {
    let name = once.name.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    match operate(app, &format!("once {name}"), done, instructions, signers).await {
        Err(error @ (OperationError::Pending | OperationError::Expired)) if once.name.is_none() => {
            Err(anyhow::Error::from(error).context(format!("add --once {name}")))
        }
        outcome => Ok(outcome?),
    }
}

/// Opens a keeper, does what `act` says, takes it into the index and the market, and shows it.
pub async fn act_and_show(
    context: &Context,
    act: impl AsyncFnOnce(&App) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    let act = async |app: &App| {
        let done = act(app).await?;
        take_in(app).await;
        Ok(done)
    };
    context.show(&context.with_app(Access::ReadWrite, act).await?)
}

/// Indexes what was done, so that lists and the market know it where no keeper runs. What was done is
/// done, whatever becomes of this.
async fn take_in(app: &App) {
    if let Err(error) = index_and_value(app).await {
        tracing::warn!(%error, "what was done is not indexed yet; `pixr serve` will do it");
    }
}

async fn index_and_value(app: &App) -> anyhow::Result<()> {
    index::catch_up(app).await?;
    market::advance(app).await?;
    Ok(())
}

/// The key of a role, checked against who holds the role.
pub fn role_key(
    app: &App,
    purpose: Purpose,
    name: &str,
    holder: &Pubkey,
) -> anyhow::Result<Keypair> {
    let key = app.keys.key(purpose);
    if key.pubkey() != *holder {
        return Err(bad(format!(
            "keys.{name} is {}, but the platform's {name} is {holder}: run this where its key is",
            key.pubkey()
        )));
    }
    Ok(key)
}

/// The admin's key.
pub async fn admin(app: &App) -> anyhow::Result<Keypair> {
    let platform = Ledger::finalized(app).platform().await?;
    role_key(app, Purpose::Admin, "admin", &platform.admin)
}

/// The keeper's key, for what the role is needed for.
pub async fn keeper(app: &App) -> anyhow::Result<Keypair> {
    let platform = Ledger::finalized(app).platform().await?;
    role_key(app, Purpose::Keeper, "keeper", &platform.keeper)
}

/// Whose key signs: that of a file, or one of this keeper's own.
#[derive(clap::Args)]
pub struct SignerArgs {
    /// Who signs, where it is not the key that this keeper has for it: a file with a key pair in
    /// base58 or as a JSON list, or @NUMBER of a custodial creator
    #[arg(long = "key", value_name = "FILE|@NUMBER")]
    key: Option<String>,
}

impl SignerArgs {
    fn named(&self, app: &App) -> anyhow::Result<Option<Keypair>> {
        let Some(text) = &self.key else { return Ok(None) };
        match text.strip_prefix('@').map(str::parse) {
            Some(Ok(number)) => Ok(Some(app.keys.key(Purpose::Creator(number)))),
            Some(Err(_)) => Err(bad(format!("--key {text}: expected a number after @"))),
            None => read_key(Path::new(text)).map(Some),
        }
    }

    /// The key that is named, else that of `purpose`.
    pub fn or(&self, app: &App, purpose: Purpose) -> anyhow::Result<Keypair> {
        Ok(self.named(app)?.unwrap_or_else(|| app.keys.key(purpose)))
    }

    /// The key that is named, which has to be.
    pub fn required(&self, app: &App) -> anyhow::Result<Keypair> {
        self.named(app)?.ok_or_else(|| bad("--key is needed: who signs?"))
    }

    /// The key of a creator's withdraw authority: the named one, or that of a custodial creator.
    pub fn authority(
        &self,
        app: &App,
        creator: &Creator,
        name: CreatorName,
    ) -> anyhow::Result<Keypair> {
        let authority = creator.slot.authority;
        let custodial = || name.custodial().map(|number| app.keys.key(Purpose::Creator(number)));
        let key = self.named(app)?.or_else(custodial).ok_or_else(|| {
            bad(format!(
                "the creator's withdraw authority {authority} has to sign: name its key with --key"
            ))
        })?;
        if key.pubkey() != authority {
            return Err(bad(format!(
                "the key is that of {}, but the creator's withdraw authority is {authority}",
                key.pubkey()
            )));
        }
        Ok(key)
    }
}

fn read_key(file: &Path) -> anyhow::Result<Keypair> {
    keys::read_key(file).map_err(|problem| bad(format!("--key {}: {problem}", file.display())))
}
