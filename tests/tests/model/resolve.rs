//! What a command means in the state that it meets: one action, or a few.

mod batches;
mod creators;
mod platform;
mod rounds;

use num_bigint::BigInt;
use pixr_tests::model::{Action, Actor, Destination, Model, Shard};

use crate::{command::*, harness::NOBODY};

/// What `command` does; nothing when it makes no sense.
pub fn resolve(model: &Model, command: &Command) -> Vec<Action> {
    View { model }.actions(command)
}

/// The state that a command meets.
#[derive(Clone, Copy)]
struct View<'a> {
    model: &'a Model,
}

impl<'a> View<'a> {
    fn actions(self, command: &Command) -> Vec<Action> {
        match command {
            Command::Wait { seconds } => vec![Action::Wait { seconds: i64::from(*seconds) }],
            Command::WaitFor { moment } => vec![self.wait_for(*moment)],
            Command::Settle { batch } => vec![Action::Settle(self.batch(batch))],
            Command::Reverse { batch } => vec![Action::Reverse(self.reversal(batch))],
            Command::Edge { batch, edge, reverse, short } => {
                self.edge(batch, *edge, *reverse, *short)
            }
            Command::Fund { shard, by, amount } => {
                vec![Action::Fund {
                    shard: self.shard(*shard),
                    by: self.actor(*by),
                    amount: *amount,
                }]
            }
            Command::Donate { shard, by, amount } => self.donate(*shard, *by, *amount),
            Command::Tip { shard, by, creator, amount, memo_bytes } => {
                let shard = self.shard(*shard);
                vec![Action::Tip {
                    shard,
                    by: self.actor(*by),
                    creator: self.creator(shard, *creator),
                    amount: *amount,
                    memo_bytes: usize::from(*memo_bytes),
                }]
            }
            Command::CollectFees { shard, treasury, processor } => {
                let platform = &self.model.state.platform;
                vec![Action::CollectFees {
                    shard: self.shard(*shard),
                    treasury: self.who(*treasury, platform.treasury),
                    processor: self.who(*processor, platform.processor),
                }]
            }
            Command::Withdraw { .. }
            | Command::Request { .. }
            | Command::Decide { .. }
            | Command::RegisterCreator { .. }
            | Command::RegisterContent { .. }
            | Command::SetQuality { .. }
            | Command::Propose { .. }
            | Command::Answer { .. } => vec![self.of_creator(command)],
            Command::Upgrade { shard, content, terms, backers } => {
                self.upgrade(*shard, *content, *terms, backers)
            }
            Command::OpenRound { .. }
            | Command::Invest { .. }
            | Command::EndRound { .. }
            | Command::Trade { .. } => self.of_rounds(command).into_iter().collect(),
            Command::OpenShard { .. }
            | Command::UpdateSettings { .. }
            | Command::SetRole { .. }
            | Command::ProposeAdmin { .. }
            | Command::AcceptAdmin { .. }
            | Command::Pause { .. }
            | Command::Unpause { .. } => self.of_platform(command).into_iter().collect(),
        }
    }

    /// One of the moments at which something changes by itself, if any is to come.
    fn wait_for(self, moment: Moment) -> Action {
        let now = self.model.now;
        let window = i64::from(self.model.state.platform.settings.withdraw_window_seconds);
        let shards = &self.model.state.shards;
        let requests = shards.iter().flat_map(|shard| shard.requests.values());
        let creators = shards.iter().flat_map(|shard| &shard.creators);
        let midnight = (now / 86_400 + 1) * 86_400;
        let moments: Vec<_> = requests
            .map(|request| request.executable_at)
            .chain(creators.map(|creator| creator.window_start + window))
            .chain(self.moments_of_rounds())
            .filter(|at| *at > now)
            .chain([midnight])
            .collect();
        let at = moments[pick(moment.pick, moments.len())] + i64::from(moment.offset);
        Action::Wait { seconds: (at - now).max(0) }
    }

    fn donate(self, shard: u8, by: u8, amount: u64) -> Vec<Action> {
        let (shard, by) = (self.shard(shard), self.actor(by));
        let afforded = self.model.state.actors[by].tokens >= amount.into();
        if afforded { vec![Action::Donate { shard, by, amount }] } else { Vec::new() }
    }

    fn state_of(self, shard: usize) -> &'a Shard {
        &self.model.state.shards[shard]
    }

    fn shard(self, index: u8) -> usize {
        pick(index, self.model.state.shards.len())
    }

    fn actor(self, index: u8) -> Actor {
        pick(index, self.model.state.actors.len())
    }

    fn destination(self, index: Option<u8>) -> Destination {
        index.map_or(Destination::Vault, |index| Destination::Wallet(self.actor(index)))
    }

    fn who(self, who: Who, right: Actor) -> Actor {
        match who {
            Who::Right => right,
            Who::Keeper => self.model.state.platform.keeper,
            Who::Actor(index) => self.actor(index),
        }
    }

    fn creator(self, shard: usize, slot: Slot) -> u32 {
        index(slot, self.state_of(shard).creators.len())
    }

    fn content(self, shard: usize, slot: Slot) -> u32 {
        index(slot, self.state_of(shard).contents.len())
    }

    /// The withdraw authority of a creator, if there is one.
    fn authority(self, shard: usize, creator: u32) -> Actor {
        let slot = usize::try_from(creator).expect("64 bits");
        self.state_of(shard).creators.get(slot).map_or(NOBODY, |creator| creator.authority)
    }
}

fn pick(index: u8, count: usize) -> usize {
    usize::from(index).checked_rem(count).unwrap_or(0)
}

/// A slot in use if there is one and it is asked for, else one beyond those.
fn index(slot: Slot, count: usize) -> u32 {
    let index = if slot.beyond { count + usize::from(slot.pick) } else { pick(slot.pick, count) };
    u32::try_from(index).expect("few slots")
}

/// So much of what is available, as far as it fits 64 bits.
fn part(amount: Amount, available: &BigInt) -> u64 {
    let exact = match amount {
        Amount::Zero => BigInt::ZERO,
        Amount::Part(part) => (available * part) >> 16,
        Amount::All => available.clone(),
        Amount::Beyond(more) => available + 1 + more,
    };
    u64::try_from(exact).unwrap_or(u64::MAX)
}
