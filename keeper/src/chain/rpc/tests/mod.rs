mod failures;
mod fake;
mod pages;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;
use solana_keypair::Keypair;
use solana_message::Hash;

use self::fake::{Fake, Reply};
use super::*;
use crate::chain::transactions::{Limits, Signed, Version, sign};

/// A transaction of version 1.
fn signed() -> Signed {
    sign(Version::V1, Hash::default(), Limits::MOST, &[], &Keypair::new(), &[]).expect("signed")
}

fn with_context(value: serde_json::Value) -> Reply {
    Reply::Result(json!({ "context": { "slot": 5 }, "value": value }))
}

#[tokio::test]
async fn an_account_is_read_whole_or_in_part() {
    let data = vec![7; 100_000];
    let packed = zstd::encode_all(data.as_slice(), 1).expect("packed");
    let packed = BASE64_STANDARD.encode(packed);
    let owner = Pubkey::new_unique();
    let fake = Fake::start(move |method, params, _| {
        (method == "getAccountInfo").then(|| {
            let slice = params[1]["dataSlice"]["length"].as_u64();
            with_context(json!({
                "lamports": 5, "owner": owner.to_string(), "executable": false, "rentEpoch": 0,
                "space": 100_000,
                "data": match slice {
                    None => json!([packed, "base64+zstd"]),
                    Some(_) => json!([BASE64_STANDARD.encode([7, 7]), "base64"]),
                },
            }))
        })
    })
    .await;
    let address = Pubkey::new_unique();
    let whole = fake.rpc.account(&address, Commitment::Finalized).await.expect("an answer");
    let whole = whole.expect("an account");
    assert_eq!((whole.lamports, whole.owner, &whole.data), (5, owner, &data));
    assert_eq!(fake.params("getAccountInfo")[0], address.to_string());
    assert_eq!(fake.params("getAccountInfo")[1]["commitment"], "finalized");
    let part = fake.rpc.account_part(&address, 10, 2, Commitment::Confirmed).await;
    assert_eq!(part.expect("an answer").expect("an account").data, [7, 7]);
    let asked = fake.params("getAccountInfo");
    assert_eq!(asked[1]["dataSlice"], json!({ "offset": 10, "length": 2 }));
    assert_eq!(asked[1]["commitment"], "confirmed");
}

#[tokio::test]
async fn an_account_that_is_not_there_is_none() {
    let fake =
        Fake::start(|method, _, _| (method == "getAccountInfo").then(|| with_context(json!(null))))
            .await;
    let nothing = fake.rpc.account(&Pubkey::new_unique(), Commitment::Confirmed).await;
    assert_eq!(nothing.expect("an answer"), None);
}

#[tokio::test]
async fn an_account_larger_than_any_is_refused() {
    let packed = zstd::encode_all(vec![0; (10 << 20) + 1].as_slice(), 1).expect("packed");
    let packed = BASE64_STANDARD.encode(packed);
    let fake = Fake::start(move |method, _, _| {
        (method == "getAccountInfo").then(|| {
            with_context(json!({
                "lamports": 5, "owner": Pubkey::default().to_string(), "executable": false,
                "rentEpoch": 0, "data": [packed, "base64+zstd"],
            }))
        })
    })
    .await;
    let refused = fake.rpc.account(&Pubkey::new_unique(), Commitment::Confirmed).await;
    assert!(matches!(refused, Err(ChainError::Invalid(_))));
}

#[tokio::test]
async fn statuses_are_asked_for_in_parts_and_processed_is_not_known() {
    let fake = Fake::start(|method, params, _| {
        (method == "getSignatureStatuses").then(|| {
            let count = params[0].as_array().expect("signatures").len();
            assert!(count <= 256 && params[1]["searchTransactionHistory"] == true);
            let known = |at: usize, name: &str, confirmations: serde_json::Value| {
                json!({
                    "slot": at, "confirmations": confirmations, "err": null,
                    "status": { "Ok": null }, "confirmationStatus": name,
                })
            };
            let statuses: Vec<_> = (0..count)
                .map(|at| match at % 4 {
                    0 => known(at, "finalized", json!(null)),
                    1 => known(at, "confirmed", json!(3)),
                    2 => known(at, "processed", json!(0)),
                    _ => json!(null),
                })
                .collect();
            with_context(json!(statuses))
        })
    })
    .await;
    let statuses = fake.rpc.statuses(&[Signature::default(); 600]).await.expect("statuses");
    assert_eq!((statuses.len(), fake.count("getSignatureStatuses")), (600, 3));
    let commitments: Vec<_> =
        statuses[..4].iter().map(|it| it.as_ref().map(|it| it.commitment)).collect();
    assert_eq!(commitments, [Some(Commitment::Finalized), Some(Commitment::Confirmed), None, None]);
}

