//! What the keeper relies on, whichever chain it is.

use std::time::Duration;

use futures::StreamExt;
use pixr::errors::PixrError;
use pixr_keeper::chain::{
    Chain, ChainError, Commitment,
    batches::{BatchKind, settle_entries},
    events::{ProgramEvent, events},
    testing::{SMALL, Scene, landed},
    transactions::{Limits, Version, sign},
};
use solana_address::Address;
use solana_instruction::error::InstructionError;
use solana_signature::Signature;
use solana_transaction_error::TransactionError;

/// Credits of a batch that leaves little room in a transaction.
const CREDITS: u64 = 1_870;
/// How long news may take.
const SOON: Duration = Duration::from_secs(20);

pub async fn everything(chain: &dyn Chain) {
    assert!(chain.takes_v1().await.expect("an answer"));
    for version in [Version::V0, Version::V1] {
        let mut scene = Scene::with(chain, SMALL, version).await;
        time_passes(chain).await;
        a_batch_settles_once(chain, &mut scene).await;
        a_wrong_batch_is_refused(chain, &scene).await;
        accounts_are_read_in_part(chain, &scene).await;
        the_history_is_whole(chain, &mut scene).await;
        who_watches_hears(chain, &mut scene).await;
        if version == Version::V1 {
            a_full_batch_settles(chain, &scene).await;
        }
    }
}

async fn time_passes(chain: &dyn Chain) {
    let before = (
        chain.time().await.expect("the time"),
        chain.block_height(Commitment::Confirmed).await.expect("a height"),
        chain.blockhash().await.expect("a blockhash"),
    );
    assert!(before.2.last_valid_block_height > before.1);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let time = chain.time().await.expect("the time");
    assert!(time.slot > before.0.slot && time.unix_seconds >= before.0.unix_seconds);
    assert!(chain.block_height(Commitment::Confirmed).await.expect("a height") > before.1);
    assert_ne!(chain.blockhash().await.expect("a blockhash").hash, before.2.hash);
    assert_eq!(chain.priority_fee(&[Address::new_unique()]).await.expect("a fee"), 0);
}

async fn a_batch_settles_once(chain: &dyn Chain, scene: &mut Scene) {
    let signed = scene.sign(chain, &[scene.settlement(1, 10)], &[]).await;
    let simulated = chain.simulate(&signed.bytes).await.expect("a simulation");
    assert_eq!(simulated.error, None);
    assert!(simulated.compute_units > 1_000 && !simulated.logs.is_empty());
    assert_eq!(chain.send(&signed.bytes).await.expect("taken"), signed.signature);
    let status = landed(chain, &signed.signature, Commitment::Confirmed).await;
    assert_eq!(status.error, None);
    assert_eq!(chain.send(&signed.bytes).await.expect("taken again"), signed.signature);
    landed(chain, &signed.signature, Commitment::Finalized).await;
    let header = scene.header(chain).await;
    assert_eq!((header.next_sequence, header.balances), (2, 10 * 1_000));
    scene.next_sequence = 2;
    let unknown = chain.statuses(&[Signature::default()]).await.expect("statuses");
    assert_eq!(unknown, [None]);
}

