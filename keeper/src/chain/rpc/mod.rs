//! A cluster, by an RPC endpoint.

mod client;
mod endpoint;
mod history;
mod transport;
mod watch;

use std::{io::Read, time::Duration};

use anchor_lang::prelude::{Clock, Pubkey};
use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::stream::BoxStream;
use serde_json::json;
use solana_account::Account;
use solana_commitment_config::{CommitmentConfig, CommitmentLevel};
use solana_message::{Hash, MessageHeader, VersionedMessage, v0, v1};
use solana_rpc_client_api::{
    config::{
        RpcAccountInfoConfig, RpcSendTransactionConfig, RpcSimulateTransactionConfig,
        UiAccountEncoding, UiDataSliceConfig, UiTransactionEncoding,
    },
    request::{MAX_GET_SIGNATURE_STATUSES_QUERY_ITEMS as STATUSES_MAX, RpcRequest},
    response::{
        Response, RpcBlockhash, RpcPrioritizationFee, RpcSimulateTransactionResult,
        TransactionConfirmationStatus, UiAccount, UiAccountData,
    },
};
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;
use solana_transaction_status_client_types::TransactionStatus;
use tokio::sync::OnceCell;

use self::{client::Client, endpoint::Endpoint};
use super::{
    Chain, ChainError, ChainTime, ChainTransaction, Commitment, RecentBlockhash, SignatureStatus,
    Simulation,
    transactions::{self, Version},
};
use crate::config::{ChainConfig, ChainKind};

/// How long lamports of a test cluster may take to arrive.
const AIRDROP_MAX: Duration = Duration::from_secs(60);
const AIRDROP_POLL: Duration = Duration::from_millis(250);
/// Largest account, in bytes.
const ACCOUNT_BYTES_MAX: u64 = 10 << 20;
/// Addresses that fees can be asked for at once.
const FEE_ADDRESSES_MAX: usize = 128;

/// A cluster, as one endpoint sees it.
pub struct Rpc {
    client: Client,
    ws: Endpoint,
    timeout: Duration,
    takes_v1: OnceCell<bool>,
}

fn config(commitment: Commitment) -> CommitmentConfig {
    match commitment {
        Commitment::Confirmed => CommitmentConfig::confirmed(),
        Commitment::Finalized => CommitmentConfig::finalized(),
    }
}

impl Rpc {
    /// The endpoint that `config` names. Nothing is sent yet.
    ///
    /// Fails with [`ChainError::Invalid`] when it names none.
    pub fn new(config: &ChainConfig) -> Result<Self, ChainError> {
        let ChainKind::Cluster(cluster) = &config.rpc_url else {
            return Err(ChainError::Invalid("chain.rpc_url names no cluster".into()));
        };
        let endpoint = Endpoint::new(cluster.url(), "chain.rpc_url")?;
        let ws = config.ws_url.as_ref().map_or(cluster.ws_url(), |url| url.as_str());
        let ws = Endpoint::new(ws, "chain.ws_url")?;
        let timeout = config.timeout_ms.duration();
        let client = Client::new(endpoint, timeout, config.slots_behind_max)?;
        Ok(Self { client, ws, timeout, takes_v1: OnceCell::new() })
    }

    async fn simulate_with(
        &self,
        transaction: &[u8],
    ) -> Result<RpcSimulateTransactionResult, ChainError> {
        let config = RpcSimulateTransactionConfig {
            sig_verify: false,
            replace_recent_blockhash: true,
            commitment: Some(CommitmentConfig::confirmed()),
            encoding: Some(UiTransactionEncoding::Base64),
            ..Default::default()
        };
        let params = json!([BASE64_STANDARD.encode(transaction), config]);
        let answer: Response<_> = self.client.read(RpcRequest::SimulateTransaction, params).await?;
        Ok(answer.value)
    }

    async fn try_v1(&self) -> Result<bool, ChainError> {
        match self.simulate_with(&empty(Version::V1)?).await {
            // That the payer has no lamports is seen only after the version.
            Ok(simulated) => Ok(!matches!(
                simulated.err.map(TransactionError::from),
                Some(TransactionError::UnsupportedVersion | TransactionError::SanitizeFailure)
            )),
            // Not readable for this endpoint, if another version is.
            Err(ChainError::Invalid(_)) => {
                self.simulate_with(&empty(Version::V0)?).await.map(|_| false)
            }
            Err(error) => Err(error),
        }
    }

