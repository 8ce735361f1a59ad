//! Amounts of tokens: exact, in and out.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// Base units of a token with so many decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    pub base_units: u64,
    pub decimals: u8,
}

impl Amount {
    pub const fn new(base_units: u64, decimals: u8) -> Self {
        Self { base_units, decimals }
    }

    /// Reads tokens, like `12.5`: digits, and after a point no more of them than the token has.
    pub fn parse(text: &str, decimals: u8) -> Result<Self, String> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
            return Err(format!("{text:?} is not an amount of tokens: expected one like 12.5"));
        }
        let missing = usize::from(decimals).checked_sub(fraction.len());
        let missing =
            missing.ok_or_else(|| format!("{text}: the token has {decimals} decimals"))?;
        let base_units = format!("{whole}{fraction}{}", "0".repeat(missing))
            .parse()
            .map_err(|_| format!("{text} tokens are more than there can be"))?;
        Ok(Self { base_units, decimals })
    }
}

impl fmt::Display for Amount {
    /// Tokens, without zeros at the end of the fraction.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let decimals = usize::from(self.decimals);
        let digits = format!("{:0>width$}", self.base_units, width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        f.pad(&format!("{whole}{point}{fraction}"))
    }
}

impl Serialize for Amount {
    /// Both as texts: numbers in JSON are not exact above 2^53.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut amount = serializer.serialize_struct("Amount", 2)?;
        amount.serialize_field("tokens", &self.to_string())?;
        amount.serialize_field("base_units", &self.base_units.to_string())?;
        amount.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_and_writes_tokens() {
        for (text, decimals, base_units, shown) in [
            ("12.5", 6, 12_500_000, "12.5"),
            ("0.000001", 6, 1, "0.000001"),
            ("7", 0, 7, "7"),
            ("7", 9, 7_000_000_000, "7"),
            ("007.50", 2, 750, "7.5"),
            ("18446744073709.551615", 6, u64::MAX, "18446744073709.551615"),
        ] {
            let amount = Amount::parse(text, decimals).unwrap();
            assert_eq!((amount.base_units, amount.to_string().as_str()), (base_units, shown));
        }
    }

    #[test]
    fn refuses_what_is_no_exact_amount() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "1_000", "NaN", "1.2.3"] {
            assert!(Amount::parse(text, 6).unwrap_err().contains("is not an amount"), "{text}");
        }
        assert!(Amount::parse("0.0000001", 6).unwrap_err().contains("has 6 decimals"));
        assert!(Amount::parse("18446744073709.551616", 6).unwrap_err().contains("more than"));
    }

    #[test]
    fn is_exact_in_json() {
        let json = serde_json::to_string(&Amount::new(u64::MAX, 6)).unwrap();
        let expected = r#"{"tokens":"18446744073709.551615","base_units":"18446744073709551615"}"#;
        assert_eq!(json, expected);
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(base_units: u64, decimals in 0_u8..19) {
            let amount = Amount::new(base_units, decimals);
            prop_assert_eq!(Amount::parse(&amount.to_string(), decimals), Ok(amount));
        }
    }
}
