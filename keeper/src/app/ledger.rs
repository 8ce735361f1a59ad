//! The platform's accounts, read from the chain.

use anchor_lang::{AccountDeserialize, prelude::Pubkey, solana_program::program_pack::Pack};
use anchor_spl::{
    associated_token::get_associated_token_address_with_program_id,
    token::spl_token::state::{Account as TokenAccount, Mint as MintState},
};
use bytemuck::pod_read_unaligned;
use diesel::{
    QueryDsl, QueryableByName, sql_query,
    sql_types::{Integer, Text},
};
use diesel_async::RunQueryDsl;
use pixr::state::{
    self, CreatorSlot, Shard, Withdrawal,
    shard::{HEADER_BYTES, read_header},
};
use pixr_client::withdrawal_address;
use solana_account::Account;

use super::App;
use crate::{
    chain::{Chain, ChainError, Commitment},
    index::{IndexError, registry},
    keys::Purpose,
    store::{StoreError, schema::shards},
};

/// Why an account cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("there is no {what} at {address}")]
    Missing { what: &'static str, address: Pubkey },
    #[error("{address} is not a {what} that this version can read")]
    Unreadable { what: &'static str, address: Pubkey },
    #[error("shard {number} does not exist: there are {count}")]
    NoShard { number: u32, count: u32 },
    #[error("nothing is known of shard {0} yet: let the keeper index the chain first")]
    UnknownShard(u32),
    #[error("shard {shard} has no creator {creator}: there are {count}")]
    NoCreator { shard: u32, creator: u32, count: u32 },
    #[error("shard {shard} has no content {content}: there are {count}")]
    NoContent { shard: u32, content: u32, count: u32 },
}

/// A shard's address and header.
#[derive(Clone, Copy, Debug)]
pub struct ShardHead {
    pub number: u32,
    pub address: Pubkey,
    pub header: Shard,
}

/// The platform's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mint {
    pub address: Pubkey,
    pub decimals: u8,
}

/// A creator's slot.
#[derive(Clone, Copy, Debug)]
pub struct Creator {
    pub shard: ShardHead,
    pub index: u32,
    pub slot: CreatorSlot,
}

impl Creator {
    /// `SHARD/INDEX`
    pub fn slot_name(&self) -> String {
        format!("{}/{}", self.shard.number, self.index)
    }
}

/// Where a withdraw authority may have a slot.
#[derive(QueryableByName)]
struct Candidate {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = Integer)]
    creator: i32,
}

/// Reads accounts at one commitment.
#[derive(Clone)]
pub struct Ledger<'a> {
    app: &'a App,
    commitment: Commitment,
}

impl<'a> Ledger<'a> {
    /// What cannot be undone any more.
    pub fn finalized(app: &'a App) -> Self {
        Self { app, commitment: Commitment::Finalized }
    }

    /// The platform at `address`, if it exists.
    pub async fn platform_at(
        chain: &dyn Chain,
        address: &Pubkey,
    ) -> Result<Option<state::Platform>, LedgerError> {
        let account = chain.account(address, Commitment::Finalized).await?;
        account
            .filter(|account| account.owner == pixr::ID)
            .map(|account| state::Platform::try_deserialize(&mut account.data.as_slice()))
            .transpose()
            .map_err(|_| LedgerError::Unreadable { what: "platform", address: *address })
    }

    pub(super) fn platform_address(&self) -> Pubkey {
        self.app.platform.address
    }

    pub(super) async fn account(
        &self,
        what: &'static str,
        address: Pubkey,
    ) -> Result<Account, LedgerError> {
        let account = self.app.chain.account(&address, self.commitment).await?;
        account.ok_or(LedgerError::Missing { what, address })
    }

    /// The platform's account.
    pub async fn platform(&self) -> Result<state::Platform, LedgerError> {
        let address = self.app.platform.address;
        Self::platform_at(&*self.app.chain, &address)
            .await?
            .ok_or(LedgerError::Missing { what: "platform", address })
    }

    /// The platform's token.
    pub async fn mint(&self) -> Result<Mint, LedgerError> {
        let address = self.app.platform.mint;
        let account = self.account("mint", address).await?;
        let state = account.data.get(..MintState::LEN);
        let state = state.and_then(|data| MintState::unpack_from_slice(data).ok());
        let state = state.ok_or(LedgerError::Unreadable { what: "mint", address })?;
        Ok(Mint { address, decimals: state.decimals })
    }

    /// Owner and amount of a token account of the platform's mint; `None` where there is none.
    pub async fn token_account(
        &self,
        address: &Pubkey,
    ) -> Result<Option<TokenAccount>, LedgerError> {
        let account = self.app.chain.account(address, self.commitment).await?;
        let account = account.filter(|account| account.owner == self.app.platform.token_program);
        let state = account.as_ref().and_then(|account| account.data.get(..TokenAccount::LEN));
        let state = state.and_then(|data| TokenAccount::unpack_from_slice(data).ok());
        Ok(state.filter(|state| state.mint == self.app.platform.mint))
    }

    /// The address of a wallet's token account of the platform's mint.
    pub fn tokens_of(&self, wallet: &Pubkey) -> Pubkey {
        let platform = &self.app.platform;
        get_associated_token_address_with_program_id(
            wallet,
            &platform.mint,
            &platform.token_program,
        )
    }

    /// Lamports of an address.
    pub async fn lamports(&self, address: &Pubkey) -> Result<u64, LedgerError> {
        let account = self.app.chain.account_part(address, 0, 0, self.commitment).await?;
        Ok(account.map_or(0, |account| account.lamports))
    }

