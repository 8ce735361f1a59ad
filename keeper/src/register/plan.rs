//! Which slot goes where. Pure: the same rows and the same shards give the same plan.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use anchor_lang::prelude::Pubkey;

use crate::views::ContentId;

/// Free slots of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub creators: u32,
    pub contents: u32,
}

/// What there is, and what the plan has added so far.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    /// By shard.
    pub rooms: Vec<Room>,
    /// Shards where a withdraw authority has a slot, in the order of their slots.
    pub creators: HashMap<Pubkey, Vec<u32>>,
    /// Ids that have a slot in some shard.
    pub contents: HashSet<ContentId>,
}

/// A creator or a content, by the creator's withdraw authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Creator(Pubkey),
    Content { id: ContentId, creator: Pubkey },
}

/// A content's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedContent {
    pub shard: u32,
    pub creator: Pubkey,
    pub id: ContentId,
}

/// What to register now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub creators: Vec<(u32, Pubkey)>,
    pub contents: Vec<PlacedContent>,
    /// For which no shard has room.
    pub left: Vec<Entry>,
    /// Had slots before, or come twice.
    pub known_creators: u64,
    pub known_contents: u64,
}

impl Slots {
    /// The shard for a new creator: the emptiest that has room for it and a content; of equal ones
    /// the first.
    fn emptiest(&self) -> Option<usize> {
        let room = |room: &Room| u64::from(room.creators) + u64::from(room.contents);
        (0..self.rooms.len())
            .filter(|shard| self.rooms[*shard].creators > 0 && self.rooms[*shard].contents > 0)
            .min_by_key(|shard| Reverse(room(&self.rooms[*shard])))
    }

    /// Gives a creator a slot in a shard with room.
    fn place_creator(&mut self, authority: Pubkey, plan: &mut Plan) -> Option<u32> {
        let at = self.emptiest()?;
        let shard = u32::try_from(at).ok()?;
        self.rooms[at].creators -= 1;
        self.creators.entry(authority).or_default().push(shard);
        plan.creators.push((shard, authority));
        Some(shard)
    }

    /// A shard with room where the creator has a slot.
    fn own_shard(&self, authority: &Pubkey) -> Option<u32> {
        let shards = self.creators.get(authority)?;
        let has_room = |shard: &&u32| {
            let at = usize::try_from(**shard).ok();
            at.and_then(|at| self.rooms.get(at)).is_some_and(|room| room.contents > 0)
        };
        shards.iter().find(has_room).copied()
    }

    fn place_content(&mut self, id: ContentId, creator: Pubkey, plan: &mut Plan) -> Option<()> {
        // A creator whose shards are full of contents gets a slot in another.
        let shard = self.own_shard(&creator).or_else(|| self.place_creator(creator, plan))?;
        self.rooms[usize::try_from(shard).ok()?].contents -= 1;
        self.contents.insert(id);
        plan.contents.push(PlacedContent { shard, creator, id });
        Some(())
    }

    /// How many shards with as much room as `each` are missing for those of `entries` that have no
    /// slot: with them in place before anything is, a creator's contents come together.
    pub fn lacking(&self, entries: &[Entry], each: Room) -> u32 {
        let (mut creators, mut contents) = (HashSet::new(), HashSet::new());
        for entry in entries {
            let creator = match entry {
                Entry::Creator(creator) => creator,
                Entry::Content { id, .. } if self.contents.contains(id) => continue,
                Entry::Content { id, creator } => {
                    contents.insert(id);
                    creator
                }
            };
            if !self.creators.contains_key(creator) {
                creators.insert(creator);
            }
        }
        let missing = |wanted: usize, room: fn(&Room) -> u32| {
            let free: u64 = self.rooms.iter().map(|shard| u64::from(room(shard))).sum();
            let wanted = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_sub(free);
            wanted.div_ceil(u64::from(room(&each)).max(1))
        };
        let creators = missing(creators.len(), |room| room.creators);
        let contents = missing(contents.len(), |room| room.contents);
        u32::try_from(creators.max(contents)).unwrap_or(u32::MAX)
    }

