//! What work costs. Integers only: the price is money.

use serde::{Deserialize, Serialize};

use super::WorkModel;

/// What work takes on the machines that do it, and what is charged for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriceList {
    /// Base units for an hour of processor time. With a token of 6 digits worth a dollar, the
    /// default is 6 cents.
    pub cpu_hour: u64,
    /// Base units for each step: storage and the hands of the operator.
    pub step: u64,
    /// Base units for a whole plan with any step, at least.
    pub minimum: u64,
    /// Speed of the machines, thousandths of the one the model was measured on.
    pub speed_permille: u32,
    pub work: WorkModel,
}

impl Default for PriceList {
    fn default() -> Self {
        Self {
            cpu_hour: 60_000,
            step: 1_000,
            minimum: 5_000,
            speed_permille: 1_000,
            work: WorkModel::default(),
        }
    }
}

/// Work and its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Predicted processor time, microseconds.
    pub work_us: u64,
    /// Base units.
    pub price: u64,
}

impl Cost {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            work_us: self.work_us.saturating_add(other.work_us),
            price: self.price.saturating_add(other.price),
        }
    }
}

impl PriceList {
    /// Price of a step of `work_us`, rounded up.
    pub(super) fn cost(&self, work_us: u64) -> Cost {
        let speed = u128::from(self.speed_permille.max(1));
        let work_us = u128::from(work_us) * 1_000 / speed;
        let price = (work_us * u128::from(self.cpu_hour)).div_ceil(3_600_000_000);
        let narrow = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
        Cost { work_us: narrow(work_us), price: narrow(price).saturating_add(self.step) }
    }
}
