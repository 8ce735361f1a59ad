//! What the checks look at: opened where it is there, and reported where it is not.

use std::{sync::Arc, time::Duration};

use anchor_lang::prelude::Pubkey;
use object_store::ObjectStore;
use pixr::state;
use pixr_client::platform_address;
use tokio::time::timeout;

use super::{Finding, Trouble};
use crate::{
    app::Ledger,
    chain::{self, Chain},
    config::{ChainKind, Config, LogKind},
    keys::{self, Keys, Purpose},
    log::{EventLog, PostgresLog, RedisLog},
    objects,
    store::{
        self, Pool,
        embedded::{self, Embedded},
    },
};

/// How long it may take to open a part. A database may have to recover first, and an embedded chain
/// executes again what came after its snapshot.
const OPEN_MAX: Duration = Duration::from_secs(60);
/// More connections would not make the checks faster.
const CONNECTIONS_MAX: usize = 4;

const REREAD: &str = "look again; if it stays so, check the disk of data.folder";

/// A part, or what was found in its place.
pub(super) type Opened<T> = Result<T, Finding>;

/// What a keeper is made of, as far as it is there.
pub struct Parts {
    pub config: Arc<Config>,
    pub(super) keys: Opened<Keys>,
    pub(super) store: Opened<Pool>,
    pub(super) database: Option<Embedded>,
    pub(super) chain: Opened<Arc<dyn Chain>>,
    pub(super) log: Opened<Arc<dyn EventLog>>,
    pub(super) objects: Opened<Arc<dyn ObjectStore>>,
}

impl Parts {
    /// Opens everything that is there.
    pub async fn open(config: Config) -> Self {
        let config = Arc::new(config);
        let keys = open_keys(&config);
        let stored = async {
            let (store, database) = open_store(&config).await;
            let log = open_log(&config, &store).await;
            (store, database, log)
        };
        let chain = open_chain(config.clone());
        let ((store, database, log), chain) = tokio::join!(stored, chain);
        let objects = open_objects(&config);
        Self { config, keys, store, database, chain, log, objects }
    }

    /// What was found in the place of parts that are not there.
    pub fn absent(&self) -> Vec<Finding> {
        let absent = [
            self.keys.as_ref().err(),
            self.store.as_ref().err(),
            self.log.as_ref().err(),
            self.chain.as_ref().err(),
            self.objects.as_ref().err(),
        ];
        absent.into_iter().flatten().cloned().collect()
    }

    /// Leaves the database as it was.
    pub async fn close(self) {
        if let Ok(store) = self.store {
            store.close();
        }
        if let Some(database) = self.database
            && let Err(error) = database.stop().await
        {
            tracing::warn!("{error}");
        }
    }

    pub fn keys(&self) -> Result<&Keys, Trouble> {
        self.keys.as_ref().map_err(|_| Trouble::Lacks("the keys"))
    }

    pub fn store(&self) -> Result<&Pool, Trouble> {
        self.store.as_ref().map_err(|_| Trouble::Lacks("the database"))
    }

    pub fn chain(&self) -> Result<&Arc<dyn Chain>, Trouble> {
        self.chain.as_ref().map_err(|_| Trouble::Lacks("the chain"))
    }

    /// The chain as it is now: an embedded one that another process writes was read some time ago.
    pub async fn chain_now(&self) -> Result<Arc<dyn Chain>, Trouble> {
        let chain = self.chain()?;
        match self.config.chain.rpc_url {
            ChainKind::Cluster(_) => Ok(Arc::clone(chain)),
            ChainKind::Embedded => open_chain(Arc::clone(&self.config))
                .await
                .map_err(|Finding { found, .. }| Trouble::Failed { found, advice: REREAD }),
        }
    }

    pub fn log(&self) -> Result<&dyn EventLog, Trouble> {
        self.log.as_ref().map(|log| &**log).map_err(|_| Trouble::Lacks("the log"))
    }

    pub fn objects(&self) -> Result<&dyn ObjectStore, Trouble> {
        let objects = self.objects.as_ref().map(|objects| &**objects);
        objects.map_err(|_| Trouble::Lacks("the object store"))
    }

    /// Where the platform is, if the key that gave it its address is known.
    pub fn platform_address(&self) -> Result<Pubkey, Trouble> {
        let base = match self.config.chain.platform_base {
            Some(base) => base,
            None => self.keys()?.address(Purpose::PlatformBase),
        };
        Ok(platform_address(&base))
    }

    /// The platform's account; `Lacks` where there is none.
    pub async fn platform(&self) -> Result<state::Platform, Trouble> {
        let address = self.platform_address()?;
        let platform = Ledger::platform_at(&**self.chain()?, &address).await?;
        platform.ok_or(Trouble::Lacks("a platform"))
    }
}

