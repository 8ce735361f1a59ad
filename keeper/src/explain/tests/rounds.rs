//! Stories of rounds, against what the accounts say.

use pixr::{
    math::returns::{part_floor, share_floor},
    state::{Position as PositionAccount, Round as RoundAccount},
};
use pixr_client::position_address;

use super::*;
use crate::index::testing::{World as IndexWorld, rounds::Rounds};

struct Told {
    world: IndexWorld,
    rounds: Rounds,
    app: App,
}

impl Told {
    async fn new() -> Self {
        let mut world = IndexWorld::new().await;
        let rounds = world.invest_and_return().await;
        world.index().await;
        let app = world.app(world.chain.clone());
        Self { world, rounds, app }
    }

    async fn explain(&self, subject: Subject) -> Explanation {
        explain(&self.app, &subject).await.unwrap()
    }

    async fn round(&self, address: Pubkey) -> RoundStory {
        match self.explain(Subject::Round(address)).await {
            Explanation::Round(story) => story,
            other => panic!("{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_and_positions_are_worked_through() {
    let told = Told::new().await;
    let Rounds { sold, earning, support, investors, .. } = &told.rounds;
    let lane = told.world.lanes(0).await[0];
    let story = told.round(*earning).await;
    assert_eq!((story.kind, story.status, story.number), ("quality", "delivered", 3));
    assert_eq!((story.raised, story.owed), (amount(400_000), amount(lane.owed)));
    let uplift = story.uplift.expect("a lane");
    assert_eq!((uplift.lane, uplift.high), (1, lane.uplift_high));
    assert_eq!(uplift.earned_at_delivery, lane.earned_at_delivery);
    // The content earned nothing between opening and delivery, so all of it is uplift.
    assert_eq!(uplift.now, 1_000_000);
    assert_eq!(story.baseline, Some((amount(0), lane.baseline_seconds)));
    assert_eq!(lane.owed, share_floor(1_000_000, 2_000));
    let text = story.to_string();
    assert!(
        text.contains("owed = min(10000000, floor(2000 x 1000000 / 10000)) = 200000"),
        "{text}"
    );
    assert!(text.contains("of which 0.2 tokens (200000 base units) are paid"), "{text}");

    let story = told.round(*sold).await;
    let account: RoundAccount = told.world.state(sold).await.unwrap();
    assert_eq!((story.status, story.owed.base_units), ("retired", account.owed));
    assert_eq!((story.claimed.base_units, story.uplift), (account.claimed, None));
    assert_eq!(story.positions.len(), 2);
    assert_eq!(told.round(*support).await.owed, amount(0));

    // Sold by the second investor to the third, who was paid nothing yet.
    let [_, bert, carl] = investors;
    let address = position_address(sold, &bert.address());
    let explained = told.explain(Subject::Position(address)).await;
    let Explanation::Position(story) = &explained else { panic!("{explained}") };
    let held: PositionAccount = told.world.state(&address).await.unwrap();
    assert_eq!((story.position.owner, story.position.amount), (carl.address(), amount(99_999)));
    let part = part_floor(account.owed, held.amount, account.raised).unwrap();
    assert_eq!((story.position.part, story.position.claimed), (amount(part), amount(0)));
    assert_eq!(story.round.positions.len(), 1);
    let formula = format!(
        "floor({} x 99999 / 400000) = {part}; part - paid = {part} - 0 = {part}",
        account.owed
    );
    assert!(explained.to_string().contains(&formula), "{explained}");
    let json = serde_json::to_value(&explained).unwrap();
    assert_eq!(json["subject"], "position");
    assert_eq!(json["position"]["part"]["base_units"], part.to_string());
    for subject in [Subject::Round(address), Subject::Position(*sold)] {
        let unknown = explain(&told.app, &subject).await;
        assert!(matches!(unknown, Err(ExplainError::Unknown(_))), "{unknown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_batches_and_creators_tell_what_rounds_took() {
    let told = Told::new().await;
    let header = told.world.header(0).await;
    let explained = told.explain(Subject::Content(ContentId([1; 16]))).await;
    let Explanation::Content(story) = &explained else { panic!("{explained}") };
    let addresses: Vec<_> = story.rounds.iter().map(|round| round.address).collect();
    assert_eq!(addresses, [told.rounds.sold, told.rounds.capped, told.rounds.open]);
    assert!(story.complete);
    let mut owed = 0;
    for sequence in 1..=8 {
        let explained = told.explain(Subject::Batch { shard: 0, sequence }).await;
        let Explanation::Batch(story) = &explained else { panic!("{explained}") };
        let of_rounds = story.landing.as_ref().expect("it landed").owed.base_units;
        assert_eq!(explained.to_string().contains(" to rounds, "), of_rounds > 0, "{explained}");
        owed += of_rounds;
    }
    assert_eq!(owed, header.shared);
    let creator = CreatorName::Slot { shard: 0, index: 0 };
    let explained = told.explain(Subject::Creator(creator)).await;
    let Explanation::Creator(story) = &explained else { panic!("{explained}") };
    assert_eq!((story.shared, story.supports.amount), (amount(header.shared), amount(5_000)));
    assert!(story.adds_up, "{explained}");
}
