//! The history, from pages that start with the newest.

use std::sync::Arc;

use super::*;

/// An endpoint with `count` transactions of one address, oldest first.
async fn with_history(count: usize) -> (Fake, Arc<Vec<Signed>>) {
    let all: Arc<Vec<Signed>> = Arc::new((0..count).map(|_| signed()).collect());
    let listed = Arc::clone(&all);
    let texts: Vec<_> = all.iter().map(|it| it.signature.to_string()).collect();
    let fake = Fake::start(move |method, params, _| {
        let place = |name: &str| {
            let text = params[1][name].as_str()?;
            texts.iter().position(|other| other == text)
        };
        match method {
            "getSignaturesForAddress" => {
                let end = place("before").unwrap_or(texts.len());
                let start = place("until").map_or(0, |until| until + 1);
                let limit = params[1]["limit"].as_u64().expect("a limit");
                assert_eq!((limit, &params[1]["commitment"]), (1_000, &json!("finalized")));
                let page = (start..end).rev().take(1_000).map(|at| {
                    json!({
                        "signature": texts[at], "slot": at, "err": null, "memo": null,
                        "blockTime": null, "confirmationStatus": "finalized",
                    })
                });
                Some(Reply::Result(page.collect()))
            }
            "getTransaction" => {
                assert_eq!(params[1]["maxSupportedTransactionVersion"], 1);
                let text = params[0].as_str().expect("a signature");
                let at = texts.iter().position(|other| other == text)?;
                Some(Reply::Result(transaction(at, &listed[at].bytes, json!(["a log"]))))
            }
            _ => None,
        }
    })
    .await;
    (fake, all)
}

fn transaction(slot: usize, bytes: &[u8], logs: serde_json::Value) -> serde_json::Value {
    json!({
        "slot": slot, "blockTime": 1_800_000_000, "version": 1,
        "transaction": [BASE64_STANDARD.encode(bytes), "base64"],
        "meta": {
            "err": { "InstructionError": [0, { "Custom": 6000 }] },
            "status": { "Err": { "InstructionError": [0, { "Custom": 6000 }] } },
            "fee": 5_000, "preBalances": [], "postBalances": [], "innerInstructions": [],
            "logMessages": logs, "computeUnitsConsumed": 77,
        },
    })
}

#[tokio::test]
async fn the_oldest_come_first_however_many_pages_there_are() {
    let (fake, all) = with_history(2_500).await;
    let address = Pubkey::new_unique();
    let mut after = None;
    for part in all[..60].chunks(20) {
        let page = fake.rpc.history(&address, after, 20).await.expect("a page");
        let signatures: Vec<_> = page.iter().map(|it| it.signature).collect();
        assert_eq!(signatures, part.iter().map(|it| it.signature).collect::<Vec<_>>());
        after = signatures.last().copied();
    }
    let end = fake.rpc.history(&address, Some(all[2_498].signature), 20).await.expect("a page");
    assert_eq!(end.len(), 1);
    let [last] = &end[..] else { panic!("one") };
    assert_eq!((&last.bytes, last.slot), (&all[2_499].bytes, 2_499));
    assert_eq!((last.fee_lamports, last.compute_units), (5_000, 77));
    assert_eq!((last.block_time, last.logs.len()), (Some(1_800_000_000), 1));
    assert!(last.error.is_some());
    let none = fake.rpc.history(&address, Some(all[2_499].signature), 20).await.expect("a page");
    assert!(none.is_empty());
}

#[tokio::test]
async fn an_endpoint_that_goes_round_in_circles_is_left() {
    let listed = Signature::default().to_string();
    let fake = Fake::start(move |method, _, _| {
        (method == "getSignaturesForAddress").then(|| {
            Reply::Result(json!([{
                "signature": listed, "slot": 1, "err": null, "memo": null, "blockTime": null,
                "confirmationStatus": "finalized",
            }]))
        })
    })
    .await;
    let endless = fake.rpc.history(&Pubkey::new_unique(), None, 9).await;
    assert!(matches!(endless, Err(ChainError::Invalid(_))), "{endless:?}");
}

#[tokio::test]
async fn nothing_is_left_out_of_the_history() {
    let signed = signed();
    let listed = signed.signature.to_string();
    let fake = Fake::start(move |method, params, before| match method {
        "getSignaturesForAddress" if params[1]["before"].is_null() => Some(Reply::Result(json!([{
            "signature": listed, "slot": 1, "err": null, "memo": null, "blockTime": null,
            "confirmationStatus": "finalized",
        }]))),
        "getSignaturesForAddress" => Some(Reply::Result(json!([]))),
        "getTransaction" => Some(Reply::Result(match before {
            0 => json!(null),
            1 => transaction(1, &signed.bytes, json!(null)),
            2 => transaction(1, &super::signed().bytes, json!([])),
            _ => transaction(1, &signed.bytes, json!([])),
        })),
        _ => None,
    })
    .await;
    let address = Pubkey::new_unique();
    // Listed, but not there yet; without logs; another one.
    let missing = fake.rpc.history(&address, None, 9).await.expect_err("a gap");
    assert!(missing.can_retry(), "{missing:?}");
    for _ in 0..2 {
        let unusable = fake.rpc.history(&address, None, 9).await.expect_err("unusable");
        assert!(matches!(unusable, ChainError::Invalid(_)), "{unusable:?}");
    }
    assert_eq!(fake.rpc.history(&address, None, 9).await.expect("a page").len(), 1);
    let nothing = Fake::start(|method, _, _| {
        (method == "getTransaction").then_some(Reply::Result(json!(null)))
    })
    .await;
    assert!(nothing.rpc.transaction(&Signature::default()).await.expect("an answer").is_none());
}

#[tokio::test]
async fn what_is_not_final_is_left_for_later() {
    let all: Vec<Signed> = (0..3).map(|_| signed()).collect();
    let texts: Vec<_> = all.iter().map(|it| it.signature.to_string()).collect();
    let bytes = all[0].bytes.clone();
    let fake = Fake::start(move |method, params, _| match method {
        "getSignaturesForAddress" if params[1]["before"].is_null() => {
            let line = |at: usize, status: &str| {
                json!({
                    "signature": texts[at], "slot": at, "err": null, "memo": null,
                    "blockTime": null, "confirmationStatus": status,
                })
            };
            let lines = [line(2, "processed"), line(1, "confirmed"), line(0, "finalized")];
            Some(Reply::Result(json!(lines)))
        }
        "getSignaturesForAddress" => Some(Reply::Result(json!([]))),
        "getTransaction" => Some(Reply::Result(transaction(0, &bytes, json!([])))),
        _ => None,
    })
    .await;
    let page = fake.rpc.history(&Pubkey::new_unique(), None, 9).await.expect("a page");
    let signatures: Vec<_> = page.iter().map(|it| it.signature).collect();
    assert_eq!(signatures, [all[0].signature]);
}
