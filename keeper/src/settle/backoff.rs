use std::time::Duration;

/// Delays between tries: each twice the one before up to a bound, shortened by chance so that those
/// who failed together do not come back together.
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    /// Starts with `min`.
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self { next: min, max }
    }

    /// How long to wait now: from half of what it says to all of it.
    pub fn delay(&mut self) -> Duration {
        let delay = self.next.min(self.max);
        self.next = delay.saturating_mul(2);
        let half = delay / 2;
        half + rand::random_range(Duration::ZERO..=half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_its_bound() {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(35));
        for most in [10, 20, 35, 35] {
            let (delay, most) = (backoff.delay(), Duration::from_millis(most));
            assert!(delay >= most / 2 && delay <= most, "{delay:?} of {most:?}");
        }
    }
}