async fn a_wrong_batch_is_refused(chain: &dyn Chain, scene: &Scene) {
    let signed = scene.sign(chain, &[scene.settlement(1, 11)], &[]).await;
    let refused = chain.send(&signed.bytes).await;
    let Err(ChainError::Refused { error, logs }) = refused else { panic!("{refused:?}") };
    let code = u32::from(PixrError::SequenceReplayed);
    let TransactionError::InstructionError(_, InstructionError::Custom(found)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(found, code);
    assert!(logs.iter().any(|line| line.contains("SequenceReplayed")), "{logs:?}");
    let simulated = chain.simulate(&signed.bytes).await.expect("a simulation");
    assert_eq!(simulated.error, Some(error));
    assert_eq!(chain.statuses(&[signed.signature]).await.expect("statuses"), [None]);
}

async fn accounts_are_read_in_part(chain: &dyn Chain, scene: &Scene) {
    for commitment in [Commitment::Confirmed, Commitment::Finalized] {
        let whole = chain.account(&scene.shard, commitment).await.expect("one").expect("a shard");
        assert_eq!(whole.owner, pixr::ID);
        let part = chain.account_part(&scene.shard, 8, 504, commitment).await.expect("one");
        assert_eq!(part.expect("a shard").data, whole.data[8..512]);
        let nothing = chain.account(&Address::new_unique(), commitment).await.expect("an answer");
        assert_eq!(nothing, None);
    }
}

async fn the_history_is_whole(chain: &dyn Chain, scene: &mut Scene) {
    let mut signatures = Vec::new();
    for _ in 0..3 {
        signatures.push(scene.settle(chain).await.expect("a batch"));
    }
    landed(chain, &signatures[2], Commitment::Finalized).await;
    let address = scene.platform.address;
    let all = chain.history(&address, None, 100).await.expect("a history");
    let names: Vec<_> =
        all.iter().flat_map(|it| events(it).events).map(|event| event.name()).collect();
    let expected = [
        "PlatformInitialized",
        "ShardOpened",
        "BudgetFunded",
        "CreatorRegistered",
        "ContentRegistered",
        "ContentRegistered",
        "BatchSettled",
        "BatchSettled",
        "BatchSettled",
        "BatchSettled",
    ];
    assert_eq!(names, expected);
    let settled = &all[all.len() - 3..];
    assert!(settled.iter().map(|it| it.signature).eq(signatures.iter().copied()));
    assert!(all.is_sorted_by_key(|it| it.slot));
    let mut hash = [0; 32];
    for transaction in &all {
        assert!(transaction.fee_lamports > 0 && transaction.compute_units > 0);
        assert!(transaction.block_time.is_some());
        for batch in settle_entries(&transaction.bytes).expect("a transaction") {
            assert_eq!((batch.shard, batch.kind), (scene.shard, BatchKind::Settle));
            hash = pixr::instructions::chain_settlement(&hash, &batch.entries);
        }
    }
    assert_eq!(scene.header(chain).await.hash, hash);

    // From any point on, in parts.
    let first = chain.history(&address, None, 2).await.expect("a history");
    let rest = chain.history(&address, Some(first[1].signature), 100).await.expect("a history");
    let both = first.iter().chain(&rest).map(|it| it.signature);
    assert!(both.eq(all.iter().map(|it| it.signature)));
    let last = all.last().expect("one");
    assert!(chain.history(&address, Some(last.signature), 9).await.expect("one").is_empty());
    let again = chain.transaction(&last.signature).await.expect("an answer").expect("one");
    assert_eq!((again.bytes, again.slot), (last.bytes.clone(), last.slot));
    let [ProgramEvent::BatchSettled(event)] = &events(last).events[..] else { panic!("a batch") };
    assert_eq!((event.shard, event.hash), (scene.shard, hash));
    assert!(chain.transaction(&Signature::default()).await.expect("an answer").is_none());
}

async fn who_watches_hears(chain: &dyn Chain, scene: &mut Scene) {
    let mut news = chain.watch(&scene.platform.address).await.expect("a stream");
    let signature = scene.settle(chain).await.expect("a batch");
    tokio::time::timeout(SOON, news.next()).await.expect("soon").expect("news");
    // Who hears of it finds it.
    let status = chain.statuses(&[signature]).await.expect("statuses");
    assert_eq!(status[0].as_ref().map(|it| it.commitment), Some(Commitment::Finalized));
}

async fn a_full_batch_settles(chain: &dyn Chain, scene: &Scene) {
    let before = scene.header(chain).await;
    let settle = scene.settlement(before.next_sequence, CREDITS);
    let signature = scene.run(chain, &[settle], &[]).await;
    let after = scene.header(chain).await;
    assert_eq!(after.balances - before.balances, CREDITS * 1_000);
    let landed = chain.transaction(&signature).await.expect("an answer").expect("one");
    assert!(landed.bytes.len() > 4_000);
}

/// `pass` lets a few slots pass.
pub async fn a_transaction_expires(chain: &dyn Chain, pass: impl AsyncFn()) {
    let scene = Scene::new(chain).await;
    let recent = chain.blockhash().await.expect("a blockhash");
    let settle = [scene.settlement(1, 10)];
    let signed = sign(Version::V1, recent.hash, Limits::MOST, &settle, &scene.key, &[]);
    let signed = signed.expect("signed");
    while chain.block_height(Commitment::Finalized).await.expect("a height")
        <= recent.last_valid_block_height
    {
        pass().await;
    }
    let expired = chain.send(&signed.bytes).await;
    assert!(matches!(expired, Err(ChainError::BlockhashNotFound)), "{expired:?}");
    assert_eq!(chain.statuses(&[signed.signature]).await.expect("statuses"), [None]);
    assert_eq!(scene.header(chain).await.next_sequence, 1);
    scene.run(chain, &settle, &[]).await;
    assert_eq!(scene.header(chain).await.next_sequence, 2);
}