#[tokio::test]
async fn the_priority_fee_is_the_median() {
    let fake = Fake::start(|method, params, before| {
        (method == "getRecentPrioritizationFees").then(|| {
            assert!(params[0].as_array().expect("addresses").len() <= 128);
            let fees: &[u64] = if before == 0 { &[900, 0, 100, 7, 50] } else { &[] };
            let fees = fees.iter().map(|fee| json!({ "slot": 1, "prioritizationFee": fee }));
            Reply::Result(fees.collect())
        })
    })
    .await;
    assert_eq!(fake.rpc.priority_fee(&[Pubkey::default(); 200]).await.expect("a fee"), 50);
    assert_eq!(fake.rpc.priority_fee(&[]).await.expect("a fee"), 0);
}

#[tokio::test]
async fn time_is_the_clusters_clock() {
    let clock = Clock { slot: 77, unix_timestamp: -5, ..Default::default() };
    let data = wincode::serialize(&clock).expect("bytes");
    let packed = BASE64_STANDARD.encode(zstd::encode_all(data.as_slice(), 1).expect("packed"));
    let fake = Fake::start(move |method, _, _| {
        (method == "getAccountInfo").then(|| {
            with_context(json!({
                "lamports": 1, "owner": Pubkey::default().to_string(), "executable": false,
                "rentEpoch": 0, "data": [packed, "base64+zstd"],
            }))
        })
    })
    .await;
    let time = fake.rpc.time().await.expect("the time");
    assert_eq!(time, ChainTime { slot: 77, unix_seconds: -5 });
}

#[tokio::test]
async fn whether_version_1_is_taken_is_asked_once() {
    let simulated = |err: serde_json::Value| {
        with_context(json!({ "err": err, "logs": [], "unitsConsumed": 0 }))
    };
    let yes = Fake::start(move |method, params, _| {
        (method == "simulateTransaction").then(|| {
            assert_eq!(params[1]["replaceRecentBlockhash"], true);
            simulated(json!("AccountNotFound"))
        })
    })
    .await;
    for _ in 0..3 {
        assert!(yes.rpc.takes_v1().await.expect("an answer"));
    }
    assert_eq!(yes.count("simulateTransaction"), 1);

    let unsupported = Fake::start(move |method, _, _| {
        (method == "simulateTransaction").then(|| simulated(json!("UnsupportedVersion")))
    })
    .await;
    assert!(!unsupported.rpc.takes_v1().await.expect("an answer"));

    // An endpoint that is away for a moment, or refuses both versions, has not answered.
    let unreadable = Fake::start(move |method, params, before| {
        (method == "simulateTransaction").then(|| match before {
            0 => Reply::Http(429, Some(60)),
            1 | 2 => Reply::Http(403, None),
            _ if params[0].as_str().expect("a transaction").starts_with("gQ") => {
                Reply::Error(-32602, "failed to deserialize", json!(null))
            }
            _ => simulated(json!("AccountNotFound")),
        })
    })
    .await;
    assert!(unreadable.rpc.takes_v1().await.is_err());
    assert!(unreadable.rpc.takes_v1().await.is_err());
    assert!(!unreadable.rpc.takes_v1().await.expect("an answer"));
    assert_eq!(unreadable.count("simulateTransaction"), 5);
}

#[tokio::test]
async fn a_transaction_is_sent_with_preflight() {
    let transaction = signed();
    let signature = transaction.signature.to_string();
    let fake = Fake::start(move |method, _, _| {
        (method == "sendTransaction").then(|| Reply::Result(json!(signature)))
    })
    .await;
    let sent = fake.rpc.send(&transaction.bytes).await.expect("taken");
    assert_eq!(sent, transaction.signature);
    let asked = fake.params("sendTransaction");
    assert_eq!(asked[0], BASE64_STANDARD.encode(&transaction.bytes));
    assert_eq!(
        (&asked[1]["skipPreflight"], &asked[1]["encoding"]),
        (&json!(false), &json!("base64"))
    );
    assert_eq!(asked[1]["preflightCommitment"], "confirmed");
}
