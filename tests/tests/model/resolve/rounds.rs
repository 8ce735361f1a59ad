//! Commands about rounds and positions.

use num_bigint::BigInt;
use pixr::state::{RoundKind, RoundTerms};
use pixr_tests::model::{
    Action, Actor, Destination, Position, PositionId, Round, RoundId, Shard, Stage,
};

use super::{View, part, pick};
use crate::{
    command::*,
    harness::{NOBODY, TREASURY},
};

impl View<'_> {
    /// Deadlines, ends of deliveries and of terms, and when baselines are long enough.
    pub(super) fn moments_of_rounds(self) -> impl Iterator<Item = i64> {
        let baseline = i64::from(self.model.state.platform.settings.baseline_seconds_min);
        let shards = self.model.state.shards.iter();
        shards.flat_map(|shard| shard.rounds.values()).flat_map(move |round| match round.stage {
            Stage::Open => vec![round.terms.deadline],
            Stage::Funded { at } => {
                vec![at + i64::from(round.terms.delivery_seconds), round.opened_at + baseline]
            }
            Stage::Delivered { .. } => round.term_end().into_iter().collect(),
            Stage::Refunding { .. } => vec![round.terms.deadline],
        })
    }

    pub(super) fn of_rounds(self, command: &Command) -> Option<Action> {
        match *command {
            Command::OpenRound { shard, who, payer, content, number, terms } => {
                let shard = self.busy_shard(shard, |shard| !shard.contents.is_empty());
                let content = self.content(shard, content);
                Some(Action::OpenRound {
                    shard,
                    by: self.who(who, self.creator_of(shard, content)),
                    payer: self.actor(payer),
                    id: RoundId { content, number: self.round_number(shard, content, number) },
                    terms: self.terms(terms),
                })
            }
            Command::Invest { shard, round, by, payer, amount } => {
                let open = |round: &Round| round.stage == Stage::Open;
                let (shard, id) = self.some_round(shard, round, open);
                let missing = self.round(shard, id).map_or(BigInt::from(1_000), |round| {
                    BigInt::from(round.terms.target) - &round.raised
                });
                let (by, payer) = (self.actor(by), self.actor(payer));
                Some(Action::Invest { shard, by, payer, id, amount: part(amount, &missing) })
            }
            Command::EndRound { shard, round, who, fate } => {
                self.end_round(shard, round, who, fate)
            }
            Command::Trade { shard, round, position, who, fate } => {
                Some(self.trade(shard, round, position, who, fate))
            }
            ref other => unreachable!("not about rounds: {other:?}"),
        }
    }

    /// Everything from the opening of a round to its delivery.
    pub(super) fn upgrade(
        self,
        shard: u8,
        content: Slot,
        terms: RoundTerms,
        backers: &[(u8, u16)],
    ) -> Vec<Action> {
        let platform = &self.model.state.platform;
        let (keeper, treasury) = (platform.keeper, platform.treasury);
        let shard = self.busy_shard(shard, |shard| !shard.contents.is_empty());
        let content = self.content(shard, content);
        let id = RoundId { content, number: self.round_number(shard, content, Number::Next) };
        let open =
            Action::OpenRound { shard, by: keeper, payer: keeper, id, terms: self.terms(terms) };
        let invest = |by: Actor, amount: u64| Action::Invest { shard, by, payer: by, id, amount };
        let part = |part: u16| (u128::from(terms.target) * u128::from(part)) >> 18;
        let small = backers.iter().map(|(by, share)| {
            invest(self.actor(*by), u64::try_from(part(*share)).expect("64 bits"))
        });
        let slot = usize::try_from(content).expect("64 bits");
        let quality = self.state_of(shard).contents.get(slot).map_or(0, |it| it.quality);
        let destination = match terms.kind {
            RoundKind::Support => Destination::Vault,
            _ => Destination::Wallet(treasury),
        };
        let baseline = i64::from(platform.settings.baseline_seconds_min);
        std::iter::once(open)
            .chain(small)
            .chain([
                invest(TREASURY, terms.target),
                Action::Wait { seconds: baseline },
                Action::Deliver { shard, by: keeper, id, destination, quality },
            ])
            .collect()
    }

    /// Terms that were drawn with a deadline from now on.
    fn terms(self, terms: RoundTerms) -> RoundTerms {
        RoundTerms { deadline: self.model.now + terms.deadline, ..terms }
    }

    fn round_number(self, shard: usize, content: u32, number: Number) -> u32 {
        let slot = usize::try_from(content).expect("64 bits");
        let next = self.state_of(shard).contents.get(slot).map_or(0, |content| content.rounds);
        match number {
            Number::Next => next,
            Number::After(more) => next + 1 + u32::from(more),
            Number::Before(pick) => u32::from(pick).checked_rem(next).unwrap_or(0),
        }
    }

    /// The withdraw authority of a content's creator, if there is one.
    fn creator_of(self, shard: usize, content: u32) -> Actor {
        let slot = usize::try_from(content).expect("64 bits");
        let content = self.state_of(shard).contents.get(slot);
        content.map_or(NOBODY, |content| self.authority(shard, content.creator))
    }

    /// A round that `wanted` holds for, if there is one; else any; else one that is not there.
    fn some_round(
        self,
        shard: u8,
        round: Slot,
        wanted: impl Fn(&Round) -> bool,
    ) -> (usize, RoundId) {
        let has = |shard: &Shard| shard.rounds.values().any(&wanted);
        let shard = self.busy_shard(shard, has);
        let rounds = &self.state_of(shard).rounds;
        let some: Vec<_> =
            rounds.iter().filter(|(_, round)| wanted(round)).map(|(id, _)| *id).collect();
        let any: Vec<_> = rounds.keys().copied().collect();
        // One in sixteen is any round, so that wrong states are met too.
        let from = if some.is_empty() || round.pick % 16 == 15 { any } else { some };
        let found = from.get(pick(round.pick, from.len())).filter(|_| !round.beyond);
        (shard, found.copied().unwrap_or(RoundId { content: 0, number: 1_000 }))
    }

    fn round(&self, shard: usize, id: RoundId) -> Option<&Round> {
        self.state_of(shard).rounds.get(&id)
    }

    fn end_round(self, shard: u8, round: Slot, who: Who, fate: RoundFate) -> Option<Action> {
        let platform = &self.model.state.platform;
        let now = self.model.now;
        let somebody = |elsewhere: Option<u8>, right: Actor| {
            elsewhere.map_or(right, |index| self.actor(index))
        };
        Some(match fate {
            RoundFate::Cancel => {
                let open = |round: &Round| round.stage == Stage::Open;
                let (shard, id) = self.some_round(shard, round, open);
                let by = self.who(who, self.creator_of(shard, id.content));
                Action::CancelRound { shard, by, id }
            }
            RoundFate::Deliver { elsewhere, better } => {
                let due = |round: &Round| matches!(round.stage, Stage::Funded { .. });
                let (shard, id) = self.some_round(shard, round, due);
                let support = self
                    .round(shard, id)
                    .is_some_and(|round| round.terms.kind == RoundKind::Support);
                let destination = match elsewhere {
                    Some(index) if index % 2 == 0 => Destination::Wallet(self.actor(index)),
                    Some(_) => Destination::Vault,
                    None if support => Destination::Vault,
                    None => Destination::Wallet(platform.treasury),
                };
                let slot = usize::try_from(id.content).expect("64 bits");
                let contents = &self.state_of(shard).contents;
                let before = contents.get(slot).map_or(0, |content| content.quality);
                let by = self.who(who, platform.keeper);
                let quality = before.saturating_add_signed(better);
                let quality = if better < 5_000 { quality.min(10_000) } else { quality };
                Action::Deliver { shard, by, id, destination, quality }
            }
            RoundFate::Retire => {
                let earns = |round: &Round| {
                    let over = round.term_end().is_some_and(|end| end < now);
                    let full = round.owed == round.terms.cap.into();
                    round.lane.is_some() && (over || full)
                };
                let (shard, id) = self.some_round(shard, round, earns);
                Action::RetireLane { shard, id }
            }
            RoundFate::Close { elsewhere } => {
                let over = |round: &Round| {
                    let settled = round.term_end().is_some() && round.lane.is_none();
                    round.positions.is_empty() && (settled || round.refunds(now))
                };
                let (shard, id) = self.some_round(shard, round, over);
                let treasury = somebody(elsewhere, platform.treasury);
                Action::CloseRound { shard, id, treasury }
            }
            RoundFate::Stray { by, amount } => {
                let (shard, id) = self.some_round(shard, round, |_| true);
                let by = self.actor(by);
                let has = self.model.state.actors[by].tokens >= amount.into();
                if !has || self.round(shard, id).is_none() {
                    return None;
                }
                Action::Stray { shard, by, id, amount }
            }
        })
    }

    fn trade(self, shard: u8, round: Slot, position: Slot, who: Who, fate: PositionFate) -> Action {
        let now = self.model.now;
        let wanted = |round: &Round| {
            let fits = match fate {
                PositionFate::Refund { .. } => round.refunds(now),
                PositionFate::Claim { .. } => {
                    let due = |position: &Position| {
                        &round.owed * &position.amount / &round.raised > position.claimed
                    };
                    let last = round.lane.is_none();
                    round.term_end().is_some() && (last || round.positions.values().any(due))
                }
                PositionFate::Buy { .. } => {
                    round.positions.values().any(|position| position.price > 0)
                }
                _ => round.stage != Stage::Open,
            };
            fits && !round.positions.is_empty()
        };
        let (shard, id) = self.some_round(shard, round, wanted);
        let known = self.round(shard, id);
        let positions: Vec<(Actor, &Position)> = known
            .map(|round| round.positions.iter().map(|(by, position)| (*by, position)).collect())
            .unwrap_or_default();
        let listed: Vec<_> =
            positions.iter().filter(|(_, position)| position.price > 0).copied().collect();
        let buys = matches!(fate, PositionFate::Buy { .. } | PositionFate::Unlist);
        let from = if buys && !listed.is_empty() { &listed } else { &positions };
        let found = from.get(pick(position.pick, from.len())).filter(|_| !position.beyond);
        let investor = found.map_or(NOBODY, |(investor, _)| *investor);
        let missing = Position {
            owner: NOBODY,
            payer: NOBODY,
            amount: BigInt::ZERO,
            claimed: BigInt::ZERO,
            price: 0,
        };
        let held = found.map_or(&missing, |(_, position)| *position);
        let position = PositionId { shard, round: id, investor };
        let by = self.who(who, held.owner);
        let to_owner =
            |elsewhere: Option<u8>| elsewhere.map_or(held.owner, |index| self.actor(index));
        match fate {
            PositionFate::Refund { elsewhere } => {
                Action::Refund { by, position, destination: to_owner(elsewhere) }
            }
            PositionFate::Claim { elsewhere } => {
                Action::Claim { by, position, destination: to_owner(elsewhere) }
            }
            PositionFate::Transfer { to } => {
                let to = to.map(|index| self.actor(index));
                Action::TransferPosition { by, position, to }
            }
            PositionFate::List { price } => Action::List { by, position, price },
            PositionFate::Unlist => Action::Unlist { by, position },
            PositionFate::Buy { elsewhere, price_less, claimed_less } => {
                let claimed = u64::try_from(held.claimed.clone()).expect("64 bits");
                let buyer = match who {
                    Who::Actor(index) => self.actor(index),
                    _ => self.actor(round.pick.wrapping_add(position_seed(&position))),
                };
                Action::Buy {
                    by: buyer,
                    position,
                    price_max: held.price.saturating_sub(price_less.into()),
                    claimed_max: claimed.saturating_sub(claimed_less.into()),
                    destination: to_owner(elsewhere),
                }
            }
        }
    }
}

/// Spreads buyers over the actors.
fn position_seed(position: &PositionId) -> u8 {
    u8::try_from(position.round.number % 251).expect("a small number")
}
