//! The story of a withdrawal.

use std::fmt;

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use serde_json::Value;
use serde_with::{DisplayFromStr, serde_as};

use super::{ExplainError, WithdrawalName, corrupt, text};
use crate::{
    amount::Amount,
    app::{App, Ledger},
    store::StoreError,
};

/// Events that a withdrawal can have.
const NAMES: [&str; 5] = [
    "Withdrawn",
    "WithdrawalRequested",
    "WithdrawalExecuted",
    "WithdrawalCancelled",
    "FreezeChanged",
];

/// Where a withdrawal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawalState {
    /// Paid at once.
    Paid,
    /// Its delay is not over.
    Waits,
    /// Its delay is over; the authority can have it paid.
    Executable,
    /// The guardian holds it.
    Frozen,
    /// Its delay was over, and it was paid.
    Executed,
    /// It went back to the balance.
    Cancelled,
}

/// Something that happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// The event's name.
    pub event: String,
    pub signature: String,
    pub slot: i64,
    pub block_time: Option<DateTime<Utc>>,
    /// Whether the guardian holds it from then on; only of a change of that.
    pub frozen: Option<bool>,
}

/// A withdrawal from its request to its end.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WithdrawalStory {
    pub state: WithdrawalState,
    pub shard: i32,
    pub creator: i32,
    #[serde_as(as = "DisplayFromStr")]
    pub authority: Pubkey,
    /// Of a delayed one.
    pub address: Option<String>,
    pub amount: Amount,
    /// The token account that is paid.
    pub destination: String,
    pub balance_before: Amount,
    pub balance_after: Amount,
    /// When a delayed one can be paid.
    pub executable_at: Option<DateTime<Utc>>,
    /// The limits as they are now: what can be withdrawn at once in each window, and the delay above.
    pub limit: Amount,
    pub window_seconds: u32,
    pub delay_seconds: u32,
    pub events: Vec<Happened>,
}

#[derive(Clone, QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    signature: String,
    #[diesel(sql_type = SmallInt)]
    ordinal: i16,
    #[diesel(sql_type = BigInt)]
    slot: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    block_time: Option<DateTime<Utc>>,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Integer>)]
    shard: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    creator: Option<i32>,
    #[diesel(sql_type = Jsonb)]
    data: Value,
}

impl Row {
    fn text(&self, field: &str) -> Result<String, ExplainError> {
        let text = self.data[field].as_str().map(ToOwned::to_owned);
        text.ok_or_else(|| corrupt(format!("event {} has no {field}", self.name)))
    }

    fn number<T: std::str::FromStr>(&self, field: &str) -> Result<T, ExplainError> {
        let text = self.text(field)?;
        text.parse().map_err(|_| corrupt(format!("event {} has {field} {text}", self.name)))
    }
}

/// Tells the story of a withdrawal.
pub async fn story(app: &App, name: WithdrawalName) -> Result<WithdrawalStory, ExplainError> {
    let rows = match name {
        WithdrawalName::Address(address) => of_address(app, &address.to_string()).await?,
        WithdrawalName::Transaction(signature) => {
            let rows = find(app, "signature", &signature.to_string()).await?;
            // Several in one transaction: the first.
            match rows.into_iter().next() {
                Some(row) if row.name == "Withdrawn" => vec![row],
                Some(row) => of_address(app, &row.text("withdrawal")?).await?,
                None => Vec::new(),
            }
        }
    };
    let start = rows.iter().find(|row| ["Withdrawn", "WithdrawalRequested"].contains(&&*row.name));
    let start = start
        .cloned()
        .ok_or_else(|| ExplainError::Unknown("no withdrawal of that name is indexed".to_owned()))?;
    tell(app, start, rows).await
}

async fn of_address(app: &App, address: &str) -> Result<Vec<Row>, ExplainError> {
    find(app, "data ->> 'withdrawal'", address).await
}

async fn find(app: &App, what: &'static str, name: &str) -> Result<Vec<Row>, ExplainError> {
    let select = format!(
        "SELECT signature, ordinal, slot, block_time, name, shard, creator, data FROM chain_events
         WHERE name = ANY($1) AND {what} = $2 ORDER BY id"
    );
    let rows = sql_query(select)
        .bind::<Array<Text>, _>(NAMES.as_slice())
        .bind::<Text, _>(name)
        .load(&mut app.store.get().await.map_err(StoreError::from)?)
        .await?;
    Ok(rows)
}

