//! Transactions that are under way at the same time, on two threads.
//!
//! Who comes second finds the accounts locked and sends again, as a client does.

use pixr::{entries::Entry, errors::PixrError, state::shard::Capacities};
use pixr_tests::{
    tokens::Token,
    transactions::{Failure, Version, sign},
    world::{SETTINGS, SMALL, Wallet, views},
};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_transaction_error::TransactionError;
use tokio::join;

use crate::fixture::{Bank, Creator, Outcome, PER_VIEW};

const BUDGET: u64 = 1_000_000_000_000;
/// How often each race is run.
const ROUNDS: u64 = 10;
/// Entries of a batch that takes long enough for another one to be sent meanwhile.
const ENTRIES: u64 = 1_500;

/// Two wallets that pay for their own transactions.
async fn rivals(bank: &Bank) -> [Wallet; 2] {
    [bank.wallet(0).await, bank.wallet(0).await]
}

/// [`ENTRIES`] entries of one content, with so many views each.
fn long_batch(creator: &Creator, each: u64) -> Vec<Entry> {
    (0..ENTRIES).map(|_| views(creator.content, each)).collect()
}

/// Sends both at once. Returns which one won, and how the other one failed.
async fn race(
    bank: &Bank,
    rivals: &[Wallet; 2],
    [first, second]: [Instruction; 2],
    signers: &[&Keypair],
) -> (usize, Failure) {
    let (first, second) = ([first], [second]);
    let outcomes = join!(
        bank.run_as(&rivals[0].key, &first, signers),
        bank.run_as(&rivals[1].key, &second, signers),
    );
    match outcomes {
        (Ok(()), Err(failure)) => (0, failure),
        (Err(failure), Ok(())) => (1, failure),
        both => panic!("one of two should win: {both:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_batches_with_one_sequence_settles() {
    let bank = Bank::start(Token::Spl).await;
    let shard = bank.funded_shard(SMALL, BUDGET).await;
    let creator = bank.creator(&shard).await;
    let rivals = rivals(&bank).await;
    let batches = [long_batch(&creator, 3), long_batch(&creator, 7)];
    let mut earned = 0;
    for sequence in 1..=ROUNDS {
        let settle = batches.each_ref().map(|batch| bank.settlement(&shard, sequence, batch));
        let (winner, failure) = race(&bank, &rivals, settle, &[&bank.keys.keeper]).await;
        assert_eq!(failure, PixrError::SequenceReplayed.into());
        earned += batches[winner].iter().map(|entry| entry.views * PER_VIEW).sum::<u64>();
        assert_eq!(bank.balance(&shard, creator.creator).await, earned);
    }
    let header = bank.shard(&shard).await.header;
    assert_eq!(header.next_sequence, ROUNDS + 1);
    assert_eq!((header.credited, header.reward_budget), (earned, BUDGET - earned));
    bank.check(&shard).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_registrations_gets_the_last_slot() {
    let bank = Bank::start(Token::Spl).await;
    let payer = bank.keys.payer.pubkey();
    let rivals = rivals(&bank).await;
    for _ in 0..ROUNDS {
        let shard = bank.open_shard(Capacities { creators: 2, ..SMALL }).await;
        bank.creator(&shard).await;
        let before =
            [bank.lamports(&rivals[0].address()).await, bank.lamports(&rivals[1].address()).await];
        // Each registers itself and pays for the slot.
        let register = rivals.each_ref().map(|rival| {
            let key = rival.address();
            bank.platform.register_creator(key, shard, payer, key)
        });
        let (winner, failure) = race(&bank, &rivals, register, &[]).await;
        assert_eq!(failure, PixrError::ShardFullOfCreators.into());
        let creators = bank.shard(&shard).await.creators;
        assert_eq!(creators.len(), 2);
        assert_eq!(creators[1].authority, rivals[winner].address());
        let mut spent = [0; 2];
        for (index, rival) in rivals.iter().enumerate() {
            spent[index] = before[index] - bank.lamports(&rival.address()).await;
        }
        assert!(spent[1 - winner] < spent[winner], "who lost paid for the slot: {spent:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_registrations_gets_a_content_id() {
    let bank = Bank::start(Token::Spl).await;
    let shard = bank.open_shard(SMALL).await;
    let creators = [bank.creator(&shard).await, bank.creator(&shard).await];
    let rivals = rivals(&bank).await;
    let (keeper, payer) = (&bank.keys.keeper, bank.keys.payer.pubkey());
    for round in 0..ROUNDS {
        let id = u128::from(1_000 + round).to_le_bytes();
        let register = creators.each_ref().map(|creator| {
            let creator = creator.creator;
            bank.platform.register_content(keeper.pubkey(), shard, payer, creator, id)
        });
        let (winner, failure) = race(&bank, &rivals, register, &[keeper]).await;
        assert_eq!(failure, PixrError::ContentIdTaken.into());
        let contents = bank.shard(&shard).await.contents;
        let owners = contents.iter().filter(|slot| slot.id == id).map(|slot| slot.creator);
        assert_eq!(owners.collect::<Vec<_>>(), [creators[winner].creator]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_withdrawals_gets_the_balance() {
    let bank = Bank::start(Token::Spl).await;
    let shard = bank.funded_shard(SMALL, BUDGET).await;
    let creator = bank.creator(&shard).await;
    let rivals = rivals(&bank).await;
    let key = &creator.wallet.key;
    let (balance, mut paid) = (SETTINGS.withdraw_limit / ROUNDS, 0);
    for _ in 0..ROUNDS {
        let earning = [views(creator.content, balance / PER_VIEW)];
        bank.settle(&shard, &earning).await.expect("a batch");
        // Each wants all of it, for a token account of its own.
        let withdraw = rivals.each_ref().map(|rival| {
            let index = creator.creator;
            bank.platform.withdraw(key.pubkey(), shard, index, rival.tokens, balance)
        });
        let before = [bank.amount(&rivals[0].tokens).await, bank.amount(&rivals[1].tokens).await];
        let (winner, failure) = race(&bank, &rivals, withdraw, &[key]).await;
        assert_eq!(failure, PixrError::InsufficientBalance.into());
        assert_eq!(bank.balance(&shard, creator.creator).await, 0);
        assert_eq!(bank.amount(&rivals[winner].tokens).await, before[winner] + balance);
        let loser = 1 - winner;
        assert_eq!(bank.amount(&rivals[loser].tokens).await, before[loser]);
        paid += balance;
        assert_eq!(bank.shard(&shard).await.header.withdrawn, paid);
        bank.check(&shard).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_of_two_shards_need_no_common_lock() {
    let bank = Bank::start(Token::Spl).await;
    let shards = [bank.funded_shard(SMALL, BUDGET).await, bank.funded_shard(SMALL, BUDGET).await];
    let creators = [bank.creator(&shards[0]).await, bank.creator(&shards[1]).await];
    let rivals = rivals(&bank).await;
    for sequence in 1..=ROUNDS {
        let settle = [0, 1].map(|side| {
            let batch = long_batch(&creators[side], 1);
            bank.settlement(&shards[side], sequence, &batch)
        });
        let written = |side: usize| {
            let accounts = settle[side].accounts.iter();
            accounts.filter(|meta| meta.is_writable).map(|meta| meta.pubkey)
        };
        assert!(written(0).all(|address| written(1).all(|other| address != other)));
        let outcomes = join!(
            unlocked(&bank, &rivals[0].key, &settle[0]),
            unlocked(&bank, &rivals[1].key, &settle[1]),
        );
        assert_eq!(outcomes, (Ok(()), Ok(())));
    }
    for (shard, creator) in shards.iter().zip(&creators) {
        assert_eq!(bank.balance(shard, creator.creator).await, ENTRIES * ROUNDS * PER_VIEW);
        bank.check(shard).await;
    }
}

/// Sends a keeper's instruction again only when its blockhash was too old, never for a lock.
async fn unlocked(bank: &Bank, payer: &Keypair, instruction: &Instruction) -> Outcome {
    loop {
        let instructions = std::slice::from_ref(instruction);
        let blockhash = bank.blockhash().await;
        let transaction = sign(blockhash, Version::V1, instructions, payer, &[&bank.keys.keeper]);
        match bank.send(transaction).await {
            Err(TransactionError::BlockhashNotFound) => {}
            outcome => return outcome.map_err(Failure::from),
        }
    }
}
