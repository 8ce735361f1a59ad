//! Whether everything is right, and where one payment comes from.

use std::time::Instant;

use super::{
    display::millis,
    feed::Kept,
    summary::{Line, Verification},
};
use crate::{
    app::App,
    explain::{Explanation, Subject, explain},
    verify::{Options, verify},
    views::{ContentId, Verdict},
};

/// Recomputes every balance, as `pixr verify` does.
pub async fn check(app: &App) -> anyhow::Result<Verification> {
    let started = Instant::now();
    let platform = app.platform.address;
    let report = verify(&app.chain, &app.objects, &platform, &Options::default(), &|_| {}).await?;
    let ms = millis(started.elapsed());
    Ok(Verification { passed: report.agrees(), text: report.to_string(), ms })
}

/// The story of one view that was paid, and the words after `pixr` that tell it; of a content where
/// no such view is known.
pub async fn one_payment(
    app: &App,
    kept: &Kept,
    content: Option<ContentId>,
) -> anyhow::Result<Option<(String, String)>> {
    for id in &kept.people {
        let subject = Subject::Event { id: id.clone(), since: None };
        let told = explain(app, &subject).await?;
        let Explanation::Event(story) = &told else { continue };
        let counted = Some(Verdict::Counted.name());
        if story.occurrences.iter().any(|it| it.verdict == counted) {
            return Ok(Some((format!("explain event {id}"), told.to_string())));
        }
    }
    let Some(content) = content else { return Ok(None) };
    let told = explain(app, &Subject::Content(content)).await?;
    Ok(Some((format!("explain content {content}"), told.to_string())))
}

/// Whether the creators' accounts add up to what settlement credited, and settlement settled all
/// that was counted.
pub fn balances_agree(statement: &[Line], credited: u64, counted: u64, settled: u64) -> bool {
    let earned: u128 = statement.iter().map(|line| u128::from(line.earned)).sum();
    earned == u128::from(credited) && counted == settled
}
