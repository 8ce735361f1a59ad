//! Withdrawal windows and delays.

use anchor_lang::error::ErrorCode;
use pixr::{
    errors::PixrError,
    state::{Settings, Withdrawal},
};
use pixr_client::withdrawal_address;
use pixr_tests::{
    tokens::Token,
    world::{SETTINGS, SMALL, START, views},
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_signer::Signer;

use crate::fixture::{Bank, Creator, Outcome, PER_VIEW};

/// What the creator of these tests has: five times the limit.
const BALANCE: u64 = 5 * SETTINGS.withdraw_limit;
const DELAY: i64 = SETTINGS.withdraw_delay_seconds as i64;
const WINDOW: i64 = SETTINGS.withdraw_window_seconds as i64;

async fn with_balance() -> (Bank, Address, Creator) {
    let bank = Bank::start(Token::Spl).await;
    let shard = bank.funded_shard(SMALL, 2 * BALANCE).await;
    let creator = bank.creator(&shard).await;
    let earning = [views(creator.content, BALANCE / PER_VIEW)];
    bank.settle(&shard, &earning).await.expect("a batch");
    assert_eq!(bank.balance(&shard, creator.creator).await, BALANCE);
    (bank, shard, creator)
}

async fn withdraw(bank: &Bank, shard: &Address, creator: &Creator, amount: u64) -> Outcome {
    let Creator { wallet, creator, .. } = creator;
    let withdraw =
        bank.platform.withdraw(wallet.address(), *shard, *creator, wallet.tokens, amount);
    bank.run(&[withdraw], &[&wallet.key]).await
}

/// Requests `amount` as the creator's first delayed withdrawal. Returns its address.
async fn request(bank: &Bank, shard: &Address, creator: &Creator, amount: u64) -> Address {
    let Creator { wallet, creator, .. } = creator;
    let (key, tokens) = (wallet.address(), wallet.tokens);
    let request = bank.platform.request_withdrawal(key, key, *shard, *creator, 0, tokens, amount);
    bank.run(&[request], &[&wallet.key]).await.expect("a request");
    withdrawal_address(shard, *creator, 0)
}

/// Executes the creator's first delayed withdrawal.
async fn execute(bank: &Bank, shard: &Address, creator: &Creator) -> Outcome {
    let Creator { wallet, creator, .. } = creator;
    let key = wallet.address();
    let execute = bank.platform.execute_withdrawal(key, key, *shard, *creator, 0, wallet.tokens);
    bank.run(&[execute], &[&wallet.key]).await
}

#[tokio::test]
async fn the_withdraw_limit_is_for_one_window() {
    let (mut bank, shard, creator) = with_balance().await;
    let limit = SETTINGS.withdraw_limit;
    withdraw(&bank, &shard, &creator, limit - 1).await.expect("below the limit");
    bank.set_time(START + WINDOW / 2).await;
    withdraw(&bank, &shard, &creator, 1).await.expect("just the limit");
    let over = Err(PixrError::WithdrawLimitExceeded.into());
    assert_eq!(withdraw(&bank, &shard, &creator, 1).await, over);

    // The window counts from its first withdrawal, not from its last.
    bank.next_slot().await;
    bank.set_time(START + WINDOW - 1).await;
    assert_eq!(withdraw(&bank, &shard, &creator, 1).await, over);
    bank.set_time(START + WINDOW).await;
    assert_eq!(withdraw(&bank, &shard, &creator, limit + 1).await, over);
    withdraw(&bank, &shard, &creator, limit).await.expect("a new window");
    assert_eq!(withdraw(&bank, &shard, &creator, 1).await, over);

    assert_eq!(bank.amount(&creator.wallet.tokens).await, 2 * limit);
    assert_eq!(bank.balance(&shard, creator.creator).await, BALANCE - 2 * limit);
    bank.check(&shard).await;
}

#[tokio::test]
async fn a_delayed_withdrawal_pays_from_the_end_of_its_delay_on() {
    let (mut bank, shard, creator) = with_balance().await;
    let tokens = creator.wallet.tokens;
    let withdrawal = request(&bank, &shard, &creator, BALANCE).await;
    assert_eq!(bank.read::<Withdrawal>(&withdrawal).await.executable_at, START + DELAY);
    assert_eq!(bank.balance(&shard, creator.creator).await, 0);
    bank.check(&shard).await;

    let early = Err(PixrError::WithdrawalTooEarly.into());
    assert_eq!(execute(&bank, &shard, &creator).await, early);
    bank.next_slot().await;
    bank.set_time(START + DELAY - 1).await;
    assert_eq!(execute(&bank, &shard, &creator).await, early);
    bank.set_time(START + DELAY).await;
    let (wallet, rent) = (creator.wallet.address(), bank.lamports(&withdrawal).await);
    let before = bank.lamports(&wallet).await;
    execute(&bank, &shard, &creator).await.expect("the delay is over");

    assert_eq!(bank.amount(&tokens).await, BALANCE);
    assert_eq!(bank.account(&withdrawal).await, None);
    assert_eq!(bank.lamports(&wallet).await, before + rent);
    let again = execute(&bank, &shard, &creator).await;
    assert_eq!(again, Err(ErrorCode::AccountNotInitialized.into()));
    assert_eq!(bank.amount(&tokens).await, BALANCE);
    bank.check(&shard).await;
}

#[tokio::test]
async fn a_frozen_withdrawal_waits_for_its_release() {
    let (bank, shard, creator) = with_balance().await;
    let withdrawal = request(&bank, &shard, &creator, BALANCE).await;
    let guardian = &bank.keys.guardian;
    let freeze = |frozen| -> Instruction {
        bank.platform.set_frozen(guardian.pubkey(), shard, withdrawal, frozen)
    };
    bank.set_time(START + DELAY / 2).await;
    bank.run(&[freeze(true)], &[guardian]).await.expect("a frozen request");
    let frozen = Err(PixrError::WithdrawalFrozen.into());
    for time in [DELAY - 1, DELAY, 10 * DELAY] {
        bank.set_time(START + time).await;
        assert_eq!(execute(&bank, &shard, &creator).await, frozen);
    }
    assert_eq!(bank.amount(&creator.wallet.tokens).await, 0);
    // The delay went on meanwhile.
    bank.run(&[freeze(false)], &[guardian]).await.expect("a released request");
    execute(&bank, &shard, &creator).await.expect("the delay is over");
    assert_eq!(bank.amount(&creator.wallet.tokens).await, BALANCE);
    bank.check(&shard).await;
}

#[tokio::test]
async fn another_delay_is_for_later_requests() {
    for withdraw_delay_seconds in
        [SETTINGS.withdraw_delay_seconds * 2, SETTINGS.withdraw_delay_seconds / 2]
    {
        let (bank, shard, creator) = with_balance().await;
        request(&bank, &shard, &creator, BALANCE / 2).await;
        let admin = &bank.keys.admin;
        let settings = Settings { withdraw_delay_seconds, ..SETTINGS };
        let update = bank.platform.update_settings(admin.pubkey(), settings);
        bank.run(&[update], &[admin]).await.expect("other settings");

        bank.set_time(START + DELAY - 1).await;
        let early = Err(PixrError::WithdrawalTooEarly.into());
        assert_eq!(execute(&bank, &shard, &creator).await, early);
        bank.set_time(START + DELAY).await;
        execute(&bank, &shard, &creator).await.expect("the delay is over");

        let Creator { wallet, creator: index, .. } = &creator;
        let (key, tokens) = (wallet.address(), wallet.tokens);
        let later =
            bank.platform.request_withdrawal(key, key, shard, *index, 1, tokens, BALANCE / 2);
        bank.run(&[later], &[&wallet.key]).await.expect("a request");
        let later: Withdrawal = bank.read(&withdrawal_address(&shard, *index, 1)).await;
        let delay = i64::from(withdraw_delay_seconds);
        assert_eq!(later.executable_at, START + DELAY + delay);
        bank.check(&shard).await;
    }
}
