//! When events come: a day with two peaks.

/// The day ends this long before now: nothing is in the future, whatever the clocks say.
const END_MARGIN_MS: i64 = 60_000;
/// And starts this long after what would be stale, which leaves the keeper time to count it.
const START_MARGIN_MS: i64 = 1_800_000;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// Times of events in ascending order, in Unix milliseconds, following the rhythm of a day.
pub struct Rhythm {
    start_ms: i64,
    /// How many of all events come up to the end of each minute.
    through: Vec<f64>,
    minute: usize,
    made: u64,
}

impl Rhythm {
    /// `count` times of the 24 hours before `end_ms`.
    pub fn new(count: u64, end_ms: i64) -> Self {
        let start_ms = end_ms - DAY_MS + START_MARGIN_MS;
        let minutes = (end_ms - END_MARGIN_MS - start_ms) / MINUTE_MS;
        let mut sum = 0.0;
        let mut through: Vec<f64> = (0..minutes)
            .map(|minute| {
                sum += intensity((start_ms + minute * MINUTE_MS).rem_euclid(DAY_MS));
                sum
            })
            .collect();
        for minute in &mut through {
            *minute *= count as f64 / sum;
        }
        Self { start_ms, through, minute: 0, made: 0 }
    }

    /// The next time. After the last one, times go on in the last minute.
    pub fn next_ms(&mut self) -> i64 {
        let at = self.made as f64 + 0.5;
        self.made += 1;
        while self.through[self.minute] < at && self.minute + 1 < self.through.len() {
            self.minute += 1;
        }
        let before = match self.minute {
            0 => 0.0,
            minute => self.through[minute - 1],
        };
        let part = ((at - before) / (self.through[self.minute] - before)).clamp(0.0, 1.0);
        let minute = i64::try_from(self.minute).expect("a day has 1,440 minutes");
        self.start_ms + minute * MINUTE_MS + (part * MINUTE_MS as f64) as i64
    }
}

/// How much is watched at a time of the day (UTC): some at night, more at noon, most at night-fall.
fn intensity(day_ms: i64) -> f64 {
    let hour = day_ms as f64 / 3_600_000.0;
    let peak = |at: f64, width: f64| {
        let away = (hour - at).abs();
        let away = away.min(24.0 - away) / width;
        (-away * away / 2.0).exp()
    };
    0.15 + 0.55 * peak(12.5, 1.6) + peak(20.5, 2.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END_MS: i64 = 1_790_000_000_000;

    #[test]
    fn times_ascend_within_the_day() {
        let mut rhythm = Rhythm::new(10_000, END_MS);
        let times: Vec<i64> = (0..10_000).map(|_| rhythm.next_ms()).collect();
        assert!(times.is_sorted());
        assert!(times[0] >= END_MS - DAY_MS + START_MARGIN_MS);
        assert!(times[9_999] <= END_MS - END_MARGIN_MS);
    }

    #[test]
    fn noon_and_evening_are_peaks() {
        let mut rhythm = Rhythm::new(100_000, END_MS);
        let mut hours = [0; 24];
        for _ in 0..100_000 {
            let hour = rhythm.next_ms().rem_euclid(DAY_MS) / 3_600_000;
            hours[usize::try_from(hour).unwrap()] += 1;
        }
        assert!(hours[12] > 2 * hours[9] && hours[12] > hours[15], "{hours:?}");
        assert!(hours[20] > hours[12] && hours[20] > 4 * hours[3], "{hours:?}");
    }
}
