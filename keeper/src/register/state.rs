//! The slots of every shard, read from the chain.

use std::collections::HashMap;

use anchor_lang::prelude::Pubkey;
use pixr::state::shard::{Capacities, ShardRef};

use super::{
    RegisterError,
    plan::{Room, Slots},
};
use crate::{
    app::{App, Ledger, ShardHead},
    views::ContentId,
};

/// Shards as they are, with what a plan needs to know of their slots.
pub(super) struct State {
    pub shards: Vec<ShardHead>,
    pub slots: Slots,
    /// The withdraw authority of each creator slot, by shard.
    pub authorities: Vec<Vec<Pubkey>>,
}

impl State {
    /// Reads every shard whole.
    pub async fn read(app: &App) -> anyhow::Result<Self> {
        let ledger = Ledger::finalized(app);
        let mut state =
            Self { shards: Vec::new(), slots: Slots::default(), authorities: Vec::new() };
        for mut head in ledger.shards().await? {
            let account = ledger.shard_account(&head).await?;
            let shard = ShardRef::parse(&account.data)?;
            // The header of this very account, so that it fits the slots.
            head.header = *shard.header;
            state.add(head, &shard);
        }
        Ok(state)
    }

    fn add(&mut self, head: ShardHead, shard: &ShardRef) {
        let header = &head.header;
        self.slots.rooms.push(Room {
            creators: header.creator_capacity.saturating_sub(header.creator_count),
            contents: header.content_capacity.saturating_sub(header.content_count),
        });
        let authorities: Vec<_> = shard.creators.iter().map(|slot| slot.authority).collect();
        for authority in &authorities {
            let shards = self.slots.creators.entry(*authority).or_default();
            if !shards.contains(&head.number) {
                shards.push(head.number);
            }
        }
        self.slots.contents.extend(shard.contents.iter().map(|slot| ContentId(slot.id)));
        self.shards.push(head);
        self.authorities.push(authorities);
    }

    /// The index of every creator by shard and withdraw authority; of several the first.
    pub fn indices(&self) -> HashMap<(u32, Pubkey), u32> {
        let mut indices = HashMap::new();
        for (shard, authorities) in (0..).zip(&self.authorities) {
            for (index, authority) in (0..).zip(authorities) {
                indices.entry((shard, *authority)).or_insert(index);
            }
        }
        indices
    }

    /// The withdraw authority of a slot.
    pub fn authority(&self, shard: u32, index: u32) -> Option<Pubkey> {
        let authorities = self.authorities.get(usize::try_from(shard).ok()?)?;
        authorities.get(usize::try_from(index).ok()?).copied()
    }

    /// The shard with this number.
    pub fn shard(&self, number: u32) -> anyhow::Result<&ShardHead> {
        let shard = usize::try_from(number).ok().and_then(|at| self.shards.get(at));
        shard.ok_or_else(|| anyhow::anyhow!("there is no shard {number}"))
    }

    /// The capacities of the last shard, for the next one.
    pub fn last_capacities(&self) -> Result<Capacities, RegisterError> {
        let header = &self.shards.last().ok_or(RegisterError::NoShard)?.header;
        Ok(Capacities {
            creators: header.creator_capacity,
            contents: header.content_capacity,
            lanes: header.lane_capacity,
        })
    }

    /// The room of the next shard.
    pub fn next_room(&self) -> Result<Room, RegisterError> {
        let Capacities { creators, contents, .. } = self.last_capacities()?;
        Ok(Room { creators, contents })
    }
}
