use pixr::state::{Position as PositionAccount, Round as RoundAccount, RoundStatus as Status};
use pixr_client::position_address;

use super::*;
use crate::{
    index::{
        index_once,
        testing::{World, rounds::Rounds},
    },
    store::schema::chain_events,
};

async fn live() -> (World, Rounds) {
    let mut world = World::new().await;
    let rounds = world.invest_and_return().await;
    (world, rounds)
}

async fn status(world: &World, round: Pubkey) -> RoundStatus {
    round_of(world, round).await.status
}

async fn round_of(world: &World, address: Pubkey) -> Round {
    round(&world.store, &address).await.unwrap().expect("a round")
}

/// A round as the store has it, in the form of its account.
fn as_account(round: &Round, account: &RoundAccount, positions: u32) -> RoundAccount {
    let deliver_until = round.deliver_until.map(|until| until.timestamp());
    let delivered = round.delivered_at.map_or(0, |at| at.timestamp());
    let (status, lane) = match round.status {
        RoundStatus::Open => (Status::Open, 0),
        RoundStatus::Funded => (Status::Funded, 0),
        RoundStatus::Refunding => (Status::Refunding, 0),
        RoundStatus::Retired => (Status::Delivered, 0),
        RoundStatus::Delivered => {
            (Status::Delivered, round.delivery.map_or(0, |delivery| delivery.lane))
        }
        RoundStatus::Closed => panic!("a closed round has no account"),
    };
    RoundAccount {
        terms: round.terms,
        status,
        content: round.content,
        number: round.number,
        raised: round.raised,
        positions,
        opened_at: round.opened_at.timestamp(),
        earned_at_opening: round.earned_at_opening,
        funded_at: deliver_until.map_or(0, |until| until - i64::from(round.terms.delivery_seconds)),
        delivered_at: delivered,
        manifest_hash: match round.delivery {
            Some(delivery) => delivery.manifest_hash,
            // A support round's is in its account alone.
            None => account.manifest_hash,
        },
        lane,
        owed: round.owed.unwrap_or(0),
        claimed: round.claimed,
        ..account.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_and_positions_are_what_their_accounts_say() {
    let (world, rounds) = live().await;
    // Two at once: each event counts once all the same.
    let platform = world.platform().address;
    let (one, other) = tokio::join!(
        index_once(&world.store, &*world.chain, &platform),
        index_once(&world.store, &*world.chain, &platform)
    );
    one.unwrap();
    other.unwrap();
    world.index().await;
    let Rounds { sold, capped, support, cancelled, missed, earning, open, investors } = &rounds;
    for (address, expected) in [
        (sold, RoundStatus::Retired),
        (capped, RoundStatus::Closed),
        (support, RoundStatus::Delivered),
        (cancelled, RoundStatus::Closed),
        (missed, RoundStatus::Refunding),
        (earning, RoundStatus::Delivered),
        (open, RoundStatus::Open),
    ] {
        let found = round_of(&world, *address).await;
        assert_eq!(found.status, expected);
        let positions = positions_of_round(&world.store, address).await.unwrap();
        let account: Option<RoundAccount> = world.state(address).await;
        assert_eq!(account.is_none(), found.status == RoundStatus::Closed);
        if let Some(account) = account {
            let count = positions.iter().filter(|position| !position.closed).count();
            let count = u32::try_from(count).unwrap();
            assert_eq!(as_account(&found, &account, count), account);
        }
        for position in positions {
            let account: Option<PositionAccount> = world.state(&position.address).await;
            assert_eq!(account.is_none(), position.closed, "{position:?}");
            let Some(account) = account else { continue };
            assert_eq!(position.round, account.round);
            assert_eq!(position.owner, account.owner);
            assert_eq!((position.amount, position.claimed), (account.amount, account.claimed));
            let price = (account.price > 0).then_some(account.price.min(i64::MAX as u64));
            assert_eq!(position.price, price);
        }
    }
    // The embedded chain says when a transaction was: a support round has its time.
    assert!(round_of(&world, *support).await.delivered_at.is_some());
    assert!(round_of(&world, *capped).await.owed == Some(50_000));
    // What was handed on twice.
    let [anna, bert, carl] = investors;
    let store = &world.store;
    let handed_on = position(store, &position_address(earning, &carl.address())).await.unwrap();
    let handed_on = handed_on.expect("a position");
    assert_eq!((handed_on.owner, handed_on.price), (bert.address(), Some(i64::MAX as u64)));
    let bought = position(store, &position_address(sold, &bert.address())).await.unwrap();
    let bought = bought.expect("a position");
    assert_eq!((bought.owner, bought.price, bought.amount), (carl.address(), None, 99_999));
    let of = async |owner: Pubkey| {
        let held = positions_of_owner(store, &owner).await.unwrap();
        held.into_iter().map(|position| position.round).collect::<Vec<_>>()
    };
    let sorted = |mut rounds: Vec<Pubkey>| {
        rounds.sort_by_key(Pubkey::to_string);
        rounds
    };
    assert_eq!(of(anna.address()).await, sorted(vec![*support, *open]));
    assert_eq!(of(bert.address()).await, sorted(vec![*missed, *earning]));
    assert_eq!(of(carl.address()).await, [*sold]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_are_found_by_content_and_status() {
    let (world, rounds) = live().await;
    world.index().await;
    let store = &world.store;
    let addresses =
        |rounds: Vec<Round>| rounds.into_iter().map(|round| round.address).collect::<Vec<_>>();
    let of = async |content| addresses(of_content(store, 0, content).await.unwrap());
    assert_eq!(of(0).await, [rounds.sold, rounds.capped, rounds.open]);
    let second = [rounds.missed, rounds.support, rounds.cancelled, rounds.earning];
    assert_eq!(of(1).await, second);
    assert_eq!(of(7).await, []);
    let with =
        async |statuses: &[RoundStatus]| addresses(with_status(store, statuses).await.unwrap());
    assert_eq!(with(&[RoundStatus::Delivered]).await, [rounds.support, rounds.earning]);
    assert_eq!(
        with(&[RoundStatus::Open, RoundStatus::Refunding]).await,
        [rounds.missed, rounds.open]
    );
    assert_eq!(round(store, &Pubkey::new_unique()).await.unwrap(), None);
    assert_eq!(position(store, &Pubkey::new_unique()).await.unwrap(), None);
    // Times are compared where no event says that a round refunds.
    let open = round_of(&world, rounds.open).await;
    let deadline = DateTime::from_timestamp(open.terms.deadline, 0).unwrap();
    assert!(open.refunds(deadline));
    assert!(!open.refunds(deadline - chrono::TimeDelta::seconds(1)));
}

/// Step by step, as a keeper at work sees it.
#[tokio::test(flavor = "multi_thread")]
async fn a_round_goes_from_one_status_to_the_next() {
    use crate::index::testing::rounds::TERMS;

    let world = World::new().await;
    let investor = world.investor(1 << 40).await;
    let address = world.open_round(0, 0, TERMS).await;
    world.index().await;
    assert_eq!(status(&world, address).await, RoundStatus::Open);
    world.invest(address, &investor, 399_999).await;
    world.index().await;
    assert_eq!(status(&world, address).await, RoundStatus::Open);
    world.invest(address, &investor, 5).await;
    world.index().await;
    let funded = round_of(&world, address).await;
    assert_eq!((funded.status, funded.raised), (RoundStatus::Funded, 400_000));
    let until = funded.deliver_until.expect("a time");
    assert!(!funded.refunds(until));
    assert!(funded.refunds(until + chrono::TimeDelta::seconds(1)));
    world.cancel_round(address).await;
    world.index().await;
    assert_eq!(status(&world, address).await, RoundStatus::Refunding);
}

/// Events that name only a round are of its shard and content; those of another platform's are not.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_rounds_have_their_content() {
    let (world, rounds) = live().await;
    let mut other = World::on(world.chain.clone()).await;
    let others = other.invest_and_return().await;
    world.index().await;
    let mut connection = world.store.get().await.unwrap();
    let found: Vec<(String, Option<i32>, Option<i32>, serde_json::Value)> = chain_events::table
        .select((
            chain_events::name,
            chain_events::shard,
            chain_events::content,
            chain_events::data,
        ))
        .order(chain_events::id)
        .load(&mut connection)
        .await
        .unwrap();
    let of_rounds: Vec<_> =
        found.iter().filter(|(_, _, _, data)| data["round"].is_string()).collect();
    for (name, shard, content, data) in &of_rounds {
        let address: Pubkey = data["round"].as_str().unwrap().parse().unwrap();
        let at = round_of(&world, address).await;
        let place = Some((i32::try_from(at.shard).unwrap(), i32::try_from(at.content).unwrap()));
        assert_eq!(shard.zip(*content), place, "{name}");
    }
    let count = |name: &str| of_rounds.iter().filter(|(other, ..)| other == name).count();
    let counts = [
        ("RoundOpened", 7),
        ("Invested", 12),
        ("RoundFunded", 4),
        ("RoundCancelled", 1),
        ("Refunded", 2),
        ("RoundDelivered", 3),
        ("RoundSupported", 1),
        ("Claimed", 7),
        ("LaneRetired", 2),
        ("RoundClosed", 2),
        ("PositionTransferred", 1),
        ("PriceChanged", 3),
        ("PositionSold", 1),
    ];
    for (name, expected) in counts {
        assert_eq!(count(name), expected, "{name}");
    }
    assert_eq!(of_rounds.len(), counts.iter().map(|(_, count)| count).sum::<usize>());
    let all = RoundStatus::ALL.to_vec();
    assert_eq!(with_status(&world.store, &all).await.unwrap().len(), 7);
    assert_eq!(round(&world.store, &others.sold).await.unwrap(), None);
    assert_ne!(others.sold, rounds.sold);
}

#[test]
fn names_of_statuses_are_read_back() {
    for status in RoundStatus::ALL {
        assert_eq!(RoundStatus::from_name(status.name()), Some(status));
    }
    assert_eq!(RoundStatus::from_name("lost"), None);
}
