//! When the events of a file are said to have happened: old ones are dated later, or none would count.

use std::ops::RangeInclusive;

use super::{figures::thousands, summary::Summary};
use crate::{demo::summary::Input, views::Verdict};

/// Time for the demo itself: events that would be too old at its end are too old.
const MARGIN_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// By how much all events are dated later: by nothing where the oldest counts for a while, else by
/// what puts the newest at `now_ms`. All by the same, so that their order and distances stay.
pub fn later_ms(now_ms: i64, dated: &RangeInclusive<i64>, age_max_seconds: u32) -> i64 {
    let age_max_ms = i64::from(age_max_seconds) * 1_000;
    let old = now_ms.saturating_sub(*dated.start()) > age_max_ms.saturating_sub(MARGIN_MS);
    if old { now_ms.saturating_sub(*dated.end()).max(0) } else { 0 }
}

impl Summary {
    /// What was done to the dates of a file's events, and which of them were too old all the same.
    pub fn dating(&self) -> Option<String> {
        let Input::File { dated_later_ms, .. } = self.input else { return None };
        let stale = match self.events(Verdict::Stale.name()) {
            0 => String::new(),
            stale => format!(
                " {} are so much older than the newest that they were rejected as stale.",
                thousands(stale)
            ),
        };
        match dated_later_ms {
            0 if stale.is_empty() => None,
            0 => Some(stale.trim_start().to_owned()),
            ms => Some(format!(
                "The file's events are old: each was dated {} later, which makes the newest one of \
                 today and keeps their order and distances.{stale}",
                long_time(ms)
            )),
        }
    }
}

/// `366 days 2 h 5 min`.
fn long_time(ms: i64) -> String {
    let minutes = ms / MINUTE_MS;
    let parts = [(minutes / 1_440, "days"), (minutes / 60 % 24, "h"), (minutes % 60, "min")];
    let shown: Vec<_> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| match (count, unit) {
            (1, "days") => "1 day".to_owned(),
            _ => format!("{count} {unit}"),
        })
        .collect();
    if shown.is_empty() { "less than a minute".to_owned() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const DAY: u32 = 86_400;

    #[test]
    fn old_events_end_now_and_young_ones_stay() {
        let now = 1_790_000_000_000;
        let hours = |oldest: i64, newest: i64| now - oldest * HOUR_MS..=now - newest * HOUR_MS;
        assert_eq!(later_ms(now, &hours(20, 2), DAY), 0);
        assert_eq!(later_ms(now, &hours(24, 2), DAY), 2 * HOUR_MS, "some would be too old soon");
        assert_eq!(later_ms(now, &hours(9_000, 8_990), DAY), 8_990 * HOUR_MS);
        assert_eq!(later_ms(now, &hours(9_000, -1), DAY), 0, "never earlier");
        assert_eq!(later_ms(now, &(i64::MIN..=i64::MIN), DAY), i64::MAX);
    }

    #[test]
    fn long_times_are_told_to_the_minute() {
        let told = [59_999, 60_000, 25 * HOUR_MS + 5 * MINUTE_MS, 366 * 24 * HOUR_MS];
        assert_eq!(
            told.map(long_time),
            ["less than a minute", "1 min", "1 day 1 h 5 min", "366 days"]
        );
    }
}
