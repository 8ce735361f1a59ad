//! What a demo says in the end.

use std::fmt;

use super::{
    figures::{amount, amount_floor, quotient, thousands, time},
    summary::{Line, Summary},
};
use crate::cli::output::table;

/// Creators in the statement.
const LINES: usize = 10;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let settlement = &self.settlement;
        writeln!(
            f,
            "\n{} events in, {} views counted, {} rejected; {} batches credited {} tokens to {} \
             creators at {} lamports a credit.\n",
            thousands(self.ingest.events),
            thousands(self.events("counted")),
            thousands(self.rejected()),
            thousands(settlement.batches),
            amount_floor(settlement.credited, self.decimals),
            self.earnings.len(),
            quotient(settlement.fees_lamports, settlement.credits)
        )?;
        if let Some(dating) = self.dating() {
            writeln!(f, "{dating}\n")?;
        }
        writeln!(f, "{}\n", self.table())?;
        for payment in &self.payments {
            writeln!(f, "{}: {}\n", payment.title, payment.text)?;
        }
        writeln!(f, "Verification:\n{}\n", indented(&self.verification.text))?;
        if let Some(explanation) = &self.explanation {
            let text = indented(&explanation.text);
            writeln!(f, "One payment, explained by `{}`:\n{text}\n", explanation.command)?;
        }
        writeln!(f, "Where to look next:")?;
        for hint in &self.next {
            writeln!(f, "  {}:\n    {}", hint.what, hint.command)?;
        }
        write!(f, "\nAll that took {}.", time(self.total_ms))
    }
}

impl Summary {
    /// The statement of those who earned most.
    fn table(&self) -> String {
        let header = [
            "creator",
            "topic",
            "slot",
            "contents",
            "views",
            "earned",
            "to rounds",
            "tips",
            "withdrawn",
            "balance",
        ];
        let mut table = table(&header, 3);
        for line in self.statement.iter().take(LINES) {
            let Line { name, topic, shard, creator, contents, views, .. } = line;
            let mut row = vec![
                name.clone(),
                (*topic).to_owned(),
                format!("{shard}/{creator}"),
                thousands(*contents),
                thousands(*views),
            ];
            let amounts = [line.earned, line.shared, line.tipped, line.withdrawn, line.balance];
            row.extend(amounts.map(|it| amount(it, self.decimals)));
            table.add_row(row);
        }
        table.trim_fmt()
    }
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}").trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}
