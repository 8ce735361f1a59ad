//! What happened at an address, oldest first, from an interface that tells the newest first.

use std::collections::VecDeque;

use anchor_lang::prelude::Pubkey;
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value as Json, json};
use solana_commitment_config::CommitmentConfig;
use solana_rpc_client_api::{
    config::{RpcSignaturesForAddressConfig, RpcTransactionConfig, UiTransactionEncoding},
    request::{MAX_GET_CONFIRMED_SIGNATURES_FOR_ADDRESS2_LIMIT as PAGE, RpcRequest},
    response::{
        EncodedTransaction, RpcConfirmedTransactionStatusWithSignature, TransactionBinaryEncoding,
    },
};
use solana_signature::Signature;
use solana_transaction_error::TransactionError;
use solana_transaction_status_client_types::{
    EncodedConfirmedTransactionWithStatusMeta, TransactionConfirmationStatus,
};

use super::client::Client;
use crate::chain::{ChainError, ChainTransaction, transactions};

/// Transactions that are asked for at once.
const CONCURRENCY: usize = 8;
/// The newest transaction version that is understood.
const VERSION_MAX: u8 = 1;

/// See [`crate::chain::Chain::history`].
pub async fn history(
    client: &Client,
    address: &Pubkey,
    after: Option<Signature>,
    limit: usize,
) -> Result<Vec<ChainTransaction>, ChainError> {
    let signatures = oldest(client, address, after, limit).await?;
    let fetch = async |signature: Signature| {
        // Listed and not there: another node behind the same address, a little older.
        let missing = format!("{signature} is listed, but not there yet");
        transaction(client, &signature).await?.ok_or(ChainError::Unreachable(missing))
    };
    stream::iter(signatures.into_iter().map(fetch)).buffered(CONCURRENCY).try_collect().await
}

/// The first `limit` signatures after `after`: pages are asked for from the newest on, and of what
/// they say only the oldest is kept.
async fn oldest(
    client: &Client,
    address: &Pubkey,
    after: Option<Signature>,
    limit: usize,
) -> Result<VecDeque<Signature>, ChainError> {
    let mut kept = VecDeque::new();
    let mut before = None;
    loop {
        let config = RpcSignaturesForAddressConfig {
            before: before.clone(),
            until: after.map(|signature| signature.to_string()),
            limit: Some(PAGE),
            commitment: Some(CommitmentConfig::finalized()),
            min_context_slot: None,
        };
        let params = json!([address.to_string(), config]);
        let page: Vec<RpcConfirmedTransactionStatusWithSignature> =
            client.read(RpcRequest::GetSignaturesForAddress, params).await?;
        for line in page.iter().filter(|line| is_final(line)) {
            kept.push_front(parse_signature(&line.signature)?);
        }
        kept.truncate(limit);
        let Some(last) = page.into_iter().next_back() else { return Ok(kept) };
        if before.replace(last.signature) == before {
            return Err(ChainError::Invalid("getSignaturesForAddress: a page twice".into()));
        }
    }
}

/// Some endpoints list more than they were asked for: transactions of the slot under way, whose order
/// is not settled, and which others can still come before.
fn is_final(line: &RpcConfirmedTransactionStatusWithSignature) -> bool {
    matches!(line.confirmation_status, None | Some(TransactionConfirmationStatus::Finalized))
}

/// See [`crate::chain::Chain::transaction`].
pub async fn transaction(
    client: &Client,
    signature: &Signature,
) -> Result<Option<ChainTransaction>, ChainError> {
    let config = RpcTransactionConfig {
        encoding: Some(UiTransactionEncoding::Base64),
        commitment: Some(CommitmentConfig::confirmed()),
        max_supported_transaction_version: Some(VERSION_MAX),
    };
    let params = json!([signature.to_string(), config]);
    let answer: Json = client.read(RpcRequest::GetTransaction, params).await?;
    if answer.is_null() {
        return Ok(None);
    }
    let encoded: EncodedConfirmedTransactionWithStatusMeta = serde_json::from_value(answer)
        .map_err(|error| ChainError::Invalid(format!("getTransaction: {error}")))?;
    read(signature, encoded).map(Some)
}

fn read(
    signature: &Signature,
    encoded: EncodedConfirmedTransactionWithStatusMeta,
) -> Result<ChainTransaction, ChainError> {
    let invalid = |what: &str| ChainError::Invalid(format!("getTransaction: {signature} {what}"));
    let bytes = match encoded.transaction.transaction {
        EncodedTransaction::Binary(text, TransactionBinaryEncoding::Base64) => {
            BASE64_STANDARD.decode(text).map_err(|_| invalid("is not in base64"))?
        }
        _ => return Err(invalid("is not in base64")),
    };
    if transactions::signature(&bytes)? != *signature {
        return Err(invalid("is another transaction"));
    }
    let meta = encoded.transaction.meta.ok_or_else(|| invalid("has no status"))?;
    let logs: Option<Vec<String>> = meta.log_messages.into();
    let compute_units: Option<u64> = meta.compute_units_consumed.into();
    Ok(ChainTransaction {
        signature: *signature,
        slot: encoded.slot,
        block_time: encoded.block_time,
        error: meta.err.map(TransactionError::from),
        fee_lamports: meta.fee,
        compute_units: compute_units.unwrap_or_default(),
        // Without logs, events would be missed and nobody would know.
        logs: logs.ok_or_else(|| invalid("has no logs: the endpoint keeps none"))?,
        bytes,
    })
}

pub fn parse_signature(text: &str) -> Result<Signature, ChainError> {
    text.parse().map_err(|_| ChainError::Invalid("a signature that is none".into()))
}
