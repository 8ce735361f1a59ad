//! Looks at everything that a keeper stands on, and says what is not well and what to do about it.
//!
//! Nothing is changed, and nothing is made that is not there yet. Beside a keeper that runs this
//! reads what that one writes. Each check has a time limit of its own, all run at the same time, and
//! what one finds hides nothing of another.

mod backlog;
mod chain;
mod database;
mod files;
mod funds;
mod keys;
mod log;
mod machine;
mod media;
mod parts;
mod settings;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use serde::Serialize;
use tokio::time::timeout;

use self::parts::Parts;
use crate::{
    app::LedgerError, chain::ChainError, config::Config, index::IndexError, log::LogError,
    media::UpgradeError, observe::figures::FigureError, store::StoreError,
};

/// How long a check may take.
const CHECK_MAX: Duration = Duration::from_secs(20);

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Ok,
    /// Works, and should not stay so.
    Warn,
    /// Does not work, or could lose something.
    Fail,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked.
    pub name: String,
    pub severity: Severity,
    pub found: String,
    /// What to do, where something should be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), severity: Severity::Ok, found: found.into(), advice: None }
    }

    fn warn(name: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let (name, found, advice) = (name.into(), found.into(), Some(advice.into()));
        Self { name, severity: Severity::Warn, found, advice }
    }

    fn fail(name: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { severity: Severity::Fail, ..Self::warn(name, found, advice) }
    }
}

/// Why a check has come to nothing.
#[derive(Clone, Debug)]
enum Trouble {
    /// What it needs is not there, and the check of that says so.
    Lacks(&'static str),
    /// What it asked did not answer, or answered what cannot be.
    Failed { found: String, advice: &'static str },
}

impl Trouble {
    fn finding(self, name: &str) -> Finding {
        match self {
            Self::Lacks(part) => Finding {
                name: name.into(),
                severity: Severity::Warn,
                found: format!("not checked: this needs {part}"),
                // What was found there has it.
                advice: None,
            },
            Self::Failed { found, advice } => Finding::fail(name, found, advice),
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        let advice = "check database.url (DATABASE_URL), and that PostgreSQL runs and is current \
                      (`pixr migrate`)";
        Self::Failed { found: error.to_string(), advice }
    }
}

impl From<diesel::result::Error> for Trouble {
    fn from(error: diesel::result::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<ChainError> for Trouble {
    fn from(error: ChainError) -> Self {
        let advice = "check chain.rpc_url (SOLANA_RPC_URL), or use another endpoint";
        Self::Failed { found: error.to_string(), advice }
    }
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Self {
        let found = match &error {
            // The causes have what to set.
            LogError::Unavailable(cause) | LogError::Refused(cause) => format!("{cause:#}"),
            LogError::Corrupt { .. } => error.to_string(),
        };
        let advice = match error {
            LogError::Unavailable(_) => "check log.redis_url (REDIS_URL), and that Redis runs",
            LogError::Refused(_) => {
                "change that setting of the log's server; no keeper starts \
                                     before"
            }
            LogError::Corrupt { .. } => "restore the log from a copy, or report it",
        };
        Self::Failed { found, advice }
    }
}

impl From<FigureError> for Trouble {
    fn from(error: FigureError) -> Self {
        match error {
            FigureError::Store(error) => error.into(),
            FigureError::Log(error) => error.into(),
        }
    }
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Chain(error) => error.into(),
            LedgerError::Store(error) => error.into(),
            other => {
                let advice = "check chain.rpc_url and chain.platform_base: this may be another \
                              cluster, another platform, or another version of the program";
                Self::Failed { found: other.to_string(), advice }
            }
        }
    }
}

impl From<UpgradeError> for Trouble {
    fn from(error: UpgradeError) -> Self {
        match error {
            UpgradeError::Store(error) => error.into(),
            other => {
                let advice = "check media.folder, and the object store";
                Self::Failed { found: other.to_string(), advice }
            }
        }
    }
}

impl From<IndexError> for Trouble {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Chain(error) => error.into(),
            IndexError::Store(error) => error.into(),
            other => {
                let advice = "let the keeper index the chain, and check chain.rpc_url";
                Self::Failed { found: other.to_string(), advice }
            }
        }
    }
}

/// What a check finds, or why it finds nothing.
type Checked = Result<Vec<Finding>, Trouble>;

/// Examines what the configuration names. Findings are in the order in which things stand on each
/// other.
pub async fn examine(config: Config) -> Vec<Finding> {
    let parts = Parts::open(config).await;
    let findings = look_at(&parts).await;
    parts.close().await;
    findings
}

async fn look_at(parts: &Parts) -> Vec<Finding> {
    let mut findings = parts.absent();
    findings.extend(join_all(checks(parts)).await.into_iter().flatten());
    findings
}

fn checks(parts: &Parts) -> Vec<BoxFuture<'_, Vec<Finding>>> {
    vec![
        check("configuration", async { Ok(settings::check(&parts.config)) }),
        check("data folder", files::folder(parts)),
        check("secrets", async { Ok(files::secrets(&parts.config)) }),
        check("ffmpeg", machine::ffmpeg()),
        check("database", database::server(parts)),
        check("migrations", database::migrations(parts)),
        check("clock and database", database::clock(parts)),
        check("log", log::server(parts)),
        check("object store", files::objects(parts)),
        check("chain", chain::endpoint(parts)),
        check("clock and chain", chain::clock(parts)),
        check("program", chain::program(parts)),
        check("platform", chain::platform(parts)),
        check("roles", keys::roles(parts)),
        check("keeper's lamports", keys::lamports(parts)),
        check("reward budgets", funds::budgets(parts)),
        check("room", funds::room(parts)),
        check("keepers", backlog::keepers(parts)),
        check("log backlog", backlog::log(parts)),
        check("settlement", backlog::settlement(parts)),
        check("index", backlog::index(parts)),
        check("publication", backlog::publication(parts)),
        check("upgrades", media::jobs(parts)),
        check("media folder", media::folder(parts)),
    ]
}

/// Runs one check, for as long as it may take.
fn check<'a>(
    name: &'static str,
    check: impl Future<Output = Checked> + Send + 'a,
) -> BoxFuture<'a, Vec<Finding>> {
    async move {
        match timeout(CHECK_MAX, check).await {
            Ok(Ok(findings)) => findings,
            Ok(Err(trouble)) => vec![trouble.finding(name)],
            Err(_) => vec![Finding::fail(
                name,
                format!("not known after {} seconds", CHECK_MAX.as_secs()),
                "look at the load of this machine and of what it talks to",
            )],
        }
    }
    .boxed()
}
