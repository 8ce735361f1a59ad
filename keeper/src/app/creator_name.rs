//! How people name a creator.

use std::{fmt, str::FromStr};

use anchor_lang::prelude::Pubkey;

use super::{App, Creator, Ledger, LedgerError};
use crate::keys::{Keys, Purpose};

/// A creator: by slot, by withdraw authority, or by the number of a custodial one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CreatorName {
    /// `SHARD/INDEX`
    Slot { shard: u32, index: u32 },
    /// An address in base58.
    Authority(Pubkey),
    /// `@NUMBER`
    Custodial(u64),
}

/// Why a name stands for no creator.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("{0} has no creator slot: `pixr register creator` gives it one")]
    Unknown(CreatorName),
    #[error("{name} has several slots: name one of {}", slots.join(", "))]
    Several { name: CreatorName, slots: Vec<String> },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl FromStr for CreatorName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let slot = || {
            let (shard, index) = text.split_once('/')?;
            Some(Self::Slot { shard: shard.parse().ok()?, index: index.parse().ok()? })
        };
        let custodial = || Some(Self::Custodial(text.strip_prefix('@')?.parse().ok()?));
        slot().or_else(custodial).or_else(|| text.parse().ok().map(Self::Authority)).ok_or_else(
            || "expected SHARD/INDEX, a wallet's address, or @NUMBER of a custodial creator".into(),
        )
    }
}

impl fmt::Display for CreatorName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Slot { shard, index } => write!(f, "{shard}/{index}"),
            Self::Authority(address) => write!(f, "{address}"),
            Self::Custodial(number) => write!(f, "@{number}"),
        }
    }
}

impl CreatorName {
    /// The custodial creator's number, where the name has one.
    pub fn custodial(self) -> Option<u64> {
        match self {
            Self::Custodial(number) => Some(number),
            Self::Slot { .. } | Self::Authority(_) => None,
        }
    }

    /// The withdraw authority, where the name tells.
    pub fn authority(self, keys: &Keys) -> Option<Pubkey> {
        match self {
            Self::Slot { .. } => None,
            Self::Authority(address) => Some(address),
            Self::Custodial(number) => Some(keys.address(Purpose::Creator(number))),
        }
    }

    /// The creator's slot.
    pub async fn find(self, app: &App) -> Result<Creator, FindError> {
        let ledger = Ledger::finalized(app);
        if let Self::Slot { shard, index } = self {
            return Ok(ledger.creator(shard, index).await?);
        }
        let creators = match self.authority(&app.keys) {
            Some(authority) => ledger.creators_of(&authority).await?,
            None => Vec::new(),
        };
        match creators.as_slice() {
            [creator] => Ok(*creator),
            [] => Err(FindError::Unknown(self)),
            several => Err(FindError::Several {
                name: self,
                slots: several.iter().map(Creator::slot_name).collect(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        let address = Pubkey::new_from_array([7; 32]);
        for (text, name) in [
            ("0/17".to_owned(), CreatorName::Slot { shard: 0, index: 17 }),
            ("@42".to_owned(), CreatorName::Custodial(42)),
            (address.to_string(), CreatorName::Authority(address)),
        ] {
            assert_eq!(text.parse(), Ok(name));
            assert_eq!(name.to_string(), text);
        }
        for text in ["", "17", "0/", "/1", "@", "@-1", "1/2/3", "nobody"] {
            assert!(text.parse::<CreatorName>().is_err(), "{text}");
        }
    }
}
