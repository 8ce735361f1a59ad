//! The story of a round: what it raised, what it is measured against, and what it is owed.

use std::{fmt, num::NonZeroU64};

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use pixr::{
    math::returns::{share_floor, uplift_ceil},
    state::{Lane, shard::ShardRef},
};
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};

use super::{ExplainError, PositionPart, text};
use crate::{
    amount::Amount,
    app::{App, Ledger, LedgerError},
    chain::events::round_kind_name,
    index::rounds::{self, Round, RoundStatus},
    views::ContentId,
};

/// What a lane has measured so far. Amounts are base units.
#[serde_as]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Uplift {
    pub lane: u32,
    /// What the content has earned in all, and had at delivery.
    #[serde_as(as = "DisplayFromStr")]
    pub earned: u64,
    #[serde_as(as = "DisplayFromStr")]
    pub earned_at_delivery: u64,
    /// Seconds since delivery, up to the term.
    pub elapsed: u32,
    /// How far the content is above its baseline now; below zero when it is under it.
    #[serde_as(as = "DisplayFromStr")]
    pub now: i64,
    /// The highest at a settlement so far.
    #[serde_as(as = "DisplayFromStr")]
    pub high: u64,
}

/// What a round earned the creator's content and its investors.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoundStory {
    #[serde_as(as = "DisplayFromStr")]
    pub address: Pubkey,
    pub shard: u32,
    pub content: u32,
    pub id: ContentId,
    /// Among the rounds of its content.
    pub number: u32,
    pub kind: &'static str,
    pub status: &'static str,
    pub target: Amount,
    pub raised: Amount,
    /// Basis points of the uplift; zero for support.
    pub share_bps: u16,
    pub cap: Amount,
    pub term_seconds: u32,
    pub opened_at: DateTime<Utc>,
    pub delivered_at: Option<DateTime<Utc>>,
    /// What the content earned between opening and delivery, and in how many seconds.
    pub baseline: Option<(Amount, u32)>,
    /// While it has a lane.
    pub uplift: Option<Uplift>,
    pub owed: Amount,
    pub claimed: Amount,
    /// Not told with the rounds of a content.
    pub positions: Vec<PositionPart>,
}

/// Tells the story of the round at this address.
pub async fn story(app: &App, address: Pubkey) -> Result<RoundStory, ExplainError> {
    let round = rounds::round(&app.store, &address).await?;
    let round =
        round.ok_or_else(|| ExplainError::Unknown(format!("no round at {address} is indexed")))?;
    let mut story = tell(app, vec![round]).await?.pop().ok_or_else(|| missing(&address))?;
    let decimals = story.raised.decimals;
    for position in rounds::positions_of_round(&app.store, &address).await? {
        story.positions.push(PositionPart::new(&position, &story, decimals));
    }
    Ok(story)
}

/// Tells the rounds of a content, in the order in which they were opened.
pub async fn of_content(
    app: &App,
    shard: u32,
    content: u32,
) -> Result<Vec<RoundStory>, ExplainError> {
    tell(app, rounds::of_content(&app.store, shard, content).await?).await
}

/// Tells rounds of one content.
async fn tell(app: &App, rounds: Vec<Round>) -> Result<Vec<RoundStory>, ExplainError> {
    let Some(Round { shard, content, address, .. }) = rounds.first() else {
        return Ok(Vec::new());
    };
    let ledger = Ledger::finalized(app);
    let (head, decimals) = (ledger.shard(*shard).await?, ledger.mint().await?.decimals);
    let account = ledger.shard_account(&head).await?;
    let unreadable = || LedgerError::Unreadable { what: "shard", address: head.address };
    let account = ShardRef::parse(&account.data).map_err(|_| unreadable())?;
    let slot = account.content(*content).map_err(|_| missing(address))?;
    let now = app.chain.time().await?.unix_seconds;
    let told = rounds.iter().map(|round| {
        let lane = lane_of(round, account.lanes);
        let owed = round.owed.or(lane.map(|lane| lane.owed)).unwrap_or(0);
        let amount = |base_units| Amount::new(base_units, decimals);
        let uplift = lane
            .zip(round.delivery)
            .map(|(lane, delivery)| Uplift::new(lane, delivery.lane, slot.earned, now));
        RoundStory {
            address: round.address,
            shard: round.shard,
            content: round.content,
            id: ContentId(slot.id),
            number: round.number,
            kind: round_kind_name(round.terms.kind),
            status: round.status.name(),
            target: amount(round.terms.target),
            raised: amount(round.raised),
            share_bps: round.terms.share_bps,
            cap: amount(round.terms.cap),
            term_seconds: round.terms.term_seconds,
            opened_at: round.opened_at,
            delivered_at: round.delivered_at,
            baseline: round.delivery.map(|it| (amount(it.baseline_earned), it.baseline_seconds)),
            uplift,
            owed: amount(owed),
            claimed: amount(round.claimed),
            positions: Vec::new(),
        }
    });
    Ok(told.collect())
}

