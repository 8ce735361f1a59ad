//! Requests to an endpoint, and whether it is to be believed.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use solana_commitment_config::CommitmentConfig;
use solana_rpc_client::nonblocking::rpc_client::RpcClient;
use solana_rpc_client_api::request::RpcRequest;
use tokio::sync::Mutex;

use super::{
    endpoint::Endpoint,
    transport::{Transport, chain_error},
};
use crate::chain::ChainError;

/// How often a read is tried.
const ATTEMPTS_MAX: u32 = 3;
/// The wait before the second attempt; it doubles.
const BACKOFF: Duration = Duration::from_millis(200);
/// An endpoint that wants to be left alone for longer is left to the caller.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(2);
/// For so long an endpoint that kept up with its cluster is believed to still do.
const HEALTHY_FOR: Duration = Duration::from_secs(5);
/// Asks an endpoint.
pub struct Client {
    rpc: RpcClient,
    slots_behind_max: u64,
    /// When the endpoint was last seen to keep up.
    healthy: Mutex<Option<Instant>>,
}

impl Client {
    /// Every request has to be answered within `timeout`; reads are refused while the endpoint is
    /// more than `slots_behind_max` slots behind its cluster.
    pub fn new(
        endpoint: Endpoint,
        timeout: Duration,
        slots_behind_max: u64,
    ) -> Result<Self, ChainError> {
        let transport = Transport::new(endpoint, timeout)?;
        let rpc = RpcClient::new_sender(transport, Default::default());
        Ok(Self { rpc, slots_behind_max, healthy: Mutex::new(None) })
    }

    /// One request.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        request: RpcRequest,
        params: Json,
    ) -> Result<T, ChainError> {
        self.rpc.send(request, params).await.map_err(chain_error)
    }

    /// One request, again after a moment where that may help.
    async fn ask_again<T: DeserializeOwned>(
        &self,
        request: RpcRequest,
        params: Json,
    ) -> Result<T, ChainError> {
        let mut wait = BACKOFF;
        for _ in 1..ATTEMPTS_MAX {
            let wanted = match self.ask(request, params.clone()).await {
                Err(ChainError::Busy { retry_after }) if retry_after <= RETRY_AFTER_MAX => {
                    retry_after
                }
                Err(ChainError::Unreachable(_)) => Duration::ZERO,
                outcome => return outcome,
            };
            // Not all at the same time.
            tokio::time::sleep(wanted.max(wait).mul_f64(rand::random_range(1.0..1.5))).await;
            wait *= 2;
        }
        self.ask(request, params).await
    }

    /// Reads from an endpoint that keeps up with its cluster.
    pub async fn read<T: DeserializeOwned>(
        &self,
        request: RpcRequest,
        params: Json,
    ) -> Result<T, ChainError> {
        self.require_current().await?;
        self.ask_again(request, params).await
    }

    /// Fails with [`ChainError::Behind`] when what the endpoint says is too old.
    async fn require_current(&self) -> Result<(), ChainError> {
        let mut healthy = self.healthy.lock().await;
        if healthy.is_some_and(|at| at.elapsed() < HEALTHY_FOR) {
            return Ok(());
        }
        *healthy = None;
        let behind = self.slots_behind().await?;
        if behind > self.slots_behind_max {
            return Err(ChainError::Behind { slots: behind });
        }
        *healthy = Some(Instant::now());
        Ok(())
    }

    async fn slots_behind(&self) -> Result<u64, ChainError> {
        // What the node itself thinks; it says so only when it finds itself far behind.
        match self.ask_again::<Json>(RpcRequest::GetHealth, Json::Null).await {
            Ok(_) | Err(ChainError::Invalid(_)) => {}
            Err(ChainError::Behind { slots }) => return Ok(slots),
            Err(error) => return Err(error),
        }
        // What it has heard of, against what it has executed.
        let heard = self.ask_again(RpcRequest::GetMaxRetransmitSlot, Json::Null).await;
        let processed = json!([CommitmentConfig::processed()]);
        let executed: u64 = self.ask_again(RpcRequest::GetSlot, processed).await?;
        match heard {
            Ok(heard) => Ok(u64::saturating_sub(heard, executed)),
            // Not every endpoint tells.
            Err(ChainError::Invalid(_)) => Ok(0),
            Err(error) => Err(error),
        }
    }
}
