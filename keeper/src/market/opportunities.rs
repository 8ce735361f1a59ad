//! Rounds that take investments, ranked by what they are expected to return.

use std::cmp::Reverse;

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use pixr::state::RoundKind;
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};

use super::{
    MarketError,
    formula::{BPS, SEARCH_VIEWS_BPS, portion_floor},
    promotion::{paid_floor, weight_floor},
    ranking,
    read::{self, Priced},
    returns::{self, Outlook, Returns},
};
use crate::{
    app::App,
    chain::events::round_kind_name,
    index::{
        registry::signed,
        rounds::{self, Round, RoundStatus},
    },
    media::Media,
    store::{StoreError, contents::Slot},
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
    let open = rounds::with_status(&app.store, &[RoundStatus::Open]).await?;
    let media = Media::open(&app.config, app.store.clone())?;
    let mut all = Vec::new();
    for round in open.into_iter().filter(|it| it.terms.has_returns() && !it.refunds(now)) {
        all.push(opportunity(app, &media, round).await?);
    }
    all.sort_by_key(|it| (Reverse(it.return_bps), Reverse(it.low), it.round));
    Ok(all)
}

async fn opportunity(app: &App, media: &Media, round: Round) -> Result<Opportunity, MarketError> {
    let slot = (signed(round.shard)?, signed(round.content)?);
    let priced = read::content(&app.store, slot.0, slot.1).await?;
    let terms = &round.terms;
    let at = Slot { shard: round.shard, content: round.content };
    let planned = media.quality_planned(at, terms.plan_hash.into()).await?;
    let assumptions = assume(&round, priced.as_ref(), planned);
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
    let connection = &mut app.store.get().await.map_err(StoreError::from)?;
    let ids = ranking::ids(connection, &[slot]).await?;
    let content = ids.get(&slot).ok_or_else(|| super::corrupt("a content without id"))?;
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
