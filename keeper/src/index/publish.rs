//! From `chain_events` to published files.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anchor_lang::prelude::Pubkey;
use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, QueryableByName,
    dsl::max,
    sql_query,
    sql_types::{BigInt, Nullable, Text},
};
use diesel_async::RunQueryDsl;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use pixr_client::Platform;
use solana_signature::Signature;

use super::{
    IndexError,
    batches::{IndexedStep, Range, steps},
    corrupt,
    files::{
        self, BATCH_FORMAT, BatchFile, Changed, Digest, MANIFEST_FORMAT, Manifest, Outcome, Place,
        Registered, TAIL_FORMAT, TailFile, manifest_path,
    },
    metrics, registry,
    steps::{NAMES, Step},
};
use crate::{
    chain::Chain,
    crash_point,
    store::{
        Pool, StoreError,
        schema::{chain_events, publications},
    },
};

/// Steps that are read at once.
const STEPS_AT_ONCE: i64 = 1_000;
/// Files that are written at the same time.
const WRITES_AT_ONCE: usize = 64;
/// A tail is written anew after this time although nothing happened in its shard, so that its last
/// transaction is one that RPC nodes still know.
const TAIL_AGE_MAX: Duration = Duration::from_secs(600);

/// What a pass has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Files of batches.
    pub batches: usize,
}

/// Writes what is indexed and not published yet.
///
/// Positions move only after the files are written, and the same events always give the same bytes:
/// whatever is interrupted is done again.
pub struct Publisher {
    store: Pool,
    chain: Arc<dyn Chain>,
    objects: Arc<dyn ObjectStore>,
    platform: Platform,
    shards: HashMap<u32, Shard>,
    listed: Option<Vec<Pubkey>>,
}

/// How far the index is.
#[derive(QueryableByName)]
struct Through {
    #[diesel(sql_type = Text)]
    signature: String,
    #[diesel(sql_type = BigInt)]
    slot: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    event: Option<i64>,
}

impl Publisher {
    pub fn new(
        store: Pool,
        chain: Arc<dyn Chain>,
        objects: Arc<dyn ObjectStore>,
        platform: Platform,
    ) -> Self {
        Self { store, chain, objects, platform, shards: HashMap::new(), listed: None }
    }

    /// Publishes up to the end of the index.
    pub async fn publish_once(&mut self) -> Result<Published, IndexError> {
        let Some(through) = self.through().await? else { return Ok(Published::default()) };
        let shards = registry::known_shards(&self.store).await?;
        self.list(&shards).await?;
        let mut published = Published::default();
        for (number, address) in shards {
            // Taken out: after an error it is read anew.
            let shard = match self.shards.remove(&number) {
                Some(shard) => shard,
                None => {
                    let place = Place::new(self.platform.address, number, address);
                    Shard::load(&self.store, &*self.objects, place).await?
                }
            };
            if let Some(shard) = self.publish(shard, &through, &mut published).await? {
                self.shards.insert(number, shard);
            }
        }
        Ok(published)
    }

    /// Reads position and last event in one statement: they belong together.
    async fn through(&self) -> Result<Option<Through>, IndexError> {
        let through = sql_query(
            "SELECT signature, slot, (SELECT max(id) FROM chain_events) AS event
             FROM index_cursors WHERE address = $1",
        )
        .bind::<Text, _>(self.platform.address.to_string())
        .get_result(&mut self.store.get().await.map_err(StoreError::from)?)
        .await
        .optional()?;
        Ok(through)
    }

    async fn list(&mut self, shards: &[(u32, Pubkey)]) -> Result<(), IndexError> {
        let addresses: Vec<_> = shards.iter().map(|(_, address)| *address).collect();
        if self.listed.as_ref() == Some(&addresses) {
            return Ok(());
        }
        if !(0_u32..).zip(shards).all(|(number, (known, _))| number == *known) {
            return Err(corrupt("a shard is not indexed"));
        }
        let Platform { address, mint, .. } = self.platform;
        let manifest = Manifest {
            format: MANIFEST_FORMAT.into(),
            program: pixr::ID,
            platform: address,
            mint,
            shards: addresses.clone(),
        };
        put(&*self.objects, &manifest_path(&address), write(&manifest)?).await?;
        self.listed = Some(addresses);
        Ok(())
    }

