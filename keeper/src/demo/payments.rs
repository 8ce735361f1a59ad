//! What is done with the money that was earned.

use anyhow::{Context, ensure};
use solana_signer::Signer;

use super::{
    figures::amount,
    summary::{Line, Payment},
};
use crate::{
    app::{App, Ledger, open_tokens_of},
    keys::Purpose,
    settle::operations,
};

/// Tokens of the tip.
const TIP_TOKENS: u64 = 5;
const TIP_MEMO: &str = "Thank you for the music";

/// The creator of `line` withdraws its balance, or as much as can be withdrawn at once, and it is
/// looked up that its token account has it.
pub async fn withdraw(app: &App, line: &Line, decimals: u8) -> anyhow::Result<Payment> {
    let ledger = Ledger::finalized(app);
    let key = app.keys.key(Purpose::Creator(line.number));
    let creator = ledger.creator(line.shard, line.creator).await?;
    let limit = ledger.platform().await?.settings.withdraw_limit;
    let sum = creator.slot.balance.min(limit);
    let (wallet, shard) = (key.pubkey(), creator.shard.address);
    let tokens = ledger.tokens_of(&wallet);
    let instructions = [
        open_tokens_of(app, &wallet),
        app.platform.withdraw(wallet, shard, line.creator, tokens, sum),
    ];
    let landed = operations::run(app, "demo withdrawal", &instructions, &[&key]).await?;
    let arrived = ledger.token_account(&tokens).await?.context("no token account")?.amount;
    ensure!(arrived == sum, "{sum} base units were withdrawn, but {arrived} arrived");
    let left = ledger.creator(line.shard, line.creator).await?.slot.balance;
    let show = |base_units| amount(base_units, decimals);
    Ok(Payment {
        title: "A withdrawal",
        text: format!(
            "{} withdrew {} tokens of its balance of {} to its token account {tokens}, which has \
             them now. {} are left.",
            line.name,
            show(sum),
            show(creator.slot.balance),
            show(left)
        ),
        signature: Some(landed.signature.to_string()),
    })
}

/// The treasury tips the creator of `line`.
pub async fn tip(app: &App, line: &Line, decimals: u8) -> anyhow::Result<Payment> {
    let ledger = Ledger::finalized(app);
    let treasury = app.keys.key(Purpose::Treasury);
    let before = ledger.creator(line.shard, line.creator).await?;
    let sum = TIP_TOKENS * 10_u64.pow(decimals.into());
    let source = ledger.tokens_of(&treasury.pubkey());
    let tip = app.platform.tip(
        treasury.pubkey(),
        source,
        before.shard.address,
        line.creator,
        sum,
        TIP_MEMO.to_owned(),
    );
    let landed = operations::run(app, "demo tip", &[tip], &[&treasury]).await?;
    let after = ledger.creator(line.shard, line.creator).await?;
    let got = after.slot.balance.checked_sub(before.slot.balance).context("a tip that took")?;
    let show = |base_units| amount(base_units, decimals);
    Ok(Payment {
        title: "A tip",
        text: format!(
            "{} was tipped {} tokens (“{TIP_MEMO}”) and got {} of them; the rest are the fees of \
             platform and payment processing.",
            line.name,
            show(sum),
            show(got)
        ),
        signature: Some(landed.signature.to_string()),
    })
}
