//! What the keeper knows of the cluster and the platform without asking each time.

use std::time::{Duration, Instant};

use anchor_lang::{AccountDeserialize, prelude::Pubkey};
use pixr::state::{
    Settings, Shard,
    shard::{HEADER_BYTES, read_header},
};

use super::{blocked::Blocked, room::room, trouble::Trouble};
use crate::{
    app::App,
    chain::{Commitment, transactions::Version},
};

/// How long the platform's settings are believed. Batches are cut by them; the program has the last
/// word.
const SETTINGS_AGE_MAX: Duration = Duration::from_secs(5);
/// How long a priority fee is believed.
const FEE_AGE_MAX: Duration = Duration::from_secs(2);
/// How long it is believed that the cluster takes transactions of version 1, or does not.
const VERSION_AGE_MAX: Duration = Duration::from_secs(60);

/// A value and when it was read.
struct Known<T> {
    value: Option<(T, Instant)>,
    age_max: Duration,
}

impl<T: Copy> Known<T> {
    const fn new(age_max: Duration) -> Self {
        Self { value: None, age_max }
    }

    fn get(&self) -> Option<T> {
        self.value.filter(|(_, read)| read.elapsed() < self.age_max).map(|(value, _)| value)
    }

    fn set(&mut self, value: T) -> T {
        self.value = Some((value, Instant::now()));
        value
    }
}

/// The cluster as one shard's settler sees it.
pub(super) struct Cluster {
    app: App,
    shard: Pubkey,
    settings: Known<Settings>,
    priority_fee: Known<u64>,
    version: Known<(Version, usize)>,
}

impl Cluster {
    pub fn new(app: App, shard: Pubkey) -> Self {
        Self {
            app,
            shard,
            settings: Known::new(SETTINGS_AGE_MAX),
            priority_fee: Known::new(FEE_AGE_MAX),
            version: Known::new(VERSION_AGE_MAX),
        }
    }

    /// The shard's header.
    pub async fn header(&self, commitment: Commitment) -> Result<Shard, Trouble> {
        let account = self.app.chain.account_part(&self.shard, 0, HEADER_BYTES, commitment).await?;
        account
            .and_then(|account| read_header(&account.data).ok())
            .ok_or_else(|| Blocked::no_account("shard", &self.shard).into())
    }

    /// The platform's settings.
    pub async fn settings(&mut self) -> Result<Settings, Trouble> {
        if let Some(settings) = self.settings.get() {
            return Ok(settings);
        }
        let address = self.app.platform.address;
        let account = self.app.chain.account(&address, Commitment::Confirmed).await?;
        let platform = account.and_then(|account| {
            pixr::state::Platform::try_deserialize(&mut account.data.as_slice()).ok()
        });
        let platform = platform.ok_or_else(|| Blocked::no_account("platform", &address))?;
        Ok(self.settings.set(platform.settings))
    }

    /// What others pay at present to write to the shard, in micro-lamports a compute unit.
    pub async fn priority_fee(&mut self) -> Result<u64, Trouble> {
        if let Some(fee) = self.priority_fee.get() {
            return Ok(fee);
        }
        let fee = self.app.chain.priority_fee(&[self.shard]).await?;
        Ok(self.priority_fee.set(fee))
    }

    /// What this keeper pays: what others do, up to what it is allowed to.
    pub async fn own_priority_fee(&mut self) -> Result<u64, Trouble> {
        let fee = self.priority_fee().await?;
        Ok(fee.min(self.app.config.settlement.priority_fee_max))
    }

    /// The version to send, and the bytes of entries that it holds.
    pub async fn version(&mut self) -> Result<(Version, usize), Trouble> {
        if let Some(known) = self.version.get() {
            return Ok(known);
        }
        let version = if self.app.chain.takes_v1().await? { Version::V1 } else { Version::V0 };
        Ok(self.version.set((version, room(version, &self.app.platform)?)))
    }

    /// Asks anew for everything: something turned out to be different.
    pub fn forget(&mut self) {
        *self = Self::new(self.app.clone(), self.shard);
    }
}
