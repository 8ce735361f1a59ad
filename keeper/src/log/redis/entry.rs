//! An entry of a stream: its id is the position, its fields are the batch.

use chrono::DateTime;
use redis::{Cmd, FromRedisValue, Value, streams::StreamId};

use crate::log::{LogError, LoggedBatch, Partition, Position, StoredBatch};

/// Bits of a position that number the entries of one millisecond.
pub const SEQUENCE_BITS: u32 = 20;
const SEQUENCE_MAX: i64 = (1 << SEQUENCE_BITS) - 1;

/// The id of the entry at a position.
pub fn entry_id(position: Position) -> String {
    format!("{}-{}", position.0 >> SEQUENCE_BITS, position.0 & SEQUENCE_MAX)
}

/// The position of the entry with this id.
pub fn position_of(id: &str) -> Option<Position> {
    let (millis, sequence) = id.split_once('-')?;
    let (millis, sequence) = (millis.parse::<i64>().ok()?, sequence.parse::<i64>().ok()?);
    if sequence > SEQUENCE_MAX || millis > i64::MAX >> SEQUENCE_BITS {
        return None;
    }
    Some(Position(millis << SEQUENCE_BITS | sequence))
}

/// The command that adds a batch to a stream.
pub fn add(stream: &str, batch: &StoredBatch) -> Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(stream).arg("*");
    command.arg("source").arg(&batch.source);
    command.arg("received_at").arg(batch.received_at.timestamp_micros());
    command.arg("events").arg(batch.events);
    command.arg("payload").arg(&batch.payload[..]);
    command
}

/// The batch of an entry.
pub fn logged(partition: Partition, mut entry: StreamId) -> Result<LoggedBatch, LogError> {
    let position = position_of(&entry.id).unwrap_or_default();
    let corrupt = |reason: String| LogError::Corrupt { partition, position, reason };
    if position == Position::START {
        return Err(corrupt(format!("{} is no id of an entry", entry.id)));
    }
    let mut field = |name: &str| entry.map.remove(name).ok_or(corrupt(format!("no field {name}")));
    let received_at = field("received_at")?;
    let batch = StoredBatch {
        source: value(field("source")?, "source").map_err(corrupt)?,
        received_at: value(received_at, "received_at")
            .map_err(corrupt)
            .map(DateTime::from_timestamp_micros)?
            .ok_or(corrupt("received_at is no time".into()))?,
        events: value(field("events")?, "events").map_err(corrupt)?,
        payload: match field("payload")? {
            Value::BulkString(bytes) => bytes.into(),
            _ => return Err(corrupt("payload is no bytes".into())),
        },
    };
    Ok(LoggedBatch { position, batch })
}

fn value<T: FromRedisValue>(value: Value, name: &str) -> Result<T, String> {
    T::from_redis_value(value).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_ids_in_the_same_order() {
        for (position, id) in [
            (Position(1), "0-1"),
            (Position((1_763_726_400_000 << 20) + 7), "1763726400000-7"),
            (Position(i64::MAX), "8796093022207-1048575"),
        ] {
            assert_eq!(entry_id(position), id);
            assert_eq!(position_of(id), Some(position));
        }
        for id in ["", "7", "-", "1-1048576", "8796093022208-0", "x-1"] {
            assert_eq!(position_of(id), None, "{id}");
        }
    }
}
