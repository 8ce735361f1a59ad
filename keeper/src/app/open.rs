//! Opening what a keeper stands on.

use std::sync::Arc;

use anchor_lang::prelude::Pubkey;
use object_store::ObjectStore;
use pixr::state;
use pixr_client::{Platform, platform_address};

use super::{App, Ledger, LedgerError};
use crate::{
    chain::{self, Chain, ChainError},
    config::Config,
    keys::{KeyError, Keys, Purpose},
    log::{self, EventLog, LogError},
    objects,
    store::{
        self, Pool, StoreError,
        embedded::{Embedded, EmbeddedError},
    },
};

/// What the parts may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everything. The embedded chain is one process's at a time.
    ReadWrite,
    /// Only look; beside a keeper that runs, too.
    ReadOnly,
}

/// Why a keeper cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Database(#[from] EmbeddedError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the object store: {0:#}")]
    Objects(anyhow::Error),
    #[error(
        "there is no platform at {0} yet: make one with `pixr platform init`, or name the address \
         that signed its creation in chain.platform_base"
    )]
    NoPlatform(Pubkey),
}

/// What needs neither chain nor platform: keys, database and event log.
pub struct Ground {
    pub config: Arc<Config>,
    pub keys: Arc<Keys>,
    pub store: Pool,
    pub log: Arc<dyn EventLog>,
    /// The private database, where there is one: it runs for as long as this lives.
    database: Option<Embedded>,
}

impl Ground {
    /// Opens keys, database and log, and brings the database's layout up to date if that is allowed.
    pub async fn open(config: Config, access: Access) -> Result<Self, OpenError> {
        let keys = Keys::load(&config.keys, &config.data.folder)?;
        let (store, database) = open_store(&config).await?;
        match access {
            Access::ReadWrite => {
                for name in store::migrate(&store).await? {
                    tracing::info!(name, "database migrated");
                }
            }
            Access::ReadOnly => store::require_current(&store).await?,
        }
        let log = log::open(&config.log, store.clone()).await?;
        let (config, keys) = (Arc::new(config), Arc::new(keys));
        Ok(Self { config, keys, store, log, database })
    }

    /// Closes the connections to the database and leaves the private one, if any.
    pub async fn close(self) -> Result<(), OpenError> {
        close(&self.store, self.database).await
    }
}

async fn close(store: &Pool, database: Option<Embedded>) -> Result<(), OpenError> {
    store.close();
    match database {
        Some(database) => Ok(database.stop().await?),
        None => Ok(()),
    }
}

/// Everything but the platform, which may not exist yet.
pub struct Foundation {
    pub config: Arc<Config>,
    pub keys: Arc<Keys>,
    pub store: Pool,
    pub chain: Arc<dyn Chain>,
    pub log: Arc<dyn EventLog>,
    pub objects: Arc<dyn ObjectStore>,
    /// The private database, where there is one: it runs for as long as this lives.
    database: Option<Embedded>,
}

impl Foundation {
    /// Opens keys, database, chain, log and object store, and brings the database's layout up to
    /// date if that is allowed.
    pub async fn open(config: Config, access: Access) -> Result<Self, OpenError> {
        let Ground { config, keys, store, log, database } = Ground::open(config, access).await?;
        let data = &config.data.folder;
        let chain = match access {
            Access::ReadWrite => chain::open(&config.chain, data)?,
            Access::ReadOnly => chain::open_read_only(&config.chain, data)?,
        };
        let objects = objects::open(&config.objects, data).map_err(OpenError::Objects)?;
        Ok(Self { config, keys, store, chain, log, objects, database })
    }

    /// The key that gave the platform its address.
    pub fn platform_base(&self) -> Pubkey {
        self.config.chain.platform_base.unwrap_or_else(|| self.keys.address(Purpose::PlatformBase))
    }

    /// The platform's account, if it exists.
    pub async fn platform(&self) -> Result<Option<state::Platform>, OpenError> {
        let address = platform_address(&self.platform_base());
        Ok(Ledger::platform_at(&*self.chain, &address).await?)
    }

    /// A keeper of a platform that exists.
    pub async fn app(&self) -> Result<App, OpenError> {
        let base = self.platform_base();
        let state =
            self.platform().await?.ok_or_else(|| OpenError::NoPlatform(platform_address(&base)))?;
        Ok(self.app_of(Platform::new(&base, state.mint, state.token_program)))
    }

    /// A keeper of a platform that may be about to exist.
    pub fn app_of(&self, platform: Platform) -> App {
        App {
            config: self.config.clone(),
            keys: self.keys.clone(),
            store: self.store.clone(),
            chain: self.chain.clone(),
            log: self.log.clone(),
            objects: self.objects.clone(),
            platform,
        }
    }

    /// Closes the connections to the database and leaves the private one, if any.
    pub async fn close(self) -> Result<(), OpenError> {
        close(&self.store, self.database).await
    }
}

async fn open_store(config: &Config) -> Result<(Pool, Option<Embedded>), OpenError> {
    let connections_max = config.database.connections_max;
    if let Some(url) = &config.database.url {
        return Ok((store::pool(url.reveal(), connections_max)?, None));
    }
    let database = Embedded::start(&config.database.server, &config.data.folder).await?;
    let pool = store::pool(database.url().reveal(), connections_max)?;
    Ok((pool, Some(database)))
}
