//! Decimal text to scaled integers, without floats.

/// `text` × 10^`digits`, further digits cut off; `None` where it is no plain decimal number.
///
/// ```
/// # use pixr_media::decimal::scaled;
/// assert_eq!(scaled("-3.14159", 2), Some(-314));
/// assert_eq!(scaled("inf", 2), None);
/// ```
pub fn scaled(text: &str, digits: u32) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return None;
    }
    let mut value: i64 = whole.parse().ok()?;
    let mut fraction = fraction.bytes();
    for _ in 0..digits {
        let digit = fraction.next().map_or(0, |byte| i64::from(byte - b'0'));
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::scaled;

    #[test]
    fn reads_what_ffmpeg_prints() {
        assert_eq!(scaled("5.312000", 6), Some(5_312_000));
        assert_eq!(scaled("-0.5", 2), Some(-50));
        assert_eq!(scaled("25", 0), Some(25));
        assert_eq!(scaled("0.98765", 4), Some(9_876));
        for bad in ["", "N/A", "1e3", ".5", "-", "9999999999999999999"] {
            assert_eq!(scaled(bad, 6), None, "{bad}");
        }
    }
}
