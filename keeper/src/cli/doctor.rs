//! `pixr doctor`.

use std::fmt;

use serde::Serialize;

use super::{NotWell, context::Context, output};
use crate::doctor::{self, Finding, Severity};

/// What was found, and how often.
#[derive(Serialize)]
struct Diagnosis {
    ok: usize,
    warn: usize,
    fail: usize,
    findings: Vec<Finding>,
}

impl Diagnosis {
    fn new(findings: Vec<Finding>) -> Self {
        let count = |severity| findings.iter().filter(|it| it.severity == severity).count();
        Self {
            ok: count(Severity::Ok),
            warn: count(Severity::Warn),
            fail: count(Severity::Fail),
            findings,
        }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut table = output::table(&["", "check", "found"], 3);
        for Finding { name, severity, found, advice } in &self.findings {
            let severity = match severity {
                Severity::Ok => "ok",
                Severity::Warn => "WARN",
                Severity::Fail => "FAIL",
            };
            table.add_row([severity, name, found]);
            if let Some(advice) = advice {
                table.add_row(["", "", &format!("-> {advice}")]);
            }
        }
        writeln!(f, "{}", table.trim_fmt())?;
        write!(f, "\n{} ok, {} to be looked at, {} not well.", self.ok, self.warn, self.fail)
    }
}

/// Examines everything; fails when something is not well.
pub async fn run(context: Context) -> anyhow::Result<()> {
    let diagnosis = Diagnosis::new(doctor::examine(context.config.clone()).await);
    context.show(&diagnosis)?;
    if diagnosis.fail > 0 { Err(NotWell.into()) } else { Ok(()) }
}
