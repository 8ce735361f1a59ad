//! `pixr platform`.

use std::fmt;

use anchor_lang::{prelude::Pubkey, solana_program::program_pack::Pack};
use anchor_spl::token::spl_token::state::Mint as MintState;
use clap::ValueEnum;
use pixr::{
    instructions::Roles,
    state::{self, Role},
};
use pixr_client::{Platform, RolesAndSettings};
use serde::Serialize;
use solana_signer::Signer;

use super::{
    amount::Amount,
    bad,
    context::Context,
    operate::{self, Once, operate, operate_once},
    output,
    settings::SettingsArgs,
};
use crate::{
    app::{Access, App, Foundation, Ledger, Mint},
    chain::Commitment,
    keys::Purpose,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Make the platform
    Init(InitArgs),
    /// Show the platform: roles, settings, shards
    Show,
    #[command(flatten)]
    Change(Change),
}

/// What changes a platform that exists.
#[derive(clap::Subcommand)]
pub enum Change {
    /// Change settings
    Set(SettingsArgs),
    /// Give a role to somebody
    SetRole {
        /// Which role
        role: RoleName,
        /// The address of who gets it
        holder: Pubkey,
    },
    /// Propose the next admin, who has to accept
    ProposeAdmin {
        /// The address of the next admin
        proposed: Pubkey,
    },
    /// Accept to be the admin, with the key of keys.admin or --key
    AcceptAdmin {
        #[command(flatten)]
        signer: operate::SignerArgs,
    },
}

