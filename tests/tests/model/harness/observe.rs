//! What the accounts say, in the model's terms.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use pixr::state::{
    self, AuthorityTransfer, Platform, RoundStatus, Withdrawal,
    shard::{Capacities, number_of},
};
use pixr_client::{
    authority_transfer_address, escrow_address, position_address, round_address, vault_address,
    withdrawal_address,
};
use pixr_tests::{
    model::{
        self, Actor, Content, Creator, Day, Lane, Position, Proposal, Purse, Request, RequestId,
        Round, RoundId, SCALE, Shard, Stage, Totals,
    },
    world::ShardState,
};
use solana_address::Address;
use solana_clock::Clock;
use solana_signer::Signer;

use super::{Checked, Harness, lamports};

impl Harness {
    /// Compares everything that the model knows with the accounts.
    pub(super) fn compare(&self) -> Checked {
        let state = &self.model.state;
        let clock: Clock = self.world.svm.get_sysvar();
        same("clock", &clock.unix_timestamp, &self.model.now)?;
        same("platform", &self.observe_platform()?, &state.platform)?;
        for (index, (actor, purse)) in self.actors.iter().zip(&state.actors).enumerate() {
            let observed = Purse {
                tokens: self.world.amount(&actor.tokens).into(),
                lamports: lamports(&self.world.svm, actor).into(),
            };
            same(&format!("actor {index}"), &observed, purse)?;
        }
        same("shards", &self.shards.len(), &state.shards.len())?;
        for (index, (address, shard)) in self.shards.iter().zip(&state.shards).enumerate() {
            let account = self.world.shard(address);
            let observed = self.observe_shard(address, &account)?;
            let name = format!("shard {index}");
            for (at, (seen, known)) in observed.creators.iter().zip(&shard.creators).enumerate() {
                same(&format!("{name}, creator {at}"), seen, known)?;
            }
            for (at, (seen, known)) in observed.contents.iter().zip(&shard.contents).enumerate() {
                same(&format!("{name}, content {at}"), seen, known)?;
            }
            same(&name, &observed, shard)?;
            same(&format!("{name}, totals"), &totals(&account), &shard.totals())?;
        }
        Ok(())
    }

    fn actor_at(&self, address: &Address) -> Result<Actor, String> {
        let found = self.actors.iter().position(|actor| actor.address() == *address);
        found.ok_or_else(|| format!("{address} is no actor"))
    }

    fn tokens_at(&self, address: &Address) -> Result<Actor, String> {
        let found = self.actors.iter().position(|actor| actor.tokens == *address);
        found.ok_or_else(|| format!("{address} is no actor's token account"))
    }

    fn observe_platform(&self) -> Result<model::Platform, String> {
        let platform: Platform = self.world.read(&self.world.platform.address);
        let opened = u32::try_from(self.shards.len()).expect("few shards");
        same("shard_count", &platform.shard_count, &opened)?;
        same("base", &platform.base, &self.world.keys.base.pubkey())?;
        same("mint", &platform.mint, &self.world.platform.mint)?;
        same("token_program", &platform.token_program, &self.world.platform.token_program)?;
        same("reserved", &platform.reserved, &[0; 58])?;
        let pending = platform.pending_admin;
        let pending_admin = (pending != Address::default()).then(|| self.actor_at(&pending));
        Ok(model::Platform {
            settings: platform.settings,
            admin: self.actor_at(&platform.admin)?,
            pending_admin: pending_admin.transpose()?,
            keeper: self.actor_at(&platform.keeper)?,
            guardian: self.actor_at(&platform.guardian)?,
            treasury: self.actor_at(&platform.treasury)?,
            processor: self.actor_at(&platform.processor)?,
            paused: platform.paused,
        })
    }