    /// Addresses of all shards, by number: those that are indexed, and for others the one that this
    /// master seed would have given them.
    pub async fn shard_addresses(&self) -> Result<Vec<Pubkey>, LedgerError> {
        let count = self.platform().await?.shard_count;
        let indexed: Vec<(i32, String)> = {
            let mut connection = self.app.store.get().await.map_err(StoreError::from)?;
            shards::table
                .select((shards::number, shards::address))
                .order(shards::number)
                .load(&mut connection)
                .await
                .map_err(StoreError::from)?
        };
        let address = |number: u32| {
            let row = indexed.iter().find(|(known, _)| u32::try_from(*known) == Ok(number));
            match row {
                Some((_, address)) => address
                    .parse()
                    .map_err(|_| StoreError::Corrupt(format!("shard address {address}")).into()),
                None => Ok(self.app.keys.address(Purpose::Shard(number))),
            }
        };
        (0..count).map(address).collect()
    }

    async fn head(&self, number: u32, address: Pubkey) -> Result<ShardHead, LedgerError> {
        let part = self.app.chain.account_part(&address, 0, HEADER_BYTES, self.commitment).await?;
        let part = part.ok_or(LedgerError::UnknownShard(number))?;
        let header = read_header(&part.data)
            .ok()
            .filter(|header| header.platform == self.app.platform.address)
            .ok_or(LedgerError::Unreadable { what: "shard of this platform", address })?;
        Ok(ShardHead { number, address, header })
    }

    /// The headers of all shards, by number.
    pub async fn shards(&self) -> Result<Vec<ShardHead>, LedgerError> {
        let mut heads = Vec::new();
        for (number, address) in (0..).zip(self.shard_addresses().await?) {
            heads.push(self.head(number, address).await?);
        }
        Ok(heads)
    }

    /// The header of one shard.
    pub async fn shard(&self, number: u32) -> Result<ShardHead, LedgerError> {
        let addresses = self.shard_addresses().await?;
        let address = usize::try_from(number).ok().and_then(|at| addresses.get(at));
        let Some(address) = address else {
            let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
            return Err(LedgerError::NoShard { number, count });
        };
        self.head(number, *address).await
    }

    /// A shard's whole account.
    pub async fn shard_account(&self, head: &ShardHead) -> Result<Account, LedgerError> {
        self.account("shard", head.address).await
    }

    /// A creator by shard and index.
    pub async fn creator(&self, shard: u32, index: u32) -> Result<Creator, LedgerError> {
        let shard = self.shard(shard).await?;
        let count = shard.header.creator_count;
        let missing = LedgerError::NoCreator { shard: shard.number, creator: index, count };
        let at = usize::try_from(index).ok().filter(|_| index < count);
        let at = at.ok_or(missing)?;
        let offset = HEADER_BYTES + at * size_of::<CreatorSlot>();
        let part = self
            .app
            .chain
            .account_part(&shard.address, offset, size_of::<CreatorSlot>(), self.commitment)
            .await?;
        let unreadable = LedgerError::Unreadable { what: "shard", address: shard.address };
        let data = part.map(|part| part.data).unwrap_or_default();
        if data.len() != size_of::<CreatorSlot>() {
            return Err(unreadable);
        }
        Ok(Creator { shard, index, slot: pod_read_unaligned(&data) })
    }

    /// The creators whose withdraw authority this is, by shard and index.
    ///
    /// The store knows the first authority of each slot and, once the chain is indexed, who took
    /// over; the slot itself has the last word.
    pub async fn creators_of(&self, authority: &Pubkey) -> Result<Vec<Creator>, LedgerError> {
        const CANDIDATES: &str = "
            SELECT shard, creator FROM creators WHERE authority = $1
            UNION
            SELECT shard, creator FROM chain_events
            WHERE name = 'AuthorityChanged' AND data ->> 'after' = $1
              AND shard IS NOT NULL AND creator IS NOT NULL
            ORDER BY shard, creator";
        let app = self.app;
        for shard in self.shard_addresses().await? {
            registry::sync_shard(&app.store, &*app.chain, &app.platform.address, &shard).await?;
        }
        let candidates: Vec<Candidate> = sql_query(CANDIDATES)
            .bind::<Text, _>(authority.to_string())
            .load(&mut app.store.get().await.map_err(StoreError::from)?)
            .await
            .map_err(StoreError::from)?;
        let mut creators = Vec::new();
        for Candidate { shard, creator } in candidates {
            let number = |number: i32| {
                u32::try_from(number)
                    .map_err(|_| StoreError::Corrupt(format!("creator {shard}/{creator}")))
            };
            let creator = self.creator(number(shard)?, number(creator)?).await?;
            if creator.slot.authority == *authority {
                creators.push(creator);
            }
        }
        Ok(creators)
    }

    /// A creator's delayed withdrawal, while it is neither paid nor cancelled.
    pub async fn withdrawal(
        &self,
        creator: &Creator,
        number: u32,
    ) -> Result<Option<(Pubkey, Withdrawal)>, LedgerError> {
        let address = withdrawal_address(&creator.shard.address, creator.index, number);
        let account = self.app.chain.account(&address, self.commitment).await?;
        let withdrawal = account
            .filter(|account| account.owner == pixr::ID)
            .map(|account| Withdrawal::try_deserialize(&mut account.data.as_slice()))
            .transpose()
            .map_err(|_| LedgerError::Unreadable { what: "withdrawal", address })?;
        Ok(withdrawal.map(|withdrawal| (address, withdrawal)))
    }
}
