//! The chain that the configuration names.

use std::{path::Path, sync::Arc};

use super::{Chain, ChainError, embedded::Embedded, rpc::Rpc};
use crate::config::{ChainConfig, ChainKind};

/// Folder of the embedded chain in the data folder.
pub const FOLDER: &str = "chain";

/// Opens the chain: the embedded one in the data folder, or the cluster behind an endpoint, which is
/// not asked anything yet.
///
/// The embedded chain belongs to one process at a time: fails with [`ChainError::InUse`] while
/// another has it.
pub fn open(config: &ChainConfig, data: &Path) -> Result<Arc<dyn Chain>, ChainError> {
    match config.rpc_url {
        ChainKind::Embedded => Ok(Embedded::open(&data.join(FOLDER), &config.program)?),
        ChainKind::Cluster(_) => Ok(Arc::new(Rpc::new(config)?)),
    }
}

/// Opens the chain for whoever only reads. The embedded one is read as it is now, also while another
/// process has it open, and refuses whatever would change it.
pub fn open_read_only(config: &ChainConfig, data: &Path) -> Result<Arc<dyn Chain>, ChainError> {
    match config.rpc_url {
        ChainKind::Embedded => Ok(Embedded::open_read_only(&data.join(FOLDER))?),
        ChainKind::Cluster(_) => Ok(Arc::new(Rpc::new(config)?)),
    }
}
