//! Endpoints that misbehave.

use super::*;
use crate::{
    chain::Chain,
    testing::{
        faults::{Call, Fault},
        world::Size,
    },
};

async fn world() -> World {
    let world = World::new(Size { contents: 400, creators: 50, ..Size::default() }).await;
    world.faults.set_takes_v1(false);
    world.window(0, Kind::Views, &views(1, 400, 1_200)).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_late_lost_or_refused_change_nothing() {
    for seed in 0..3 {
        let world = world().await;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        world.faults.script(move |_, _| match random.random_range(0..60) {
            0 => Fault::Busy,
            1 => Fault::Timeout,
            2 => Fault::Unreachable,
            3 => Fault::Behind,
            4..=6 => Fault::LoseAnswer,
            7 => Fault::Delay(Duration::from_millis(30)),
            _ => Fault::None,
        });
        settle_all(&world).await;
        world.check().await;
        let all = count(&world, "batches").await;
        assert_eq!(count(&world, "transactions WHERE outcome = 'finalized'").await, all);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_sending_is_not_sent_twice() {
    let world = world().await;
    world.faults.script(|call, _| match call {
        Call::Send => Fault::LoseAnswer,
        _ => Fault::None,
    });
    settle_all(&world).await;
    world.check().await;
    let sent = i64::try_from(world.faults.calls(Call::Send)).expect("a count");
    assert_eq!(sent, count(&world, "batches").await);
    assert_eq!(count(&world, "transactions").await, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_signature_does_not_hide_what_landed() {
    let world = world().await;
    world.faults.script(|call, _| match call {
        Call::Statuses | Call::Transaction => Fault::Forget,
        _ => Fault::None,
    });
    let summary = settle_all(&world).await;
    world.check().await;
    let all = count(&world, "batches WHERE signature IS NOT NULL").await;
    assert_eq!(count(&world, "transactions WHERE outcome = 'finalized'").await, all);
    // What it cost follows from what was signed.
    let fees = "transactions WHERE fee_lamports = 5000 AND compute_units IS NULL";
    assert_eq!(count(&world, fees).await, all);
    assert_eq!(i64::try_from(summary.settled().fees_lamports), Ok(5_000 * all));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_arrives_is_sent_again_and_signed_again_once_expired() {
    let world = world().await;
    // The cluster never sees the first three times that something is sent.
    world.faults.script(|call, count| match call {
        Call::Send if count <= 3 => Fault::Forget,
        _ => Fault::None,
    });
    let time_passes = async {
        eventually("sent twice", async || world.faults.calls(Call::Send) >= 2).await;
        assert_eq!(count(&world, "transactions").await, 1, "the same bytes again");
        world.chain.advance(Duration::from_secs(70)).await.expect("time passes");
    };
    tokio::join!(settle_all(&world), time_passes);
    world.check().await;
    assert_eq!(count(&world, "transactions WHERE outcome = 'expired'").await, 1);
    let all = count(&world, "batches").await;
    assert_eq!(count(&world, "transactions WHERE outcome = 'finalized'").await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lands_after_all_is_found_however_it_was_judged() {
    let world = world().await;
    // It is signed and stored, but its keeper dies before it is sent, and it expires.
    world.faults.script(|call, _| if call == Call::Send { Fault::Hang } else { Fault::None });
    let app = world.app.clone();
    let pass = tokio::spawn(async move {
        let _ = settle_once(&app, &owner(), Timing::Now, &CancellationToken::new()).await;
    });
    eventually("sending", async || world.faults.calls(Call::Send) == 1).await;
    pass.abort();
    let _ = pass.await;
    end_leases(&world).await;
    // Somebody who has the bytes sends them; the endpoint tells of no signature.
    let bytes = stored_bytes(&world).await;
    world.chain.send(&bytes).await.expect("it lands");
    world.chain.advance(Duration::from_secs(70)).await.expect("time passes");
    world.faults.script(|call, _| match call {
        Call::Statuses | Call::Transaction => Fault::Forget,
        _ => Fault::None,
    });
    settle_all(&world).await;
    world.check().await;
    assert_eq!(count(&world, "transactions WHERE outcome <> 'finalized'").await, 0);
}

async fn stored_bytes(world: &World) -> Vec<u8> {
    use diesel::QueryDsl;

    use crate::store::schema::transactions;

    transactions::table
        .select(transactions::bytes)
        .first(&mut world.postgres.pool.get().await.expect("a connection"))
        .await
        .expect("a transaction")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_on_the_chain_is_kept_and_signed_again() {
    use solana_signer::Signer;

    use crate::keys::Purpose;

    let world = world().await;
    world.faults.script(|call, _| if call == Call::Send { Fault::Forget } else { Fault::None });
    let fails = async {
        eventually("stored", async || world.faults.calls(Call::Send) >= 1).await;
        let guardian = world.app.keys.key(Purpose::Guardian);
        let pause = world.app.platform.pause(guardian.pubkey());
        world.run(&[pause], &[&guardian]).await;
        let bytes = stored_bytes(&world).await;
        world.chain.send_without_preflight(&bytes).await.expect("it lands and fails");
    };
    let (summary, ()) = tokio::join!(settle(&world), fails);
    let blocked = summary.shards[0].blocked.clone().expect("an alarm");
    assert_eq!(blocked.cause, "Paused");
    assert!(blocked.reason.contains("batch 1 is refused: the platform is paused"), "{blocked}");
    assert_eq!(count(&world, "transactions WHERE outcome = 'failed'").await, 1);

    world.faults.heal();
    assert_eq!(settle(&world).await.shards[0].blocked.as_ref().expect("an alarm").cause, "Paused");
    assert_eq!(count(&world, "transactions").await, 1, "nothing is signed that would fail");
    let admin = world.app.keys.key(Purpose::Admin);
    world.run(&[world.app.platform.unpause(admin.pubkey())], &[&admin]).await;
    settle_all(&world).await;
    world.check().await;
}
