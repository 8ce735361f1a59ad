use std::{
    future::{pending, ready},
    sync::{Arc, Mutex},
    time::Instant,
};

use anyhow::bail;

use super::*;

const LONG: Duration = Duration::from_secs(60);

#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Starts a task that waits until it is stopped and says so.
    fn waits(&self, supervisor: &mut Supervisor, name: &'static str) {
        let diary = self.clone();
        supervisor.start(name, LONG, |stop| async move {
            stop.cancelled().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
            diary.note(name.to_owned());
            Ok(())
        });
    }
}

#[tokio::test]
async fn tasks_stop_in_reverse_order_when_asked() {
    let diary = Diary::default();
    let mut supervisor = Supervisor::default();
    for name in ["first", "second", "third"] {
        diary.waits(&mut supervisor, name);
    }
    supervisor.run(tokio::time::sleep(Duration::from_millis(5)), pending()).await.unwrap();
    assert_eq!(diary.read(), ["third", "second", "first"]);
}

#[tokio::test]
async fn the_first_failure_is_reported_by_name_and_stops_the_others() {
    let diary = Diary::default();
    let mut supervisor = Supervisor::default();
    diary.waits(&mut supervisor, "first");
    supervisor.start("second", LONG, |_| async { bail!("no more paper") });
    diary.waits(&mut supervisor, "third");
    let failure = supervisor.run(pending(), pending()).await.unwrap_err();
    assert_eq!(failure.to_string(), "second failed: no more paper");
    assert_eq!(diary.read(), ["third", "first"]);
}

#[tokio::test]
async fn a_panic_and_an_early_end_are_failures_too() {
    let mut supervisor = Supervisor::default();
    supervisor.start("counter", LONG, |_| async {
        let number = 7;
        assert!(number == 8, "{number} is not 8");
        Ok(())
    });
    let failure = supervisor.run(pending(), pending()).await.unwrap_err();
    assert_eq!(failure.to_string(), "counter panicked: 7 is not 8");

    let mut supervisor = Supervisor::default();
    supervisor.start("counter", LONG, |_| ready(Ok(())));
    let failure = supervisor.run(pending(), pending()).await.unwrap_err();
    assert_eq!(failure.to_string(), "counter ended by itself");
}

#[tokio::test]
async fn who_does_not_stop_in_time_is_dropped_and_the_rest_still_stop() {
    let diary = Diary::default();
    let mut supervisor = Supervisor::default();
    diary.waits(&mut supervisor, "first");
    supervisor.start("deaf", Duration::from_millis(20), |_| pending());
    let failure = supervisor.run(ready(()), pending()).await.unwrap_err();
    assert_eq!(failure.to_string(), "deaf failed: has not stopped within 0.02 seconds");
    assert_eq!(diary.read(), ["first"]);
}

#[tokio::test]
async fn a_failure_while_stopping_is_reported() {
    let mut supervisor = Supervisor::default();
    supervisor.start("writer", LONG, |stop| async move {
        stop.cancelled().await;
        bail!("the disk is full")
    });
    let failure = supervisor.run(ready(()), pending()).await.unwrap_err();
    assert_eq!(failure.to_string(), "writer failed: the disk is full");
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let start = Instant::now();
    let mut supervisor = Supervisor::default();
    supervisor.start("slow", LONG, |_| pending());
    let at_once = tokio::time::sleep(Duration::from_millis(5));
    let failure = supervisor.run(ready(()), at_once).await.unwrap_err();
    assert!(matches!(failure, Failure::AtOnce));
    assert!(start.elapsed() < LONG / 2);
}
