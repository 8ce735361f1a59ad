//! The process is killed at every point between durable steps.

use std::time::{Duration, Instant};

use pixr_keeper::fault::POINTS;

use crate::{
    daemon::Daemon,
    trial::{Trial, over_endpoint, times},
};

/// How long a keeper may live until it comes to the point where it dies.
const LIFE_MAX: Duration = Duration::from_secs(60);
/// How often a source sends.
const SEND_EVERY: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_any_two_steps_it_neither_loses_nor_repeats() {
    // The first time that a point is reached, and a later one, when others are under way.
    let rounds: Vec<_> = if times(0, 1) == 1 { (1..=25).collect() } else { vec![1, 4] };
    killed(Trial::new("").await, &rounds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_settles_over_an_endpoint_it_neither_loses_nor_repeats() {
    let rounds: Vec<_> = (2..2 + times(1, 10)).collect();
    killed(Trial::new(&over_endpoint()).await, &rounds).await;
}

/// Kills a keeper at each point, once in each round: the first, second, ... time that it gets there.
async fn killed(mut trial: Trial, rounds: &[u64]) {
    for count in rounds {
        for point in POINTS {
            let mut keeper = trial.place.serve(Some((point, *count)));
            let died = send_until_dead(&mut trial, &mut keeper).await;
            assert!(died, "never came to {point} for the {count}th time");
        }
    }
    let keeper = trial.serve().await;
    trial.finish(keeper).await;
}

/// Sends batches until the keeper has died. False when it lives on.
async fn send_until_dead(trial: &mut Trial, keeper: &mut Daemon) -> bool {
    let start = Instant::now();
    while start.elapsed() < LIFE_MAX {
        if let Some(status) = keeper.ended() {
            use std::os::unix::process::ExitStatusExt;
            assert_eq!(status.signal(), Some(9), "ended by itself");
            return true;
        }
        trial.sent.send(keeper.listen()).await;
        tokio::time::sleep(SEND_EVERY).await;
    }
    false
}
