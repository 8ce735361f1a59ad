//! What every creator has, read from the chain.

use std::collections::HashMap;

use anchor_lang::prelude::Pubkey;
use anyhow::Context;
use pixr::state::shard::ShardRef;

use super::{
    catalogue::{Catalogue, Creator},
    summary::Line,
};
use crate::{
    app::{App, Ledger, LedgerError},
    keys::Purpose,
};

/// What the program rules out.
const TOO_MUCH: &str = "a creator's earnings are more than what was credited";

/// All creators of all shards, those who earned most first.
pub async fn statement(app: &App, catalogue: &Catalogue) -> anyhow::Result<Vec<Line>> {
    let known: HashMap<Pubkey, (u64, &Creator)> = (0..)
        .zip(&catalogue.creators)
        .map(|(number, creator)| (app.keys.address(Purpose::Creator(number)), (number, creator)))
        .collect();
    let ledger = Ledger::finalized(app);
    let mut lines = Vec::new();
    for head in ledger.shards().await? {
        let account = ledger.shard_account(&head).await?;
        let address = head.address;
        let view = ShardRef::parse(&account.data)
            .map_err(|_| LedgerError::Unreadable { what: "shard", address })?;
        let first = lines.len();
        for (creator, slot) in (0..).zip(view.creators) {
            let address = slot.authority;
            let (number, person) = known.get(&address).copied().context("an unknown creator")?;
            lines.push(Line {
                name: person.name.clone(),
                topic: person.topic,
                number,
                shard: head.number,
                creator,
                address: address.to_string(),
                contents: 0,
                views: 0,
                earned: 0,
                shared: 0,
                tipped: 0,
                withdrawn: slot.withdrawn,
                balance: slot.balance,
            });
        }
        for content in view.contents {
            let line = &mut lines[first + content.creator as usize];
            line.contents += 1;
            line.views += content.views;
            line.earned = line.earned.checked_add(content.earned).context(TOO_MUCH)?;
        }
        for lane in view.lanes.iter().filter(|lane| lane.baseline_seconds > 0) {
            let content = view.content(lane.content).ok().context("a lane without a content")?;
            lines[first + content.creator as usize].shared += lane.owed;
        }
        for line in &mut lines[first..] {
            let ever = line.balance.checked_add(line.withdrawn);
            let ever = ever.and_then(|ever| ever.checked_add(line.shared));
            let tipped = ever.and_then(|ever| ever.checked_sub(line.earned));
            line.tipped = tipped.context(TOO_MUCH)?;
        }
    }
    lines.sort_by(|a, b| b.earned.cmp(&a.earned).then_with(|| a.name.cmp(&b.name)));
    Ok(lines)
}
