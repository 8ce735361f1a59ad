//! Slots and UTC days.

use pixr::{errors::PixrError, state::Settings};
use pixr_tests::{
    tokens::Token,
    world::{SETTINGS, SMALL, START, views},
};

use crate::fixture::{Bank, PER_VIEW};

const DAY: i64 = 86_400;
const BUDGET: u64 = 1_000_000_000;

#[tokio::test]
async fn batches_settle_in_one_slot_and_in_later_ones() {
    let mut bank = Bank::start(Token::Spl).await;
    let shard = bank.funded_shard(SMALL, BUDGET).await;
    let creator = bank.creator(&shard).await;
    let first_slot = bank.clock().await.slot;
    for _ in 0..4 {
        for _ in 0..2 {
            bank.settle(&shard, &[views(creator.content, 10)]).await.expect("a batch");
        }
        bank.next_slot().await;
    }
    assert_eq!(bank.clock().await.slot, first_slot + 4);
    assert_eq!(bank.balance(&shard, creator.creator).await, 80 * PER_VIEW);
    assert_eq!(bank.shard(&shard).await.header.next_sequence, 9);
    bank.check(&shard).await;
}

#[tokio::test]
async fn the_day_cap_is_for_one_utc_day() {
    let settings = Settings { batch_cap: 300 * PER_VIEW, day_cap: 500 * PER_VIEW, ..SETTINGS };
    let mut bank = Bank::with_settings(Token::Spl, settings).await;
    let shard = bank.funded_shard(SMALL, BUDGET).await;
    let content = bank.creator(&shard).await.content;
    let midnight = (START / DAY + 1) * DAY;

    bank.settle(&shard, &[views(content, 300)]).await.expect("below the cap");
    bank.settle(&shard, &[views(content, 200)]).await.expect("just the cap");
    let over = Err(PixrError::DayCapExceeded.into());
    assert_eq!(bank.settle(&shard, &[views(content, 1)]).await, over);
    // Another slot is not another day.
    bank.next_slot().await;
    bank.set_time(midnight - 1).await;
    assert_eq!(bank.settle(&shard, &[views(content, 1)]).await, over);

    bank.next_slot().await;
    bank.set_time(midnight).await;
    bank.settle(&shard, &[views(content, 300)]).await.expect("a new day");
    assert_eq!(bank.settle(&shard, &[views(content, 201)]).await, over);
    bank.settle(&shard, &[views(content, 200)]).await.expect("just the cap again");

    let header = bank.shard(&shard).await.header;
    assert_eq!(header.day, u64::try_from(midnight / DAY).expect("after 1970"));
    assert_eq!((header.day_credited, header.credited), (500 * PER_VIEW, 1_000 * PER_VIEW));
    assert_eq!(header.next_sequence, 5, "a refused batch took a sequence");
    bank.check(&shard).await;
}
