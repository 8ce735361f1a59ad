//! The story of a creator.

use std::{cmp::Reverse, fmt};

use anchor_lang::prelude::Pubkey;
use diesel::{
    ExpressionMethods, QueryDsl, QueryableByName, sql_query,
    sql_types::{BigInt, Integer, Text},
};
use diesel_async::RunQueryDsl;
use pixr::state::shard::ShardRef;
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};

use super::{ExplainError, corrupt, text};
use crate::{
    amount::Amount,
    app::{App, CreatorName, Ledger, LedgerError},
    index::registry,
    store::{StoreError, schema::rounds},
    views::ContentId,
};

/// The contents that are told one by one: those that earned most.
const CONTENTS_SHOWN: usize = 10;

/// A content of the creator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Earner {
    pub content: usize,
    pub id: ContentId,
    pub views: u64,
    pub earned: Amount,
}

/// What a creator has come to, and how.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CreatorStory {
    pub shard: u32,
    #[serde_as(as = "DisplayFromStr")]
    pub shard_address: Pubkey,
    pub creator: u32,
    #[serde_as(as = "DisplayFromStr")]
    pub authority: Pubkey,
    pub contents: usize,
    pub views: u64,
    /// The sum over the contents.
    pub earned: Amount,
    /// Those that earned most.
    pub top: Vec<Earner>,
    /// What rounds on the contents took of it.
    pub shared: Amount,
    /// What support rounds brought.
    pub supports: Total,
    pub tips: Total,
    pub fees_of_tips: Amount,
    pub withdrawn_at_once: Total,
    pub requested: Total,
    pub executed: Total,
    pub cancelled: Total,
    /// What the account says.
    pub balance: Amount,
    pub withdrawn: Amount,
    /// Whether balance + withdrawn = earned - shared + supports + tips. Where not, the index is behind.
    pub adds_up: bool,
}

/// Several amounts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    pub count: u64,
    pub amount: Amount,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Text)]
    amount: String,
    #[diesel(sql_type = Text)]
    fees: String,
}

/// Tells the story of a creator.
pub async fn story(app: &App, name: CreatorName) -> Result<CreatorStory, ExplainError> {
    let creator = name.find(app).await?;
    let (shard, index) = (creator.shard, creator.index);
    let ledger = Ledger::finalized(app);
    let decimals = ledger.mint().await?.decimals;
    let sums = Sums { rows: sums(app, shard.number, index).await?, decimals };

    let account = ledger.shard_account(&shard).await?;
    let unreadable =
        || ExplainError::from(LedgerError::Unreadable { what: "shard", address: shard.address });
    let account = ShardRef::parse(&account.data).map_err(|_| unreadable())?;
    // From the same reading as the contents.
    let slot = account.creator(index).map_err(|_| unreadable())?;
    let earners = account.contents.iter().enumerate().filter(|(_, slot)| slot.creator == index);
    let mut earners: Vec<_> = earners
        .map(|(content, slot)| Earner {
            content,
            id: ContentId(slot.id),
            views: slot.views,
            earned: Amount::new(slot.earned, decimals),
        })
        .collect();
    let contents = earners.len();
    let views = earners.iter().map(|earner| earner.views).sum();
    let earned: u64 = earners.iter().map(|earner| earner.earned.base_units).sum();
    earners.sort_by_key(|earner| (Reverse(earner.earned.base_units), earner.content));
    earners.truncate(CONTENTS_SHOWN);

    let (tips, fees_of_tips) = sums.tips()?;
    let withdrawn_at_once = sums.total("Withdrawn")?;
    let requested = sums.total("WithdrawalRequested")?;
    let cancelled = sums.total("WithdrawalCancelled")?;
    let wide = |amount: &Amount| u128::from(amount.base_units);
    let left = wide(&withdrawn_at_once.amount) + wide(&requested.amount);
    let supports = sums.total("RoundSupported")?;
    let shared = Amount::new(shared(app, shard.number, index, &account).await?, decimals);
    let adds_up = u128::from(slot.balance) + u128::from(slot.withdrawn) + wide(&shared)
        == u128::from(earned) + wide(&supports.amount) + wide(&tips.amount)
        && left == u128::from(slot.withdrawn) + wide(&cancelled.amount);
    Ok(CreatorStory {
        shard: shard.number,
        shard_address: shard.address,
        creator: index,
        authority: slot.authority,
        contents,
        views,
        earned: Amount::new(earned, decimals),
        top: earners,
        shared,
        supports,
        tips,
        fees_of_tips,
        withdrawn_at_once,
        requested,
        executed: sums.total("WithdrawalExecuted")?,
        cancelled,
        balance: Amount::new(slot.balance, decimals),
        withdrawn: Amount::new(slot.withdrawn, decimals),
        adds_up,
    })
}

