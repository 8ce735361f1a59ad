//! Commands of creators, and of guardian and keeper about them.

use num_bigint::BigInt;
use pixr_tests::model::{Action, Actor, Creator, RequestId, Shard};

use super::{View, part, pick};
use crate::{command::*, harness::NOBODY};

impl View<'_> {
    pub(super) fn of_creator(self, command: &Command) -> Action {
        match *command {
            Command::Withdraw { shard, who, creator, amount, ignore_window, destination } => {
                let (shard, creator) = self.wealthy(shard, creator);
                Action::Withdraw {
                    shard,
                    by: self.who(who, self.authority(shard, creator)),
                    creator,
                    amount: self.withdrawable(shard, creator, amount, ignore_window),
                    destination: self.destination(destination),
                }
            }
            Command::Request { shard, who, payer, creator, number, amount, destination } => {
                let (shard, creator) = self.wealthy(shard, creator);
                Action::Request {
                    shard,
                    by: self.who(who, self.authority(shard, creator)),
                    payer: self.actor(payer),
                    id: RequestId { creator, number: self.number(shard, creator, number) },
                    amount: self.withdrawable(shard, creator, amount, true),
                    destination: self.destination(destination),
                }
            }
            Command::Decide { shard, who, request, fate } => {
                let shard = self.busy_shard(shard, |shard| !shard.requests.is_empty());
                self.decide(shard, who, self.pending(shard, request), fate)
            }
            Command::RegisterCreator { shard, who, authority } => {
                let authority = authority.map(|index| self.actor(index));
                let by = self.who(who, authority.unwrap_or(self.model.state.platform.keeper));
                Action::RegisterCreator { shard: self.shard(shard), by, authority }
            }
            Command::RegisterContent { shard, who, creator, id } => {
                let shard = self.shard(shard);
                let creator = self.creator(shard, creator);
                let by = self.who(who, self.authority(shard, creator));
                Action::RegisterContent { shard, by, creator, id: id.into() }
            }
            Command::SetQuality { shard, who, content, quality } => {
                let shard = self.shard(shard);
                Action::SetQuality {
                    shard,
                    by: self.who(who, self.model.state.platform.keeper),
                    content: self.content(shard, content),
                    quality,
                }
            }
            Command::Propose { shard, who, creator, proposed } => {
                let shard = self.shard(shard);
                let creator = self.creator(shard, creator);
                Action::ProposeAuthority {
                    shard,
                    by: self.who(who, self.authority(shard, creator)),
                    creator,
                    proposed: proposed.map(|index| self.actor(index)),
                }
            }
            Command::Answer { shard, who, proposal, answer } => {
                let shard = self.busy_shard(shard, |shard| !shard.proposals.is_empty());
                self.answer(shard, who, proposal, answer)
            }
            ref other => unreachable!("not about creators: {other:?}"),
        }
    }

    /// The shard with this index among those that `busy` holds for, if there are any.
    pub(super) fn busy_shard(self, index: u8, busy: impl Fn(&Shard) -> bool) -> usize {
        let shards = self.model.state.shards.iter().enumerate();
        let shards: Vec<_> = shards.filter(|(_, shard)| busy(shard)).map(|(at, _)| at).collect();
        shards.get(pick(index, shards.len())).copied().unwrap_or_else(|| self.shard(index))
    }

    /// A creator with a balance if there is one and it is asked for, else any.
    fn wealthy(self, shard: u8, creator: Slot) -> (usize, u32) {
        let wealthy = |creator: &Creator| creator.balance > BigInt::ZERO;
        let shard = self.busy_shard(shard, |shard| shard.creators.iter().any(wealthy));
        let creators = (0_u32..).zip(&self.state_of(shard).creators);
        let some: Vec<_> = creators.filter(|(_, slot)| wealthy(slot)).map(|(at, _)| at).collect();
        let found = some.get(pick(creator.pick, some.len())).filter(|_| !creator.beyond);
        (shard, found.copied().unwrap_or_else(|| self.creator(shard, creator)))
    }

    /// So much of a balance, or of what the window leaves of it.
    fn withdrawable(self, shard: usize, creator: u32, amount: Amount, ignore_window: bool) -> u64 {
        let slot = usize::try_from(creator).expect("64 bits");
        let Some(creator) = self.state_of(shard).creators.get(slot) else {
            return part(amount, &1.into());
        };
        let settings = &self.model.state.platform.settings;
        let over = self.model.now - creator.window_start >= settings.withdraw_window_seconds.into();
        let spent = if over { 0.into() } else { creator.window_spent.clone() };
        let left = (settings.withdraw_limit - spent).max(0.into());
        let available = if ignore_window || left == 0.into() {
            creator.balance.clone()
        } else {
            left.min(creator.balance.clone())
        };
        part(amount, &available)
    }

    fn number(self, shard: usize, creator: u32, number: Number) -> u32 {
        let slot = usize::try_from(creator).expect("64 bits");
        let next = self.state_of(shard).creators.get(slot).map_or(0, |slot| slot.requests);
        match number {
            Number::Next => next,
            Number::After(more) => next + 1 + u32::from(more),
            Number::Before(pick) => u32::from(pick).checked_rem(next).unwrap_or(0),
        }
    }

    /// A pending request if there is one and it is asked for.
    fn pending(self, shard: usize, request: Slot) -> RequestId {
        let requests = &self.state_of(shard).requests;
        let id = requests.keys().nth(pick(request.pick, requests.len()));
        let missing = RequestId { creator: 0, number: 1_000 + u32::from(request.pick) };
        id.filter(|_| !request.beyond).copied().unwrap_or(missing)
    }

    fn decide(self, shard: usize, who: Who, id: RequestId, fate: Fate) -> Action {
        let by = self.who(who, self.authority(shard, id.creator));
        let guardian = self.who(who, self.model.state.platform.guardian);
        match fate {
            Fate::Execute { elsewhere } => {
                let fixed: Option<Actor> =
                    self.state_of(shard).requests.get(&id).map(|request| request.destination);
                let elsewhere = elsewhere.map(|index| self.actor(index));
                let destination = elsewhere.or(fixed).unwrap_or(NOBODY);
                Action::Execute { shard, by, id, destination }
            }
            Fate::Cancel => Action::Cancel { shard, by, id },
            Fate::Freeze => Action::SetFrozen { shard, by: guardian, id, frozen: true },
            Fate::Unfreeze => Action::SetFrozen { shard, by: guardian, id, frozen: false },
        }
    }

    fn answer(self, shard: usize, who: Who, proposal: Slot, answer: Answer) -> Action {
        let proposals = &self.state_of(shard).proposals;
        let pending = proposals.keys().nth(pick(proposal.pick, proposals.len()));
        let creator = pending
            .filter(|_| !proposal.beyond)
            .copied()
            .unwrap_or_else(|| self.creator(shard, proposal));
        match answer {
            Answer::Accept => {
                let proposed = proposals.get(&creator).map_or(NOBODY, |pending| pending.proposed);
                Action::AcceptAuthority { shard, by: self.who(who, proposed), creator }
            }
            Answer::Cancel => {
                let by = self.who(who, self.authority(shard, creator));
                Action::CancelAuthority { shard, by, creator }
            }
        }
    }
}
