//! A platform on a real SVM and its model, side by side.

mod drive;
mod invariants;
mod observe;

use std::collections::BTreeMap;

use litesvm::LiteSVM;
use num_bigint::BigInt;
use pixr::state::{Settings, shard::Capacities};
use pixr_tests::{
    model::{Action, Actor, Model, Platform, Purse, State},
    tokens::Token,
    transactions::Failure,
    world::{SETTINGS, START, Wallet, World},
};
use solana_address::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::{command::Command, resolve::resolve};

/// The actors who hold the roles at the start; the treasury is rich.
const ADMIN: Actor = 0;
const KEEPER: Actor = 1;
const GUARDIAN: Actor = 2;
pub const TREASURY: Actor = 3;
const PROCESSOR: Actor = 4;
/// An actor without a role at the start, who signs where nobody could.
pub const NOBODY: Actor = 9;

/// What the actors hold at the start, in base units.
const TOKENS: [u64; 10] =
    [1 << 50, 1 << 44, 1 << 44, 1 << 61, 0, 1 << 59, 1 << 50, 1 << 44, 1_000_000, 1];

/// Caps and limits that sequences reach now and then.
const TIGHT: Settings = Settings {
    batch_cap: 20_000_000_000,
    day_cap: 50_000_000_000,
    withdraw_limit: 1_000_000_000,
    ..SETTINGS
};

/// Actions that a pause may hold back before the admin ends it.
const PAUSE_LENGTH: usize = 4;

/// Why a run is not what it should be, with everything that was done.
pub type Checked = Result<(), String>;

/// The program and the model.
pub struct Harness {
    world: World,
    actors: Vec<Wallet>,
    shards: Vec<Address>,
    model: Model,
    /// All tokens of all accounts.
    supply: BigInt,
    /// Sent to each vault without the program.
    donated: Vec<BigInt>,
    trace: Vec<String>,
    paused_for: usize,
    pub tally: Tally,
}

/// How often an instruction ended how.
pub type Tally = BTreeMap<(String, String), u64>;

impl Harness {
    /// A platform with one funded shard and a few creators and contents.
    pub fn new(token: Token) -> Result<Self, String> {
        let mut world = World::with_settings(token, TIGHT);
        let actors = actors(&mut world);
        let purse = |actor: &Wallet| Purse {
            tokens: world.amount(&actor.tokens).into(),
            lamports: lamports(&world.svm, actor).into(),
        };
        let state = State {
            platform: Platform {
                settings: TIGHT,
                admin: ADMIN,
                pending_admin: None,
                keeper: KEEPER,
                guardian: GUARDIAN,
                treasury: TREASURY,
                processor: PROCESSOR,
                paused: false,
            },
            actors: actors.iter().map(purse).collect(),
            shards: Vec::new(),
        };
        let supply = state.actors.iter().map(|purse| &purse.tokens).sum();
        let rent = |bytes| world.svm.minimum_balance_for_rent_exemption(bytes);
        let byte_lamports = rent(1) - rent(0);
        let mut harness = Self {
            model: Model { state, now: START, byte_lamports },
            world,
            actors,
            shards: Vec::new(),
            supply,
            donated: Vec::new(),
            trace: Vec::new(),
            paused_for: 0,
            tally: Tally::default(),
        };
        harness.begin()?;
        Ok(harness)
    }

    fn begin(&mut self) -> Checked {
        let capacities = Capacities { creators: 5, contents: 10, lanes: 7 };
        self.check(&Action::OpenShard { by: ADMIN, capacities, surplus: 0 })?;
        self.check(&Action::Fund { shard: 0, by: TREASURY, amount: 100_000_000_000 })?;
        for authority in [5, 6] {
            let authority = Some(authority);
            self.check(&Action::RegisterCreator { shard: 0, by: KEEPER, authority })?;
        }
        for (id, creator) in [(0, 0), (1, 1), (2, 0)] {
            self.check(&Action::RegisterContent { shard: 0, by: KEEPER, creator, id })?;
        }
        Ok(())
    }

    /// Runs a command on both, and compares.
    pub fn run(&mut self, command: &Command) -> Checked {
        self.paused_for = if self.model.state.platform.paused { self.paused_for + 1 } else { 0 };
        if self.paused_for > PAUSE_LENGTH {
            self.check(&Action::Unpause { by: self.model.state.platform.admin })?;
        }
        resolve(&self.model, command).iter().try_for_each(|action| self.check(action))
    }

    fn check(&mut self, action: &Action) -> Checked {
        let step = self.trace.len();
        let known = self.shards.len();
        let outcome = self.execute(action);
        let verdict = self.model.apply(action);
        let line = format!("{action:?}");
        let name = line.split(|next: char| !next.is_alphabetic()).next().unwrap_or_default();
        *self.tally.entry((name.to_owned(), told(&outcome))).or_default() += 1;
        self.trace.push(format!("{step:4}  {line}: {}", told(&outcome)));
        if outcome != verdict {
            let (program, model) = (told(&outcome), told(&verdict));
            return Err(self.report(&format!("the program says: {program}; the model: {model}")));
        }
        if outcome.is_ok() {
            match action {
                Action::Donate { shard, amount, .. } => self.donated[*shard] += *amount,
                Action::OpenShard { .. } => self.donated.push(BigInt::ZERO),
                _ => {}
            }
        } else {
            self.shards.truncate(known);
        }
        self.compare().and_then(|()| self.invariants()).map_err(|error| self.report(&error))
    }

    /// What went wrong, after everything that was done.
    fn report(&self, error: &str) -> String {
        format!("{error}\n\nactions, the last one wrong:\n{}", self.trace.join("\n"))
    }

    fn address(&self, actor: Actor) -> Address {
        self.actors[actor].address()
    }
}

fn lamports(svm: &LiteSVM, actor: &Wallet) -> u64 {
    svm.get_balance(&actor.address()).unwrap_or(0)
}

/// The holders of the roles first, then wallets.
fn actors(world: &mut World) -> Vec<Wallet> {
    let keys = &world.keys;
    let roles: Vec<Keypair> =
        [&keys.admin, &keys.keeper, &keys.guardian, &keys.treasury, &keys.processor]
            .map(Keypair::insecure_clone)
            .into();
    let fresh = std::iter::repeat_with(Keypair::new);
    let keys = roles.into_iter().chain(fresh);
    let mut wallet = |(key, amount): (Keypair, u64)| {
        let address = key.pubkey();
        world.svm.airdrop(&address, 1 << 34).expect("lamports");
        Wallet { tokens: world.token_account(&address, amount), key }
    };
    keys.zip(TOKENS).map(&mut wallet).collect()
}

/// An outcome in words.
pub fn told(outcome: &Result<(), Failure>) -> String {
    match outcome {
        Ok(()) => "done".to_owned(),
        Err(failure) => format!("{failure:?}"),
    }
}
