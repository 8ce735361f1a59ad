//! Finds events in the retained log, with what became of them.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use pixr::entries::Packed;

use super::{Finding, VALUES_MAX};
use crate::{
    config::CountingConfig,
    count::{CountError, corrupt, rebuild::stored_verdicts, registry::Slot},
    log::{EventLog, LoggedBatch, Partition, Position},
    store::{
        Connection, Pool, StoreError,
        schema::{contents, windows},
    },
    views::{
        ContentId, Verdict,
        codec::{decode, decode_verdicts, ids},
    },
};

/// Batches that are looked through at once.
const PAGE_BATCHES: usize = 16;
/// Clocks of several processes may differ so much.
const CLOCKS_DIFFER_MAX: TimeDelta = TimeDelta::minutes(10);

/// What became of an event.
pub enum Found {
    Counted(Place),
    NotCounted,
    Pending,
    Nowhere,
}

/// Where in the log an event counted, and for what.
#[derive(Clone, Copy)]
pub struct Place {
    partition: Partition,
    position: Position,
    content: ContentId,
    pub relevance: u16,
}

/// Looks for events, each reported once however often it was named.
pub async fn search(
    pool: &Pool,
    log: &dyn EventLog,
    config: &CountingConfig,
    events: &[Finding],
) -> Result<HashMap<[u8; 16], Found>, CountError> {
    let mut found: HashMap<_, _> =
        events.iter().map(|finding| (finding.event, Found::Nowhere)).collect();
    let (since, until) = bounds(config, events);
    for partition in 0..log.partitions() {
        let partition = Partition(partition);
        let mut after = Position::START;
        loop {
            let page = log.history(partition, after, since, PAGE_BATCHES).await?;
            let Some(last) = page.last() else { break };
            if page[0].batch.received_at > until {
                break;
            }
            after = last.position;
            look_through(pool, partition, page, &mut found).await?;
        }
    }
    Ok(found)
}

/// When batches came in that can have these events as counted ones.
fn bounds(config: &CountingConfig, events: &[Finding]) -> (DateTime<Utc>, DateTime<Utc>) {
    let ats: Option<Vec<_>> = events.iter().map(|finding| finding.at_ms).collect();
    let (Some(first), Some(last)) =
        ats.map_or((None, None), |ats| (ats.iter().min().copied(), ats.iter().max().copied()))
    else {
        return (DateTime::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC);
    };
    let since = first.saturating_sub(config.ahead_max_seconds.millis());
    let until = last.saturating_add(config.age_max_seconds.millis());
    let since = DateTime::from_timestamp_millis(since).unwrap_or(DateTime::UNIX_EPOCH);
    let until = DateTime::from_timestamp_millis(until).unwrap_or(DateTime::<Utc>::MAX_UTC);
    (since.max(DateTime::UNIX_EPOCH), until.checked_add_signed(CLOCKS_DIFFER_MAX).unwrap_or(until))
}

async fn look_through(
    pool: &Pool,
    partition: Partition,
    mut page: Vec<LoggedBatch>,
    found: &mut HashMap<[u8; 16], Found>,
) -> Result<(), CountError> {
    let mut wrong = None;
    page.retain(|logged| match ids(&logged.batch.payload) {
        Ok(ids) => ids.iter().any(|id| found.contains_key(id)),
        Err(error) => {
            wrong = Some(corrupt(partition, logged.position, error));
            false
        }
    });
    if let Some(error) = wrong {
        return Err(error);
    }
    if page.is_empty() {
        return Ok(());
    }
    let verdicts: HashMap<_, _> =
        stored_verdicts(pool, partition, &page).await?.into_iter().collect();
    for logged in &page {
        let verdicts = verdicts.get(&logged.position.0).map(Vec::as_slice);
        read_batch(partition, logged, verdicts, found)?;
    }
    Ok(())
}