fn missing(round: &Pubkey) -> ExplainError {
    super::corrupt(format!("the round {round}"))
}

/// The lane of a round, unless it was given back since its events were read.
fn lane_of<'a>(round: &Round, lanes: &'a [Lane]) -> Option<&'a Lane> {
    if round.status != RoundStatus::Delivered {
        return None;
    }
    let place = usize::try_from(round.delivery?.lane).ok()?.checked_sub(1)?;
    let own = |lane: &&Lane| {
        (lane.content, lane.round) == (round.content, round.number) && lane.share_bps > 0
    };
    lanes.get(place).filter(own)
}

impl Uplift {
    fn new(lane: &Lane, number: u32, earned: u64, now: i64) -> Self {
        let elapsed = now.saturating_sub(lane.delivered_at.into()).max(0);
        let elapsed = u32::try_from(elapsed).unwrap_or(u32::MAX).min(lane.term_seconds);
        let seconds = NonZeroU64::new(lane.baseline_seconds.into()).unwrap_or(NonZeroU64::MIN);
        let now = uplift_ceil(
            earned.saturating_sub(lane.earned_at_delivery),
            lane.baseline_quotient,
            lane.baseline_remainder,
            seconds,
            elapsed.into(),
        );
        let (earned_at_delivery, high) = (lane.earned_at_delivery, lane.uplift_high);
        Self { lane: number, earned, earned_at_delivery, elapsed, now, high }
    }
}

impl RoundStory {
    /// What is measured, with its numbers.
    fn uplift_formula(&self, f: &mut fmt::Formatter, uplift: &Uplift) -> fmt::Result {
        let Uplift { lane, earned, earned_at_delivery, elapsed, now, high } = uplift;
        let (baseline, seconds) =
            self.baseline.map_or((0, 0), |(earned, seconds)| (earned.base_units, seconds));
        writeln!(
            f,
            "  lane {lane}: uplift = ({earned} - {earned_at_delivery}) - floor({baseline} / \
             {seconds} x {elapsed}) = {now} base units now, at most {high} at a settlement so far"
        )?;
        let (share, cap) = (self.share_bps, self.cap.base_units);
        let part = share_floor(*high, share.into()).min(cap);
        writeln!(f, "  owed = min({cap}, floor({share} x {high} / 10000)) = {part}")?;
        let waits = part.saturating_sub(self.owed.base_units);
        if waits > 0 {
            writeln!(f, "  of which {waits} are taken from the next credit")?;
        }
        Ok(())
    }
}

impl fmt::Display for RoundStory {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { address, shard, content, id, number, kind, status, .. } = self;
        writeln!(f, "Round {address}: {kind}, {status}")?;
        writeln!(f, "  round {number} of content {content} ({id}) of shard {shard}")?;
        let (raised, target) = (text::money(&self.raised), text::money(&self.target));
        writeln!(f, "  opened {}; raised {raised} of {target}", text::time(&self.opened_at))?;
        if let Some(at) = &self.delivered_at {
            writeln!(f, "  delivered {}", text::time(at))?;
        }
        if self.share_bps > 0 {
            let (share, cap) = (text::percent(self.share_bps), text::money(&self.cap));
            let seconds = self.term_seconds;
            writeln!(f, "  earns {share} of the uplift for {seconds} s, up to {cap}")?;
        }
        if let Some((earned, seconds)) = &self.baseline {
            let earned = text::money(earned);
            writeln!(
                f,
                "  baseline: the content earned {earned} in the {seconds} s before delivery"
            )?;
        }
        if let Some(uplift) = &self.uplift {
            self.uplift_formula(f, uplift)?;
        }
        let (owed, claimed) = (text::money(&self.owed), text::money(&self.claimed));
        write!(f, "  owed {owed}, of which {claimed} are paid")?;
        for position in &self.positions {
            write!(f, "\n{position}")?;
        }
        Ok(())
    }
}
