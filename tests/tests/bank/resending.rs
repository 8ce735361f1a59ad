//! What a keeper relies on when it does not know whether a transaction went through.

use pixr::errors::PixrError;
use pixr_tests::{
    tokens::Token,
    transactions::{Version, sign},
    world::{SMALL, views},
};
use solana_address::Address;
use solana_message::Hash;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;

use crate::fixture::{Bank, Creator, PER_VIEW};

const BUDGET: u64 = 1_000_000_000;

async fn with_creator() -> (Bank, Address, Creator) {
    let bank = Bank::start(Token::Spl).await;
    let shard = bank.funded_shard(SMALL, BUDGET).await;
    let creator = bank.creator(&shard).await;
    (bank, shard, creator)
}

/// The shard's first batch, ten views, signed on `blockhash`.
fn first_batch(
    bank: &Bank,
    shard: &Address,
    creator: &Creator,
    blockhash: Hash,
) -> VersionedTransaction {
    let settle = bank.settlement(shard, 1, &[views(creator.content, 10)]);
    sign(blockhash, Version::V1, &[settle], &bank.keys.payer, &[&bank.keys.keeper])
}

/// Lets so many slots pass that no transaction on today's blockhashes can be processed.
async fn expire(bank: &mut Bank) {
    let client = bank.context.banks_client.clone();
    let newest = client.get_latest_blockhash_with_commitment(Default::default()).await;
    let (_, last_valid_height) = newest.expect("an answer of the bank").expect("a blockhash");
    while client.get_root_block_height().await.expect("a height") <= last_valid_height {
        bank.next_slot().await;
    }
}

#[tokio::test]
async fn a_transaction_sent_again_counts_once() {
    let (bank, shard, creator) = with_creator().await;
    let settle = first_batch(&bank, &shard, &creator, bank.blockhash().await);
    bank.send(settle.clone()).await.expect("a batch");
    let after = bank.account(&shard).await;
    for _ in 0..3 {
        assert_eq!(bank.send(settle.clone()).await, Err(TransactionError::AlreadyProcessed));
    }
    assert!(bank.account(&shard).await == after, "a transaction was processed twice");
    assert_eq!(bank.balance(&shard, creator.creator).await, 10 * PER_VIEW);
}

#[tokio::test]
async fn an_expired_transaction_settles_once_after_it_is_signed_again() {
    let (mut bank, shard, creator) = with_creator().await;
    let expired = first_batch(&bank, &shard, &creator, bank.blockhash().await);
    expire(&mut bank).await;
    let too_old = Err(TransactionError::BlockhashNotFound);
    assert_eq!(bank.send(expired.clone()).await, too_old);
    assert_eq!(bank.balance(&shard, creator.creator).await, 0);

    let settle = first_batch(&bank, &shard, &creator, bank.blockhash().await);
    bank.send(settle.clone()).await.expect("a batch");
    assert_eq!(bank.send(settle).await, Err(TransactionError::AlreadyProcessed));
    assert_eq!(bank.send(expired).await, too_old);
    assert_eq!(bank.balance(&shard, creator.creator).await, 10 * PER_VIEW);
    bank.check(&shard).await;
}

#[tokio::test]
async fn a_batch_that_went_through_does_not_settle_again_when_signed_again() {
    let (mut bank, shard, creator) = with_creator().await;
    let settled = first_batch(&bank, &shard, &creator, bank.blockhash().await);
    bank.send(settled.clone()).await.expect("a batch");
    let after = bank.account(&shard).await;
    // The bank forgets signatures with their blockhash: from here on the sequence is what counts.
    expire(&mut bank).await;
    assert_eq!(bank.send(settled).await, Err(TransactionError::BlockhashNotFound));
    let settle = bank.settlement(&shard, 1, &[views(creator.content, 10)]);
    let replayed = Err(PixrError::SequenceReplayed.into());
    assert_eq!(bank.run(&[settle], &[&bank.keys.keeper]).await, replayed);
    assert!(bank.account(&shard).await == after, "a batch counted twice");
    bank.settle(&shard, &[views(creator.content, 10)]).await.expect("the next batch");
    assert_eq!(bank.balance(&shard, creator.creator).await, 20 * PER_VIEW);
    bank.check(&shard).await;
}
