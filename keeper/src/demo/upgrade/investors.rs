//! People with money.

use anchor_lang::prelude::Pubkey;
use anchor_spl::token_2022::spl_token_2022::instruction::transfer_checked;
use anyhow::Context;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::{
    app::{App, Ledger, open_tokens_of},
    keys::Purpose,
    settle::operations,
};

/// Custodial numbers that no creator of a demo has.
const FIRST: u64 = 1 << 32;

/// An investor with tokens.
pub struct Investor {
    pub key: Keypair,
    pub number: u64,
}

impl Investor {
    /// The investor with this number, who gets tokens of the treasury's.
    pub async fn with(app: &App, number: u64, amount: u64) -> anyhow::Result<Self> {
        let number = FIRST + number;
        let key = app.keys.key(Purpose::Creator(number));
        let ledger = Ledger::finalized(app);
        let mint = ledger.mint().await?;
        let treasury = app.keys.key(Purpose::Treasury);
        let tokens = |wallet: &Pubkey| ledger.tokens_of(wallet);
        let transfer = transfer_checked(
            &app.platform.token_program,
            &tokens(&treasury.pubkey()),
            &mint.address,
            &tokens(&key.pubkey()),
            &treasury.pubkey(),
            &[],
            amount,
            mint.decimals,
        )
        .context("tokens of an investor")?;
        let instructions = [open_tokens_of(app, &key.pubkey()), transfer];
        operations::run(app, &format!("demo investor {number}"), &instructions, &[&treasury])
            .await?;
        Ok(Self { key, number })
    }
}
