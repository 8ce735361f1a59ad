//! Progress for people who watch.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::context::Context;

const TICK: Duration = Duration::from_millis(200);

/// A bar on standard error that ends at `total`; nothing where nobody watches.
pub fn bar(context: &Context, total: u64, unit: &str) -> ProgressBar {
    if context.is_json() {
        return ProgressBar::hidden();
    }
    let template = format!(
        "{{bar:32}} {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{elapsed}}, about {{eta}} left"
    );
    shown(ProgressBar::new(total), &template)
}

/// A bar over the bytes of a file, with a message beside it; a spinner where their number is not
/// known.
pub fn bytes(context: &Context, total: Option<u64>) -> ProgressBar {
    if context.is_json() {
        return ProgressBar::hidden();
    }
    match total {
        Some(total) => {
            shown(ProgressBar::new(total), "{bar:32} {bytes}/{total_bytes} {msg}, about {eta} left")
        }
        None => shown(ProgressBar::new_spinner(), "{spinner} {bytes} {msg}, {elapsed}"),
    }
}

fn shown(bar: ProgressBar, template: &str) -> ProgressBar {
    // A template that does not parse leaves the usual one.
    let style = ProgressStyle::with_template(template);
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(TICK);
    bar
}
