//! `pixr round list` and `show`.

use std::{collections::BTreeMap, fmt};

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};

use crate::{
    app::{Access, App, Ledger, LedgerError},
    chain::events::round_kind_name,
    cli::{amount::Amount, bad, context::Context, output},
    index::rounds::{self, Round, RoundStatus},
    store::contents::{self, Slot},
    views::ContentId,
};

/// A round as people look at it.
#[serde_as]
#[derive(Serialize)]
pub struct Row {
    #[serde_as(as = "DisplayFromStr")]
    round: Pubkey,
    content: String,
    kind: &'static str,
    status: &'static str,
    target: Amount,
    raised: Amount,
    deadline: DateTime<Utc>,
    deliver_until: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    share_bps: u16,
    cap: Amount,
    term_seconds: u32,
    plan: String,
    manifest: Option<String>,
    /// What its investors are owed in all.
    owed: Amount,
    claimed: Amount,
}

impl Row {
    async fn new(app: &App, round: Round, decimals: u8) -> anyhow::Result<Self> {
        let slot = Slot { shard: round.shard, content: round.content };
        let now = DateTime::from_timestamp(app.chain.time().await?.unix_seconds, 0);
        let amount = |base_units| Amount::new(base_units, decimals);
        let terms = &round.terms;
        let refunds = round.refunds(now.unwrap_or_default());
        Ok(Self {
            round: round.address,
            content: contents::id(&app.store, slot).await?.to_string(),
            kind: round_kind_name(terms.kind),
            status: if refunds { RoundStatus::Refunding } else { round.status }.name(),
            target: amount(terms.target),
            raised: amount(round.raised),
            deadline: DateTime::from_timestamp(terms.deadline, 0).unwrap_or_default(),
            deliver_until: round.deliver_until,
            delivered_at: round.delivered_at,
            share_bps: terms.share_bps,
            cap: amount(terms.cap),
            term_seconds: terms.term_seconds,
            plan: hex::encode(terms.plan_hash),
            manifest: round.delivery.map(|delivery| hex::encode(delivery.manifest_hash)),
            owed: amount(owed(app, &round).await?),
            claimed: amount(round.claimed),
        })
    }
}

/// What a round is owed in all, in base units.
pub async fn owed(app: &App, round: &Round) -> Result<u64, LedgerError> {
    if let Some(owed) = round.owed {
        return Ok(owed);
    }
    if round.status != RoundStatus::Delivered {
        return Ok(0);
    }
    let ledger = Ledger::finalized(app);
    match ledger.round(&round.address).await {
        Ok(state) => ledger.owed(&state).await,
        // Closed since it was indexed.
        Err(LedgerError::Missing { .. }) => Ok(round.claimed),
        Err(error) => Err(error),
    }
}

#[derive(Serialize)]
struct Rows {
    rounds: Vec<Row>,
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.rounds.is_empty() {
            return f.write_str("There are no rounds: `pixr round open` opens one.");
        }
        let header =
            ["round", "content", "for", "state", "target", "raised", "share", "owed", "claimed"];
        let mut table = output::table(&header, 4);
        for row in &self.rounds {
            table.add_row([
                row.round.to_string(),
                row.content.clone(),
                row.kind.to_owned(),
                row.status.to_owned(),
                row.target.to_string(),
                row.raised.to_string(),
                row.share_bps.to_string(),
                row.owed.to_string(),
                row.claimed.to_string(),
            ]);
        }
        write!(f, "{}", table.trim_fmt())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let tokens = |amount: Amount| format!("{amount} tokens");
        let time = |at: DateTime<Utc>| at.to_rfc3339();
        let mut pairs = vec![
            ("round", self.round.to_string()),
            ("content", self.content.clone()),
            ("for", self.kind.to_owned()),
            ("state", self.status.to_owned()),
            ("target", tokens(self.target)),
            ("raised", tokens(self.raised)),
            ("takes investments until", time(self.deadline)),
        ];
        pairs.extend(self.deliver_until.map(|at| ("to be delivered until", time(at))));
        pairs.extend(self.delivered_at.map(|at| ("delivered", time(at))));
        if self.share_bps > 0 {
            let term = std::time::Duration::from_secs(self.term_seconds.into());
            pairs.push(("share of the uplift", format!("{} basis points", self.share_bps)));
            pairs.push(("returns at most", tokens(self.cap)));
            pairs.push(("earns for", output::duration(term)));
        }
        pairs.push(("plan", self.plan.clone()));
        pairs.extend(self.manifest.clone().map(|hash| ("manifest", hash)));
        pairs.push(("owed to investors", tokens(self.owed)));
        pairs.push(("of it claimed", tokens(self.claimed)));
        write!(f, "{}", output::pairs(pairs).trim_fmt())
    }
}

pub async fn list(context: Context, content: Option<ContentId>, all: bool) -> anyhow::Result<()> {
    let list = async |app: &App| {
        let rounds = match content {
            Some(id) => {
                let slot = contents::find(&app.store, id).await?;
                let slot = slot.ok_or_else(|| bad(format!("no shard has the content {id}")))?;
                rounds::of_content(&app.store, slot.shard, slot.content).await?
            }
            None => rounds::with_status(&app.store, &RoundStatus::ALL).await?,
        };
        let decimals = Ledger::finalized(app).mint().await?.decimals;
        let mut rows = Vec::new();
        for round in rounds.into_iter().rev() {
            if all || round.status != RoundStatus::Closed {
                rows.push(Row::new(app, round, decimals).await?);
            }
        }
        Ok(Rows { rounds: rows })
    };
    context.show(&context.with_app(Access::ReadOnly, list).await?)
}

pub async fn show(context: Context, address: Pubkey) -> anyhow::Result<()> {
    let show = async |app: &App| {
        let round = rounds::round(&app.store, &address).await?;
        let round = round.ok_or_else(|| bad(format!("there is no round at {address}")))?;
        Row::new(app, round, Ledger::finalized(app).mint().await?.decimals).await
    };
    context.show(&context.with_app(Access::ReadOnly, show).await?)
}

/// What several rounds are owed, by address.
pub async fn owed_by_round(
    app: &App,
    addresses: impl IntoIterator<Item = Pubkey>,
) -> anyhow::Result<BTreeMap<Pubkey, (Round, u64)>> {
    let mut known = BTreeMap::new();
    for address in addresses {
        if known.contains_key(&address) {
            continue;
        }
        let round = rounds::round(&app.store, &address).await?;
        let round = round.ok_or_else(|| anyhow::anyhow!("round {address} is not indexed"))?;
        let owed = owed(app, &round).await?;
        known.insert(address, (round, owed));
    }
    Ok(known)
}
