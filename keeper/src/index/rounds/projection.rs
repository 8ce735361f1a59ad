//! From events to the tables of rounds and positions.

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use diesel::{AsChangeset, ExpressionMethods, Insertable, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pixr::events::{
    Claimed, Invested, PositionSold, PositionTransferred, PriceChanged, Refunded, RoundDelivered,
    RoundOpened,
};

use super::RoundStatus;
use crate::{
    chain::events::{ProgramEvent, round_kind_name},
    store::{
        StoreError,
        schema::{positions, rounds},
    },
};

/// An event of a round of the platform.
pub struct OfRound {
    /// Number of the round's shard.
    pub shard: i32,
    /// Of its transaction, where the cluster said.
    pub block_time: Option<DateTime<Utc>>,
    pub event: ProgramEvent,
}

/// Enters events in their order. Some of them add up, so each is entered once: in the transaction
/// that stores it.
pub async fn enter(
    connection: &mut AsyncPgConnection,
    events: &[OfRound],
) -> Result<(), StoreError> {
    for of in events {
        match &of.event {
            ProgramEvent::RoundOpened(event) => {
                let new = NewRound::read(of.shard, event)?;
                let insert = diesel::insert_into(rounds::table).values(new);
                insert.on_conflict_do_nothing().execute(connection).await?;
            }
            ProgramEvent::Invested(event) => invested(connection, event).await?,
            ProgramEvent::Claimed(Claimed { round, amount, .. }) => {
                diesel::update(rounds::table.find(round.to_string()))
                    .set(rounds::claimed.eq(rounds::claimed + signed(*amount)?))
                    .execute(connection)
                    .await?;
            }
            _ => {}
        }
        if let Some((round, change)) = round_change(of)? {
            let round = diesel::update(rounds::table.find(round.to_string()));
            round.set(change).execute(connection).await?;
        }
        if let Some((position, change)) = position_change(&of.event)? {
            let position = diesel::update(positions::table.find(position.to_string()));
            position.set(change).execute(connection).await?;
        }
    }
    Ok(())
}

#[derive(Insertable)]
#[diesel(table_name = rounds)]
struct NewRound {
    address: String,
    shard: i32,
    content: i32,
    number: i32,
    kind: &'static str,
    target: i64,
    deadline: DateTime<Utc>,
    delivery_seconds: i64,
    share_bps: i32,
    cap: i64,
    term_seconds: i64,
    plan_hash: Vec<u8>,
    status: &'static str,
    opened_at: DateTime<Utc>,
    earned_at_opening: i64,
}

impl NewRound {
    fn read(shard: i32, event: &RoundOpened) -> Result<Self, StoreError> {
        let RoundOpened { round, content, number, terms, earned_at_opening, unix_seconds, .. } =
            event;
        Ok(Self {
            address: round.to_string(),
            shard,
            content: super::signed(*content)?,
            number: super::signed(*number)?,
            kind: round_kind_name(terms.kind),
            target: signed(terms.target)?,
            deadline: time(terms.deadline)?,
            delivery_seconds: terms.delivery_seconds.into(),
            share_bps: terms.share_bps.into(),
            cap: signed(terms.cap)?,
            term_seconds: terms.term_seconds.into(),
            plan_hash: terms.plan_hash.to_vec(),
            status: RoundStatus::Open.name(),
            opened_at: time(*unix_seconds)?,
            earned_at_opening: signed(*earned_at_opening)?,
        })
    }
}

/// The first investment makes the position, later ones add to it.
async fn invested(connection: &mut AsyncPgConnection, event: &Invested) -> Result<(), StoreError> {
    let amount = positions::amount.eq(signed(event.invested)?);
    diesel::insert_into(positions::table)
        .values((
            positions::address.eq(event.position.to_string()),
            positions::round.eq(event.round.to_string()),
            positions::owner.eq(event.investor.to_string()),
            amount,
        ))
        .on_conflict(positions::address)
        .do_update()
        .set(amount)
        .execute(connection)
        .await?;
    Ok(())
}

/// What changes of a round; what is `None` stays.
#[derive(Default, AsChangeset)]
#[diesel(table_name = rounds)]
struct RoundChange {
    status: Option<&'static str>,
    raised: Option<i64>,
    deliver_until: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    manifest_hash: Option<Vec<u8>>,
    lane: Option<i32>,
    baseline_earned: Option<i64>,
    baseline_seconds: Option<i64>,
    earned_at_delivery: Option<i64>,
    owed: Option<i64>,
}

fn round_change(of: &OfRound) -> Result<Option<(Pubkey, RoundChange)>, StoreError> {
    let now = |status: RoundStatus| RoundChange { status: Some(status.name()), ..<_>::default() };
    Ok(Some(match &of.event {
        ProgramEvent::Invested(Invested { round, raised_after, .. }) => {
            (*round, RoundChange { raised: Some(signed(*raised_after)?), ..<_>::default() })
        }
        ProgramEvent::RoundFunded(event) => {
            let deliver_until = Some(time(event.deliver_until)?);
            (event.round, RoundChange { deliver_until, ..now(RoundStatus::Funded) })
        }
        ProgramEvent::RoundCancelled(event) => (event.round, now(RoundStatus::Refunding)),
        ProgramEvent::Refunded(Refunded { round, raised_after, .. }) => {
            let raised = Some(signed(*raised_after)?);
            (*round, RoundChange { raised, ..now(RoundStatus::Refunding) })
        }
        ProgramEvent::RoundDelivered(event) => (event.round, delivered(event)?),
        ProgramEvent::RoundSupported(event) => {
            let delivered_at = of.block_time;
            (event.round, RoundChange { delivered_at, ..now(RoundStatus::Delivered) })
        }
        ProgramEvent::LaneRetired(event) => {
            let owed = Some(signed(event.owed)?);
            (event.round, RoundChange { owed, ..now(RoundStatus::Retired) })
        }
        ProgramEvent::RoundClosed(event) => (event.round, now(RoundStatus::Closed)),
        _ => return Ok(None),
    }))
}

fn delivered(event: &RoundDelivered) -> Result<RoundChange, StoreError> {
    Ok(RoundChange {
        status: Some(RoundStatus::Delivered.name()),
        delivered_at: Some(time(event.unix_seconds)?),
        manifest_hash: Some(event.manifest_hash.to_vec()),
        lane: Some(super::signed(event.lane)?),
        baseline_earned: Some(signed(event.baseline_earned)?),
        baseline_seconds: Some(event.baseline_seconds.into()),
        earned_at_delivery: Some(signed(event.earned_at_delivery)?),
        ..<_>::default()
    })
}

/// What changes of a position; what is `None` stays.
#[derive(Default, AsChangeset)]
#[diesel(table_name = positions)]
struct PositionChange {
    owner: Option<String>,
    claimed: Option<i64>,
    price: Option<Option<i64>>,
    closed: Option<bool>,
}

fn position_change(event: &ProgramEvent) -> Result<Option<(Pubkey, PositionChange)>, StoreError> {
    // A position with another owner is no longer for sale.
    let handed_to = |owner: &Pubkey| PositionChange {
        owner: Some(owner.to_string()),
        price: Some(None),
        ..<_>::default()
    };
    Ok(Some(match event {
        ProgramEvent::Refunded(Refunded { position, .. }) => {
            (*position, PositionChange { closed: Some(true), ..<_>::default() })
        }
        ProgramEvent::Claimed(Claimed { position, claimed_after, closed, .. }) => {
            let (claimed, closed) = (Some(signed(*claimed_after)?), Some(*closed));
            (*position, PositionChange { claimed, closed, ..<_>::default() })
        }
        ProgramEvent::PositionTransferred(PositionTransferred { position, after, .. }) => {
            (*position, handed_to(after))
        }
        ProgramEvent::PositionSold(PositionSold { position, buyer, .. }) => {
            (*position, handed_to(buyer))
        }
        ProgramEvent::PriceChanged(PriceChanged { position, after, .. }) => {
            let offered = i64::try_from(*after).unwrap_or(i64::MAX);
            let price = Some((offered > 0).then_some(offered));
            (*position, PositionChange { price, ..<_>::default() })
        }
        _ => return Ok(None),
    }))
}

/// An amount that the program bounds. Only prices have none.
fn signed(amount: u64) -> Result<i64, StoreError> {
    i64::try_from(amount).map_err(|_| StoreError::Corrupt(format!("an amount of {amount}")))
}

fn time(unix_seconds: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp(unix_seconds, 0)
        .ok_or_else(|| StoreError::Corrupt(format!("a time of {unix_seconds}")))
}
