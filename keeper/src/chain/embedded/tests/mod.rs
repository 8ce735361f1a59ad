mod durability;
mod reading;
mod sending;

use anchor_lang::prelude::Pubkey;
use solana_account::Account;

use super::Embedded;

/// All accounts that are not there from the beginning, by address.
async fn accounts(chain: &Embedded) -> Vec<(Pubkey, Account)> {
    let accounts = chain.run(|worker| Ok(worker.ledger().accounts())).await.expect("accounts");
    let mut accounts: Vec<_> =
        accounts.into_iter().map(|(address, account)| (address, account.into())).collect();
    accounts.sort_by_key(|(address, _)| *address);
    accounts
}