    fn observe_shard(&self, address: &Address, account: &ShardState) -> Result<Shard, String> {
        let ShardState { header, creators, contents, .. } = account;
        same("platform of the shard", &header.platform, &self.world.platform.address)?;
        same("vault", &header.vault, &vault_address(address))?;
        same("rent_receiver", &header.rent_receiver, &self.world.keys.payer.pubkey())?;
        same("reserved", &header.reserved, &[0; 192])?;
        let creators: Result<Vec<_>, String> = creators
            .iter()
            .map(|slot| {
                Ok(Creator {
                    authority: self.actor_at(&slot.authority)?,
                    balance: slot.balance.into(),
                    withdrawn: slot.withdrawn.into(),
                    window_start: slot.window_start.into(),
                    window_spent: slot.window_spent.into(),
                    requests: slot.next_withdrawal,
                })
            })
            .collect();
        let creators = creators?;
        let contents = contents.iter().map(|slot| Content {
            id: u128::from_le_bytes(slot.id),
            creator: slot.creator,
            quality: slot.quality(),
            views: slot.views.into(),
            points: BigInt::from(slot.earned) * SCALE + slot.remainder,
            earned: slot.earned.into(),
            rounds: slot.next_round,
            lanes: lanes_of(account, slot),
        });
        let contents: Vec<Content> = contents.collect();
        let rounds = self.observe_rounds(address, account, &contents)?;
        Ok(Shard {
            number: header.number,
            capacities: Capacities {
                creators: header.creator_capacity,
                contents: header.content_capacity,
                lanes: header.lane_capacity,
            },
            sequence: header.next_sequence,
            hash: header.hash,
            day: Day {
                number: header.day,
                credited: header.day_credited.into(),
                reversed: header.day_reversed.into(),
            },
            funded: header.funded.into(),
            tipped: header.tipped.into(),
            withdrawn: header.withdrawn.into(),
            views: header.views.into(),
            platform_fees: header.platform_fees.into(),
            processing_fees: header.processing_fees.into(),
            vault: self.world.vault_amount(address).into(),
            requests: self.observe_requests(address, &creators)?,
            proposals: self.observe_proposals(address, &creators)?,
            rounds,
            lanes_used: header.lane_count,
            lanes_free: free_lanes(account)?,
            shared: header.shared.into(),
            claimed: header.claimed.into(),
            supported: header.supported.into(),
            contents,
            creators,
        })
    }

    /// Every round that is open, and none that was not made.
    fn observe_rounds(
        &self,
        shard: &Address,
        account: &ShardState,
        contents: &[Content],
    ) -> Result<BTreeMap<RoundId, Round>, String> {
        let mut rounds = BTreeMap::new();
        for (content, slot) in (0..).zip(contents) {
            for number in 0..=slot.rounds {
                let address = round_address(shard, content, number);
                if self.exists(&address) {
                    let id = RoundId { content, number };
                    rounds.insert(id, self.observe_round(shard, account, id, &address)?);
                }
            }
        }
        Ok(rounds)
    }

    fn observe_round(
        &self,
        shard: &Address,
        account: &ShardState,
        id: RoundId,
        address: &Address,
    ) -> Result<Round, String> {
        let round: state::Round = self.world.read(address);
        let named = (round.platform, round.shard, round.content, round.number, round.escrow);
        let RoundId { content, number } = id;
        let platform = self.world.platform.address;
        let escrow = escrow_address(address);
        same("round", &named, &(platform, *shard, content, number, escrow))?;
        let mut positions = BTreeMap::new();
        for (investor, actor) in self.actors.iter().enumerate() {
            let at = position_address(address, &actor.address());
            if !self.exists(&at) {
                continue;
            }
            let position: state::Position = self.world.read(&at);
            same("round of a position", &position.round, address)?;
            let position = Position {
                owner: self.actor_at(&position.owner)?,
                payer: self.actor_at(&position.payer)?,
                amount: position.amount.into(),
                claimed: position.claimed.into(),
                price: position.price,
            };
            positions.insert(investor, position);
        }
        let count = u32::try_from(positions.len()).expect("few positions");
        same("count of positions", &round.positions, &count)?;
        let stage = match round.status {
            RoundStatus::Open => Stage::Open,
            RoundStatus::Funded => Stage::Funded { at: round.funded_at },
            RoundStatus::Delivered => {
                same("manifest", &round.manifest_hash, &[7; 32])?;
                Stage::Delivered { funded_at: round.funded_at, at: round.delivered_at }
            }
            RoundStatus::Refunding => Stage::Refunding { funded_at: round.funded_at },
        };
        let mut owed = round.owed.into();
        let mut lane = None;
        if round.lane > 0 {
            let slot = lane_at(account, round.lane)?;
            let terms = &round.terms;
            let of_lane = (slot.content, slot.round, slot.share_bps, slot.cap, slot.term_seconds);
            let of_round = (content, number, terms.share_bps, terms.cap, terms.term_seconds);
            same("terms of a lane", &of_lane, &of_round)?;
            same("delivery of a lane", &i64::from(slot.delivered_at), &round.delivered_at)?;
            same("reserved of a lane", &slot.reserved, &[0; 14])?;
            owed = slot.owed.into();
            let seconds = slot.baseline_seconds;
            let earned = BigInt::from(slot.baseline_quotient) * seconds + slot.baseline_remainder;
            lane = Some(Lane {
                number: round.lane,
                baseline: (earned, seconds),
                earned_at_delivery: slot.earned_at_delivery.into(),
                high: slot.uplift_high.into(),
            });
        }
        Ok(Round {
            terms: round.terms,
            opener: self.actor_at(&round.opener)?,
            opened_at: round.opened_at,
            earned_at_opening: round.earned_at_opening.into(),
            stage,
            raised: round.raised.into(),
            escrow: self.world.amount(&round.escrow).into(),
            lane,
            owed,
            claimed: round.claimed.into(),
            positions,
        })
    }

