//! Named points between durable steps, where tests kill the process or make a step fail.
//!
//! In a build without the feature `fault-injection` they are nothing at all.

/// Every point, in the order in which a view passes them.
pub const POINTS: [&str; 12] = [
    "received",
    "appended",
    "answered",
    "judged",
    "counted",
    "planned",
    "signed",
    "stored",
    "sent",
    "confirmed",
    "indexed",
    "published",
];

/// Those of a job that upgrades a video, in their order.
pub const MEDIA_POINTS: [&str; 3] = ["leased", "made", "finished"];

/// Dies here, if the test that started this process asked for it.
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {{
        const _: () = assert!($crate::fault::is_point($name));
        ::fail::fail_point!($name);
    }};
}

/// Whether `name` is a point: a misspelt one does not compile.
pub const fn is_point(name: &str) -> bool {
    is_among(&POINTS, name) || is_among(&MEDIA_POINTS, name)
}

const fn is_among(points: &[&str], name: &str) -> bool {
    let mut index = 0;
    while index < points.len() {
        if same(points[index].as_bytes(), name.as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// Reads `PIXR_CRASH_AT=point:n`: the process gets SIGKILL when it reaches that point for the n-th
/// time.
///
/// Panics when the variable names no point, since a test that asks for the impossible would pass.
#[cfg(feature = "fault-injection")]
pub fn arm() {
    use std::sync::atomic::{AtomicU64, Ordering};

    let Ok(wanted) = std::env::var("PIXR_CRASH_AT") else { return };
    let (point, count) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    assert!(is_point(point), "PIXR_CRASH_AT: no point {point}");
    let count: u64 = count.parse().expect("PIXR_CRASH_AT: a count after the colon");
    let reached = AtomicU64::new(0);
    fail::cfg_callback(point, move || {
        if reached.fetch_add(1, Ordering::Relaxed) + 1 == count {
            nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL)
                .expect("a process can kill itself");
            // The signal is delivered to the process, not to this thread: wait for it.
            loop {
                std::thread::park();
            }
        }
    })
    .expect("a point that can be armed");
}

/// Does nothing in this build.
#[cfg(not(feature = "fault-injection"))]
pub fn arm() {}