#[derive(clap::Args)]
pub struct InitArgs {
    /// The token that everything is paid in
    #[arg(long, value_name = "ADDRESS")]
    mint: Pubkey,
    #[command(flatten)]
    holders: Holders,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Who holds the roles; the keys of this keeper where nobody is named.
#[derive(clap::Args, Default)]
pub struct Holders {
    /// May change settings, roles and shards; keys.admin unless named
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<Pubkey>,
    /// May settle and register; keys.keeper unless named
    #[arg(long, value_name = "ADDRESS")]
    keeper: Option<Pubkey>,
    /// May pause and freeze; keys.guardian unless named
    #[arg(long, value_name = "ADDRESS")]
    guardian: Option<Pubkey>,
    /// Receives the platform's part of tips; keys.treasury unless named
    #[arg(long, value_name = "ADDRESS")]
    treasury: Option<Pubkey>,
    /// Receives the processing's part of tips; the treasury unless named
    #[arg(long, value_name = "ADDRESS")]
    processor: Option<Pubkey>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum RoleName {
    Keeper,
    Guardian,
    Treasury,
    Processor,
}

impl RoleName {
    fn role(self) -> (Role, &'static str) {
        match self {
            Self::Keeper => (Role::Keeper, "keeper"),
            Self::Guardian => (Role::Guardian, "guardian"),
            Self::Treasury => (Role::Treasury, "treasury"),
            Self::Processor => (Role::Processor, "processor"),
        }
    }
}

/// What there is to say of a platform.
#[derive(Serialize)]
struct Shown {
    address: String,
    base: String,
    mint: String,
    decimals: u8,
    admin: String,
    pending_admin: Option<String>,
    keeper: String,
    guardian: String,
    treasury: String,
    processor: String,
    paused: bool,
    shards: u32,
    base_rate_per_1000_views: Amount,
    batch_cap: Amount,
    day_cap: Amount,
    withdraw_limit: Amount,
    withdraw_window_seconds: u32,
    withdraw_delay_seconds: u32,
    platform_fee_bps: u16,
    processing_fee_bps: u16,
    initial_quality_bps: u16,
    baseline_seconds_min: u32,
    shares_bps_max: u16,
}

impl Shown {
    fn new(address: &Pubkey, platform: &state::Platform, mint: Mint) -> Self {
        let amount = |base_units| Amount::new(base_units, mint.decimals);
        let settings = &platform.settings;
        let pending = platform.pending_admin;
        Self {
            address: address.to_string(),
            base: platform.base.to_string(),
            mint: platform.mint.to_string(),
            decimals: mint.decimals,
            admin: platform.admin.to_string(),
            pending_admin: (pending != Pubkey::default()).then(|| pending.to_string()),
            keeper: platform.keeper.to_string(),
            guardian: platform.guardian.to_string(),
            treasury: platform.treasury.to_string(),
            processor: platform.processor.to_string(),
            paused: platform.paused,
            shards: platform.shard_count,
            base_rate_per_1000_views: amount(settings.base_rate),
            batch_cap: amount(settings.batch_cap),
            day_cap: amount(settings.day_cap),
            withdraw_limit: amount(settings.withdraw_limit),
            withdraw_window_seconds: settings.withdraw_window_seconds,
            withdraw_delay_seconds: settings.withdraw_delay_seconds,
            platform_fee_bps: settings.platform_fee_bps,
            processing_fee_bps: settings.processing_fee_bps,
            initial_quality_bps: settings.initial_quality,
            baseline_seconds_min: settings.baseline_seconds_min,
            shares_bps_max: settings.shares_bps_max,
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let tokens = |amount: Amount| format!("{amount} tokens");
        let seconds = |seconds: u32| format!("{seconds} seconds");
        let bps = |bps: u16| format!("{}%", Amount::new(bps.into(), 2));
        let table = output::pairs([
            ("platform", self.address.clone()),
            ("state", if self.paused { "paused" } else { "running" }.into()),
            ("base", self.base.clone()),
            ("mint", format!("{} ({} decimals)", self.mint, self.decimals)),
            ("admin", self.admin.clone()),
            ("proposed admin", self.pending_admin.clone().unwrap_or_else(|| "nobody".into())),
            ("keeper", self.keeper.clone()),
            ("guardian", self.guardian.clone()),
            ("treasury", self.treasury.clone()),
            ("processor", self.processor.clone()),
            ("shards", self.shards.to_string()),
            ("1,000 views", tokens(self.base_rate_per_1000_views)),
            ("batch cap", tokens(self.batch_cap)),
            ("day cap", tokens(self.day_cap)),
            ("withdraw limit", tokens(self.withdraw_limit)),
            ("withdraw window", seconds(self.withdraw_window_seconds)),
            ("withdraw delay", seconds(self.withdraw_delay_seconds)),
            ("platform fee", bps(self.platform_fee_bps)),
            ("processing fee", bps(self.processing_fee_bps)),
            ("initial quality", bps(self.initial_quality_bps)),
            ("baseline at least", seconds(self.baseline_seconds_min)),
            ("shares at most", bps(self.shares_bps_max)),
        ]);
        write!(f, "{}", table.trim_fmt())
    }
}

pub async fn run(context: Context, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Init(args) => {
            let init = async |foundation: &Foundation| {
                let mint = args.mint;
                init(foundation, mint, &args.holders, &args.settings).await
            };
            context.show(&context.with_foundation(Access::ReadWrite, init).await?)
        }
        Command::Show => {
            let show = async |app: &App| {
                let ledger = Ledger::finalized(app);
                let platform = ledger.platform().await?;
                Ok(Shown::new(&app.platform.address, &platform, ledger.mint().await?))
            };
            context.show(&context.with_app(Access::ReadOnly, show).await?)
        }
        Command::Change(command) => {
            let done = context.with_app(Access::ReadWrite, async |app| change(app, command).await);
            context.show(&done.await?)
        }
    }
}

/// Creates the platform, paid in `mint`.
pub async fn init(
    foundation: &Foundation,
    mint: Pubkey,
    holders: &Holders,
    settings: &SettingsArgs,
) -> anyhow::Result<operate::Done> {
    let keys = &foundation.keys;
    let base = keys.key(Purpose::PlatformBase);
    if foundation.platform_base() != base.pubkey() {
        return Err(bad(format!(
            "chain.platform_base names {}, whose key has to sign: leave it out to use the key of \
             the master seed",
            foundation.platform_base()
        )));
    }
    let account = foundation.chain.account(&mint, Commitment::Finalized).await?;
    let account = account.ok_or_else(|| bad(format!("--mint: there is no account at {mint}")))?;
    let state = account.data.get(..MintState::LEN);
    let state = state.and_then(|data| MintState::unpack_from_slice(data).ok());
    let state = state.ok_or_else(|| bad(format!("--mint: {mint} is not a mint")))?;
    let platform = Platform::new(&base.pubkey(), mint, account.owner);
    let address = |named: Option<Pubkey>, purpose| named.unwrap_or_else(|| keys.address(purpose));
    let treasury = address(holders.treasury, Purpose::Treasury);
    let roles = Roles {
        admin: address(holders.admin, Purpose::Admin),
        keeper: address(holders.keeper, Purpose::Keeper),
        guardian: address(holders.guardian, Purpose::Guardian),
        treasury,
        processor: holders.processor.unwrap_or(treasury),
    };
    let settings = settings.start(state.decimals)?;
    let payer = keys.address(Purpose::Keeper);
    let start = RolesAndSettings { roles, settings };
    let initialize = platform.initialize(payer, base.pubkey(), start);
    let app = foundation.app_of(platform);
    let key = format!("platform {}", platform.address);
    let done = format!("Platform {} is set up.", platform.address);
    Ok(operate(&app, &key, done, &[initialize], &[&base]).await?)
}

async fn change(app: &App, command: Change) -> anyhow::Result<operate::Done> {
    let ledger = Ledger::finalized(app);
    let once = Once::default();
    let (instruction, key, done) = match command {
        Change::Set(args) => {
            let (platform, mint) = (ledger.platform().await?, ledger.mint().await?);
            let settings = args.change(platform.settings, mint.decimals)?;
            if settings == platform.settings {
                return Err(bad("these are the settings already"));
            }
            let admin = operate::admin(app).await?;
            let update = app.platform.update_settings(admin.pubkey(), settings);
            (update, admin, "The new settings count from the next batch.".to_owned())
        }
        Change::SetRole { role, holder } => {
            let (role, name) = role.role();
            let admin = operate::admin(app).await?;
            let set = app.platform.set_role(admin.pubkey(), role, holder);
            (set, admin, format!("{holder} is the {name} now."))
        }
        Change::ProposeAdmin { proposed } => {
            let admin = operate::admin(app).await?;
            let propose = app.platform.propose_admin(admin.pubkey(), proposed);
            (propose, admin, format!("{proposed} can accept to be the admin."))
        }
        Change::AcceptAdmin { signer } => {
            let pending = signer.or(app, Purpose::Admin)?;
            let accept = app.platform.accept_admin(pending.pubkey());
            let done = format!("{} is the admin now.", pending.pubkey());
            (accept, pending, done)
        }
    };
    operate_once(app, &once, done, &[instruction], &[&key]).await
}
