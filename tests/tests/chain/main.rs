//! The keeper's chain: what holds for the embedded one holds for a cluster behind an endpoint.

mod same;

use std::{sync::Arc, time::Duration};

use pixr_keeper::{
    chain::{self, Chain, testing::program},
    config::ChainConfig,
};
use pixr_tests::endpoint::Endpoint;

/// A client for a node.
fn client(node: &Endpoint) -> Arc<dyn Chain> {
    let config = ChainConfig {
        rpc_url: node.rpc_url.parse().expect("a URL"),
        ws_url: Some(node.ws_url.parse().expect("a URL")),
        ..Default::default()
    };
    chain::open(&config, "unused".as_ref()).expect("a client")
}

#[tokio::test]
async fn the_embedded_chain() {
    let chain = chain::embedded::Embedded::temporary(&program()).expect("a chain");
    same::everything(&*chain).await;
    let pass = async || chain.advance(Duration::from_secs(8)).await.expect("time");
    same::a_transaction_expires(&*chain, pass).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_behind_an_endpoint() {
    let node = Endpoint::start();
    let chain = client(&node);
    same::everything(&*chain).await;
    let pass = async || tokio::time::sleep(Duration::from_millis(200)).await;
    same::a_transaction_expires(&*chain, pass).await;
}