    /// Every request that is open, and none that was not made.
    fn observe_requests(
        &self,
        shard: &Address,
        creators: &[Creator],
    ) -> Result<BTreeMap<RequestId, Request>, String> {
        let mut requests = BTreeMap::new();
        for (creator, slot) in (0..).zip(creators) {
            for number in 0..=slot.requests {
                let address = withdrawal_address(shard, creator, number);
                if !self.exists(&address) {
                    continue;
                }
                let request: Withdrawal = self.world.read(&address);
                let named = (request.shard, request.creator, request.number);
                same("withdrawal", &named, &(*shard, creator, number))?;
                let request = Request {
                    amount: request.amount.into(),
                    destination: self.tokens_at(&request.destination)?,
                    payer: self.actor_at(&request.payer)?,
                    executable_at: request.executable_at,
                    frozen: request.frozen,
                };
                requests.insert(RequestId { creator, number }, request);
            }
        }
        Ok(requests)
    }

    fn observe_proposals(
        &self,
        shard: &Address,
        creators: &[Creator],
    ) -> Result<BTreeMap<u32, Proposal>, String> {
        let mut proposals = BTreeMap::new();
        for (creator, _) in (0..).zip(creators) {
            let address = authority_transfer_address(shard, creator);
            if !self.exists(&address) {
                continue;
            }
            let transfer: AuthorityTransfer = self.world.read(&address);
            same("proposal", &(transfer.shard, transfer.creator), &(*shard, creator))?;
            let by = self.actor_at(&transfer.authority)?;
            let proposed = self.actor_at(&transfer.proposed)?;
            proposals.insert(creator, Proposal { by, proposed });
        }
        Ok(proposals)
    }

    fn exists(&self, address: &Address) -> bool {
        self.world.svm.get_account(address).is_some_and(|account| account.lamports > 0)
    }
}

/// The totals that a header keeps.
fn totals(account: &ShardState) -> Totals {
    let header = &account.header;
    Totals {
        reward_budget: header.reward_budget.into(),
        balances: header.balances.into(),
        delayed: header.delayed.into(),
        credited: header.credited.into(),
        owed: header.owed.into(),
    }
}

fn lane_at(account: &ShardState, number: u32) -> Result<&state::Lane, String> {
    let place = usize::try_from(number).expect("64 bits").checked_sub(1);
    let lane = place.and_then(|place| account.lanes.get(place));
    lane.ok_or_else(|| format!("there is no lane {number}"))
}

/// The rounds that earn on a content.
fn lanes_of(account: &ShardState, slot: &state::ContentSlot) -> Vec<RoundId> {
    let mut lanes = Vec::new();
    let mut number = number_of(slot.first_lane.into());
    while let Ok(lane) = lane_at(account, number) {
        lanes.push(RoundId { content: lane.content, number: lane.round });
        number = number_of(lane.next);
    }
    lanes
}

/// Lanes that were given back, the last one last.
fn free_lanes(account: &ShardState) -> Result<Vec<u32>, String> {
    let mut free = Vec::new();
    let mut number = account.header.free_lane;
    while number > 0 {
        free.push(number);
        number = number_of(lane_at(account, number)?.next);
    }
    free.reverse();
    let count = u32::try_from(free.len()).expect("few lanes");
    same("count of free lanes", &account.header.free_lanes, &count)?;
    Ok(free)
}

/// Refuses two values that differ.
pub fn same<T: std::fmt::Debug + PartialEq>(name: &str, program: &T, model: &T) -> Checked {
    if program == model {
        return Ok(());
    }
    Err(format!("{name} differs\n  program: {program:?}\n  model:   {model:?}"))
}
