//! Accounts of several megabytes, and transactions of nearly 4,096 bytes.

use anchor_lang::error::ErrorCode;
use pixr::{constants::SHARD_BYTES_MAX, state::shard::Capacities};
use pixr_tests::{
    tokens::Token,
    transactions::{V1_BYTES_MAX, Version, sign, wire_bytes},
    world::{SMALL, views},
};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::fixture::{Bank, PER_VIEW};

/// Over nine of the ten megabytes that an account can have.
const LARGE: Capacities = Capacities { creators: 20_000, contents: 128_000, lanes: 2_000 };
/// Entries of the largest batch here: two bytes each, with room for the rest of the transaction.
const ENTRIES: u32 = 1_850;
/// Registrations that fit one transaction.
const REGISTRATIONS: usize = 50;
const BUDGET: u64 = 1_000_000_000;

#[tokio::test]
async fn a_shard_of_nine_megabytes_opens_registers_and_settles() {
    let bank = Bank::start(Token::Token2022).await;
    let bytes = LARGE.account_bytes().expect("possible capacities");
    assert!((9 << 20..SHARD_BYTES_MAX).contains(&bytes));
    let shard = bank.funded_shard(LARGE, BUDGET).await;
    let account = bank.account(&shard).await.expect("a shard");
    assert_eq!(u64::try_from(account.data.len()), Ok(bytes));
    assert_eq!(account.owner, pixr::ID);
    assert_eq!(account.lamports, bank.rent(account.data.len()).await);

    let creator = bank.creator(&shard).await;
    let late = bank.creator(&shard).await;
    let batch = [views(creator.content, 10), views(late.content, 20)];
    bank.settle(&shard, &batch).await.expect("a batch");
    assert_eq!(bank.balance(&shard, creator.creator).await, 10 * PER_VIEW);
    assert_eq!(bank.balance(&shard, late.creator).await, 20 * PER_VIEW);
    // No instruction moves lamports of a shard.
    assert_eq!(bank.lamports(&shard).await, account.lamports);
    bank.check(&shard).await;
}

#[tokio::test]
async fn a_shard_has_to_be_rent_exempt() {
    let bank = Bank::start(Token::Spl).await;
    let length = SMALL.account_bytes().and_then(|bytes| usize::try_from(bytes).ok());
    let rent = bank.rent(length.expect("possible capacities")).await;
    let shard = Keypair::new();
    let poor = bank.open_shard_at(&shard, SMALL, rent - 1).await;
    assert_eq!(poor, Err(ErrorCode::ConstraintRentExempt.into()));
    assert_eq!(bank.account(&shard.pubkey()).await, None);
    bank.open_shard_at(&shard, SMALL, rent).await.expect("a rent-exempt shard");
}

#[tokio::test]
async fn one_transaction_settles_1850_contents() {
    let bank = Bank::start(Token::Spl).await;
    let capacities = Capacities { creators: 1, contents: ENTRIES, lanes: 0 };
    let shard = bank.funded_shard(capacities, BUDGET).await;
    let creator = bank.creator(&shard).await;
    let (keeper, payer) = (&bank.keys.keeper, &bank.keys.payer);
    let others: Vec<_> = (1..ENTRIES).collect();
    for some in others.chunks(REGISTRATIONS) {
        let register: Vec<_> = some
            .iter()
            .map(|content| {
                let id = (u128::from(*content) + 1).to_le_bytes();
                let (keeper, payer) = (keeper.pubkey(), payer.pubkey());
                bank.platform.register_content(keeper, shard, payer, creator.creator, id)
            })
            .collect();
        bank.run(&register, &[keeper]).await.expect("contents");
    }

    let batch: Vec<_> =
        (0..ENTRIES).map(|content| views(content, 1 + u64::from(content) % 100)).collect();
    let settle = bank.settlement(&shard, 1, &batch);
    let transaction =
        sign(bank.blockhash().await, Version::V1, &[settle.clone()], payer, &[keeper]);
    let bytes = wire_bytes(&transaction);
    assert!((4_000..=V1_BYTES_MAX).contains(&bytes), "{bytes} bytes");
    bank.run(&[settle], &[keeper]).await.expect("a batch");

    let state = bank.shard(&shard).await;
    for (slot, entry) in state.contents.iter().zip(&batch) {
        assert_eq!((slot.views, slot.earned), (entry.views, entry.views * PER_VIEW));
    }
    let total: u64 = batch.iter().map(|entry| entry.views).sum();
    assert_eq!((state.header.views, state.creators[0].balance), (total, total * PER_VIEW));
    bank.check(&shard).await;
}
