//! What is taken, what is refused, and what becomes of it.

use std::time::Duration;

use anchor_lang::solana_program::system_instruction;
use futures::StreamExt;
use pixr::errors::PixrError;
use solana_instruction::error::InstructionError;
use solana_keypair::Keypair;
use solana_message::Hash;
use solana_signer::Signer;
use solana_transaction_error::TransactionError;

use crate::chain::{
    Chain, ChainError, Commitment, SignatureStatus,
    embedded::{Embedded, clock::BLOCKHASH_SLOTS},
    testing::{Scene, program},
    transactions::{Limits, Version, sign},
};

async fn start() -> (std::sync::Arc<Embedded>, Scene) {
    let chain = Embedded::temporary(&program()).expect("a chain");
    let scene = Scene::new(&*chain).await;
    (chain, scene)
}

#[tokio::test]
async fn a_settled_batch_is_final_at_once() {
    let (chain, mut scene) = start().await;
    let signature = scene.settle(&*chain).await.expect("a batch");
    let header = scene.header(&*chain).await;
    assert_eq!((header.next_sequence, header.balances), (2, 10 * 1_000));
    let status = chain.statuses(&[signature, Default::default()]).await.expect("statuses");
    let [Some(SignatureStatus { commitment: Commitment::Finalized, error: None, slot }), None] =
        status[..]
    else {
        panic!("{status:?}");
    };
    let landed = chain.transaction(&signature).await.expect("an answer").expect("a transaction");
    assert_eq!((landed.signature, landed.slot, landed.error), (signature, slot, None));
    assert!(landed.fee_lamports > 0 && landed.compute_units > 1_000);
    assert!(landed.logs.iter().any(|line| line.starts_with("Program data: ")));
}

#[tokio::test]
async fn a_transaction_sent_again_does_nothing() {
    let (chain, scene) = start().await;
    let signed = scene.sign(&*chain, &[scene.settlement(1, 10)], &[]).await;
    let first = chain.send(&signed.bytes).await.expect("a batch");
    let after = chain.account(&scene.shard, Commitment::Finalized).await.expect("an answer");
    for _ in 0..3 {
        assert_eq!(chain.send(&signed.bytes).await.expect("taken again"), first);
    }
    assert_eq!(chain.account(&scene.shard, Commitment::Finalized).await.expect("one"), after);
    let twice = futures::join!(chain.send(&signed.bytes), chain.send(&signed.bytes));
    assert_eq!((twice.0.ok(), twice.1.ok()), (Some(first), Some(first)));
}

#[tokio::test]
async fn a_blockhash_expires_after_150_slots() {
    let (chain, scene) = start().await;
    let recent = chain.blockhash().await.expect("a blockhash");
    let height = chain.block_height(Commitment::Finalized).await.expect("a height");
    assert!(recent.last_valid_block_height - height <= BLOCKHASH_SLOTS);
    let [old, new] = [1, 2].map(|sequence| {
        let settle = [scene.settlement(sequence, 10)];
        sign(Version::V1, recent.hash, Limits::MOST, &settle, &scene.key, &[]).expect("signed")
    });
    chain.advance(Duration::from_millis(400) * 140).await.expect("time");
    chain.send(&old.bytes).await.expect("still valid");
    chain.advance(Duration::from_millis(400) * 20).await.expect("time");
    let height = chain.block_height(Commitment::Finalized).await.expect("a height");
    assert!(height > recent.last_valid_block_height);
    let expired = chain.send(&new.bytes).await;
    assert!(matches!(expired, Err(ChainError::BlockhashNotFound)), "{expired:?}");
    let unknown = sign(Version::V0, Hash::default(), Limits::MOST, &[], &scene.key, &[]);
    let unknown = chain.send(&unknown.expect("signed").bytes).await;
    assert!(matches!(unknown, Err(ChainError::BlockhashNotFound)), "{unknown:?}");
}

