//! Accounts in part, and the history.

use anchor_lang::prelude::Pubkey;
use solana_signer::Signer;

use crate::chain::{
    Chain, ChainError,
    Commitment::Finalized,
    embedded::Embedded,
    testing::{Folder, Scene, program},
};

#[tokio::test]
async fn a_part_of_an_account_is_what_lies_there() {
    let chain = Embedded::temporary(&program()).expect("a chain");
    let scene = Scene::new(&*chain).await;
    let whole = chain.account(&scene.shard, Finalized).await.expect("one").expect("a shard");
    for (offset, length) in [(0, 8), (8, 504), (whole.data.len() - 3, 10), (1 << 30, 5)] {
        let part = chain.account_part(&scene.shard, offset, length, Finalized).await;
        let part = part.expect("an answer").expect("a shard");
        let from = offset.min(whole.data.len());
        let to = (offset + length).min(whole.data.len());
        assert_eq!(part.data, whole.data[from..to]);
        assert_eq!((part.lamports, part.owner), (whole.lamports, whole.owner));
    }
    let nothing = chain.account(&Pubkey::new_unique(), Finalized).await.expect("an answer");
    assert_eq!(nothing, None);
}

#[tokio::test]
async fn rent_is_that_of_the_cluster() {
    let chain = Embedded::temporary(&program()).expect("a chain");
    assert_eq!(chain.rent_lamports(0).await.expect("rent"), 890_880);
    assert!(chain.rent_lamports(10 << 20).await.is_ok());
    assert!(matches!(chain.rent_lamports((10 << 20) + 1).await, Err(ChainError::Invalid(_))));
}

/// Signatures of an address in pages of three, from the first on.
async fn pages(chain: &Embedded, address: &Pubkey) -> Vec<solana_signature::Signature> {
    let mut all = Vec::new();
    loop {
        let page = chain.history(address, all.last().copied(), 3).await.expect("a page");
        if page.is_empty() {
            return all;
        }
        assert!(page.len() <= 3);
        assert!(page.is_sorted_by_key(|transaction| transaction.slot));
        all.extend(page.iter().map(|transaction| transaction.signature));
    }
}

#[tokio::test]
async fn the_history_is_complete_over_segments_and_restarts() {
    let folder = Folder::default();
    let mut expected = Vec::new();
    let chain = folder.open();
    let mut scene = Scene::new(&*chain).await;
    let platform = scene.platform.address;
    let set_up = pages(&chain, &platform).await;
    // The mint is made without the platform.
    assert_eq!(set_up.len(), 3);
    assert_eq!(pages(&chain, &scene.key.pubkey()).await.len(), 4);
    expected.extend(set_up);
    for _ in 0..7 {
        expected.push(scene.settle(&*chain).await.expect("a batch"));
        // As if the segment were full.
        chain
            .run(|worker| {
                worker.close_segment();
                Ok(())
            })
            .await
            .expect("another segment");
    }
    assert_eq!(pages(&chain, &platform).await, expected);
    assert!(chain.history(&Pubkey::new_unique(), None, 9).await.expect("a page").is_empty());
    let unknown = chain.history(&platform, Some(Default::default()), 9).await;
    assert!(matches!(unknown, Err(ChainError::Invalid(_))), "{unknown:?}");
    drop(chain);

    // An index that a crash kept from being written is made again.
    let lost = folder.0.join("index.000003");
    let index = std::fs::read(&lost).expect("an index");
    std::fs::remove_file(&lost).expect("an index");
    let reader = Embedded::open_read_only(&folder.0).expect("a chain");
    assert_eq!(pages(&reader, &platform).await, expected);
    assert!(!lost.exists());
    let chain = folder.open();
    assert_eq!(std::fs::read(&lost).expect("an index"), index);
    expected.push(scene.settle(&*chain).await.expect("a batch"));
    assert_eq!(pages(&chain, &platform).await, expected);
    for signature in &expected {
        let transaction = chain.transaction(signature).await.expect("an answer");
        assert_eq!(transaction.map(|it| it.signature), Some(*signature));
    }
}

#[tokio::test]
async fn a_reader_sees_what_is_there_and_changes_nothing() {
    let folder = Folder::default();
    let nothing = Embedded::open_read_only(&folder.0);
    assert!(matches!(nothing, Err(ChainError::Storage(_))));
    let chain = folder.open();
    let mut scene = Scene::new(&*chain).await;
    scene.settle(&*chain).await.expect("a batch");
    let reader = Embedded::open_read_only(&folder.0).expect("a chain");
    let seen = scene.header(&*chain).await;
    assert_eq!(scene.header(&*reader).await, seen);
    let signed = scene.sign(&*chain, &[scene.settlement(2, 10)], &[]).await;
    let refused = reader.send(&signed.bytes).await;
    assert!(matches!(refused, Err(ChainError::Invalid(_))), "{refused:?}");
    assert!(reader.airdrop(&scene.shard, 1).await.is_err());
    scene.settle(&*chain).await.expect("a batch");
    assert_eq!(scene.header(&*reader).await, seen);
    let files = || {
        let files = folder.0.read_dir().expect("a folder");
        files.map(|file| file.expect("a file").metadata().expect("it").len()).sum::<u64>()
    };
    let before = files();
    drop(reader);
    assert_eq!(files(), before);
}
