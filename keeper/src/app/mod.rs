//! The one place that wires a keeper together.

mod creator_name;
mod identity;
pub mod import;
mod ledger;
mod open;
pub mod pass;
mod rounds;
pub mod serve;
pub mod signals;
pub mod supervisor;
mod tokens;

use std::sync::Arc;

use object_store::ObjectStore;
use pixr_client::Platform;

use crate::{chain::Chain, config::Config, keys::Keys, log::EventLog, store::Pool};

pub use creator_name::{CreatorName, FindError};
pub use identity::{Identity, IdentityError};
pub use ledger::{Creator, Ledger, LedgerError, Mint, ShardHead};
pub use open::{Access, Foundation, Ground, OpenError};
pub use supervisor::Supervisor;
pub use tokens::open_tokens_of;

/// What the parts of a keeper share.
#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub keys: Arc<Keys>,
    pub store: Pool,
    pub chain: Arc<dyn Chain>,
    pub log: Arc<dyn EventLog>,
    pub objects: Arc<dyn ObjectStore>,
    pub platform: Platform,
}
