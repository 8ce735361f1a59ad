//! Files of contents against a platform on the embedded chain and a real database.

use std::time::Duration;

use super::{Registered, register, rows::Wanted};
use crate::{
    app::CreatorName,
    store::leases,
    testing::world::{Size, World},
    views::ContentId,
};

/// Contents of six creators who have no slot, in turns.
fn contents() -> Vec<Wanted> {
    let content = |number: u64| Wanted::Content {
        id: ContentId((1_000 + u128::from(number)).to_le_bytes()),
        creator: CreatorName::Custodial(100 + number % 6),
    };
    (0..40).map(content).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_are_opened_first_and_a_creator_stays_in_one() {
    // The world's shard is full: 4 creators and 16 contents.
    let world = World::new(Size::default()).await;
    let mut last = 0;
    let progress = |progress: super::Progress| {
        assert!(progress.done >= last && progress.total == 40);
        last = progress.done;
    };
    let done = register(&world.app, &contents(), progress).await.expect("registered");
    assert_eq!(last, 40);
    assert_eq!((done.creators, done.contents, done.shards_opened), (6, 40, 3));
    let again = register(&world.app, &contents(), |_| {}).await.expect("registered");
    assert_eq!(again, Registered { known_contents: 40, ..Registered::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_a_killed_process_is_waited_for() {
    let world = World::new(Size::default()).await;
    let lasts = Duration::from_secs(1);
    leases::acquire(&world.app.store, "register", "killed", lasts).await.unwrap().unwrap();
    let done = register(&world.app, &contents()[..1], |_| {}).await.expect("registered");
    assert_eq!((done.contents, done.shards_opened), (1, 1));
}