fn read_batch(
    partition: Partition,
    logged: &LoggedBatch,
    verdicts: Option<&[u8]>,
    found: &mut HashMap<[u8; 16], Found>,
) -> Result<(), CountError> {
    let position = logged.position;
    let events =
        decode(&logged.batch.payload).map_err(|error| corrupt(partition, position, error))?;
    let verdicts = verdicts
        .map(|bytes| decode_verdicts(bytes, events.len()))
        .transpose()
        .map_err(|error| StoreError::Corrupt(format!("verdicts of {position:?}: {error}")))?;
    for (index, event) in events.iter().enumerate() {
        let Some(state) = found.get_mut(&event.id) else { continue };
        if matches!(state, Found::Counted(_)) {
            continue;
        }
        *state = match verdicts.as_ref().map(|verdicts| verdicts[index]) {
            Some(Verdict::Counted) => {
                let (content, relevance) = (event.content, event.relevance);
                Found::Counted(Place { partition, position, content, relevance })
            }
            // Of several tries to send an event, one may still be judged.
            Some(_) if matches!(state, Found::Pending) => Found::Pending,
            Some(_) => Found::NotCounted,
            None => Found::Pending,
        };
    }
    Ok(())
}

/// The slots in which events counted.
pub async fn slots(
    connection: &mut Connection,
    counted: &HashMap<[u8; 16], Place>,
) -> Result<HashMap<[u8; 16], (Slot, u16)>, StoreError> {
    let wanted: Vec<_> =
        counted.values().map(|place| place.content).collect::<BTreeSet<_>>().into_iter().collect();
    let mut known: HashMap<ContentId, Vec<Slot>> = HashMap::new();
    for wanted in wanted.chunks(VALUES_MAX) {
        let rows: Vec<(Vec<u8>, i32, i32)> = contents::table
            .filter(contents::id.eq_any(wanted.iter().map(|content| content.0.as_slice())))
            .order(contents::shard)
            .select((contents::id, contents::shard, contents::content))
            .load(connection)
            .await?;
        for (id, shard, content) in rows {
            let wrong = || StoreError::Corrupt(format!("slot {content} of shard {shard}"));
            let id = id.as_slice().try_into().map(ContentId).map_err(|_| wrong())?;
            let shard = shard.try_into().map_err(|_| wrong())?;
            let content = content.try_into().map_err(|_| wrong())?;
            known.entry(id).or_default().push(Slot { shard, content });
        }
    }
    let mut slots = HashMap::new();
    for (event, place) in counted {
        let known = known.get(&place.content).map_or([].as_slice(), Vec::as_slice);
        let slot = match known {
            [slot] => Some(*slot),
            several => first_counted_in(connection, place, several).await?,
        };
        let slot = slot.ok_or_else(|| {
            let Place { content, position, .. } = place;
            StoreError::Corrupt(format!("{content:?} of {position:?} counted in no shard"))
        })?;
        slots.insert(*event, (slot, place.relevance));
    }
    Ok(slots)
}

/// Which of several slots of one content an event counted in: a shard that got the content later may
/// now come first.
///
/// The commit that counted the event made a window of its shard. No window of another shard that
/// reaches as far as the event is older.
async fn first_counted_in(
    connection: &mut Connection,
    place: &Place,
    several: &[Slot],
) -> Result<Option<Slot>, StoreError> {
    let mut first = None;
    for slot in several {
        let Some((through, entries)) = window(connection, place, *slot).await? else { continue };
        let earlier = first.is_none_or(|(earliest, _)| through < earliest);
        if earlier && counts(entries, *slot, place.relevance)? {
            first = Some((through, *slot));
        }
    }
    Ok(first.map(|(_, slot)| slot))
}

/// The first window of a slot's shard that reaches as far as a place, with how far it reaches.
async fn window(
    connection: &mut Connection,
    place: &Place,
    slot: Slot,
) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    let window = windows::table
        .filter(windows::shard.eq(i32::try_from(slot.shard).unwrap_or(i32::MAX)))
        .filter(windows::kind.eq("views"))
        .filter(windows::partition.eq(place.partition.0))
        .filter(windows::through.ge(place.position.0))
        .order(windows::through)
        .select((windows::through, windows::entries))
        .first(connection)
        .await
        .optional()?;
    Ok(window)
}

/// Whether a window counts views of a slot at a relevance.
fn counts(entries: Vec<u8>, slot: Slot, relevance: u16) -> Result<bool, StoreError> {
    let wrong = |error| StoreError::Corrupt(format!("entries of a window: {error:?}"));
    for entry in Packed::new(entries).map_err(wrong)?.entries() {
        let entry = entry.map_err(wrong)?;
        if entry.content == u64::from(slot.content) && entry.relevance == u64::from(relevance) {
            return Ok(true);
        }
    }
    Ok(false)
}