    /// Publishes one shard. Nothing is returned when another keeper published at the same time.
    async fn publish(
        &self,
        mut shard: Shard,
        through: &Through,
        published: &mut Published,
    ) -> Result<Option<Shard>, IndexError> {
        let last = through.event.unwrap_or(0);
        while shard.read_through < last {
            let range = shard.range(last)?;
            let found = steps(&self.store, range).await?;
            let all = i64::try_from(found.len()).is_ok_and(|count| count < range.limit);
            let before = (shard.sequence, shard.event);
            let files = self.files(&mut shard, found).await?;
            if all {
                shard.read_through = last;
            }
            if files.is_empty() {
                continue;
            }
            published.batches += files.len();
            metrics::published(files.len());
            stream::iter(files)
                .map(|(path, bytes)| async move { put(&*self.objects, &path, bytes).await })
                .buffer_unordered(WRITES_AT_ONCE)
                .try_collect::<()>()
                .await?;
            crash_point!("published");
            if !shard.advance(&self.store, before).await? {
                return Ok(None);
            }
        }
        if let Some(tail) = shard.due_tail(through)? {
            put(&*self.objects, &shard.place.tail_path(), write(&tail)?).await?;
            shard.tail = Some((shard.read_through, tail.through, Instant::now()));
        }
        Ok(Some(shard))
    }

    /// Takes steps in and returns the files of the batches among them.
    async fn files(
        &self,
        shard: &mut Shard,
        steps: Vec<IndexedStep>,
    ) -> Result<Vec<(Path, Vec<u8>)>, IndexError> {
        let mut files = Vec::new();
        for mut step in steps {
            shard.read_through = step.id;
            match step.step {
                Step::Registered(new) => shard.register(new),
                Step::Changed(change) => {
                    shard.changes.push(Changed { signature: step.signature, change });
                }
                Step::Batch(batch) => {
                    let place = (shard.place.shard, &shard.place.address);
                    let entries = step.entries(&*self.chain, place, &batch).await?;
                    files.push(shard.file(&step, batch, entries)?);
                }
            }
        }
        Ok(files)
    }
}

/// A shard's publication.
struct Shard {
    place: Place,
    /// The last published batch, its event, the SHA-256 of its file and the running hash after it.
    sequence: u64,
    event: i64,
    last_file: Option<Digest>,
    hash: Digest,
    /// What happened since, up to the event `read_through`.
    contents: Vec<Registered>,
    changes: Vec<Changed>,
    read_through: i64,
    /// The first content that is in no file.
    next_content: u32,
    /// What the tail of this process says: up to which event and transaction; and since when.
    tail: Option<(i64, Signature, Instant)>,
}

impl Shard {
    /// From the stored position. Files that a position counts and the object store does not have are
    /// written again, all of them.
    async fn load(
        store: &Pool,
        objects: &dyn ObjectStore,
        place: Place,
    ) -> Result<Self, IndexError> {
        let number = registry::signed(place.shard)?;
        let mut connection = store.get().await.map_err(StoreError::from)?;
        diesel::insert_into(publications::table)
            .values((
                publications::shard.eq(number),
                publications::sequence.eq(0),
                publications::event.eq(0),
            ))
            .on_conflict_do_nothing()
            .execute(&mut connection)
            .await?;
        let (sequence, event): (i64, i64) = publications::table
            .filter(publications::shard.eq(number))
            .select((publications::sequence, publications::event))
            .first(&mut connection)
            .await?;
        let sequence = u64::try_from(sequence).map_err(|_| corrupt("a publication"))?;
        let last_content: Option<i32> = chain_events::table
            .filter(chain_events::shard.eq(number))
            .filter(chain_events::name.eq("ContentRegistered"))
            .filter(chain_events::id.le(event))
            .select(max(chain_events::content))
            .first(&mut connection)
            .await?;
        let next_content = last_content.map_or(Ok(0), |last| u32::try_from(last).map(|it| it + 1));
        let mut new = Self {
            place,
            sequence,
            event,
            last_file: None,
            hash: Digest::default(),
            contents: Vec::new(),
            changes: Vec::new(),
            read_through: event,
            next_content: next_content.map_err(|_| corrupt("a content"))?,
            tail: None,
        };
        drop(connection);
        if sequence > 0 {
            new.load_last_file(store, objects).await?;
        }
        Ok(new)
    }

