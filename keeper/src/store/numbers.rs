//! Numbers that are never negative, as PostgreSQL keeps them: it has signed ones only.

use super::StoreError;

/// An amount or a counter to be stored.
pub fn stored(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Corrupt(format!("{number} exceeds 2^63")))
}

/// An amount or a counter that was stored.
pub fn loaded(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Corrupt(format!("{number} is negative")))
}

/// A place among shards or slots to be stored.
pub fn stored_index(index: u32) -> Result<i32, StoreError> {
    i32::try_from(index).map_err(|_| StoreError::Corrupt(format!("there is no place {index}")))
}

/// A place among shards or slots that was stored.
pub fn loaded_index(index: i32) -> Result<u32, StoreError> {
    u32::try_from(index).map_err(|_| StoreError::Corrupt(format!("there is no place {index}")))
}
