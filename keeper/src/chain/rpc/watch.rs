//! Transactions as they become final, by WebSocket.

use std::{sync::Once, time::Duration};

use anchor_lang::prelude::Pubkey;
use futures::stream::{self, BoxStream, StreamExt};
use solana_commitment_config::CommitmentConfig;
use solana_pubsub_client::nonblocking::pubsub_client::PubsubClient;
use solana_rpc_client_api::config::{RpcTransactionLogsConfig, RpcTransactionLogsFilter};
use tokio::{sync::mpsc, time::timeout};

use super::endpoint::Endpoint;
use crate::chain::ChainError;

/// Subscribes to transactions that name `address`. They are told when they are final, since only
/// then the history has them.
pub async fn watch(
    endpoint: &Endpoint,
    address: &Pubkey,
    limit: Duration,
) -> Result<BoxStream<'static, ()>, ChainError> {
    choose_cryptography();
    let (wake, woken) = mpsc::channel(1);
    let (ready, subscribed) = tokio::sync::oneshot::channel();
    // The subscription borrows its connection: both live in one task.
    tokio::spawn(follow(endpoint.clone(), *address, wake, ready));
    match timeout(limit, subscribed).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => return Err(error),
        Ok(Err(_)) => return Err(ChainError::Unreachable(endpoint.shown())),
        // The task ends when nobody holds the stream.
        Err(_) => return Err(ChainError::Timeout),
    }
    Ok(stream::unfold(woken, |mut woken| async { Some((woken.recv().await?, woken)) }).boxed())
}

async fn follow(
    endpoint: Endpoint,
    address: Pubkey,
    wake: mpsc::Sender<()>,
    ready: tokio::sync::oneshot::Sender<Result<(), ChainError>>,
) {
    let lost = |error: &dyn std::fmt::Display| {
        let text = format!("{}: {error}", endpoint.shown());
        ChainError::Unreachable(endpoint.redact(&text))
    };
    let connection = tokio::select! {
        connected = PubsubClient::new(endpoint.reveal()) => connected,
        () = wake.closed() => return,
    };
    let connection = match connection {
        Ok(connection) => connection,
        Err(error) => {
            // Who asked may be gone.
            let _ = ready.send(Err(lost(&error)));
            return;
        }
    };
    let filter = RpcTransactionLogsFilter::Mentions(vec![address.to_string()]);
    let config = RpcTransactionLogsConfig { commitment: Some(CommitmentConfig::finalized()) };
    let subscription = tokio::select! {
        subscription = connection.logs_subscribe(filter, config) => subscription,
        () = wake.closed() => return,
    };
    let mut news = match subscription {
        Ok((news, _)) => news,
        Err(error) => {
            let _ = ready.send(Err(lost(&error)));
            return;
        }
    };
    if ready.send(Ok(())).is_err() {
        return;
    }
    loop {
        tokio::select! {
            next = news.next() => match next {
                // One that waits to be seen says enough.
                Some(_) => {
                    let _ = wake.try_send(());
                }
                None => return,
            },
            () = wake.closed() => return,
        }
    }
}

/// Several implementations of TLS are linked, and the WebSocket's client wants one to be chosen.
fn choose_cryptography() {
    static CHOSEN: Once = Once::new();
    // Somebody else may have chosen before, which does as well.
    CHOSEN.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}
