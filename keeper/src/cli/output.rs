//! Tables and words that answers share.

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
