//! A reference model of the program, written from its rules and not from its code.
//!
//! It keeps facts in integers without bounds and derives every total from them: a budget is what was
//! funded less what contents earned, a content's pay is the highest value that its views ever had. It
//! predicts for each action the state after it, or the error that refuses it.

mod action;
mod admin;
mod batches;
mod creators;
mod market;
mod patrons;
mod payouts;
mod returns;
mod rounds;
mod state;

use num_bigint::BigInt;
use pixr::errors::PixrError;

pub use action::*;
pub use admin::shard_bytes;
pub use state::*;

use crate::transactions::Failure;

/// Whether an action succeeds, or with which error it fails.
pub type Verdict = Result<(), Failure>;

/// Error number of the system program for an account that exists already.
const ACCOUNT_EXISTS: Failure = Failure::Custom(0);

/// Bytes that an account costs beyond its data.
const ACCOUNT_OVERHEAD_BYTES: u64 = 128;

/// The model: a platform, the clock, and what the cluster charges for a byte.
#[derive(Clone, Debug)]
pub struct Model {
    pub state: State,
    /// Unix seconds.
    pub now: i64,
    /// Rent of one byte.
    pub byte_lamports: u64,
}

impl Model {
    /// Does what the program would do. On an error nothing changed.
    pub fn apply(&mut self, action: &Action) -> Verdict {
        let mut next = self.clone();
        next.act(action)?;
        *self = next;
        Ok(())
    }

    fn act(&mut self, action: &Action) -> Verdict {
        match action {
            Action::Wait { seconds } => {
                self.now += seconds;
                Ok(())
            }
            Action::UpdateSettings { by, settings } => self.update_settings(*by, settings),
            Action::SetRole { by, role, holder } => self.set_role(*by, *role, *holder),
            Action::ProposeAdmin { by, proposed } => self.propose_admin(*by, *proposed),
            Action::AcceptAdmin { by } => self.accept_admin(*by),
            Action::Pause { by } => self.pause(*by),
            Action::Unpause { by } => self.unpause(*by),
            Action::OpenShard { by, capacities, surplus } => {
                self.open_shard(*by, *capacities, *surplus)
            }
            Action::Fund { shard, by, amount } => self.fund(*shard, *by, *amount),
            Action::Donate { shard, by, amount } => self.donate(*shard, *by, *amount),
            Action::RegisterCreator { shard, by, authority } => {
                self.register_creator(*shard, *by, *authority)
            }
            Action::RegisterContent { shard, by, creator, id } => {
                self.register_content(*shard, *by, *creator, *id)
            }
            Action::ProposeAuthority { shard, by, creator, proposed } => {
                self.propose_authority(*shard, *by, *creator, *proposed)
            }
            Action::AcceptAuthority { shard, by, creator } => {
                self.accept_authority(*shard, *by, *creator)
            }
            Action::CancelAuthority { shard, by, creator } => {
                self.cancel_authority(*shard, *by, *creator)
            }
            Action::Withdraw { shard, by, creator, amount, destination } => {
                self.withdraw(*shard, *by, *creator, *amount, *destination)
            }
            Action::Request { shard, by, payer, id, amount, destination } => {
                self.request(*shard, *by, *payer, *id, *amount, *destination)
            }
            Action::Execute { shard, by, id, destination } => {
                self.execute(*shard, *by, *id, *destination)
            }
            Action::Cancel { shard, by, id } => self.cancel(*shard, *by, *id),
            Action::SetFrozen { shard, by, id, frozen } => {
                self.set_frozen(*shard, *by, *id, *frozen)
            }
            Action::Settle(batch) => self.settle(batch),
            Action::Reverse(batch) => self.reverse(batch),
            Action::SetQuality { shard, by, content, quality } => {
                self.set_quality(*shard, *by, *content, *quality)
            }
            Action::Tip { shard, by, creator, amount, memo_bytes } => {
                self.tip(*shard, *by, *creator, *amount, *memo_bytes)
            }
            Action::CollectFees { shard, treasury, processor } => {
                self.collect_fees(*shard, *treasury, *processor)
            }
            Action::OpenRound { shard, by, payer, id, terms } => {
                self.open_round(*shard, *by, *payer, *id, terms)
            }
            Action::Invest { shard, by, payer, id, amount } => {
                self.invest(*shard, *by, *payer, *id, *amount)
            }
            Action::Stray { shard, by, id, amount } => self.stray(*shard, *by, *id, *amount),
            Action::CancelRound { shard, by, id } => self.cancel_round(*shard, *by, *id),
            Action::Refund { by, position, destination } => {
                self.refund(*by, *position, *destination)
            }
            Action::Deliver { shard, by, id, destination, quality } => {
                self.deliver(*shard, *by, *id, *destination, *quality)
            }
            Action::Claim { by, position, destination } => self.claim(*by, *position, *destination),
            Action::RetireLane { shard, id } => self.retire_lane(*shard, *id),
            Action::CloseRound { shard, id, treasury } => self.close_round(*shard, *id, *treasury),
            Action::TransferPosition { by, position, to } => {
                self.transfer_position(*by, *position, *to)
            }
            Action::List { by, position, price } => self.list(*by, *position, *price),
            Action::Unlist { by, position } => self.unlist(*by, *position),
            Action::Buy { by, position, price_max, claimed_max, destination } => {
                self.buy(*by, *position, *price_max, *claimed_max, *destination)
            }
        }
    }

