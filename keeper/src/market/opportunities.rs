//! Rounds that take investments, ranked by what they are expected to return.

use std::{cmp::Reverse, collections::HashMap};

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use pixr::state::RoundKind;
use pixr_media::Hash;
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};

use super::{
    MarketError,
    formula::{BPS, SEARCH_VIEWS_BPS, portion_floor},
    promotion::{paid_floor, weight_floor},
    ranking::{self, Slot},
    read::Priced,
    returns::{self, Outlook, Returns},
};
use crate::{
    app::App,
    chain::events::round_kind_name,
    index::rounds::{self, Round, RoundStatus},
    media::outlook,
    store::{Pool, StoreError, contents},
    views::ContentId,
};

/// A round that takes investments, and what it is expected to return. Amounts are base units.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Opportunity {
    #[serde_as(as = "DisplayFromStr")]
    pub round: Pubkey,
    #[serde_as(as = "DisplayFromStr")]
    pub content: ContentId,
    pub kind: &'static str,
    #[serde_as(as = "DisplayFromStr")]
    pub target: u64,
    #[serde_as(as = "DisplayFromStr")]
    pub raised: u64,
    pub deadline: DateTime<Utc>,
    pub share_bps: u16,
    #[serde_as(as = "DisplayFromStr")]
    pub cap: u64,
    pub term_seconds: u32,
    /// What the round returns in all.
    #[serde_as(as = "DisplayFromStr")]
    pub expected: u64,
    #[serde_as(as = "DisplayFromStr")]
    pub low: u64,
    #[serde_as(as = "DisplayFromStr")]
    pub high: u64,
    /// How far off that can be, in basis points of it.
    pub doubt_bps: u16,
    /// Expected return ÷ target, in basis points: above 10,000 more comes back than was put in.
    pub return_bps: u64,
    pub assumptions: Assumptions,
}

/// What an expectation rests on. Amounts are base units.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assumptions {
    /// Views a day, millionths of one.
    #[serde_as(as = "DisplayFromStr")]
    pub interest: u64,
    /// A day.
    #[serde_as(as = "DisplayFromStr")]
    pub earnings: u64,
    /// Basis points.
    pub quality: u16,
    pub quality_after: u16,
    /// Whether that is from a plan that this keeper has; else it is taken to stay.
    pub plan_known: bool,
    /// Basis points.
    pub views_gained_bps: u64,
    /// What a search is taken for, in basis points of a view.
    pub search_views_bps: u64,
    /// After which interest is half.
    pub half_life_seconds: u64,
}

/// All of them, the best first.
pub async fn opportunities(app: &App, now: DateTime<Utc>) -> Result<Vec<Opportunity>, MarketError> {
    let mut open = rounds::with_status(&app.store, &[RoundStatus::Open]).await?;
    open.retain(|it| it.terms.has_returns() && !it.refunds(now));
    let known = Known::read(&app.store, &open).await?;
    let all = open.into_iter().map(|round| known.opportunity(&round));
    let mut all = all.collect::<Result<Vec<_>, _>>()?;
    all.sort_by_key(|it| (Reverse(it.return_bps), Reverse(it.low), it.round));
    Ok(all)
}

/// What is known of the contents of rounds and of their plans.
struct Known {
    priced: HashMap<Slot, Priced>,
    ids: HashMap<Slot, ContentId>,
    planned: HashMap<(contents::Slot, Hash), u16>,
}

fn plan_of(round: &Round) -> (contents::Slot, Hash) {
    let slot = contents::Slot { shard: round.shard, content: round.content };
    (slot, round.terms.plan_hash.into())
}

impl Known {
    async fn read(pool: &Pool, rounds: &[Round]) -> Result<Self, MarketError> {
        let slots = rounds.iter().map(|round| plan_of(round).0.stored());
        let slots: Vec<Slot> = slots.collect::<Result<_, _>>()?;
        let plans: Vec<_> = rounds.iter().map(plan_of).collect();
        let planned = outlook::expected(pool, &plans).await?;
        let connection = &mut pool.get().await.map_err(StoreError::from)?;
        let priced = ranking::at(connection, &slots).await?;
        let priced = priced.into_iter().map(|it| ((it.shard, it.content), it)).collect();
        Ok(Self { priced, ids: ranking::ids(connection, &slots).await?, planned })
    }

    fn opportunity(&self, round: &Round) -> Result<Opportunity, MarketError> {
        let terms = &round.terms;
        let plan = plan_of(round);
        let slot = plan.0.stored()?;
        let priced = self.priced.get(&slot);
        let assumptions = assume(round, priced, self.planned.get(&plan).copied());
        let Returns { expected, low, high, doubt_bps } = returns::expect(&Outlook {
            earnings: assumptions.earnings,
            quality: assumptions.quality,
            quality_after: assumptions.quality_after,
            views_gained_bps: assumptions.views_gained_bps,
            views_micro: priced.map_or(0, |it| it.views_micro.cast_unsigned()),
            share_bps: terms.share_bps,
            cap: terms.cap,
            term_seconds: terms.term_seconds,
        });
        let content = self.ids.get(&slot).ok_or_else(|| super::corrupt("a content without id"))?;
        Ok(Opportunity {
            round: round.address,
            content: *content,
            kind: round_kind_name(terms.kind),
            target: terms.target,
            raised: round.raised,
            deadline: DateTime::from_timestamp(terms.deadline, 0).unwrap_or_default(),
            share_bps: terms.share_bps,
            cap: terms.cap,
            term_seconds: terms.term_seconds,
            expected,
            low,
            high,
            doubt_bps,
            return_bps: portion_floor(expected, BPS, terms.target),
            assumptions,
        })
    }
}

fn assume(round: &Round, priced: Option<&Priced>, planned: Option<u16>) -> Assumptions {
    let terms = &round.terms;
    let earnings = priced.map_or(0, Priced::earnings);
    let quality = priced.map_or(0, |it| u16::try_from(it.quality).unwrap_or(0));
    let paid = match terms.kind {
        RoundKind::Promotion => paid_floor(terms.target, terms.term_seconds),
        RoundKind::Quality | RoundKind::Feature | RoundKind::Support => 0,
    };
    Assumptions {
        interest: priced.map_or(0, |it| it.interest.cast_unsigned()),
        earnings,
        quality,
        quality_after: planned.map_or(quality, |planned| planned.max(quality)),
        plan_known: planned.is_some(),
        views_gained_bps: returns::views_gained_bps(terms.kind, weight_floor(paid, earnings)),
        search_views_bps: SEARCH_VIEWS_BPS,
        half_life_seconds: super::fading::INTEREST.seconds(),
    }
}