async fn sums(app: &App, shard: u32, creator: u32) -> Result<Vec<Row>, ExplainError> {
    const SUMS: &str = "
        SELECT name, count(*) AS count, sum((data ->> 'amount')::NUMERIC)::TEXT AS amount,
            coalesce(sum((data ->> 'platform_fee')::NUMERIC
                       + (data ->> 'processing_fee')::NUMERIC), 0)::TEXT AS fees
        FROM chain_events
        WHERE shard = $1 AND creator = $2 AND name IN ('Tipped', 'Withdrawn',
            'WithdrawalRequested', 'WithdrawalExecuted', 'WithdrawalCancelled', 'RoundSupported')
        GROUP BY name";
    let rows = sql_query(SUMS)
        .bind::<Integer, _>(registry::signed(shard)?)
        .bind::<Integer, _>(registry::signed(creator)?)
        .load(&mut app.store.get().await.map_err(StoreError::from)?)
        .await?;
    Ok(rows)
}

/// What rounds took of what the creator's contents earned: lanes that were given back, by their
/// events, and those of the account.
async fn shared(
    app: &App,
    shard: u32,
    creator: u32,
    account: &ShardRef<'_>,
) -> Result<u64, ExplainError> {
    let retired: Vec<(i32, Option<i64>)> = rounds::table
        .filter(rounds::shard.eq(registry::signed(shard)?))
        .filter(rounds::owed.gt(0))
        .select((rounds::content, rounds::owed))
        .load(&mut app.store.get().await.map_err(StoreError::from)?)
        .await?;
    let own = |content: u32| account.content(content).is_ok_and(|slot| slot.creator == creator);
    let mut shared = 0_u64;
    for (content, owed) in retired {
        let content = u32::try_from(content).map_err(|_| corrupt("a content"))?;
        let owed = u64::try_from(owed.unwrap_or(0)).map_err(|_| corrupt("what is owed"))?;
        shared = shared.saturating_add(if own(content) { owed } else { 0 });
    }
    let lanes = account.lanes.iter().filter(|lane| lane.share_bps > 0 && own(lane.content));
    Ok(lanes.fold(shared, |shared, lane| shared.saturating_add(lane.owed)))
}

struct Sums {
    rows: Vec<Row>,
    decimals: u8,
}

impl Sums {
    fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    fn amount(&self, text: &str) -> Result<Amount, ExplainError> {
        let amount = text.parse().map_err(|_| corrupt(format!("a sum of {text}")))?;
        Ok(Amount::new(amount, self.decimals))
    }

    fn total(&self, name: &str) -> Result<Total, ExplainError> {
        let Some(row) = self.row(name) else {
            return Ok(Total { count: 0, amount: self.amount("0")? });
        };
        let count = u64::try_from(row.count).map_err(|_| corrupt("a count"))?;
        Ok(Total { count, amount: self.amount(&row.amount)? })
    }

    /// What tips brought, and the fees that they cost.
    fn tips(&self) -> Result<(Total, Amount), ExplainError> {
        let Total { count, amount } = self.total("Tipped")?;
        let fees = self.amount(self.row("Tipped").map_or("0", |row| &row.fees))?;
        let net = amount.base_units.checked_sub(fees.base_units);
        let net = net.ok_or_else(|| corrupt("tips below their fees"))?;
        Ok((Total { count, amount: Amount::new(net, self.decimals) }, fees))
    }
}

impl fmt::Display for CreatorStory {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { shard, creator, authority, contents, views, .. } = self;
        let money = |total: &Total| format!("{} in {}", text::money(&total.amount), total.count);
        writeln!(
            f,
            "Creator {shard}/{creator} (shard {}): authority {authority}",
            self.shard_address
        )?;
        writeln!(
            f,
            "  earned {} with {views} views of {contents} contents",
            text::money(&self.earned)
        )?;
        for Earner { content, id, views, earned } in &self.top {
            writeln!(f, "    content {content} ({id}): {views} views, {}", text::money(earned))?;
        }
        if self.shared.base_units > 0 {
            writeln!(f, "  of it {} went to rounds", text::money(&self.shared))?;
        }
        if self.supports.count > 0 {
            writeln!(f, "  support rounds: {}", money(&self.supports))?;
        }
        let fees = text::money(&self.fees_of_tips);
        writeln!(f, "  tips: {} after {fees} of fees", money(&self.tips))?;
        writeln!(f, "  withdrawn at once: {}", money(&self.withdrawn_at_once))?;
        writeln!(
            f,
            "  delayed withdrawals: requested {}, of these paid {}, cancelled {}",
            money(&self.requested),
            money(&self.executed),
            money(&self.cancelled)
        )?;
        writeln!(f, "  balance: {} can be withdrawn", text::money(&self.balance))?;
        let (balance, withdrawn) = (self.balance.base_units, self.withdrawn.base_units);
        let (earned, tips) = (self.earned.base_units, self.tips.amount.base_units);
        let (shared, supports) = (self.shared.base_units, self.supports.amount.base_units);
        write!(f, "  balance + withdrawn = {balance} + {withdrawn}; ")?;
        if (shared, supports) == (0, 0) {
            writeln!(f, "earned + tips = {earned} + {tips}")?;
        } else {
            writeln!(
                f,
                "earned - shared + supports + tips = {earned} - {shared} + {supports} + {tips}"
            )?;
        }
        if self.adds_up {
            write!(
                f,
                "  Both are {}: everything is accounted for.",
                u128::from(balance) + u128::from(withdrawn)
            )
        } else {
            write!(
                f,
                "  They differ: not every tip or withdrawal is indexed yet; a keeper that serves \
                 does that, or `pixr settle`."
            )
        }
    }
}
