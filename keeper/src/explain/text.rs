//! Numbers in words.

use chrono::{DateTime, SecondsFormat, Utc};
use pixr::math::earnings::SCALE;

use crate::amount::Amount;

/// Tokens and base units.
pub fn money(amount: &Amount) -> String {
    format!("{amount} tokens ({} base units)", amount.base_units)
}

/// A time, to the second.
pub fn time(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Unix milliseconds as a time.
pub fn time_ms(unix_ms: i64) -> String {
    DateTime::from_timestamp_millis(unix_ms)
        .map_or(format!("{unix_ms} ms"), |at| at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// A fraction whose denominator is [`SCALE`], as a decimal number: exact.
pub fn scaled(numerator: i128) -> String {
    let scale = i128::from(SCALE);
    let (whole, part) = (numerator.abs() / scale, numerator.abs() % scale);
    let sign = if numerator < 0 { "-" } else { "" };
    let digits = format!("{part:07}");
    match digits.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        digits => format!("{sign}{whole}.{digits}"),
    }
}

/// What a content's remainder stands for.
pub fn remainder(remainder: i64) -> String {
    let amount = scaled(remainder.into());
    match remainder {
        0 => "nothing is left over".into(),
        1.. => format!("{amount} of a base unit is not paid yet and counts for the next batch"),
        _ => format!("{amount} base units: a debt from reversed views, earned back first"),
    }
}

/// Basis points as a percentage.
pub fn percent(bps: impl Into<u64>) -> String {
    let bps = bps.into();
    format!("{}.{:02}%", bps / 100, bps % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_exact() {
        for (numerator, text) in [
            (0, "0"),
            (1, "0.0000001"),
            (7_410_000, "0.741"),
            (10_000_000, "1"),
            (-156_643_590_000, "-15664.359"),
            (-1, "-0.0000001"),
        ] {
            assert_eq!(scaled(numerator), text);
        }
    }

    #[test]
    fn remainders_have_a_meaning() {
        assert_eq!(remainder(0), "nothing is left over");
        assert!(remainder(1).starts_with("0.0000001 of a base unit"));
        assert!(remainder(i64::MIN).contains("a debt"));
        assert_eq!(percent(777_u16), "7.77%");
    }
}
