//! What goes wrong, and what it is called.

use std::time::Instant;

use solana_instruction::error::InstructionError;

use super::{
    fake::{KEY, TIMEOUT, connect},
    *,
};

/// An endpoint that always replies in the same way when it is asked for the block height.
async fn height(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (Fake, ChainError) {
    let fake =
        Fake::start(move |method, _, before| (method == "getBlockHeight").then(|| reply(before)))
            .await;
    let error = fake.rpc.block_height(Commitment::Confirmed).await.expect_err("a failure");
    assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
    (fake, error)
}

/// What sending a transaction comes to.
async fn sent(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Result<(), ChainError> {
    let fake = Fake::start(move |method, _, _| (method == "sendTransaction").then(&reply)).await;
    let transaction = signed();
    let outcome = fake.rpc.send(&transaction.bytes).await;
    assert_eq!(fake.count("sendTransaction"), 1);
    outcome.map(|signature| assert_eq!(signature, transaction.signature))
}

fn preflight(error: serde_json::Value) -> Reply {
    let data = json!({ "err": error, "logs": ["Program log: no"], "unitsConsumed": 5 });
    Reply::Error(-32002, "Transaction simulation failed", data)
}

#[tokio::test]
async fn a_busy_endpoint_says_for_how_long() {
    let (fake, error) = height(|_| Reply::Http(429, Some(60))).await;
    let minute = Duration::from_secs(60);
    assert!(matches!(error, ChainError::Busy { retry_after } if retry_after == minute));
    assert!(error.can_retry());
    assert_eq!(fake.count("getBlockHeight"), 1);
    let (_, error) = height(|_| Reply::Http(503, Some(1_000_000))).await;
    assert!(matches!(error, ChainError::Busy { retry_after } if retry_after < 3 * minute));
    let (_, error) = height(|_| Reply::Error(429, "slow down", json!(null))).await;
    assert!(matches!(error, ChainError::Busy { .. }));
}

#[tokio::test]
async fn a_read_is_tried_again() {
    let started = Instant::now();
    let fake = Fake::start(|method, _, before| {
        (method == "getBlockHeight").then(|| match before {
            0 => Reply::Http(502, None),
            1 => Reply::Http(429, Some(1)),
            _ => Reply::Result(json!(5)),
        })
    })
    .await;
    assert_eq!(fake.rpc.block_height(Commitment::Confirmed).await.expect("a height"), 5);
    assert!(started.elapsed() >= Duration::from_secs(1));
    let (fake, error) = height(|_| Reply::Http(500, None)).await;
    assert!(matches!(error, ChainError::Unreachable(_)));
    assert_eq!(fake.count("getBlockHeight"), 3);
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for() {
    let started = Instant::now();
    let (fake, error) = height(|_| Reply::Silence).await;
    assert!(matches!(error, ChainError::Timeout));
    assert!(started.elapsed() >= TIMEOUT);
    assert_eq!(fake.count("getBlockHeight"), 1);
}

#[tokio::test]
async fn who_is_not_there_is_named_without_its_key() {
    let rpc = connect(&format!("http://user:{KEY}@127.0.0.1:9/{KEY}?api-key={KEY}"), TIMEOUT);
    let error = rpc.block_height(Commitment::Confirmed).await.expect_err("nobody there");
    assert!(matches!(error, ChainError::Unreachable(_)) && error.can_retry(), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:9"), "{error}");
    assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
    let error = rpc.watch(&Pubkey::default()).await.err().expect("nobody there");
    assert!(matches!(error, ChainError::Unreachable(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
}

#[tokio::test]
async fn an_encrypted_connection_that_fails_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    // Ends every connection.
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    });
    let config = ChainConfig {
        rpc_url: format!("http://{address}").parse().expect("a URL"),
        ws_url: Some(format!("wss://{address}/{KEY}").parse().expect("a URL")),
        ..Default::default()
    };
    let rpc = Rpc::new(&config).expect("a client");
    let error = rpc.watch(&Pubkey::default()).await.err().expect("no connection");
    assert!(matches!(&error, ChainError::Unreachable(text) if text.contains(": ")), "{error:?}");
}

#[tokio::test]
async fn what_cannot_be_understood_is_not_asked_again() {
    for reply in [
        || Reply::Text("Service Unavailable".into()),
        || Reply::Result(json!("five")),
        || Reply::Http(403, None),
        || Reply::Error(-32601, "Method not found", json!(null)),
    ] {
        let (fake, error) = height(move |_| reply()).await;
        assert!(matches!(error, ChainError::Invalid(_)) && !error.can_retry(), "{error:?}");
        assert_eq!(fake.count("getBlockHeight"), 1);
    }
    let (_, error) =
        height(|_| Reply::Error(-32000, "no such key: s3cret-key-123", json!(null))).await;
    assert!(error.to_string().contains("no such key: …"), "{error}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let fake = Fake::with_timeout(Duration::from_secs(60), |method, _, _| {
        (method == "getBlockHeight").then(|| Reply::Text(" ".repeat(33 << 20)))
    })
    .await;
    let error = fake.rpc.block_height(Commitment::Confirmed).await.expect_err("a failure");
    assert!(matches!(error, ChainError::Invalid(_)), "{error:?}");
}

#[tokio::test]
async fn an_endpoint_that_is_behind_is_not_believed() {
    let own_word = Fake::start(|method, _, _| {
        (method == "getHealth").then(|| {
            Reply::Error(-32005, "Node is behind by 200 slots", json!({ "numSlotsBehind": 200 }))
        })
    })
    .await;
    let error = own_word.rpc.block_height(Commitment::Confirmed).await.expect_err("behind");
    assert!(matches!(error, ChainError::Behind { slots: 200 }) && error.can_retry());
    assert_eq!(own_word.count("getBlockHeight"), 0);

    let seen = Fake::start(|method, _, before| match method {
        "getMaxRetransmitSlot" => Some(Reply::Result(json!(1_151 - before))),
        "getBlockHeight" => Some(Reply::Result(json!(5))),
        _ => None,
    })
    .await;
    let error = seen.rpc.block_height(Commitment::Confirmed).await.expect_err("behind");
    assert!(matches!(error, ChainError::Behind { slots: 151 }), "{error:?}");
    // Asked again, since that was no good word; and then not for a while.
    for _ in 0..3 {
        assert_eq!(seen.rpc.block_height(Commitment::Confirmed).await.expect("current"), 5);
    }
    assert_eq!(seen.count("getMaxRetransmitSlot"), 2);

    let silent = Fake::start(|method, _, _| match method {
        "getHealth" | "getMaxRetransmitSlot" => {
            Some(Reply::Error(-32601, "Method not found", json!(null)))
        }
        "getBlockHeight" => Some(Reply::Result(json!(5))),
        _ => None,
    })
    .await;
    assert_eq!(silent.rpc.block_height(Commitment::Confirmed).await.expect("a height"), 5);
}

#[tokio::test]
async fn what_would_fail_is_refused_with_its_logs() {
    let error = json!({ "InstructionError": [1, { "Custom": 6035 }] });
    let refused = sent(move || preflight(error.clone())).await;
    let Err(ChainError::Refused { error, logs }) = refused else { panic!("{refused:?}") };
    let custom = TransactionError::InstructionError(1, InstructionError::Custom(6035));
    assert_eq!((error, logs), (custom, vec!["Program log: no".to_owned()]));
    let refused = sent(|| preflight(json!("BlockhashNotFound"))).await;
    assert!(matches!(refused, Err(ChainError::BlockhashNotFound)), "{refused:?}");
    let refused = sent(|| Reply::Error(-32003, "Signature verification", json!(null))).await;
    let signature = TransactionError::SignatureFailure;
    assert!(matches!(refused, Err(ChainError::Refused { error, .. }) if error == signature));
}

#[tokio::test]
async fn what_landed_before_is_taken() {
    sent(|| preflight(json!("AlreadyProcessed"))).await.expect("taken");
}

#[tokio::test]
async fn sending_is_not_tried_again_here() {
    let failed = sent(|| Reply::Http(502, None)).await;
    assert!(matches!(failed, Err(ChainError::Unreachable(_))));
    let other = Signature::default().to_string();
    let confused = sent(move || Reply::Result(json!(other))).await;
    assert!(matches!(confused, Err(ChainError::Invalid(_))));
    let fake = Fake::start(|_, _, _| None).await;
    assert!(matches!(fake.rpc.send(&[1, 2, 3]).await, Err(ChainError::Invalid(_))));
}