    async fn read_account(
        &self,
        address: &Pubkey,
        slice: Option<UiDataSliceConfig>,
        commitment: Commitment,
    ) -> Result<Option<Account>, ChainError> {
        let config = RpcAccountInfoConfig {
            encoding: Some(match slice {
                Some(_) => UiAccountEncoding::Base64,
                None => UiAccountEncoding::Base64Zstd,
            }),
            data_slice: slice,
            commitment: Some(config(commitment)),
            min_context_slot: None,
        };
        let params = json!([address.to_string(), config]);
        let answer: Response<Option<UiAccount>> =
            self.client.read(RpcRequest::GetAccountInfo, params).await?;
        answer.value.map(account).transpose()
    }

    async fn confirmed(&self, signature: Signature) -> Result<(), ChainError> {
        loop {
            match self.statuses(&[signature]).await?.into_iter().next().flatten() {
                None => tokio::time::sleep(AIRDROP_POLL).await,
                Some(SignatureStatus { error: None, .. }) => return Ok(()),
                Some(SignatureStatus { error: Some(error), .. }) => {
                    return Err(ChainError::Refused { error, logs: Vec::new() });
                }
            }
        }
    }
}

/// A transaction that does nothing, of a payer who is nobody.
fn empty(version: Version) -> Result<Vec<u8>, ChainError> {
    let account_keys = vec![Pubkey::new_from_array([1; 32])];
    let header = MessageHeader { num_required_signatures: 1, ..Default::default() };
    let message = match version {
        Version::V0 => {
            VersionedMessage::V0(v0::Message { header, account_keys, ..Default::default() })
        }
        Version::V1 => {
            let config = v1::TransactionConfig::empty();
            let hash = Hash::default();
            let message = v1::Message::new(header, config, hash, account_keys, Vec::new());
            VersionedMessage::V1(message)
        }
    };
    let transaction = VersionedTransaction { signatures: vec![Signature::default()], message };
    wincode::serialize(&transaction)
        .map_err(|error| ChainError::Invalid(format!("a transaction: {error}")))
}

fn account(account: UiAccount) -> Result<Account, ChainError> {
    let invalid = || ChainError::Invalid("getAccountInfo: an account that cannot be read".into());
    let UiAccountData::Binary(text, encoding) = account.data else { return Err(invalid()) };
    let packed = BASE64_STANDARD.decode(text).map_err(|_| invalid())?;
    let data = match encoding {
        UiAccountEncoding::Base64 => packed,
        UiAccountEncoding::Base64Zstd => {
            let mut data = Vec::new();
            let unpacked = zstd::Decoder::new(packed.as_slice()).map_err(|_| invalid())?;
            unpacked.take(ACCOUNT_BYTES_MAX + 1).read_to_end(&mut data).map_err(|_| invalid())?;
            data
        }
        _ => return Err(invalid()),
    };
    if u64::try_from(data.len()).map_or(true, |bytes| bytes > ACCOUNT_BYTES_MAX) {
        return Err(invalid());
    }
    Ok(Account {
        lamports: account.lamports,
        data,
        owner: account.owner.parse().map_err(|_| invalid())?,
        executable: account.executable,
        rent_epoch: account.rent_epoch,
    })
}

fn status(status: TransactionStatus) -> Option<SignatureStatus> {
    let commitment = match status.confirmation_status() {
        // It may be on a fork that is given up.
        TransactionConfirmationStatus::Processed => return None,
        TransactionConfirmationStatus::Confirmed => Commitment::Confirmed,
        TransactionConfirmationStatus::Finalized => Commitment::Finalized,
    };
    Some(SignatureStatus { slot: status.slot, commitment, error: status.err })
}

#[async_trait]
impl Chain for Rpc {
    async fn account(
        &self,
        address: &Pubkey,
        commitment: Commitment,
    ) -> Result<Option<Account>, ChainError> {
        self.read_account(address, None, commitment).await
    }

    async fn account_part(
        &self,
        address: &Pubkey,
        offset: usize,
        length: usize,
        commitment: Commitment,
    ) -> Result<Option<Account>, ChainError> {
        let slice = UiDataSliceConfig { offset, length };
        self.read_account(address, Some(slice), commitment).await
    }

    async fn rent_lamports(&self, bytes: usize) -> Result<u64, ChainError> {
        self.client.read(RpcRequest::GetMinimumBalanceForRentExemption, json!([bytes])).await
    }

    async fn blockhash(&self) -> Result<RecentBlockhash, ChainError> {
        let params = json!([CommitmentConfig::confirmed()]);
        let answer: Response<RpcBlockhash> =
            self.client.read(RpcRequest::GetLatestBlockhash, params).await?;
        let RpcBlockhash { blockhash, last_valid_block_height } = answer.value;
        let hash = blockhash
            .parse()
            .map_err(|_| ChainError::Invalid("getLatestBlockhash: not a hash".into()))?;
        Ok(RecentBlockhash { hash, last_valid_block_height })
    }

