//! Both token programs, from the mint to the last withdrawal.

use pixr_client::vault_address;
use pixr_tests::{
    tokens::{SUPPLY, Token},
    world::{SETTINGS, SMALL, views},
};
use solana_signer::Signer;

use crate::fixture::{Bank, PER_VIEW};

const BUDGET: u64 = 1_000_000_000;
const TIP: u64 = 10_000_000;
const DONATION: u64 = 12_345;
const VIEWS: u64 = 100_000;

#[tokio::test]
async fn every_base_unit_of_an_spl_token_is_accounted_for() {
    account_for(Token::Spl).await;
}

#[tokio::test]
async fn every_base_unit_of_a_token_2022_is_accounted_for() {
    account_for(Token::Token2022).await;
}

/// Moves tokens in and out of a shard in every way but delayed ones, and counts them.
async fn account_for(token: Token) {
    let bank = Bank::start(token).await;
    let (platform, keys) = (&bank.platform, &bank.keys);
    let mint = bank.account(&platform.mint).await.expect("a mint");
    assert_eq!(mint.owner, token.program());
    let shard = bank.open_shard(SMALL).await;
    let vault = vault_address(&shard);
    let vault_owner = bank.account(&vault).await.expect("a vault").owner;
    assert_eq!(vault_owner, token.program());
    let creator = bank.creator(&shard).await;
    let (wallet, index) = (&creator.wallet, creator.creator);

    // The patron's tokens come from another wallet, all of them minted.
    let rich = bank.wallet(SUPPLY).await;
    let patron = bank.wallet(0).await;
    bank.transfer(&rich, &patron.tokens, BUDGET + TIP + DONATION).await;
    let (key, tokens) = (patron.address(), patron.tokens);
    let pay_in = [
        platform.fund_shard(key, tokens, shard, BUDGET),
        platform.tip(key, tokens, shard, index, TIP, "bravo".into()),
    ];
    bank.run(&pay_in, &[&patron.key]).await.expect("budget and tip");
    bank.settle(&shard, &[views(creator.content, VIEWS)]).await.expect("a batch");
    let platform_fee = TIP * u64::from(SETTINGS.platform_fee_bps) / 10_000;
    let processing_fee = TIP * u64::from(SETTINGS.processing_fee_bps) / 10_000;
    let balance = VIEWS * PER_VIEW + TIP - platform_fee - processing_fee;
    assert_eq!(bank.balance(&shard, index).await, balance);
    bank.check(&shard).await;

    // What comes past the platform belongs to nobody, and blocks nothing.
    bank.transfer(&patron, &vault, DONATION).await;
    assert_eq!(bank.amount(&patron.tokens).await, 0);
    let treasury = bank.token_account(&keys.treasury.pubkey(), 0).await;
    let processor = bank.token_account(&keys.processor.pubkey(), 0).await;
    let pay_out = [
        platform.withdraw(wallet.address(), shard, index, wallet.tokens, balance),
        platform.collect_fees(shard, treasury, processor),
    ];
    bank.run(&pay_out, &[&wallet.key]).await.expect("balance and fees");

    assert_eq!(bank.amount(&wallet.tokens).await, balance);
    assert_eq!(bank.amount(&treasury).await, platform_fee);
    assert_eq!(bank.amount(&processor).await, processing_fee);
    let liabilities = bank.shard(&shard).await.header.liabilities();
    assert_eq!(liabilities, Some(BUDGET - VIEWS * PER_VIEW));
    assert_eq!(liabilities.map(|owed| owed + DONATION), Some(bank.amount(&vault).await));
    bank.check(&shard).await;

    // The creator can pass on what it got.
    bank.transfer(wallet, &rich.tokens, balance).await;
    let spent = BUDGET + TIP + DONATION - balance;
    assert_eq!(bank.amount(&rich.tokens).await, SUPPLY - spent);
}