    async fn load_last_file(
        &mut self,
        store: &Pool,
        objects: &dyn ObjectStore,
    ) -> Result<(), IndexError> {
        let path = self.place.batch_path(self.sequence);
        match objects.get(&path).await {
            Ok(found) => {
                let bytes = found.bytes().await?;
                let file: BatchFile = files::read(&bytes)
                    .map_err(|problem| corrupt(format!("the file {path}: {problem}")))?;
                self.last_file = Some(Digest::of(&bytes));
                self.hash = file.batch.hash;
                Ok(())
            }
            Err(object_store::Error::NotFound { .. }) => {
                tracing::warn!(%path, "a published file is gone: the shard is published anew");
                let before = (self.sequence, self.event);
                (self.sequence, self.event, self.read_through, self.next_content) = (0, 0, 0, 0);
                // Where another keeper was faster, that is found when the position is to move.
                self.advance(store, before).await.map(|_| ())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn range(&self, through: i64) -> Result<Range<'static>, IndexError> {
        Ok(Range {
            shard: registry::signed(self.place.shard)?,
            after: self.read_through,
            through,
            names: &NAMES,
            content: None,
            limit: STEPS_AT_ONCE,
        })
    }

    /// Takes note of a new content. Where the log of a transaction was cut off, contents before it
    /// are missing: they were registered under the same settings.
    fn register(&mut self, new: Registered) {
        let Registered { first: content, quality, .. } = new;
        let first = self.next_content.min(content);
        let count = content.saturating_sub(first).saturating_add(1);
        self.next_content = content.saturating_add(1);
        match self.contents.last_mut() {
            Some(last) if last.quality == quality && last.first + last.count == first => {
                last.count += count;
            }
            _ => self.contents.push(Registered { first, count, quality }),
        }
    }

    /// The file of the next batch.
    fn file(
        &mut self,
        step: &IndexedStep,
        batch: Outcome,
        entries: Vec<u8>,
    ) -> Result<(Path, Vec<u8>), IndexError> {
        let next = self.sequence.saturating_add(1);
        let hash = batch.kind.0.chain(&self.hash.0, &entries);
        if batch.sequence != next || hash != batch.hash.0 {
            let Place { shard, .. } = self.place;
            return Err(corrupt(format!(
                "batch {} of shard {shard} does not follow batch {}",
                batch.sequence, self.sequence
            )));
        }
        let file = BatchFile {
            format: BATCH_FORMAT.into(),
            place: self.place.clone(),
            previous_file: self.last_file,
            previous_hash: self.hash,
            batch,
            entries,
            signature: step.signature,
            slot: step.slot,
            block_time: step.block_time.map(|time| time.timestamp()),
            contents: std::mem::take(&mut self.contents),
            changes: std::mem::take(&mut self.changes),
        };
        let bytes = write(&file)?;
        self.last_file = Some(Digest::of(&bytes));
        (self.sequence, self.event, self.hash) = (batch.sequence, step.id, batch.hash);
        Ok((self.place.batch_path(batch.sequence), bytes))
    }

    /// Stores the position. `false` when another keeper has moved it since.
    async fn advance(&self, store: &Pool, before: (u64, i64)) -> Result<bool, IndexError> {
        let signed = |sequence| i64::try_from(sequence).map_err(|_| corrupt("a sequence"));
        let moved = diesel::update(publications::table)
            .filter(publications::shard.eq(registry::signed(self.place.shard)?))
            .filter(publications::sequence.eq(signed(before.0)?))
            .filter(publications::event.eq(before.1))
            .set((
                publications::sequence.eq(signed(self.sequence)?),
                publications::event.eq(self.event),
            ))
            .execute(&mut store.get().await.map_err(StoreError::from)?)
            .await?;
        Ok(moved == 1)
    }

    /// The tail, if what is published is not what it would say, or is getting old.
    fn due_tail(&self, through: &Through) -> Result<Option<TailFile>, IndexError> {
        let signature = through.signature.parse().map_err(|_| corrupt("the cursor"))?;
        if let Some((event, written, at)) = self.tail
            && event == self.read_through
            && (written == signature || at.elapsed() < TAIL_AGE_MAX)
        {
            return Ok(None);
        }
        Ok(Some(TailFile {
            format: TAIL_FORMAT.into(),
            place: self.place.clone(),
            sequence: self.sequence,
            previous_file: self.last_file,
            previous_hash: self.hash,
            contents: self.contents.clone(),
            changes: self.changes.clone(),
            through: signature,
            through_slot: u64::try_from(through.slot).map_err(|_| corrupt("the cursor"))?,
        }))
    }
}

fn write(file: &impl serde::Serialize) -> Result<Vec<u8>, IndexError> {
    files::write(file).map_err(|error| corrupt(error.to_string()))
}

async fn put(objects: &dyn ObjectStore, path: &Path, bytes: Vec<u8>) -> Result<(), IndexError> {
    objects.put(path, PutPayload::from(bytes)).await?;
    Ok(())
}
