//! How far a shard is published, and what its next files say.

use std::time::{Duration, Instant};

use diesel::{ExpressionMethods, QueryDsl, dsl::max};
use diesel_async::RunQueryDsl;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use solana_signature::Signature;

use super::{Through, write};
use crate::{
    index::{
        IndexError,
        batches::{IndexedStep, Range},
        corrupt,
        files::{
            self, BATCH_FORMAT, BatchFile, Changed, Digest, Outcome, Place, Registered,
            TAIL_FORMAT, TailFile,
        },
        registry,
        steps::NAMES,
    },
    store::{
        Pool, StoreError,
        schema::{chain_events, publications},
    },
};

/// Steps that are read at once.
const STEPS_AT_ONCE: i64 = 1_000;
/// A tail is written anew after this time although nothing happened in its shard, so that its last
/// transaction is one that RPC nodes still know.
const TAIL_AGE_MAX: Duration = Duration::from_secs(600);

/// A shard's publication.
pub(super) struct Shard {
    pub place: Place,
    /// The last published batch, its event, the SHA-256 of its file and the running hash after it.
    pub sequence: u64,
    pub event: i64,
    last_file: Option<Digest>,
    hash: Digest,
    /// What happened since, up to the event `read_through`.
    contents: Vec<Registered>,
    pub changes: Vec<Changed>,
    pub read_through: i64,
    /// The first content that is in no file.
    next_content: u32,
    /// What the tail of this process says: up to which event and transaction; and since when.
    tail: Option<(i64, Signature, Instant)>,
}

impl Shard {
    /// From the stored position. Files that a position counts and the object store does not have are
    /// written again, all of them.
    pub async fn load(
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

    /// What is to be read next, up to the event `through`.
    pub fn range(&self, through: i64) -> Result<Range<'static>, IndexError> {
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
    pub fn register(&mut self, new: Registered) {
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
    pub fn file(
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
    pub async fn advance(&self, store: &Pool, before: (u64, i64)) -> Result<bool, IndexError> {
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

    /// Takes note that the tail was written.
    pub fn told(&mut self, tail: &TailFile) {
        self.tail = Some((self.read_through, tail.through, Instant::now()));
    }

    /// The tail, if what is published is not what it would say, or is getting old.
    pub fn due_tail(&self, through: &Through) -> Result<Option<TailFile>, IndexError> {
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
