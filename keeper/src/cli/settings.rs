//! A platform's rates, fees and limits, as the command line has them.

use pixr::state::Settings;

use super::{amount::Amount, bad};

/// Settings by name; what is left out stays as it is, or takes the default of a new platform.
#[derive(clap::Args, Default)]
pub struct SettingsArgs {
    /// Tokens for 1,000 views at full quality and relevance; new platforms have 1
    #[arg(long, value_name = "TOKENS")]
    base_rate: Option<String>,
    /// Tokens that one batch can credit at most; new platforms have 1,000,000
    #[arg(long, value_name = "TOKENS")]
    batch_cap: Option<String>,
    /// Tokens that a shard can credit in a UTC day; new platforms have 10,000,000
    #[arg(long, value_name = "TOKENS")]
    day_cap: Option<String>,
    /// Tokens that a creator can withdraw at once within a window; new platforms have 1,000
    #[arg(long, value_name = "TOKENS")]
    withdraw_limit: Option<String>,
    /// Length of that window in seconds; new platforms have a day
    #[arg(long, value_name = "SECONDS")]
    withdraw_window: Option<u32>,
    /// How long a larger withdrawal waits, in seconds; on new platforms two days
    #[arg(long, value_name = "SECONDS")]
    withdraw_delay: Option<u32>,
    /// The platform's part of a tip in basis points; new platforms have 500
    #[arg(long, value_name = "BPS")]
    platform_fee: Option<u16>,
    /// The payment processing's part of a tip in basis points; new platforms have 290
    #[arg(long, value_name = "BPS")]
    processing_fee: Option<u16>,
    /// Quality of newly registered contents in basis points; new platforms have 10,000
    #[arg(long, value_name = "BPS")]
    initial_quality: Option<u16>,
    /// Least time between a round's opening and its delivery, in seconds
    #[arg(long, value_name = "SECONDS")]
    baseline: Option<u32>,
    /// Most that the lanes of a content take together of an uplift, in basis points
    #[arg(long, value_name = "BPS")]
    shares: Option<u16>,
}

/// Defaults of the amounts, in tokens.
const BASE_RATE: &str = "1";
const BATCH_CAP: &str = "1000000";
const DAY_CAP: &str = "10000000";
const WITHDRAW_LIMIT: &str = "1000";

impl SettingsArgs {
    /// What a new platform starts with, where its token has so many decimals.
    pub fn start(&self, decimals: u8) -> anyhow::Result<Settings> {
        let tokens = |text| Amount::parse(text, decimals).map(|amount| amount.base_units);
        let defaults = || {
            Ok(Settings {
                base_rate: tokens(BASE_RATE)?,
                batch_cap: tokens(BATCH_CAP)?,
                day_cap: tokens(DAY_CAP)?,
                withdraw_limit: tokens(WITHDRAW_LIMIT)?,
                withdraw_window_seconds: 86_400,
                withdraw_delay_seconds: 172_800,
                platform_fee_bps: 500,
                processing_fee_bps: 290,
                initial_quality: 10_000,
                baseline_seconds_min: 7 * 86_400,
                shares_bps_max: 5_000,
            })
        };
        self.change(defaults().map_err(|problem: String| bad(problem))?, decimals)
    }

    /// `settings` with what is given here, checked as the program checks it.
    pub fn change(&self, mut settings: Settings, decimals: u8) -> anyhow::Result<Settings> {
        for (name, text, field) in [
            ("base-rate", &self.base_rate, &mut settings.base_rate),
            ("batch-cap", &self.batch_cap, &mut settings.batch_cap),
            ("day-cap", &self.day_cap, &mut settings.day_cap),
            ("withdraw-limit", &self.withdraw_limit, &mut settings.withdraw_limit),
        ] {
            if let Some(text) = text {
                *field = Amount::parse(text, decimals)
                    .map_err(|problem| bad(format!("--{name}: {problem}")))?
                    .base_units;
            }
        }
        for (seconds, field) in [
            (self.withdraw_window, &mut settings.withdraw_window_seconds),
            (self.withdraw_delay, &mut settings.withdraw_delay_seconds),
            (self.baseline, &mut settings.baseline_seconds_min),
        ] {
            *field = seconds.unwrap_or(*field);
        }
        for (bps, field) in [
            (self.platform_fee, &mut settings.platform_fee_bps),
            (self.processing_fee, &mut settings.processing_fee_bps),
            (self.initial_quality, &mut settings.initial_quality),
            (self.shares, &mut settings.shares_bps_max),
        ] {
            *field = bps.unwrap_or(*field);
        }
        settings.validate().map_err(|error| bad(reason(&error)))?;
        Ok(settings)
    }
}

/// What the program says of a value that it refuses, without where in its source.
fn reason(error: &anchor_lang::error::Error) -> String {
    match error {
        anchor_lang::error::Error::AnchorError(error) => error.error_msg.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_accepted_for_usual_tokens() {
        for decimals in [0, 2, 6, 9] {
            let settings = SettingsArgs::default().start(decimals).unwrap();
            assert_eq!(settings.withdraw_limit, 1_000 * 10_u64.pow(decimals.into()));
        }
    }

    #[test]
    fn changes_what_is_given_and_nothing_else() {
        let before = SettingsArgs::default().start(6).unwrap();
        let args = SettingsArgs {
            base_rate: Some("0.25".into()),
            withdraw_delay: Some(3_600),
            platform_fee: Some(0),
            ..SettingsArgs::default()
        };
        let expected = Settings {
            base_rate: 250_000,
            withdraw_delay_seconds: 3_600,
            platform_fee_bps: 0,
            ..before
        };
        assert_eq!(args.change(before, 6).unwrap(), expected);
    }

    #[test]
    fn refuses_what_the_program_would_refuse() {
        let before = SettingsArgs::default().start(6).unwrap();
        let delay = SettingsArgs { withdraw_delay: Some(1), ..SettingsArgs::default() };
        let error = delay.change(before, 6).unwrap_err().to_string();
        assert_eq!(error, "withdraw_delay_seconds must be from 1 hour to 30 days");
        let rate = SettingsArgs { base_rate: Some("much".into()), ..SettingsArgs::default() };
        let error = rate.change(before, 6).unwrap_err().to_string();
        assert!(error.starts_with("--base-rate: \"much\" is not an amount"), "{error}");
    }
}