fn open_keys(config: &Config) -> Opened<Keys> {
    let data = &config.data.folder;
    let seed = data.join(keys::SEED_FILE);
    if config.keys.master_seed.is_none() && !seed.exists() {
        return Err(Finding::warn(
            "keys",
            format!("there is no master seed: neither keys.master_seed nor {}", seed.display()),
            "the first start makes one; to go on with an existing platform, give this keeper the \
             seed that belongs to it (MASTER_SEED)",
        ));
    }
    Keys::load(&config.keys, data).map_err(|error| {
        Finding::fail("keys", error.to_string(), "correct what that key of the configuration names")
    })
}

async fn open_store(config: &Config) -> (Opened<Pool>, Option<Embedded>) {
    let failed = |error: &dyn std::fmt::Display, advice: &str| {
        Err(Finding::fail("database", error.to_string(), advice))
    };
    if let Some(url) = &config.database.url {
        let pool = store::pool(url.reveal(), CONNECTIONS_MAX);
        let pool = pool.or_else(|error| failed(&error, "correct database.url (DATABASE_URL)"));
        return (pool, None);
    }
    let data = &config.data.folder;
    if !embedded::exists(data) {
        let none = Finding::warn(
            "database",
            format!("there is no private database in {} yet", data.display()),
            "`pixr migrate` or the first start makes it, or name a server in database.url \
             (DATABASE_URL)",
        );
        return (Err(none), None);
    }
    match timeout(OPEN_MAX, Embedded::start(&config.database.server, data)).await {
        Ok(Ok(database)) => match store::pool(database.url().reveal(), CONNECTIONS_MAX) {
            Ok(pool) => (Ok(pool), Some(database)),
            Err(error) => (failed(&error, "report it"), Some(database)),
        },
        Ok(Err(error)) => {
            (failed(&error, "see the server's log in the folder postgres of data.folder"), None)
        }
        Err(_) => {
            let late = format!("the private database starts for {} seconds", OPEN_MAX.as_secs());
            (failed(&late, "it may be recovering after a crash: wait, and look again"), None)
        }
    }
}

async fn open_chain(config: Arc<Config>) -> Opened<Arc<dyn Chain>> {
    let failed = |found: String| {
        Finding::fail("chain", found, "check chain.rpc_url (SOLANA_RPC_URL) and data.folder")
    };
    let folder = config.data.folder.join(chain::FOLDER);
    if config.chain.rpc_url == ChainKind::Embedded && !folder.exists() {
        return Err(Finding::warn(
            "chain",
            format!("there is no embedded chain in {} yet", folder.display()),
            "`pixr init` or the first start makes it, or name a cluster in chain.rpc_url \
             (SOLANA_RPC_URL)",
        ));
    }
    // An embedded chain reads its files here.
    let open = tokio::task::spawn_blocking(move || {
        chain::open_read_only(&config.chain, &config.data.folder)
    });
    match timeout(OPEN_MAX, open).await {
        Ok(Ok(Ok(chain))) => Ok(chain),
        Ok(Ok(Err(error))) => Err(failed(error.to_string())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("it is being opened for {} seconds", OPEN_MAX.as_secs()))),
    }
}

/// The log, where it can be opened without the database, or the database is there.
pub(super) async fn open_log(config: &Config, store: &Opened<Pool>) -> Opened<Arc<dyn EventLog>> {
    let redis = match (config.log.kind, &config.log.redis_url) {
        (LogKind::Redis, Some(url)) => RedisLog::connect(url.reveal(), config.log.partitions),
        // A configuration with that log and without its URL is not accepted.
        (LogKind::Postgres, _) | (LogKind::Redis, None) => {
            let lacks = |_: &Finding| Trouble::Lacks("the database").finding("log");
            let pool = store.as_ref().map_err(lacks)?;
            return Ok(Arc::new(PostgresLog::new(pool.clone())));
        }
    };
    match timeout(OPEN_MAX, redis).await {
        Ok(Ok(log)) => Ok(Arc::new(log)),
        Ok(Err(error)) => Err(Trouble::from(error).finding("log")),
        Err(_) => Err(Finding::fail(
            "log",
            format!("Redis has not answered within {} seconds", OPEN_MAX.as_secs()),
            "check log.redis_url (REDIS_URL), and that Redis runs",
        )),
    }
}

pub(super) fn open_objects(config: &Config) -> Opened<Arc<dyn ObjectStore>> {
    let data = &config.data.folder;
    let folder = data.join(objects::FOLDER);
    if config.objects.s3_bucket.is_none() && !folder.exists() {
        return Err(Finding::warn(
            "object store",
            format!("there is no folder {} for published files yet", folder.display()),
            "the first start makes it, or name a bucket in objects.s3_bucket (S3_BUCKET)",
        ));
    }
    objects::open(&config.objects, data).map_err(|error| {
        let advice = "check objects.s3_bucket, objects.aws_region, and the credentials in the \
                      environment";
        Finding::fail("object store", format!("{error:#}"), advice)
    })
}
