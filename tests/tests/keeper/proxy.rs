//! An endpoint that misbehaves for a while, in front of a real one.

use std::{future::IntoFuture, net::SocketAddr};

use axum::{
    Json as Body, Router,
    body::Bytes,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use pixr_keeper::{chain::transactions, testing::request};
use pixr_tests::endpoint::Endpoint;
use serde_json::{Value as Json, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What is wrong with the endpoint. Whatever it is, its WebSocket does not work either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// It refuses every request: there are too many.
    Busy,
    /// It answers nothing.
    Hang,
    /// It is 200 slots behind its cluster.
    Behind,
    /// It says that it takes transactions, and drops them.
    Forget,
}

/// The endpoint as its clients see it.
pub struct Proxy {
    pub rpc_url: String,
    pub ws_url: String,
    fault: watch::Sender<Fault>,
}

impl Proxy {
    /// One that works, in front of `node`.
    pub async fn start(node: &Endpoint) -> Self {
        let (fault, seen) = watch::channel(Fault::None);
        let (rpc, rpc_address) = listen().await;
        let (to, faulty) = (address(&node.rpc_url), seen.clone());
        let handle = move |body| answer(to, *faulty.borrow(), body);
        let router = Router::new().fallback_service(post(handle));
        tokio::spawn(axum::serve(rpc, router).into_future());
        let (ws, ws_address) = listen().await;
        tokio::spawn(pass_on(ws, address(&node.ws_url), seen));
        let (rpc_url, ws_url) = (format!("http://{rpc_address}"), format!("ws://{ws_address}"));
        Self { rpc_url, ws_url, fault }
    }

    /// From now on this is wrong.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

fn address(url: &str) -> SocketAddr {
    let (_, address) = url.split_once("://").expect("a URL");
    address.trim_end_matches('/').parse().expect("an address with a port")
}

async fn answer(node: SocketAddr, fault: Fault, body: Bytes) -> Response {
    let asked: Json = serde_json::from_slice(&body).expect("a request in JSON");
    let result = |result: Json| {
        Body(json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result })).into_response()
    };
    match (fault, asked["method"].as_str().expect("a method")) {
        // Longer than a client would wait by itself.
        (Fault::Busy, _) => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "3")]).into_response()
        }
        (Fault::Hang, _) => std::future::pending().await,
        (Fault::Behind, "getSlot") => result(json!(1_000)),
        (Fault::Behind, "getMaxRetransmitSlot") => result(json!(1_200)),
        (Fault::Forget, "sendTransaction") => {
            let bytes = BASE64_STANDARD.decode(asked["params"][0].as_str().expect("a transaction"));
            let signature = transactions::signature(&bytes.expect("base64"));
            result(json!(signature.expect("a transaction").to_string()))
        }
        _ => {
            let json = [("content-type", "application/json")];
            request(node, "POST", "/", &json, &body).await.body.into_response()
        }
    }
}

/// Passes connections on to `to`, and cuts them while there is a fault.
async fn pass_on(listener: TcpListener, to: SocketAddr, fault: watch::Receiver<Fault>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let mut fault = fault.clone();
        tokio::spawn(async move {
            let pass = async {
                let mut node = TcpStream::connect(to).await?;
                copy_bidirectional(&mut client, &mut node).await
            };
            // However it ends, both sides are closed.
            tokio::select! {
                _ = pass => {}
                _ = fault.wait_for(|fault| *fault != Fault::None) => {}
            }
        });
    }
}