#[tokio::test]
async fn preflight_refuses_what_would_fail() {
    let (chain, scene) = start().await;
    let lamports = |account: Option<solana_account::Account>| account.expect("one").lamports;
    let me = scene.key.pubkey();
    let before = lamports(chain.account(&me, Commitment::Finalized).await.expect("an answer"));
    let signed = scene.sign(&*chain, &[scene.settlement(7, 10)], &[]).await;
    let refused = chain.send(&signed.bytes).await;
    let Err(ChainError::Refused { error, logs }) = refused else { panic!("{refused:?}") };
    let code = u32::from(PixrError::SequenceGap);
    let custom = TransactionError::InstructionError(0, InstructionError::Custom(code));
    assert_eq!(error, custom);
    assert!(logs.iter().any(|line| line.contains("SequenceGap")), "{logs:?}");
    let after = lamports(chain.account(&me, Commitment::Finalized).await.expect("an answer"));
    assert_eq!(after, before);
    assert_eq!(chain.statuses(&[signed.signature]).await.expect("statuses"), [None]);

    // Without preflight it lands, and costs its fee.
    chain.send_without_preflight(&signed.bytes).await.expect("taken");
    let landed = chain.transaction(&signed.signature).await.expect("an answer").expect("landed");
    assert_eq!(landed.error, Some(custom));
    let after = lamports(chain.account(&me, Commitment::Finalized).await.expect("an answer"));
    assert_eq!(after, before - landed.fee_lamports);
    assert_eq!(scene.header(&*chain).await.next_sequence, 1);
}

#[tokio::test]
async fn signatures_are_checked_when_sent_and_not_when_simulated() {
    let (chain, scene) = start().await;
    let mut signed = scene.sign(&*chain, &[scene.settlement(1, 10)], &[]).await.bytes;
    // A version 1 transaction ends with its signatures.
    *signed.last_mut().expect("bytes") ^= 1;
    let refused = chain.send(&signed).await;
    assert!(
        matches!(
            refused,
            Err(ChainError::Refused { error: TransactionError::SignatureFailure, .. })
        ),
        "{refused:?}"
    );
    let simulated = chain.simulate(&signed).await.expect("a simulation");
    assert_eq!(simulated.error, None);
    assert!(simulated.compute_units > 1_000 && !simulated.logs.is_empty());
    assert_eq!(scene.header(&*chain).await.next_sequence, 1);
}

#[tokio::test]
async fn bytes_that_are_no_transaction_are_refused() {
    let (chain, scene) = start().await;
    let mut signed = scene.sign(&*chain, &[scene.settlement(1, 10)], &[]).await.bytes;
    signed.push(0);
    for bytes in [&[][..], &[1, 2, 3], &signed, &[0; 5_000]] {
        let refused = chain.send(bytes).await;
        assert!(matches!(refused, Err(ChainError::Invalid(_))), "{refused:?}");
        assert!(chain.simulate(bytes).await.is_err());
    }
}

#[tokio::test]
async fn who_cannot_pay_the_fee_is_refused_in_any_case() {
    let (chain, scene) = start().await;
    let poor = Keypair::new();
    let hash = chain.blockhash().await.expect("a blockhash").hash;
    let to = scene.key.pubkey();
    let transfer = [system_instruction::transfer(&poor.pubkey(), &to, 1)];
    let signed = sign(Version::V0, hash, Limits::MOST, &transfer, &poor, &[]).expect("signed");
    for refused in
        [chain.send(&signed.bytes).await, chain.send_without_preflight(&signed.bytes).await]
    {
        assert!(matches!(refused, Err(ChainError::Refused { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn who_watches_an_address_hears_of_it_alone() {
    let (chain, mut scene) = start().await;
    let mut news = chain.watch(&scene.platform.address).await.expect("a stream");
    let mut other = chain.watch(&scene.platform.mint).await.expect("a stream");
    scene.settle(&*chain).await.expect("a batch");
    tokio::time::timeout(Duration::from_secs(5), news.next()).await.expect("soon").expect("news");
    let nothing = tokio::time::timeout(Duration::from_millis(50), other.next()).await;
    assert!(nothing.is_err());
    drop(chain);
    assert_eq!(news.next().await, None);
}

#[tokio::test]
async fn every_slot_has_a_blockhash() {
    let (chain, _) = start().await;
    let first = chain.blockhash().await.expect("a blockhash");
    let time = chain.time().await.expect("the time");
    tokio::time::sleep(Duration::from_millis(850)).await;
    let second = chain.blockhash().await.expect("a blockhash");
    let slots = second.last_valid_block_height - first.last_valid_block_height;
    assert!((2..=4).contains(&slots), "{slots} slots");
    assert_ne!(first.hash, second.hash);
    let now = chrono::Utc::now().timestamp();
    assert!((now - time.unix_seconds).abs() <= 2);
}