async fn tell(app: &App, start: Row, rows: Vec<Row>) -> Result<WithdrawalStory, ExplainError> {
    let (Some(shard), Some(creator)) = (start.shard, start.creator) else {
        return Err(corrupt(format!("event {} of {}", start.ordinal, start.signature)));
    };
    let number = |number: i32| u32::try_from(number).map_err(|_| corrupt("a slot"));
    let ledger = Ledger::finalized(app);
    let authority = ledger.creator(number(shard)?, number(creator)?).await?.slot.authority;
    let (settings, decimals) = (ledger.platform().await?.settings, ledger.mint().await?.decimals);
    let amount = |field| Ok::<_, ExplainError>(Amount::new(start.number(field)?, decimals));
    let delayed = start.name == "WithdrawalRequested";
    let executable_at = match delayed {
        true => DateTime::from_timestamp(start.number("executable_at")?, 0),
        false => None,
    };
    let now = DateTime::from_timestamp(app.chain.time().await?.unix_seconds, 0);
    Ok(WithdrawalStory {
        state: state(&rows, executable_at.is_some_and(|at| now.is_some_and(|now| now < at))),
        shard,
        creator,
        authority,
        address: delayed.then(|| start.text("withdrawal")).transpose()?,
        amount: amount("amount")?,
        destination: start.text("destination")?,
        balance_before: amount("balance_before")?,
        balance_after: amount("balance_after")?,
        executable_at,
        limit: Amount::new(settings.withdraw_limit, decimals),
        window_seconds: settings.withdraw_window_seconds,
        delay_seconds: settings.withdraw_delay_seconds,
        events: rows.into_iter().map(happened).collect(),
    })
}

fn happened(row: Row) -> Happened {
    let Row { name: event, signature, slot, block_time, data, .. } = row;
    Happened { event, signature, slot, block_time, frozen: data["frozen"].as_bool() }
}

fn state(rows: &[Row], early: bool) -> WithdrawalState {
    let mut state = if early { WithdrawalState::Waits } else { WithdrawalState::Executable };
    let open = state;
    for row in rows {
        state = match (&*row.name, row.data["frozen"].as_bool()) {
            ("Withdrawn", _) => WithdrawalState::Paid,
            ("WithdrawalExecuted", _) => WithdrawalState::Executed,
            ("WithdrawalCancelled", _) => WithdrawalState::Cancelled,
            (_, Some(true)) => WithdrawalState::Frozen,
            (_, Some(false)) => open,
            _ => state,
        };
    }
    state
}

impl fmt::Display for WithdrawalStory {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { shard, creator, authority, destination, .. } = self;
        let state = match self.state {
            WithdrawalState::Paid => "paid at once",
            WithdrawalState::Waits => "waits for its delay",
            WithdrawalState::Executable => "its delay is over: the authority can have it paid",
            WithdrawalState::Frozen => "frozen by the guardian: neither paid nor cancelled",
            WithdrawalState::Executed => "paid",
            WithdrawalState::Cancelled => "cancelled: back in the balance",
        };
        match &self.address {
            Some(address) => writeln!(f, "Delayed withdrawal {address}: {state}")?,
            None => writeln!(f, "Withdrawal: {state}")?,
        }
        writeln!(
            f,
            "  {} of creator {shard}/{creator}, authority {authority}",
            text::money(&self.amount)
        )?;
        writeln!(f, "  to token account {destination}")?;
        let (before, after) = (self.balance_before.base_units, self.balance_after.base_units);
        writeln!(f, "  balance {before} - {} = {after} base units", self.amount.base_units)?;
        for Happened { event, signature, slot, block_time, frozen } in &self.events {
            let what = match (event.as_str(), frozen) {
                ("Withdrawn", _) => "paid",
                ("WithdrawalRequested", _) => "requested",
                ("WithdrawalExecuted", _) => "paid",
                ("WithdrawalCancelled", _) => "cancelled",
                (_, Some(true)) => "frozen",
                _ => "released",
            };
            let at =
                block_time.as_ref().map(|at| format!(" {}", text::time(at))).unwrap_or_default();
            writeln!(f, "  {what}{at} in transaction {signature}, slot {slot}")?;
        }
        let Self { window_seconds, delay_seconds, .. } = self;
        let limit = text::money(&self.limit);
        if let Some(at) = &self.executable_at {
            writeln!(f, "  can be paid from {} on", text::time(at))?;
        }
        write!(
            f,
            "  The rule now: up to {limit} in {window_seconds} s at once; what is requested above \
             waits {delay_seconds} s, in which the guardian can freeze it."
        )
    }
}
