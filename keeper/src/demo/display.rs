//! What can be seen while a demo runs: bars in a terminal, lines elsewhere, always on standard error.

use std::{
    borrow::Cow,
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{
    figures::{amount_floor, thousands, time},
    summary::{Phase, Sample},
};

fn style() -> ProgressStyle {
    ProgressStyle::with_template(BAR).expect("a valid template").progress_chars("█▉▊▋▌▍▎▏ ")
}

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(3);
const BAR: &str = "  {prefix:<9} {bar:32} {msg}";

/// Where progress is shown, and how long each part took.
pub struct Display {
    terminal: bool,
    started: Instant,
    phases: Vec<Phase>,
}

impl Display {
    /// Starts the clock.
    pub fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), started: Instant::now(), phases: vec![] }
    }

    /// Since the start.
    pub fn elapsed_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }

    /// The parts so far.
    pub fn phases(&self) -> Vec<Phase> {
        self.phases.clone()
    }

    /// Runs a part, and says what it did and how long it took.
    pub async fn phase<T>(
        &mut self,
        name: &'static str,
        work: impl Future<Output = anyhow::Result<(T, String)>>,
    ) -> anyhow::Result<T> {
        let spinner = self.terminal.then(|| {
            let spinner = ProgressBar::new_spinner().with_message(name);
            spinner.enable_steady_tick(Duration::from_millis(100));
            spinner
        });
        let started = Instant::now();
        let done = work.await;
        if let Some(spinner) = spinner {
            spinner.finish_and_clear();
        }
        let (value, what) = done?;
        self.add(name, started.elapsed(), &what);
        Ok(value)
    }

    /// Says what a part did that has ended.
    pub fn add(&mut self, name: &'static str, took: Duration, what: &str) {
        let ms = millis(took);
        self.phases.push(Phase { name, ms });
        say(format_args!("{:>8}  {name}: {what}", time(ms)));
    }

    /// A bar for one piece of work, in a terminal.
    pub fn bar(&self, name: &'static str) -> Bar {
        Bar(self.terminal.then(|| ProgressBar::new(1).with_prefix(name).with_style(style())))
    }

    /// Bars for `events` events of which each counts at most once.
    pub fn bars(&self, events: u64, decimals: u8) -> Bars {
        let bars = self.terminal.then(|| {
            let all = MultiProgress::new();
            ["sent", "counted", "settled", "paid"].map(|name| {
                let bar = ProgressBar::new(events.max(1)).with_prefix(name);
                bar.set_style(style());
                all.add(bar)
            })
        });
        Bars { bars, events, decimals, next_line: Instant::now() + LINE_EVERY }
    }
}

/// The progress of a piece of work.
pub struct Bar(Option<ProgressBar>);

impl Bar {
    /// Shows how far it is.
    pub fn show(&mut self, done: u64, all: u64) {
        if let Some(bar) = &self.0 {
            set(bar, done, all, format!("{} of {} frames", thousands(done), thousands(all)));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// The progress of events.
pub struct Bars {
    bars: Option<[ProgressBar; 4]>,
    events: u64,
    decimals: u8,
    next_line: Instant,
}

impl Bars {
    /// Shows how far things are.
    pub fn show(&mut self, sample: &Sample) {
        let paid = format!("{} tokens", amount_floor(sample.credited, self.decimals));
        if let Some([sent, counted, settled, credited]) = &self.bars {
            let rejected = sample.judged - sample.counted.min(sample.judged);
            // What is rejected will never be settled.
            let views = self.events.saturating_sub(rejected).max(1);
            set(sent, sample.accepted, self.events, thousands(sample.accepted));
            let text = format!("{}, {} rejected", thousands(sample.counted), thousands(rejected));
            set(counted, sample.judged, self.events, text);
            set(settled, sample.settled, views, thousands(sample.settled));
            set(credited, sample.settled, views, paid);
        } else if Instant::now() >= self.next_line {
            self.next_line += LINE_EVERY;
            say(format_args!(
                "          {} sent, {} judged, {} counted, {} settled, {paid} paid",
                thousands(sample.accepted),
                thousands(sample.judged),
                thousands(sample.counted),
                thousands(sample.settled),
            ));
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for bar in self.bars.iter().flatten() {
            bar.finish_and_clear();
        }
    }
}

fn set(bar: &ProgressBar, position: u64, length: u64, message: impl Into<Cow<'static, str>>) {
    bar.set_length(length.max(1));
    bar.set_position(position);
    bar.set_message(message);
}

/// A line on standard error; who closed it does not want to read on.
pub fn say(line: std::fmt::Arguments) {
    let _unheard = writeln!(std::io::stderr(), "{line}");
}

/// Whole milliseconds.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
