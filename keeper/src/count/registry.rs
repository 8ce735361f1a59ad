//! Which slot of which shard a content has.
//!
//! Ten million contents take about 350 MB: their ids, shard by shard in the order of their slots, and a
//! table that has nothing but slots and finds the id to compare where it lies.

use std::{
    hash::BuildHasher,
    sync::{PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods, QueryDsl, QueryableByName, sql_query,
    sql_types::{BigInt, Integer},
};
use diesel_async::RunQueryDsl;
use hashbrown::{DefaultHashBuilder, HashTable};
use pixr::constants::CONTENTS_MAX;
use tokio::{sync::Mutex, time::Instant};

use crate::{
    store::{Connection, Pool, StoreError, schema::contents},
    views::ContentId,
};

/// Rows that are read at once.
const PAGE_ROWS: i64 = 50_000;
/// At least this much time is between two looks for new contents.
const REFRESH_INTERVAL: Duration = Duration::from_millis(50);
/// Bits of a slot's index in its shard.
const CONTENT_BITS: u32 = 24;
/// Numbers of shards are below this.
const SHARDS_MAX: i32 = 1 << 26;

const _: () = assert!(CONTENTS_MAX == 1 << CONTENT_BITS);

/// Where a content's views are credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// Number of the shard, below 2^26.
    pub shard: u32,
    /// Index of the content slot, below 2^24.
    pub content: u32,
}

/// The contents of all shards, as far as the database has them.
pub struct Registry {
    pool: Pool,
    known: RwLock<Known>,
    refreshed: Mutex<Option<Refreshed>>,
}

#[derive(Clone, Copy)]
struct Refreshed {
    /// By the clock that batches are stamped with.
    at: DateTime<Utc>,
    since: Instant,
}

#[derive(QueryableByName)]
struct LastContent {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = BigInt)]
    contents: i64,
}

impl Registry {
    /// Loads every content that the database has.
    pub async fn load(pool: Pool) -> Result<Self, StoreError> {
        let registry = Self { pool, known: RwLock::default(), refreshed: Mutex::new(None) };
        registry.refresh(DateTime::<Utc>::MAX_UTC).await?;
        Ok(registry)
    }