    fn require_running(&self) -> Verdict {
        need(!self.state.platform.paused, PixrError::Paused)
    }

    fn creator(&mut self, shard: usize, creator: u32) -> Result<&mut Creator, Failure> {
        let slot = self.state.shards[shard].creators.get_mut(at(creator));
        Ok(slot.ok_or(PixrError::UnknownCreator)?)
    }

    /// The creator's slot, when `by` is its authority.
    fn own_creator(
        &mut self,
        shard: usize,
        creator: u32,
        by: Actor,
    ) -> Result<&mut Creator, Failure> {
        let slot = self.creator(shard, creator)?;
        need(slot.authority == by, PixrError::NotCreator)?;
        Ok(slot)
    }

    fn content(&mut self, shard: usize, content: u64) -> Result<&mut Content, Failure> {
        let index = usize::try_from(content).expect("64 bits");
        let slot = self.state.shards[shard].contents.get_mut(index);
        Ok(slot.ok_or(PixrError::UnknownContent)?)
    }

    /// Rent of an account with so many bytes of data.
    fn account_rent(&self, bytes: u64) -> BigInt {
        BigInt::from(ACCOUNT_OVERHEAD_BYTES + bytes) * self.byte_lamports
    }

    fn pay_lamports(&mut self, by: Actor, amount: BigInt) {
        self.state.actors[by].lamports -= amount;
    }

    fn receive_lamports(&mut self, by: Actor, amount: BigInt) {
        self.state.actors[by].lamports += amount;
    }

    fn receive_tokens(&mut self, shard: usize, by: Actor, amount: &BigInt) {
        self.state.shards[shard].vault -= amount;
        self.state.actors[by].tokens += amount;
    }
}

fn need(condition: bool, error: impl Into<Failure>) -> Verdict {
    if condition { Ok(()) } else { Err(error.into()) }
}

/// Adds to a counter that the program keeps in 64 bits.
fn grow(counter: &mut BigInt, amount: &BigInt) -> Verdict {
    *counter += amount;
    need(*counter <= BigInt::from(u64::MAX), PixrError::Overflow)
}

fn ceil_div(dividend: &BigInt, divisor: u32) -> BigInt {
    (dividend + (divisor - 1)) / divisor
}

fn at(index: u32) -> usize {
    usize::try_from(index).expect("64 bits")
}
