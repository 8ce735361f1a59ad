//! Figures, as a table for people and as JSON for scripts.

use std::{fs, io, path::PathBuf};

use serde::Serialize;

/// What a figure should be.
#[derive(Clone, Copy)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Told, not judged.
    Reported,
}

impl Goal {
    fn met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(bound) => Some(value >= bound),
            Self::AtMost(bound) => Some(value <= bound),
            Self::Reported => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {}", round(bound)),
            Self::AtMost(bound) => format!("≤ {}", round(bound)),
            Self::Reported => "reported".to_owned(),
        }
    }
}

/// One figure. `baseline` is the same figure of the thing compared with, measured in the same run.
#[derive(Serialize)]
struct Figure {
    id: &'static str,
    value: f64,
    unit: &'static str,
    goal: String,
    met: Option<bool>,
    baseline: Option<f64>,
    ratio: Option<f64>,
}

/// All figures of a group.
#[derive(Default)]
pub struct Report(Vec<Figure>);

fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

impl Report {
    /// Adds a figure, with that of its baseline if there is one.
    pub fn add(
        &mut self,
        id: &'static str,
        value: f64,
        unit: &'static str,
        goal: Goal,
        baseline: Option<f64>,
    ) {
        let ratio = baseline.map(|baseline| round(value / baseline));
        let (value, baseline) = (round(value), baseline.map(round));
        let met = goal.met(value);
        self.push(Figure { id, value, unit, goal: goal.text(), met, baseline, ratio });
    }

    /// Adds how many times its baseline something is.
    pub fn ratio(&mut self, id: &'static str, value: f64, baseline: f64, goal: Goal) {
        let value = round(value / baseline);
        let (met, baseline) = (goal.met(value), Some(round(baseline)));
        let unit = "times";
        self.push(Figure { id, value, unit, goal: goal.text(), met, baseline, ratio: None });
    }

    /// Long measurements say what they found at once.
    fn push(&mut self, figure: Figure) {
        println!("  {} = {} {} (goal {})", figure.id, figure.value, figure.unit, figure.goal);
        self.0.push(figure);
    }

    /// Prints the table and writes the JSON.
    pub fn publish(&self, group: &str) -> io::Result<()> {
        let optional = |value: Option<f64>| value.map_or(String::from("-"), |it| it.to_string());
        println!(
            "{:<34} {:>12} {:<16} {:>10} {:>5} {:>12} {:>8}",
            "figure", "value", "unit", "goal", "met", "baseline", "ratio"
        );
        for figure in &self.0 {
            let met = match figure.met {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "-",
            };
            println!(
                "{:<34} {:>12} {:<16} {:>10} {met:>5} {:>12} {:>8}",
                figure.id,
                figure.value,
                figure.unit,
                figure.goal,
                optional(figure.baseline),
                optional(figure.ratio),
            );
        }
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{group}.json"));
        fs::write(&path, serde_json::to_string_pretty(&self.0)? + "\n")?;
        println!("\nalso in target/bench/{group}.json");
        Ok(())
    }
}
