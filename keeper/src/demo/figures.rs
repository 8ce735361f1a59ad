//! Numbers as people read them.

/// `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Base units as an exact amount: `1,234.567890` with six decimals.
pub fn amount(base_units: u64, decimals: u8) -> String {
    let Some(unit) = 10_u64.checked_pow(decimals.into()).filter(|unit| *unit > 1) else {
        return thousands(base_units);
    };
    let width = usize::from(decimals);
    format!("{}.{:0width$}", thousands(base_units / unit), base_units % unit)
}

/// Base units with at most two decimals, rounded down: for headings.
pub fn amount_floor(base_units: u64, decimals: u8) -> String {
    let dropped = 10_u64.pow(u32::from(decimals.saturating_sub(2)));
    amount(base_units / dropped, decimals.min(2))
}

/// Lamports as SOL: `0.001315000`.
pub fn sol(lamports: u64) -> String {
    amount(lamports, 9)
}

/// `2.7` of a quotient; `-` when there is nothing to divide by.
pub fn quotient(dividend: u64, divisor: u64) -> String {
    if divisor == 0 {
        return "-".to_owned();
    }
    let tenths = u128::from(dividend) * 10 / u128::from(divisor);
    format!("{}.{}", thousands(u64::try_from(tenths / 10).unwrap_or(u64::MAX)), tenths % 10)
}

/// `12.3%` of a part; `-` of nothing.
pub fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "-".to_owned(),
        whole => format!("{}%", quotient(part.saturating_mul(100), whole)),
    }
}

/// `12.3 s`, below a second `120 ms`.
pub fn time(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        ms => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
    }
}

/// `950`, `12k`, `1.2M`: for the axes of charts.
pub fn short(number: f64) -> String {
    let magnitude = number.abs();
    let (value, suffix) = match magnitude {
        _ if magnitude >= 1e9 => (number / 1e9, "bn"),
        _ if magnitude >= 1e6 => (number / 1e6, "M"),
        _ if magnitude >= 1e3 => (number / 1e3, "k"),
        _ => (number, ""),
    };
    let text = format!("{value:.1}");
    format!("{}{suffix}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn amounts_are_exact() {
        assert_eq!(amount(1_234_567_890, 6), "1,234.567890");
        assert_eq!(amount(7, 6), "0.000007");
        assert_eq!(amount(7, 0), "7");
        assert_eq!(amount_floor(1_999_999, 6), "1.99");
        assert_eq!(amount_floor(1_999, 1), "199.9");
        assert_eq!(sol(5_000), "0.000005000");
    }

    #[test]
    fn parts_and_times_are_short() {
        assert_eq!(percent(1, 3), "33.3%");
        assert_eq!(percent(0, 0), "-");
        assert_eq!(quotient(5_000, 1_850), "2.7");
        assert_eq!((time(999), time(61_250)), ("999 ms".into(), "61.2 s".into()));
        assert_eq!(short(1_250_000.0), "1.2M");
        assert_eq!(
            (short(-20_000.0), short(0.0), short(0.5)),
            ("-20k".into(), "0".into(), "0.5".into())
        );
    }
}