    /// Places `entries` in their order.
    pub fn plan(&mut self, entries: impl IntoIterator<Item = Entry>) -> Plan {
        let mut plan = Plan::default();
        for entry in entries {
            let placed = match entry {
                Entry::Creator(authority) if self.creators.contains_key(&authority) => {
                    plan.known_creators += 1;
                    Some(())
                }
                Entry::Creator(authority) => self.place_creator(authority, &mut plan).map(|_| ()),
                Entry::Content { id, .. } if self.contents.contains(&id) => {
                    plan.known_contents += 1;
                    Some(())
                }
                Entry::Content { id, creator } => self.place_content(id, creator, &mut plan),
            };
            if placed.is_none() {
                plan.left.push(entry);
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wallet(number: u8) -> Pubkey {
        Pubkey::new_from_array([number; 32])
    }

    fn id(number: u8) -> ContentId {
        ContentId([number; 16])
    }

    fn content(number: u8, creator: u8) -> Entry {
        Entry::Content { id: id(number), creator: wallet(creator) }
    }

    fn slots(rooms: &[(u32, u32)]) -> Slots {
        let rooms = rooms
            .iter()
            .map(|(creators, contents)| Room { creators: *creators, contents: *contents });
        Slots { rooms: rooms.collect(), ..Slots::default() }
    }

    #[test]
    fn creators_spread_over_the_emptiest_shards() {
        let plan =
            slots(&[(3, 5), (4, 5), (9, 0)]).plan((1..=9).map(|n| Entry::Creator(wallet(n))));
        let shards: Vec<_> = plan.creators.iter().map(|(shard, _)| *shard).collect();
        assert_eq!(shards, [1, 0, 1, 0, 1, 0, 1]);
        assert_eq!(plan.left, [Entry::Creator(wallet(8)), Entry::Creator(wallet(9))]);
    }

    #[test]
    fn contents_follow_their_creator() {
        let mut slots = slots(&[(2, 9), (2, 9)]);
        slots.creators.insert(wallet(1), vec![1]);
        let plan = slots.plan([content(1, 1), content(2, 2), content(3, 2), content(4, 1)]);
        let placed: Vec<_> = plan.contents.iter().map(|c| (c.shard, c.creator)).collect();
        assert_eq!(placed, [(1, wallet(1)), (0, wallet(2)), (0, wallet(2)), (1, wallet(1))]);
        assert_eq!(plan.creators, [(0, wallet(2))]);
    }

    #[test]
    fn a_creator_whose_shard_is_full_gets_a_slot_in_the_next() {
        let mut slots = slots(&[(5, 1)]);
        let rows = [content(1, 1), content(2, 1), content(3, 2)];
        let first = slots.plan(rows);
        assert_eq!(first.contents.len(), 1);
        assert_eq!(first.left, rows[1..]);
        slots.rooms.push(Room { creators: 5, contents: 5 });
        let second = slots.plan(first.left);
        assert_eq!(second.creators, [(1, wallet(1)), (1, wallet(2))]);
        assert_eq!(second.contents.len(), 2);
        assert_eq!(slots.creators[&wallet(1)], [0, 1]);
    }

    #[test]
    fn shards_are_missing_for_what_is_neither_known_nor_has_room() {
        let mut slots = slots(&[(2, 3), (0, 1)]);
        slots.creators.insert(wallet(1), vec![0]);
        slots.contents.insert(id(1));
        let each = Room { creators: 2, contents: 4 };
        let lacking = |numbers: std::ops::Range<u8>, creator: fn(u8) -> u8| {
            let entries: Vec<_> = numbers.map(|n| content(n, creator(n))).collect();
            slots.lacking(&entries, each)
        };
        assert_eq!(lacking(1..6, |_| 1), 0, "one is known, and there is room for four");
        assert_eq!(lacking(1..7, |_| 1), 1);
        assert_eq!(lacking(1..11, |_| 1), 2);
        assert_eq!(lacking(2..6, |n| n), 1, "four new creators, and room for two");
        let twice = [content(2, 1), content(2, 1), Entry::Creator(wallet(1))].repeat(9);
        assert_eq!(slots.lacking(&twice, each), 0);
        assert_eq!(slots.lacking(&[content(2, 1); 1], Room { creators: 0, contents: 0 }), 0);
    }

    #[test]
    fn what_is_known_or_comes_twice_is_not_registered_again() {
        let mut slots = slots(&[(5, 5)]);
        slots.contents.insert(id(9));
        let entry = Entry::Creator(wallet(1));
        let plan = slots.plan([entry, entry, content(9, 1), content(1, 1), content(1, 2)]);
        assert_eq!((plan.creators.len(), plan.contents.len()), (1, 1));
        assert_eq!((plan.known_creators, plan.known_contents), (1, 2));
        assert_eq!(slots.plan([entry, content(1, 1)]).contents, []);
    }
}
