//! Lanes, claims and support, recomputed by a stranger.

use super::*;
use crate::index::testing::rounds::{Rounds, TERMS};

/// Batches of [`World::invest_and_return`].
const BATCHES: u64 = 8;

async fn live() -> (World, Rounds) {
    let mut world = World::new().await;
    let rounds = world.invest_and_return().await;
    world.publish().await;
    (world, rounds)
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_are_verified_from_files_and_from_the_chain() {
    let (mut world, rounds) = live().await;
    let report = checked(&world).await;
    assert!(report.agrees(), "{report}");
    let (first, header) = (&report.shards[0], world.header(0).await);
    assert_eq!((first.batches, first.unpublished), (BATCHES, 0));
    let Totals { shared, owed, claimed, supported, .. } = first.totals;
    assert_eq!(
        (shared, owed, claimed, supported),
        (header.shared, header.owed, header.claimed, 5_000)
    );
    assert!(owed > 0 && claimed > 0 && shared > owed + claimed, "dust went back: {report}");
    assert_eq!(first.vault, header.liabilities());

    // The chain goes on, with another platform's rounds among its transactions.
    let [anna, bert, _] = &rounds.investors;
    let other = World::on(world.chain.clone()).await;
    world.invest(rounds.open, bert, 399_991).await;
    other.open_round(0, 0, TERMS).await;
    world.wait(3_600).await;
    world.deliver(rounds.open, 10_000).await;
    world.settle(0, &[(0, 3_000, 10_000), (1, 30, 10_000)]).await;
    let position = pixr_client::position_address(&rounds.open, &anna.address());
    world.claim(position, anna).await;
    let report = checked(&world).await;
    assert!(report.agrees(), "{report}");
    assert_eq!(report.shards[0].unpublished, 1);
    // Nothing but the list of shards.
    world.objects.delete(&world.place(0).tail_path()).await.unwrap();
    for sequence in 1..=BATCHES {
        world.objects.delete(&world.place(0).batch_path(sequence)).await.unwrap();
    }
    let report = checked(&world).await;
    assert!(report.agrees(), "{report}");
    assert_eq!(report.shards[0].unpublished, BATCHES + 1);
}

/// Two shards with rounds: claims of one name no shard, and are not the other's.
#[tokio::test(flavor = "multi_thread")]
async fn rounds_of_other_shards_are_left_alone() {
    let mut world = World::new().await;
    let second = world.open_shard(1 << 40).await;
    world.register_creator(second, world.key()).await;
    world.register_content(second, 0, [5; 16]).await;
    world.invest_and_return().await;
    let investor = world.investor(1 << 40).await;
    let round = world.open_round(second, 0, TERMS).await;
    let position = world.invest(round, &investor, TERMS.target).await;
    world.wait(3_600).await;
    world.deliver(round, 10_000).await;
    world.settle(second, &[(0, 500, 10_000)]).await;
    world.claim(position, &investor).await;
    world.publish().await;
    let report = checked(&world).await;
    assert!(report.agrees(), "{report}");
    assert_eq!(report.shards[1].totals.claimed, 100_000);
    for shard in 0..2 {
        world.objects.delete(&world.place(shard).tail_path()).await.unwrap();
        for sequence in 1..=BATCHES {
            // The second shard has one only.
            let _ = world.objects.delete(&world.place(shard).batch_path(sequence)).await;
        }
    }
    let report = checked(&world).await;
    assert!(report.agrees(), "{report}");
}

/// Alters the first change that it is made for.
fn alter(batches: &mut [BatchFile], tail: &mut TailFile, change: impl Fn(&mut Change) -> bool) {
    let published = batches.iter_mut().flat_map(|file| &mut file.changes);
    let mut all = published.chain(&mut tail.changes);
    assert!(all.any(|changed| change(&mut changed.change)), "there is such a change");
}

/// Makes a lie out of a change of one form.
macro_rules! lie_about {
    ($pattern:pat $(if $guard:expr)? => $effect:expr) => {
        Box::new(move |batches: &mut Vec<BatchFile>, tail: &mut TailFile| {
            alter(batches, tail, |change| match change {
                $pattern $(if $guard)? => {
                    $effect;
                    true
                }
                _ => false,
            })
        }) as Lie
    };
}

fn lies(rounds: &Rounds) -> Vec<(&'static str, Lie, Subject, &'static str)> {
    let about = |round: Pubkey| Subject::Round { round };
    let Rounds { sold, capped, cancelled, missed, earning, support, .. } = *rounds;
    let lane = Subject::Lane { lane: 1, content: 1, round: 3 };
    vec![
        (
            "another share",
            lie_about!(Change::Opened { share_bps, .. } => *share_bps += 1_000),
            batch(3),
            "owed to rounds",
        ),
        (
            "another cap",
            lie_about!(Change::Opened { round, cap, .. } if *round == capped => *cap -= 1),
            batch(6),
            "owed to rounds",
        ),
        (
            "another number",
            lie_about!(Change::Opened { number, .. } => *number += 1),
            about(sold),
            "number",
        ),
        (
            "another baseline",
            lie_about!(Change::Delivered { baseline_earned, .. } => *baseline_earned += 1),
            about(sold),
            "baseline, base units",
        ),
        (
            "another time of the baseline",
            lie_about!(Change::Delivered { baseline_seconds, .. } => *baseline_seconds += 1),
            about(sold),
            "baseline, seconds",
        ),
        (
            "an earlier opening",
            Box::new(move |batches, tail| {
                alter(batches, tail, |change| match change {
                    Change::Opened { round, unix_seconds, .. } if *round == earning => {
                        *unix_seconds -= 1;
                        true
                    }
                    _ => false,
                });
                alter(batches, tail, |change| match change {
                    Change::Delivered { round, baseline_seconds, .. } if *round == earning => {
                        *baseline_seconds += 1;
                        true
                    }
                    _ => false,
                });
            }),
            lane,
            "baseline, seconds",
        ),
        (
            "another lane",
            lie_about!(Change::Delivered { lane, .. } => *lane += 1),
            about(sold),
            "lane",
        ),
        (
            "another claim",
            lie_about!(Change::Claimed { amount, .. } => *amount += 1),
            about(sold),
            "claim",
        ),
        (
            "another's claim",
            lie_about!(Change::Claimed { position, .. } => *position = missed),
            about(sold),
            "change",
        ),
        (
            "another round's claim",
            lie_about!(Change::Claimed { round, .. } => *round = missed),
            about(missed),
            "change",
        ),
        (
            "a hidden claim",
            Box::new(|batches, _| {
                batches[6].changes.remove(0);
            }),
            about(capped),
            "claim",
        ),
        (
            "a hidden last claim",
            Box::new(|_, tail| _ = tail.changes.remove(0)),
            Subject::Shard,
            "owed to rounds",
        ),
        (
            "other investments",
            lie_about!(Change::Invested { round, amount, .. } if *round == capped => *amount -= 500),
            about(capped),
            "claim",
        ),
        (
            "another refund",
            lie_about!(Change::Refunded { amount, .. } => *amount += 1),
            about(missed),
            "refund",
        ),
        (
            "another support",
            lie_about!(Change::Supported { amount, .. } => *amount += 1),
            about(support),
            "support",
        ),
        (
            "more owed in the end",
            lie_about!(Change::Retired { owed, .. } => *owed += 1),
            about(capped),
            "owed",
        ),
        (
            "other dust",
            lie_about!(Change::Closed { dust, .. } => *dust += 1),
            about(capped),
            "dust",
        ),
        (
            "dust of nothing",
            lie_about!(Change::Closed { round, dust } if *round == cancelled => *dust += 1),
            about(cancelled),
            "dust",
        ),
        (
            "another part of rounds",
            Box::new(|batches, _| batches[2].batch.owed -= 1),
            batch(3),
            "owed to rounds",
        ),
        (
            "another clock",
            Box::new(|batches, _| batches[2].batch.unix_seconds = Some(0)),
            batch(3),
            "owed to rounds",
        ),
        (
            "no clock",
            Box::new(|batches, _| batches[2].batch.unix_seconds = None),
            batch(3),
            "entries",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_about_rounds_show() {
    let (world, rounds) = live().await;
    let honest = load(&world).await;
    for (name, change, subject, field) in lies(&rounds) {
        let (mut batches, mut tail) = honest.clone();
        change(&mut batches, &mut tail);
        lie(&world, (batches, tail)).await;
        let found = difference(&world).await;
        assert_eq!((found.subject, found.field), (subject, field), "{name}: {found}");
    }
    lie(&world, honest).await;
    assert!(checked(&world).await.agrees());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_other_lanes_shows() {
    let (world, _) = live().await;
    let data = account(&world).await.data;
    let slots = ShardRef::parse(&data).unwrap();
    let content =
        |content: usize| Subject::Content { content, id: ContentId(slots.contents[content].id) };
    let lane = Subject::Lane { lane: 1, content: 1, round: 3 };
    let free = Subject::Lane { lane: 2, content: 0, round: 0 };
    let forgeries: [(Forge, Subject, &str); 14] = [
        (|it| it.lanes[0].owed += 1, lane, "owed"),
        (|it| it.lanes[0].uplift_high += 1, lane, "highest uplift"),
        (|it| it.lanes[0].share_bps = 1, lane, "share"),
        (|it| it.lanes[0].cap += 1, lane, "cap"),
        (|it| it.lanes[0].earned_at_delivery -= 1, lane, "earned at delivery"),
        (|it| it.lanes[0].baseline_remainder += 1, lane, "baseline, base units left over"),
        (|it| it.lanes[1].next = 96, free, "next lane"),
        (|it| it.contents[0].next_round += 1, content(0), "next round"),
        (|it| it.contents[1].first_lane = 192, content(1), "first lane"),
        (|it| it.header.owed += 1, Subject::Shard, "owed to rounds"),
        (|it| it.header.shared += 1, Subject::Shard, "shared in all"),
        (|it| it.header.claimed += 1, Subject::Shard, "claimed in all"),
        (|it| it.header.supported += 1, Subject::Shard, "supported in all"),
        (|it| it.header.free_lane = 0, Subject::Shard, "first free lane"),
    ];
    let shard = world.place(0).address;
    for (forge, subject, field) in forgeries {
        let mut bad = Bad::new(&world.chain);
        bad.alter = Some(Box::new(move |address, account| {
            if *address == shard {
                forge(&mut ShardMut::parse(&mut account.data).unwrap());
            }
        }));
        let report = checked_on(&world, Arc::new(bad)).await;
        let found = report.difference().unwrap_or_else(|| panic!("{field}: {report}"));
        assert_eq!((found.subject, found.field), (subject, field), "{found}");
    }
}