    async fn block_height(&self, commitment: Commitment) -> Result<u64, ChainError> {
        self.client.read(RpcRequest::GetBlockHeight, json!([config(commitment)])).await
    }

    async fn time(&self) -> Result<ChainTime, ChainError> {
        let invalid = || ChainError::Invalid("getAccountInfo: not a clock".into());
        let account = self.account(&solana_clock::sysvar::ID, Commitment::Confirmed).await?;
        let account = account.ok_or_else(invalid)?;
        let clock: Clock = wincode::deserialize(&account.data).map_err(|_| invalid())?;
        Ok(ChainTime { slot: clock.slot, unix_seconds: clock.unix_timestamp })
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        let simulated = self.simulate_with(transaction).await?;
        Ok(Simulation {
            compute_units: simulated.units_consumed.unwrap_or_default(),
            error: simulated.err.map(Into::into),
            logs: simulated.logs.unwrap_or_default(),
        })
    }

    async fn send(&self, transaction: &[u8]) -> Result<Signature, ChainError> {
        let signature = transactions::signature(transaction)?;
        // The node goes on sending it until it expires, also when this process is gone by then.
        let config = RpcSendTransactionConfig {
            skip_preflight: false,
            preflight_commitment: Some(CommitmentLevel::Confirmed),
            encoding: Some(UiTransactionEncoding::Base64),
            max_retries: None,
            min_context_slot: None,
        };
        let params = json!([BASE64_STANDARD.encode(transaction), config]);
        match self.client.ask::<String>(RpcRequest::SendTransaction, params).await {
            // It landed before.
            Err(ChainError::Refused { error: TransactionError::AlreadyProcessed, .. }) => {
                Ok(signature)
            }
            Ok(sent) if history::parse_signature(&sent)? != signature => {
                Err(ChainError::Invalid("sendTransaction: another signature".into()))
            }
            outcome => outcome.map(|_| signature),
        }
    }

    async fn statuses(
        &self,
        signatures: &[Signature],
    ) -> Result<Vec<Option<SignatureStatus>>, ChainError> {
        let mut all = Vec::with_capacity(signatures.len());
        for part in signatures.chunks(STATUSES_MAX) {
            let texts: Vec<_> = part.iter().map(ToString::to_string).collect();
            let params = json!([texts, { "searchTransactionHistory": true }]);
            let answer: Response<Vec<Option<TransactionStatus>>> =
                self.client.read(RpcRequest::GetSignatureStatuses, params).await?;
            if answer.value.len() != part.len() {
                return Err(ChainError::Invalid("getSignatureStatuses: not one for each".into()));
            }
            all.extend(answer.value.into_iter().map(|known| known.and_then(status)));
        }
        Ok(all)
    }

    async fn priority_fee(&self, writable: &[Pubkey]) -> Result<u64, ChainError> {
        let addresses = &writable[..writable.len().min(FEE_ADDRESSES_MAX)];
        let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        let recent: Vec<RpcPrioritizationFee> =
            self.client.read(RpcRequest::GetRecentPrioritizationFees, json!([texts])).await?;
        let mut fees: Vec<_> = recent.into_iter().map(|slot| slot.prioritization_fee).collect();
        fees.sort_unstable();
        Ok(fees.get(fees.len() / 2).copied().unwrap_or_default())
    }

    async fn history(
        &self,
        address: &Pubkey,
        after: Option<Signature>,
        limit: usize,
    ) -> Result<Vec<ChainTransaction>, ChainError> {
        history::history(&self.client, address, after, limit).await
    }

    async fn transaction(
        &self,
        signature: &Signature,
    ) -> Result<Option<ChainTransaction>, ChainError> {
        history::transaction(&self.client, signature).await
    }

    async fn watch(&self, address: &Pubkey) -> Result<BoxStream<'static, ()>, ChainError> {
        watch::watch(&self.ws, address, self.timeout).await
    }

    async fn airdrop(&self, to: &Pubkey, lamports: u64) -> Result<(), ChainError> {
        let params = json!([to.to_string(), lamports]);
        let signature: String = self.client.ask(RpcRequest::RequestAirdrop, params).await?;
        let signature = history::parse_signature(&signature)?;
        tokio::time::timeout(AIRDROP_MAX, self.confirmed(signature))
            .await
            .map_err(|_| ChainError::Timeout)?
    }

    async fn advance(&self, _by: std::time::Duration) -> Result<(), ChainError> {
        Err(ChainError::NotEmbedded)
    }

    async fn takes_v1(&self) -> Result<bool, ChainError> {
        self.takes_v1.get_or_try_init(|| self.try_v1()).await.copied()
    }
}

#[cfg(test)]
mod tests;
