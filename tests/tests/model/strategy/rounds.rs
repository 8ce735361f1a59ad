//! Rounds and what becomes of them.

use pixr::state::{RoundKind, RoundTerms};
use proptest::{bool::weighted, collection::vec, option, prelude::*, sample::select};

use super::{amount, magnitude, slot, somebody, who};
use crate::command::*;

const DAY: u32 = 86_400;

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        20 => Just(Number::Next),
        1 => any::<u8>().prop_map(Number::After),
        1 => any::<u8>().prop_map(Number::Before),
    ]
}

/// Somebody else than who it should be, rarely.
fn elsewhere() -> impl Strategy<Value = Option<u8>> {
    option::weighted(0.04, any::<u8>())
}

/// Terms, of which one in a few is out of bounds.
fn terms() -> impl Strategy<Value = RoundTerms> {
    const MAX: u64 = 1 << 50;
    let amounts = || {
        prop_oneof![
            20 => magnitude(36).prop_map(|amount| amount + 1),
            4 => 1..100_u64,
            1 => select(vec![0, 1, MAX, MAX + 1]),
        ]
    };
    let deadline = prop_oneof![
        20 => i64::from(DAY)..60 * i64::from(DAY),
        4 => 1..i64::from(DAY),
        1 => select(vec![0, -1, 365 * i64::from(DAY), 365 * i64::from(DAY) + 1]),
    ];
    let seconds = |year: u32| {
        prop_oneof![
            20 => DAY..90 * DAY,
            4 => 3_600..DAY,
            1 => select(vec![0, 3_599, 3_600, year, year + 1]),
        ]
    };
    let kind = select(vec![
        RoundKind::Quality,
        RoundKind::Quality,
        RoundKind::Feature,
        RoundKind::Promotion,
        RoundKind::Support,
    ]);
    let share = prop_oneof![12 => 1..3_000_u16, 4 => 1..=10_000_u16, 1 => Just(0)];
    let (delivery, term) = (seconds(365 * DAY), seconds(5 * 365 * DAY));
    let plan = any::<[u8; 32]>();
    (kind, amounts(), deadline, delivery, share, amounts(), term, plan, weighted(0.05)).prop_map(
        |(kind, target, deadline, delivery_seconds, share_bps, cap, term, plan_hash, odd)| {
            let returns = kind != RoundKind::Support || odd;
            RoundTerms {
                kind,
                target,
                deadline,
                delivery_seconds,
                share_bps: if returns { share_bps } else { 0 },
                cap: if returns { cap } else { 0 },
                term_seconds: if returns { term } else { 0 },
                plan_hash,
            }
        },
    )
}

pub fn open_round() -> BoxedStrategy<Command> {
    (any::<u8>(), who(), any::<u8>(), slot(), number(), terms())
        .prop_map(|(shard, who, payer, content, number, terms)| Command::OpenRound {
            shard,
            who,
            payer,
            content,
            number,
            terms,
        })
        .boxed()
}

/// Terms with which a round can be funded and delivered, and with small shares.
fn good_terms() -> impl Strategy<Value = RoundTerms> {
    let days = |days: u32| 3_600..days * DAY;
    let amount = || magnitude(32).prop_map(|amount| amount + 1);
    let share = prop_oneof![8 => 1..600_u16, 2 => 1..4_000_u16];
    let support = weighted(0.06);
    (amount(), share, amount(), days(40), support).prop_map(
        |(target, share_bps, cap, term_seconds, support)| RoundTerms {
            kind: if support { RoundKind::Support } else { RoundKind::Quality },
            target,
            deadline: 90 * i64::from(DAY),
            delivery_seconds: 120 * DAY,
            share_bps: if support { 0 } else { share_bps },
            cap: if support { 0 } else { cap },
            term_seconds: if support { 0 } else { term_seconds },
            plan_hash: [5; 32],
        },
    )
}

pub fn upgrade() -> BoxedStrategy<Command> {
    // Few contents, so that they get several lanes.
    let content = (0..2_u8).prop_map(|pick| Slot { pick, beyond: false });
    let backers = vec((any::<u8>(), any::<u16>()), 0..4);
    (any::<u8>(), content, good_terms(), backers)
        .prop_map(|(shard, content, terms, backers)| Command::Upgrade {
            shard,
            content,
            terms,
            backers,
        })
        .boxed()
}

pub fn invest() -> BoxedStrategy<Command> {
    (any::<u8>(), slot(), any::<u8>(), any::<u8>(), amount())
        .prop_map(|(shard, round, by, payer, amount)| Command::Invest {
            shard,
            round,
            by,
            payer,
            amount,
        })
        .boxed()
}

pub fn end_round() -> BoxedStrategy<Command> {
    let better = prop_oneof![
        6 => Just(0_i16),
        6 => 0..3_000_i16,
        1 => -500..0_i16,
        1 => Just(10_001_i16),
    ];
    let fate = prop_oneof![
        1 => Just(RoundFate::Cancel),
        9 => (elsewhere(), better)
            .prop_map(|(elsewhere, better)| RoundFate::Deliver { elsewhere, better }),
        4 => Just(RoundFate::Retire),
        4 => elsewhere().prop_map(|elsewhere| RoundFate::Close { elsewhere }),
        1 => (any::<u8>(), magnitude(30))
            .prop_map(|(by, amount)| RoundFate::Stray { by, amount }),
    ];
    (any::<u8>(), slot(), who(), fate)
        .prop_map(|(shard, round, who, fate)| Command::EndRound { shard, round, who, fate })
        .boxed()
}

pub fn trade() -> BoxedStrategy<Command> {
    let less = || prop_oneof![6 => Just(0_u8), 1 => any::<u8>()];
    let price = prop_oneof![8 => magnitude(34).prop_map(|price| price + 1), 1 => Just(0)];
    let fate = prop_oneof![
        5 => elsewhere().prop_map(|elsewhere| PositionFate::Refund { elsewhere }),
        9 => elsewhere().prop_map(|elsewhere| PositionFate::Claim { elsewhere }),
        2 => somebody().prop_map(|to| PositionFate::Transfer { to }),
        4 => price.prop_map(|price| PositionFate::List { price }),
        1 => Just(PositionFate::Unlist),
        4 => (elsewhere(), less(), less()).prop_map(|(elsewhere, price_less, claimed_less)| {
            PositionFate::Buy { elsewhere, price_less, claimed_less }
        }),
    ];
    (any::<u8>(), slot(), slot(), who(), fate)
        .prop_map(|(shard, round, position, who, fate)| Command::Trade {
            shard,
            round,
            position,
            who,
            fate,
        })
        .boxed()
}
