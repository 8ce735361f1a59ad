//! Transactions with several instructions.

use pixr::errors::PixrError;
use pixr_client::vault_address;
use pixr_tests::{
    tokens::Token,
    transactions::Failure,
    world::{SETTINGS, SMALL, views},
};
use solana_instruction::Instruction;
use solana_signer::Signer;

use crate::fixture::{Bank, PER_VIEW};

const BUDGET: u64 = 1_000_000_000;

#[tokio::test]
async fn a_failing_instruction_undoes_all_before_it() {
    let bank = Bank::start(Token::Spl).await;
    let shard = bank.funded_shard(SMALL, BUDGET).await;
    let other = bank.funded_shard(SMALL, BUDGET).await;
    let creator = bank.creator(&shard).await;
    bank.creator(&other).await;
    let (platform, keys) = (&bank.platform, &bank.keys);
    let (wallet, index) = (&creator.wallet, creator.creator);
    let all = [
        platform.address,
        platform.mint,
        shard,
        other,
        vault_address(&shard),
        vault_address(&other),
        wallet.address(),
        wallet.tokens,
        keys.keeper.pubkey(),
    ];

    // These three succeed together, and fail together with any of the ones below.
    let settle = bank.settlement(&shard, 1, &[views(creator.content, 1_000)]);
    let settle_other = bank.settlement(&other, 1, &[views(0, 1_000)]);
    let earned = 1_000 * PER_VIEW;
    let withdraw = platform.withdraw(wallet.address(), shard, index, wallet.tokens, earned);
    let failing: [(Instruction, Failure); 4] = [
        (settle.clone(), PixrError::SequenceReplayed.into()),
        (bank.settlement(&shard, 3, &[views(0, 1)]), PixrError::SequenceGap.into()),
        // The last entry fails, after one that was credited.
        (bank.settlement(&shard, 2, &[views(0, 1), views(1, 1)]), PixrError::UnknownContent.into()),
        (
            platform.withdraw(wallet.address(), shard, index, wallet.tokens, 1),
            PixrError::InsufficientBalance.into(),
        ),
    ];
    let signers = [&keys.keeper, &wallet.key];
    for (instruction, failure) in failing {
        let mut before = Vec::new();
        for address in &all {
            before.push(bank.account(address).await);
        }
        let good = [settle.clone(), withdraw.clone(), settle_other.clone()];
        let instructions: Vec<_> = good.into_iter().chain([instruction]).collect();
        assert_eq!(bank.run(&instructions, &signers).await, Err(failure));
        for (address, before) in all.iter().zip(before) {
            assert!(bank.account(address).await == before, "{address} changed");
        }
    }

    bank.run(&[settle, withdraw, settle_other], &signers).await.expect("no failing instruction");
    assert_eq!(bank.amount(&wallet.tokens).await, earned);
    assert!(earned <= SETTINGS.withdraw_limit);
    bank.check(&shard).await;
    bank.check(&other).await;
}