    /// Finds the slots of contents.
    pub fn look(&self) -> Look<'_> {
        // It is only ever added to, row by row.
        Look(self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes sure that everything is known that the database had when a batch came in at `received`.
    ///
    /// Not more often than every 50 milliseconds, so that whoever sends views of contents that do
    /// not exist does not keep the database busy: whoever comes earlier waits.
    pub async fn refresh(&self, received: DateTime<Utc>) -> Result<(), StoreError> {
        let mut refreshed = self.refreshed.lock().await;
        if let Some(last) = *refreshed {
            if last.at > received {
                return Ok(());
            }
            tokio::time::sleep_until(last.since + REFRESH_INTERVAL).await;
        }
        let now = Refreshed { at: Utc::now(), since: Instant::now() };
        let mut connection = self.pool.get().await?;
        for LastContent { shard, contents } in last_contents(&mut connection).await? {
            self.refresh_shard(&mut connection, shard, contents).await?;
        }
        *refreshed = Some(now);
        Ok(())
    }

    async fn refresh_shard(
        &self,
        connection: &mut Connection,
        shard: i32,
        total: i64,
    ) -> Result<(), StoreError> {
        let wrong =
            |what: String| StoreError::Corrupt(format!("contents of shard {shard}: {what}"));
        let number = u32::try_from(shard).ok().filter(|_| shard < SHARDS_MAX);
        let number = number.ok_or_else(|| wrong("its number cannot be".into()))?;
        loop {
            let known = self.look().0.shard_len(number) as i64;
            if known >= total {
                return Ok(());
            }
            let rows: Vec<(i32, Vec<u8>)> = contents::table
                .filter(contents::shard.eq(shard))
                .filter(contents::content.ge(i32::try_from(known).unwrap_or(i32::MAX)))
                .order(contents::content)
                .select((contents::content, contents::id))
                .limit(PAGE_ROWS)
                .load(connection)
                .await?;
            let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
            all.reserve(number, rows.len());
            for (row, expected) in rows.iter().zip(known..) {
                let (content, id) = row;
                if i64::from(*content) != expected {
                    // Slots are filled from the front: the one that is missing is yet to come.
                    return Ok(());
                }
                let id = id.as_slice().try_into().map(ContentId);
                all.add(number, id.map_err(|_| wrong(format!("the id of slot {content}")))?);
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
    }
}

/// For each shard, how many content slots it has.
async fn last_contents(connection: &mut Connection) -> Result<Vec<LastContent>, StoreError> {
    // The last of each shard by the index, instead of a count of everything.
    const LAST: &str = "
        SELECT number AS shard, last.content::BIGINT + 1 AS contents
        FROM shards
        CROSS JOIN LATERAL (
            SELECT content FROM contents WHERE shard = number ORDER BY content DESC LIMIT 1
        ) AS last
        ORDER BY number";

    Ok(sql_query(LAST).load(connection).await?)
}

/// Finds the slots of contents while nothing is added.
pub struct Look<'a>(RwLockReadGuard<'a, Known>);

impl Look<'_> {
    /// The slot of a content: of the first shard that has it.
    pub fn slot(&self, id: &ContentId) -> Option<Slot> {
        self.0.slot(id)
    }

    /// How many contents have a slot.
    pub fn len(&self) -> usize {
        self.0.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory that all of it takes, in bytes.
    pub fn bytes(&self) -> usize {
        let ids = self.0.shards.iter().map(|shard| shard.ids.capacity() * size_of::<ContentId>());
        ids.sum::<usize>() + self.0.slots.allocation_size()
    }
}

#[derive(Default)]
struct Known {
    /// In ascending order of their numbers.
    shards: Vec<Shard>,
    /// Place of the shard, and index of the slot.
    slots: HashTable<Packed>,
    hasher: DefaultHashBuilder,
}

struct Shard {
    number: u32,
    ids: Vec<ContentId>,
}

/// The number of a shard above the index of a slot.
#[derive(Clone, Copy)]
struct Packed([u8; 7]);

impl Packed {
    fn new(slot: Slot) -> Self {
        let bits = u64::from(slot.shard) << CONTENT_BITS | u64::from(slot.content);
        let [bytes @ .., _] = bits.to_le_bytes();
        Self(bytes)
    }

    fn slot(self) -> Slot {
        let mut bytes = [0; 8];
        bytes[..7].copy_from_slice(&self.0);
        let bits = u64::from_le_bytes(bytes);
        Slot {
            shard: (bits >> CONTENT_BITS) as u32,
            content: (bits & ((1 << CONTENT_BITS) - 1)) as u32,
        }
    }
}

impl Known {
    fn shard_len(&self, number: u32) -> usize {
        place(&self.shards, number).map_or(0, |place| self.shards[place].ids.len())
    }

    fn slot(&self, id: &ContentId) -> Option<Slot> {
        let hash = self.hasher.hash_one(id);
        let is_this = |packed: &Packed| id_of(&self.shards, packed.slot()) == Some(id);
        self.slots.find(hash, is_this).map(|packed| packed.slot())
    }

    /// Makes room for `more` contents of a shard.
    fn reserve(&mut self, number: u32, more: usize) {
        let place = place(&self.shards, number).unwrap_or_else(|place| {
            self.shards.insert(place, Shard { number, ids: Vec::new() });
            place
        });
        let ids = &mut self.shards[place].ids;
        if ids.len() + more > ids.capacity() {
            // Less than a vector takes by itself: most shards are full and stay as they are.
            ids.reserve_exact(more.max(ids.len() / 8));
        }
    }

    /// Gives the next slot of a shard to `id`.
    fn add(&mut self, number: u32, id: ContentId) {
        let Self { shards, slots, hasher } = self;
        let Ok(place) = place(shards, number) else { return };
        let ids = &mut shards[place].ids;
        let slot = Slot { shard: number, content: ids.len() as u32 };
        ids.push(id);
        let hash = hasher.hash_one(id);
        match slots.find_mut(hash, |packed| id_of(shards, packed.slot()) == Some(&id)) {
            // The first shard that has an id counts its views.
            Some(known) if known.slot() <= slot => {}
            Some(known) => *known = Packed::new(slot),
            None => {
                slots.insert_unique(hash, Packed::new(slot), |packed| {
                    let id = id_of(shards, packed.slot());
                    hasher.hash_one(id.expect("every slot of the table has an id"))
                });
            }
        }
    }
}

/// Where a shard is in the list; or where it belongs.
fn place(shards: &[Shard], number: u32) -> Result<usize, usize> {
    // Nearly always, shards are numbered without gaps.
    match shards.get(number as usize) {
        Some(shard) if shard.number == number => Ok(number as usize),
        _ => shards.binary_search_by_key(&number, |shard| shard.number),
    }
}

fn id_of(shards: &[Shard], slot: Slot) -> Option<&ContentId> {
    let place = place(shards, slot.shard).ok()?;
    shards[place].ids.get(slot.content as usize)
}

#[cfg(test)]
pub mod tests;
