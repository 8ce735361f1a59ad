//! From `chain_events` to published files.

mod shard;

use std::{collections::HashMap, sync::Arc};

use anchor_lang::prelude::Pubkey;
use diesel::{
    OptionalExtension, QueryableByName, sql_query,
    sql_types::{BigInt, Nullable, Text},
};
use diesel_async::RunQueryDsl;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use pixr_client::Platform;

use super::{
    IndexError,
    batches::{IndexedStep, steps},
    corrupt,
    files::{self, Changed, MANIFEST_FORMAT, Manifest, Place, manifest_path},
    metrics, registry,
    steps::Step,
};
use crate::{
    chain::Chain,
    crash_point,
    store::{Pool, StoreError},
};
use shard::Shard;

/// Files that are written at the same time.
const WRITES_AT_ONCE: usize = 64;

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
            shard.told(&tail);
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

fn write(file: &impl serde::Serialize) -> Result<Vec<u8>, IndexError> {
    files::write(file).map_err(|error| corrupt(error.to_string()))
}

async fn put(objects: &dyn ObjectStore, path: &Path, bytes: Vec<u8>) -> Result<(), IndexError> {
    objects.put(path, PutPayload::from(bytes)).await?;
    Ok(())
}
