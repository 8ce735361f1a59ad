//! The market: what contents are worth, what rounds promise, and who is shown first.
//!
//! Everything follows from the events of the chain and from the searches that the platform reports:
//! [`advance`] takes in what is new, each event once and in the order of the chain. Nothing here moves
//! money.

pub mod api;
mod fading;
pub mod formula;
mod inputs;
mod opportunities;
pub mod promotion;
mod ranking;
mod read;
pub mod returns;
mod rows;
mod searches;
mod task;
#[cfg(test)]
mod tests;
mod update;

pub use opportunities::{Opportunity, opportunities};
pub use ranking::{Ranked, ranking};
pub use read::{Point, Priced, Totals, content, history, totals};
pub use searches::{Report, report};
pub use task::run;
pub use update::{advance, refresh};

use crate::{index::IndexError, store::StoreError};

/// Why the market does not know.
#[derive(Debug, thiserror::Error)]
pub enum MarketError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl From<diesel::result::Error> for MarketError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

fn corrupt(problem: impl Into<String>) -> MarketError {
    MarketError::Store(StoreError::Corrupt(problem.into()))
}
