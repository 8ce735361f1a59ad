//! Tables and words that answers share.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets::NOTHING};

/// A table without lines; the columns after the first `words` hold numbers.
pub fn table(header: &[&str], words: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header.iter().map(|name| name.to_owned()));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
        if column.index >= words {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A table of names and what they stand for.
pub fn pairs<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING);
    for (name, value) in rows {
        table.add_row([name.to_owned(), value]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Lamports as SOL.
pub fn sol(lamports: u64) -> String {
    format!("{} SOL", super::amount::Amount::new(lamports, 9))
}

/// The singular or the plural of a noun after its number.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A length of time as people give it: in days, hours and less, as a month is no length.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, rest) = (seconds / 86_400, Duration::from_secs(seconds % 86_400));
    match (days, rest.is_zero()) {
        (0, _) => humantime::format_duration(rest).to_string(),
        (_, true) => counted(days, "day"),
        (_, false) => format!("{} {}", counted(days, "day"), humantime::format_duration(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_no_months() {
        let of = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!(of(90 * 86_400), "90 days");
        assert_eq!(of(86_400 + 3_600), "1 day 1h");
        assert_eq!((of(90), of(0)), ("1m 30s".into(), "0s".into()));
    }
}
